"""Notes that staff add to a customer: how many a page lists, and the form for another."""

from collections.abc import Sequence
from typing import Any

from django import forms
from django.http import Http404, HttpRequest
from django.utils.translation import gettext_lazy as _

from customers.models import NOTE_CHARACTERS, CustomerNote
from ppims.core.free_text import validate

MOST_SHOWN, BEFORE_PARAMETER, MOST_DIGITS = 50, "notes", 18


class NoteForm(forms.Form):
    text = forms.CharField(
        label=_("New note"),
        help_text=_("All staff read it; it can’t be changed later."),
        max_length=NOTE_CHARACTERS,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Write the note first.")},
    )


def list_notes(request: HttpRequest, ids: Sequence[int]) -> dict[str, Any]:
    """List the notes about who has these ids, newest first, from the one on that the address
    names: so many at most, and how many are older. Raises Http404 where it names none.
    """
    before = request.GET.get(BEFORE_PARAMETER, "")
    notes = CustomerNote.objects.filter(customer_id__in=ids)
    rows = notes.select_related("author").order_by("-pk")
    if before:
        if not before.isdecimal() or len(before) > MOST_DIGITS:
            raise Http404
        rows = rows.filter(pk__lt=int(before))
    shown = list(rows[:MOST_SHOWN])
    last = shown[-1].pk if len(shown) == MOST_SHOWN else 0
    older = rows.filter(pk__lt=last).count() if last else 0
    return {"notes": shown, "older_notes": older, "last_note": last, "is_of_older_notes": before}
