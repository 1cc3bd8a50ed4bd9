"""Processors: who calls us, how it goes, and how far what they report can be trusted."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from ppims.backoffice.access import open_page
from ppims.backoffice.proposal_kinds.processor import (
    PROCESSOR_KIND,
    write_hold,
    write_networks,
    write_rate,
)
from ppims.core import calendar, clock
from ppims.core.formats import write_count
from ppims.models import KeptCall, Processor, ProcessorChange, User
from ppims.reports.processors import ProcessorFigures, read_figures
from ppims.services.accounts import get_staff
from ppims.services.processor_changes import list_open_sheets
from ppims.services.processors import is_password_overdue

State = Processor.State
PUBLIC_FIELDS = (
    *("system_id", "name", "username", "state", "hold_minutes", "networks"),
    *("requests_per_second", "password_at", "former_until"),
)
PILL_STYLES = {State.ACTIVE: "good", State.WINDING_DOWN: "warn"}


@dataclass(frozen=True)
class Shown:
    """One processor, with its figures."""

    row: Processor
    figures: ProcessorFigures
    today: date

    @property
    def pill(self) -> str:
        return PILL_STYLES.get(State(self.row.state), "")

    @property
    def hold(self) -> str:
        return write_hold(self.row.hold_minutes)

    @property
    def networks(self) -> str:
        return write_networks(self.row.networks)

    @property
    def rate(self) -> str:
        return write_rate(self.row.requests_per_second)

    @property
    def password_days(self) -> str:
        """Say how old the password is: "261 days"."""
        days = self.row.count_password_days(self.today)
        if days is None:
            return _("Unknown")
        return ngettext("%(n)s day", "%(n)s days", days) % {"n": write_count(days)}

    @property
    def is_password_overdue(self) -> bool:
        return is_password_overdue(self.row, self.today)

    @property
    def refused(self) -> list[tuple[object, int]]:
        """List how often what was refused in these days: "Conflict with the record (409)", 3."""
        labels = dict(KeptCall.Code.choices)
        counts = sorted(self.figures.refused.items())
        return [(f"{labels.get(code, '')} ({code})".strip(), count) for code, count in counts]

    @property
    def codes(self) -> list[tuple[str, int]]:
        """List the same in short: "409", 3."""
        return sorted(self.figures.refused.items())


@open_page("ppims.view_processor")
def processors(request: HttpRequest) -> HttpResponse:
    """List the processors: they are few."""
    figures, today = read_figures(), clock.today()
    found = Processor.objects.only(*PUBLIC_FIELDS).order_by("system_id")
    context = {
        "processors": [Shown(row, figures.find(row.pk), today) for row in found],
        "as_of": figures.as_of,
        "is_complete": figures.is_complete,
        **_describe_waiting(get_staff(request)),
    }
    return render(request, "ppims/processors/processors.html", context)


@open_page("ppims.view_processor")
def processor(request: HttpRequest, processor_id: int) -> HttpResponse:
    """Show one: what it may do, how it calls, and by day what became of its checks and reports."""
    row = get_object_or_404(Processor.objects.only(*PUBLIC_FIELDS), pk=processor_id)
    figures, user, at = read_figures(), get_staff(request), clock.now()
    waiting = _describe_waiting(user, processor_id=row.pk)
    is_open = any(change.state == ProcessorChange.State.PROPOSED for change, _to in waiting["open"])
    shown = Shown(row, figures.find(row.pk), calendar.find_ist_day(at))
    context = {
        "shown": shown,
        "days": list(reversed(shown.figures.days)),
        "as_of": figures.as_of,
        "is_complete": figures.is_complete,
        "has_old_password": row.has_former_password(at),
        "calls_days": settings.PPIMS_CALLS_DAYS,
        "password_days": settings.PPIMS_PASSWORD_DAYS,
        "actions": list(_list_actions(row, is_open=is_open, may_end=row.has_former_password(at))),
        **waiting,
    }
    return render(request, "ppims/processors/processor.html", context)


def _describe_waiting(user: User, **of: int) -> dict[str, Any]:
    """Find the changes that wait for an admin, and the passwords that this one is to hand over."""
    if not user.has_perm(PROCESSOR_KIND.propose):
        return {"open": [], "sheets": []}
    changes = ProcessorChange.objects.filter(ProcessorChange.WAITING, **of).order_by("pk")
    sheets = list_open_sheets(user, clock.now())
    return {
        "open": [(row, reverse("approval", args=[PROCESSOR_KIND.name, row.pk])) for row in changes],
        "sheets": [row for row in sheets if not of or row.processor_id == of["processor_id"]],
    }


def _list_actions(row: Processor, *, is_open: bool, may_end: bool) -> Iterator[tuple[str, str]]:
    """List what an admin may do: (address, what it is called). One proposal waits at a time."""
    by_two = [("rekey", _("New password")), ("edit", _("Change"))]
    if row.state != State.ACTIVE:
        by_two.append(("enable", _("Enable")))
    by_one = []
    if may_end:
        by_one.append(("end-password", _("End the old password")))
    if row.state == State.ACTIVE:
        by_one.append(("wind-down", _("Wind down")))
    if row.state != State.DISABLED:
        by_one.append(("disable", _("Disable")))
    for action, label in [*([] if is_open else by_two), *by_one]:
        yield reverse("processor-change", args=[row.pk, action]), label
