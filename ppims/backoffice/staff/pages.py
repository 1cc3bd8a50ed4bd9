"""The staff: who there is, who may do what, since when, and by whom."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils.translation import gettext as _

from ppims.backoffice import audit_text
from ppims.backoffice.access import open_page
from ppims.backoffice.proposal_kinds.staff_change import STAFF_KIND
from ppims.core import clock
from ppims.models import AuditEntry, StaffChange, User
from ppims.reports import staff as report
from ppims.services import audit
from ppims.services.accounts import get_staff

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


@open_page("ppims.view_user")
def staff(request: HttpRequest) -> HttpResponse:
    """List the people of the staff, and what waits: passwords to hand over, a second admin."""
    user = get_staff(request)
    context = {
        "people": report.list_people(),
        "waiting": [(row, write_address(row)) for row in report.list_waiting()],
        "sheets": report.list_sheets(user, clock.now()),
    }
    return render(request, "ppims/staff/staff.html", context)


@open_page("ppims.view_user")
def staff_member(request: HttpRequest, user_id: int) -> HttpResponse:
    """Show one of the staff: the role, who gave it and when, and everything before."""
    user = get_staff(request)
    person = get_object_or_404(User.objects.prefetch_related("groups"), pk=user_id)
    past = report.read_past(person)
    roles = report.list_roles(person)
    waiting = [row for row in past.changes if row.state in (row.State.PROPOSED, row.State.ALONE)]
    sheets = [row for row in report.list_sheets(user, clock.now()) if row.person_id == person.pk]
    is_open = any(row.state == row.State.PROPOSED for row in waiting)
    may_change = not is_open and person.pk != user.pk and not person.is_superuser
    context = {
        "person": person,
        "is_oneself": person.pk == user.pk,
        "role": ", ".join(roles),
        "role_given": _find_gift(past, roles),
        "waiting": [(row, write_address(row)) for row in waiting],
        "sheets": sheets,
        "lines": sorted(_list_lines(past), key=lambda line: line.at, reverse=True),
        "actions": _list_actions(person) if may_change else [],
    }
    return render(request, "ppims/staff/member.html", context)


def write_address(change: StaffChange) -> str:
    """Write where a change is decided, and told."""
    return reverse("approval", args=[STAFF_KIND.name, change.pk])


def _list_actions(person: User) -> list[tuple[str, str]]:
    """List what may be proposed of somebody: (address, what it is called)."""
    kinds = [Kind.ROLE, Kind.RESET, Kind.DEACTIVATE] if person.is_active else [Kind.ACTIVATE]
    return [
        (reverse("staff-change", args=[person.pk, kind.lower()]), str(kind.label)) for kind in kinds
    ]


def _list_lines(past: report.Past) -> Iterator[Line]:
    for row in past.changes:
        at = row.alone_at or row.decided_at or row.proposed_at
        said = f"{row.get_kind_display()}{': ' if row.to_role else ''}{row.to_role}"
        if row.state not in (row.State.APPROVED, row.State.PROPOSED):
            said = f"{said} ({row.get_state_display()})"
        yield Line(at, said, _name_people(row), row.reason, write_address(row))
    for entry in past.entries:
        said = audit_text.describe_deed(entry.action, entry.detail)
        address = reverse("audit-entry", args=[entry.pk])
        yield Line(entry.at, said, _name_actor(entry), "", address)


def _name_people(row: StaffChange) -> str:
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


def _name_actor(entry: AuditEntry) -> str:
    if entry.user:
        return entry.user.get_username()
    return str(audit.read_detail(entry).get("operator", "")) or _("The installation")


def _find_gift(past: report.Past, roles: list[str]) -> Line | None:
    """Find how somebody came to the role there is; None: no record tells."""
    for row in past.changes:  # the latest first
        counts = row.state in (row.State.APPROVED, row.State.ALONE, row.State.OBJECTED)
        if counts and row.kind in (Kind.ADD, Kind.ROLE):
            at = row.alone_at or row.decided_at
            assert at
            is_it = [row.to_role] == roles
            line = Line(at, row.to_role, _name_people(row), row.reason, write_address(row))
            return line if is_it else None
    for entry in past.entries:
        detail = audit.read_detail(entry)
        made = ["admin"] if entry.action == "admin made at the machine" else detail.get("groups")
        if entry.action == OF_THE_DEMO or (made and made == roles):
            address = reverse("audit-entry", args=[entry.pk])
            return Line(entry.at, ", ".join(roles), _name_actor(entry), "", address)
    return None
