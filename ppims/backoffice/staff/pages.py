"""The staff: who there is, who may do what, since when, and by whom."""

from collections.abc import Iterator

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse

from ppims.backoffice import audit_text
from ppims.backoffice.access import open_page
from ppims.backoffice.staff.gifts import (
    Line,
    find_gift,
    name_actor,
    name_people,
    write_address,
)
from ppims.core import clock
from ppims.models import StaffChange, User
from ppims.reports import staff as report
from ppims.services import second_factor, sessions, unused
from ppims.services.accounts import get_staff

Kind = StaffChange.Kind


@open_page("ppims.view_user")
def staff(request: HttpRequest) -> HttpResponse:
    """List the people of the staff, and what waits: passwords to hand over, a second admin."""
    user = get_staff(request)
    context = {
        "people": report.list_people(clock.now()),
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
        "sessions": sessions.list_open(person),
        "unused_since": unused.find_unused_since(person, clock.now()),
        "role_given": find_gift(past, roles),
        "waiting": [(row, write_address(row)) for row in waiting],
        "sheets": sheets,
        "lines": sorted(_list_lines(past), key=lambda line: line.at, reverse=True),
        "actions": _list_actions(person) if may_change else [],
    }
    return render(request, "ppims/staff/member.html", context)


def _list_actions(person: User) -> list[tuple[str, str]]:
    """List what may be proposed of somebody: (address, what it is called)."""
    kinds = [Kind.ACTIVATE]
    if person.is_active:
        has_factor = second_factor.find_factor(person) is not None
        kinds = [Kind.ROLE, Kind.RESET, *([Kind.FACTOR] if has_factor else []), Kind.DEACTIVATE]
    return [
        (reverse("staff-change", args=[person.pk, kind.lower()]), str(kind.label)) for kind in kinds
    ]


def _list_lines(past: report.Past) -> Iterator[Line]:
    for row in past.changes:
        at = row.alone_at or row.decided_at or row.proposed_at
        said = f"{row.get_kind_display()}{': ' if row.to_role else ''}{row.to_role}"
        if row.state not in (row.State.APPROVED, row.State.PROPOSED):
            said = f"{said} ({row.get_state_display()})"
        yield Line(at, said, name_people(row), row.reason, write_address(row))
    for entry in past.entries:
        said = audit_text.describe_deed(entry.action, entry.detail)
        address = reverse("audit-entry", args=[entry.pk])
        yield Line(entry.at, said, name_actor(entry), "", address)
