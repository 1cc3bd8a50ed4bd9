"""Revealing what is masked: for a reason, audited, and for one look."""

from time import time

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from customers.services import disclosures
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE
from ppims.services.accounts import get_staff

REVEALED_KEY, REVEALED_SECONDS = "revealed", 60


class ReasonForm(forms.Form):
    reason = forms.CharField(label=_("Reason"), max_length=LONGEST_NOTE, validators=[validate])


@open_page("customers.reveal_customer", methods=("GET", "POST"))
def customer_reveal(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Ask for the reason; then show the customer's page unmasked, once."""
    found = get_object_or_404(Customer, pk=unique_id)
    form = ReasonForm(get_posted(request))
    if form.is_valid():
        disclosures.reveal(
            customer_id=unique_id, reason=form.cleaned_data["reason"], user=get_staff(request)
        )
        request.session[REVEALED_KEY] = [unique_id, int(time())]
        return redirect("customer", unique_id)
    return render_form(request, "customers/reveal.html", form, {"customer": found})


def is_revealed(request: HttpRequest, unique_id: int) -> bool:
    """Return whether this look is the one that was asked for; there is no second one."""
    if REVEALED_KEY not in request.session:
        return False
    asked, at = request.session.pop(REVEALED_KEY)
    return bool(asked == unique_id and time() - at <= REVEALED_SECONDS)
