"""What the queues share of things that wait for staff: a list of them, and the notes on one."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db.models import QuerySet, TextChoices
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from limits.models import LedgerEntry, RefusedReport
from limits.services import findings
from ppims.backoffice.access import get_posted, render_form, respond
from ppims.backoffice.filters import CURSOR_NAME, write_next_query
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE, User
from ppims.reports.keyset import Page
from ppims.services.accounts import get_staff

Item = TypeVar("Item", LedgerEntry, RefusedReport)
T = TypeVar("T")
DONE_PARAMETER = "done"


class NoteForm(forms.Form):
    """What was found out."""

    note = forms.CharField(
        label=gettext_lazy("Note"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        widget=forms.Textarea(attrs={"rows": 3}),
    )


def read_list(report: Callable[..., Page[T]], request: HttpRequest) -> Page[T]:
    """Read the page of a list that the address asks for."""
    return report(cursor=request.GET.get(CURSOR_NAME, ""))


def respond_with_list(
    request: HttpRequest, template: str, found: Page[Any], rows: Sequence[Any], *, is_done: bool
) -> HttpResponse:
    """Show a page of what waits, or of what is done with; htmx gets its rows alone."""
    return respond(
        request,
        template,
        {
            "rows": rows,
            "is_done": is_done,
            "is_cut_short": found.is_cut_short,
            "more": write_next_query(found, {DONE_PARAMETER: "1"} if is_done else {}),
        },
        partial="rows",
    )


def require_to_send(request: HttpRequest, permission: str) -> User:
    """Let whoever may read look, and only who has the permission send: the person."""
    user = get_staff(request)
    if request.method == "POST" and not user.has_perm(permission):
        raise PermissionDenied
    return user


def respond_with_item(
    request: HttpRequest,
    template: str,
    items: QuerySet[Item],
    pk: int,
    *,
    choices: type[TextChoices],
    permission: str,
    back: str,
    describe: Callable[[Item, User], dict[str, Any]],
) -> HttpResponse:
    """Show one that waits, or is closed, and take a note, or a finding that closes it and leads
    `back` to the list. `describe` says what else the page tells of it.
    """
    user = require_to_send(request, permission)
    item = get_object_or_404(items, pk=pk)
    form = NoteForm(get_posted(request))
    if form.is_valid() and _is_noted(request, form, item, choices):
        return redirect(back if request.POST.get("finding") else request.path)
    notes = findings.list_notes(item)
    return render_form(
        request,
        template,
        form,
        {
            **describe(item, user),
            "notes": notes,
            "findings": choices,
            "is_closed": any(note.finding for note in notes),
            "may_note": user.has_perm(permission),
        },
    )


def _is_noted(
    request: HttpRequest,
    form: NoteForm,
    item: LedgerEntry | RefusedReport,
    choices: type[TextChoices],
) -> bool:
    """Keep what was filled in, as a note or as one of the findings, and say so; or say why not."""
    finding, note = request.POST.get("finding", ""), form.cleaned_data["note"]
    if finding and finding not in choices.values:
        form.add_error(None, _("Choose what it is."))
        return False
    try:
        findings.note(item, finding=finding, note=note, user=get_staff(request))
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.describe())
        return False
    closed = finding and _("Closed: %(finding)s.") % {"finding": choices(finding).label}
    messages.success(request, closed or _("The note is kept."))
    return True
