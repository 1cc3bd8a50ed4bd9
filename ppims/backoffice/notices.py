"""Notices: what the daily watch has found, for whoever works on it to look at and close."""

from datetime import timedelta
from functools import partial
from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from limits.models import Notice
from limits.services import notices as use_cases
from ppims.backoffice.access import get_posted, open_page, render_form, respond
from ppims.backoffice.filters import CURSOR_NAME, set_choices, write_next_query
from ppims.backoffice.jobs import JobLine
from ppims.backoffice.notice_text import describe_notice, list_steps, read_about
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    Queue,
    describe_place,
    find_oldest,
    go_on,
)
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import validate
from ppims.models import LONGEST_NOTE, Job, User
from ppims.reports import notices as report
from ppims.services import jobs
from ppims.services.accounts import get_staff

LIST_TEMPLATE, PAGE_TEMPLATE = "limits/notices.html", "limits/notice.html"
# Who closes which: a seal that is missing is no maker's affair.
OF_ADMINS = (*Notice.OF_UPKEEP, Notice.Kind.PASSWORD)
OTHER_KINDS = [kind for kind in Notice.Kind if kind not in OF_ADMINS]
OVERDUE_AFTER = timedelta(days=2)  # of a daily watch
UPKEEP_PERMISSION, OTHER_PERMISSION = "limits.make_seal", "limits.close_notice"
PROCESSOR_PERMISSION = "ppims.propose_processorchange"
WHO_CLOSES = {
    UPKEEP_PERMISSION: _("An auditor or an admin closes it."),
    PROCESSOR_PERMISSION: _("An admin closes it."),
    OTHER_PERMISSION: _("A maker closes it."),
}


class KindForm(forms.Form):
    """Which notices; left out: all."""

    kind = forms.ChoiceField(label=_("About"), required=False)

    def __init__(self, asked: Any) -> None:
        super().__init__(asked)
        set_choices(self, "kind", Notice.Kind.choices)


class NoteForm(forms.Form):
    """What was done about a notice."""

    note = forms.CharField(
        label=_("Note"),
        max_length=LONGEST_NOTE,
        validators=[validate],
        error_messages={"required": _("Write what was done about it.")},
        widget=forms.Textarea(attrs={"rows": 3}),
    )


@open_page("limits.view_notice")
def notices(request: HttpRequest) -> HttpResponse:
    """List the notices that wait, or those that were closed; or lead to the first. htmx gets the
    list, or its next rows.
    """
    if first := find_oldest(request, make_queue(get_staff(request))):
        return redirect(first)
    form, is_done = KindForm(request.GET), DONE_PARAMETER in request.GET
    if not form.is_valid():
        context = {"form": form, "is_done": is_done}
        return respond(request, LIST_TEMPLATE, context, partial="found", status=422)
    kind = form.cleaned_data["kind"]
    read = report.list_closed if is_done else report.list_waiting
    found = read([kind] if kind else report.ALL_KINDS, cursor=request.GET.get(CURSOR_NAME, ""))
    about, today = read_about(found.rows), clock.today()
    asked = {**({DONE_PARAMETER: "1"} if is_done else {}), **({"kind": kind} if kind else {})}
    watched, at = jobs.find_last(Job.Kind.WATCH), clock.now()
    context = {
        "form": form,
        "is_done": is_done,
        "rows": [(each, describe_notice(each, today), about[each.pk]) for each in found.rows],
        "more": write_next_query(found, asked),
        "watched": JobLine(watched) if watched else None,
        "is_overdue": not (watched and watched.ended_at and watched.ended_at > at - OVERDUE_AFTER),
    }
    part = "rows" if CURSOR_NAME in request.GET else "found"
    return respond(request, LIST_TEMPLATE, context, partial=part)


@open_page("limits.view_notice", methods=("GET", "POST"))
def notice(request: HttpRequest, notice_id: int) -> HttpResponse:
    """Show a notice with what to do, and take the note that closes it, which leads on to the
    next.
    """
    found = get_object_or_404(Notice.objects.select_related("closed_by"), pk=notice_id)
    user = get_staff(request)
    may_close = user.has_perm(_name_permission(found))
    if request.method == "POST" and not may_close:
        raise PermissionDenied
    form, queue = NoteForm(get_posted(request)), make_queue(user)
    if form.is_valid() and _close(found, form, user):
        messages.success(request, gettext("Closed."))
        return go_on(queue, report.find_position(found))
    place = describe_place(user, queue, report.find_position(found)) if found.is_open else {}
    context = {
        "notice": found,
        "title": describe_notice(found, clock.today()),
        "about": read_about([found])[found.pk],
        "steps": list_steps(found),
        "may_close": may_close,
        "is_upkeep": found.kind in Notice.OF_UPKEEP,
        "who_closes": WHO_CLOSES[_name_permission(found)],
        "list_address": reverse(queue.list_name),
        **place,
    }
    return render_form(request, PAGE_TEMPLATE, form, context)


def make_queue(user: User) -> Queue:
    """Make the queue of what this person may close."""
    permission, kinds = OTHER_PERMISSION, OTHER_KINDS
    if user.has_perm(UPKEEP_PERMISSION):
        permission = UPKEEP_PERMISSION
        kinds = list(OF_ADMINS if user.has_perm(PROCESSOR_PERMISSION) else Notice.OF_UPKEEP)
    return Queue(
        "notices",
        permission,
        partial(report.walk, kinds),
        lambda at: reverse("notice", args=[at.id]),
    )


def _name_permission(found: Notice) -> str:
    if found.kind == Notice.Kind.PASSWORD:
        return PROCESSOR_PERMISSION
    return UPKEEP_PERMISSION if found.kind in Notice.OF_UPKEEP else OTHER_PERMISSION


def _close(found: Notice, form: NoteForm, user: User) -> bool:
    """Close a notice; False: it was refused, and the form says why."""
    try:
        use_cases.close(found.pk, note=form.cleaned_data["note"], user=user)
    except (Conflict, Malformed) as refusal:
        form.add_error(None, refusal.describe())
        return False
    return True
