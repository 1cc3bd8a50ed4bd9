"""What waits for staff: review items, flagged postings, and refused reports."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar
from urllib.parse import urlencode

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import TextChoices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from ppims.backoffice.access import get_staff, respond
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE
from ppims.reports.keyset import Page

T = TypeVar("T")
DONE_PARAMETER, CURSOR_NAME = "done", "after"


class NoteForm(forms.Form):
    """What was found out."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 3}),
    )


# Review items.


# Flagged postings.


# Refused reports.


# What they share.

LIST_OF = {"flagged-posting": "flagged", "refused-report": "refused-reports"}


def _is_noted(
    request: HttpRequest, form: NoteForm, kinds: type[TextChoices], keep: Callable[..., object]
) -> bool:
    """Keep what was filled in, as a note or as a finding of these kinds; or say why not."""
    finding = request.POST.get("finding", "")
    if finding and finding not in kinds.values:
        form.add_error(None, _("Choose what it is."))
        return False
    try:
        keep(finding=finding, note=form.cleaned_data["note"])
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.describe())
        return False
    return True


def _redirect_after_note(
    request: HttpRequest, kinds: type[TextChoices], here: str, row_id: int
) -> HttpResponse:
    if not request.POST.get("finding"):
        messages.success(request, _("The note is kept."))
        return redirect(here, row_id)
    label = kinds(request.POST["finding"]).label
    messages.success(request, _("Closed: %(finding)s.") % {"finding": label})
    return redirect(LIST_OF[here])


def _read(report: Callable[..., Page[T]], request: HttpRequest) -> Page[T]:
    return report(cursor=request.GET.get(CURSOR_NAME, ""))


def _list(
    request: HttpRequest, template: str, found: Page[T], rows: Sequence[Any], *, is_done: bool
) -> HttpResponse:
    asked = {DONE_PARAMETER: "1"} if is_done else {}
    context = {
        "rows": rows,
        "is_done": is_done,
        "is_cut_short": found.is_cut_short,
        "more": urlencode({**asked, CURSOR_NAME: found.next}) if found.next else "",
    }
    return respond(request, template, context, partial="rows")


def _refuse_unless(request: HttpRequest, permission: str) -> None:
    """Let whoever may read look, and only who has the permission send."""
    if request.method == "POST" and not get_staff(request).has_perm(permission):
        raise PermissionDenied
