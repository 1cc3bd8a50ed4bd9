"""Notes that staff add to a customer."""

from typing import Any

from django import forms
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.models import NOTE_CHARACTERS, Customer
from customers.services import notes
from ppims.backoffice.access import get_posted, open_page, render_form
from ppims.core.free_text import validate
from ppims.services.accounts import get_staff

MOST_SHOWN, BEFORE_PARAMETER, MOST_DIGITS = 50, "notes", 18


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("Note"),
        max_length=NOTE_CHARACTERS,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@open_page("customers.add_customernote", methods=("GET", "POST"))
def customer_note(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Add a note, and go back to the customer's notes."""
    found = get_object_or_404(Customer, pk=unique_id)
    form = NoteForm(get_posted(request))
    if form.is_valid():
        notes.add_note(customer_id=unique_id, user=get_staff(request), **form.cleaned_data)
        return redirect(f"{reverse('customer', args=[unique_id])}#notes")
    return render_form(request, "customers/note.html", form, {"customer": found})


def list_notes(request: HttpRequest, customer: Customer) -> dict[str, Any]:
    """List a customer's notes, newest first, from the one on that the address names: so many at
    most, and how many are older. Raises Http404 where it names none.
    """
    before = request.GET.get(BEFORE_PARAMETER, "")
    rows = customer.notes.select_related("author").order_by("-pk")
    if before:
        if not before.isdecimal() or len(before) > MOST_DIGITS:
            raise Http404
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[:MOST_SHOWN])
    last = shown[-1].pk if len(shown) == MOST_SHOWN else 0
    older = rows.filter(pk__lt=last).count() if last else 0
    return {"notes": shown, "older_notes": older, "last_note": last, "is_of_older_notes": before}
