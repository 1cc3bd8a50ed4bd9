"""How somebody of the staff came to what they may do: by whom, when and why."""

from dataclasses import dataclass
from datetime import datetime

from django.urls import reverse
from django.utils.translation import gettext as _

from ppims.backoffice.proposal_kinds.staff_change import STAFF_KIND
from ppims.models import AuditEntry, ProcessorChange, StaffChange
from ppims.reports import staff as report
from ppims.services import audit

Kind = StaffChange.Kind
OF_THE_DEMO = "user given the demo's password"  # whose people come with their roles


@dataclass(frozen=True)
class Line:
    """One thing that became of somebody: what, by whom, why, and where all of it is told."""

    at: datetime
    said: str
    who: str
    reason: str
    address: str


def find_gift(past: report.Past, roles: list[str]) -> Line | None:
    """Find how somebody came to the role there is; None: no record tells."""
    for row in past.changes:  # the latest first
        counts = row.state in (row.State.APPROVED, row.State.ALONE, row.State.OBJECTED)
        if counts and row.kind in (Kind.ADD, Kind.ROLE):
            at = row.alone_at or row.decided_at
            assert at
            is_it = [row.to_role] == roles
            line = Line(at, row.to_role, name_people(row), row.reason, write_address(row))
            return line if is_it else None
    for entry in past.entries:
        detail = audit.read_detail(entry)
        made = ["admin"] if entry.action == "admin made at the machine" else detail.get("groups")
        if entry.action == OF_THE_DEMO or (made and made == roles):
            address = reverse("audit-entry", args=[entry.pk])
            return Line(entry.at, ", ".join(roles), name_actor(entry), "", address)
    return None


def write_address(change: StaffChange) -> str:
    """Write where a change is decided, and told."""
    return reverse("approval", args=[STAFF_KIND.name, change.pk])


def name_people(row: StaffChange | ProcessorChange) -> str:
    """Say "nandini, approved by imran"; or that there was no second admin."""
    assert row.maker
    maker = row.maker.get_username()
    if row.checker is None:
        return _("%(maker)s alone") % {"maker": maker} if row.alone_at else maker
    names = {"maker": maker, "checker": row.checker.get_username()}
    if row.state == row.State.APPROVED and row.alone_at:
        return _("%(maker)s alone, confirmed by %(checker)s") % names
    if row.state == row.State.APPROVED:
        return _("%(maker)s, approved by %(checker)s") % names
    return _("%(maker)s, decided by %(checker)s") % names


def name_actor(entry: AuditEntry) -> str:
    if entry.user:
        return entry.user.get_username()
    return str(audit.read_detail(entry).get("operator", "")) or _("The installation")
