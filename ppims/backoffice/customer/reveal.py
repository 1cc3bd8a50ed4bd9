"""Revealing what is masked: for a reason, audited, and for one look."""

import math
from datetime import datetime, timedelta
from time import time
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from customers.forms.fields import ReasonForm, focus_first, make_reason_field
from customers.services import disclosures
from ppims.backoffice.access import find_viewer, get_posted, is_looking, open_page, render_form
from ppims.backoffice.customer.merged_ids import find_person
from ppims.backoffice.second_factor import ask_code_unless_looking
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core import clock
from ppims.core.formats import ist

REVEALED_KEY, REVEALED_SECONDS = "revealed", 60
ALMOST_A_MINUTE = timedelta(seconds=59, microseconds=999_999)  # no page says a minute too early


class RevealForm(ReasonForm):
    """Why somebody has to see what is masked."""

    reason = make_reason_field(rows=1)


@open_page("customers.reveal_customer", methods=("GET", "POST"))
@ask_code_unless_looking
def customer_reveal(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Ask for the reason; then show the customer's page unmasked, once."""
    found = find_person(unique_id)
    form = RevealForm(get_posted(request))
    focus_first(form)
    back = write_customer_address(found.pk)
    context = {"form": form, "customer": found, "customer_url": back, "here": request.path}
    if is_looking(request):
        return render(request, "includes/looked.html", context)
    if form.is_valid():
        try:
            disclosures.reveal(
                customer_id=found.pk,
                reason=form.cleaned_data["reason"],
                viewer=find_viewer(request),
            )
        except disclosures.TooManyReveals as refused:
            return _refuse(request, refused.until, context)
        request.session[REVEALED_KEY] = [found.pk, int(time())]
        return redirect("customer", found.pk)
    return render_form(request, "customers/reveal.html", form, context)


def _refuse(request: HttpRequest, until: datetime, context: dict[str, Any]) -> HttpResponse:
    """Say that an hour's reveals are used up, and when there is the next one."""
    most = settings.PPIMS_REVEALS_PER_HOUR
    said = {**context, "most": most, "until": ist(until + ALMOST_A_MINUTE)}
    response = render(request, "customers/reveal_later.html", said, status=429)
    response["Retry-After"] = str(math.ceil((until - clock.now()).total_seconds()))
    return response


def is_revealed(request: HttpRequest, unique_id: int) -> bool:
    """Return whether this look is the one that was asked for; there is no second one."""
    if REVEALED_KEY not in request.session:
        return False
    asked, at = request.session.pop(REVEALED_KEY)
    return bool(asked == unique_id and time() - at <= REVEALED_SECONDS)
