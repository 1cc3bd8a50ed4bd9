"""Changes of processors."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from django.conf import settings
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core import clock
from ppims.core.formats import NO_VALUE, ist, write_count
from ppims.core.networks import list_networks
from ppims.models import Processor, ProcessorChange, User
from ppims.services import processor_changes

SUMMARY_TEXTS: Mapping[str, object] = {
    ProcessorChange.Kind.ADD: gettext_lazy("add %(code)s"),
    ProcessorChange.Kind.REKEY: gettext_lazy("new password for %(code)s"),
    ProcessorChange.Kind.EDIT: gettext_lazy("change %(code)s"),
    ProcessorChange.Kind.ENABLE: gettext_lazy("enable %(code)s"),
}


def write_hold(minutes: int | None) -> str:
    """Say how long holds last: "15 minutes"; without a time of its own, the installation's."""
    count = minutes or settings.PPIMS_HOLD_MINUTES
    return ngettext("%(n)d minute", "%(n)d minutes", count) % {"n": count}


def _write_own_hold(minutes: int | None) -> str:
    """Say the same, and whether it is a time of the processor's own."""
    said = write_hold(minutes)
    return said if minutes else _("%(minutes)s (as elsewhere)") % {"minutes": said}


def write_networks(networks: str) -> str:
    """Say from where a processor calls: "10.0.0.0/8, 192.0.2.7/32"."""
    return ", ".join(list_networks(networks)) or _("Anywhere")


def write_rate(requests_per_second: int | None) -> str:
    """Say how often a processor may call in a second: "50"."""
    return write_count(requests_per_second) if requests_per_second else _("No bound")


def _summarize(row: ProcessorChange) -> str:
    """Say "add UPI"."""
    return str(SUMMARY_TEXTS[row.kind]) % {"code": row.system_id}


def _list_changes(row: ProcessorChange) -> Changes:
    bounds = [
        (
            _("Holds last"),
            _write_own_hold(row.from_hold_minutes),
            _write_own_hold(row.hold_minutes),
        ),
        (_("Calls from"), write_networks(row.from_networks), write_networks(row.networks)),
        (
            _("Requests a second"),
            write_rate(row.from_requests_per_second),
            write_rate(row.requests_per_second),
        ),
    ]
    if row.kind == ProcessorChange.Kind.ENABLE:
        state = Processor.State(row.from_state).label
        return [(_("Status"), str(state), str(Processor.State.ACTIVE.label))]
    if row.kind == ProcessorChange.Kind.EDIT:
        return [(_("Name"), row.from_name, row.name), *bounds]
    if row.kind == ProcessorChange.Kind.REKEY:
        return [(_("Password"), _("The present one"), _write_kept(row.keep_days or 0))]
    return [
        (_("Name"), NO_VALUE, row.name),
        (_("Code (System_Id)"), NO_VALUE, row.system_id),
        (_("Username"), NO_VALUE, row.username),
        *((what, NO_VALUE, after) for what, _before, after in bounds),
    ]


def _write_kept(days: int) -> str:
    if not days:
        return _("A new one; the old one ends at once")
    said = ngettext(
        "A new one; the old one works for %(n)d more day",
        "A new one; the old one works for %(n)d more days",
        days,
    )
    return said % {"n": days}


def describe_ends(rows: Sequence[ProcessorChange], at: datetime) -> dict[int, str]:
    """Say of new passwords that they end an old one that is still in use, by their keys."""
    warnings = {}
    for row in rows:
        its = row.processor
        is_new_password = row.kind == ProcessorChange.Kind.REKEY
        if is_new_password and its and its.former_until and its.has_former_password(at):
            said = _("An old password works until %(until)s. It ends once the new one is made.")
            warnings[row.pk] = said % {"until": ist(its.former_until)}
    return warnings


def _write_hand_over(row: ProcessorChange, user: User) -> str:
    if processor_changes.describe_closed_sheet(row, user, clock.now()):
        return ""
    return reverse("processor-sheet", args=[row.pk])


PROCESSOR_KIND = Kind(
    "processor",
    gettext_lazy("Processor"),
    processor_changes.PROCESSOR_PROPOSALS,
    "ppims.propose_processorchange",
    "ppims.approve_processorchange",
    _summarize,
    _list_changes,
    processor_changes.find_stale,
    gettext_lazy(
        "Stale: the processor is no longer as when this was proposed. It can’t be approved; propose"
        " it anew."
    ),
    describe_ends,
    beside=("processor",),
    hand_over=_write_hand_over,
)
