"""People of the staff: what each may do, what of them waits, and how that came about."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import Q

from ppims.core.roles import ROLES
from ppims.models import AuditEntry, StaffChange, User
from ppims.services import audit, staff_changes, unused

MOST_PEOPLE = 500
MOST_CHANGES = 50
# Of people: what two admins did not do, by pages of before, or at the machine.
OTHER_ACTIONS = (
    *("user added", "user changed", "admin made at the machine"),
    *("password changed at the machine", "user given a one-time password"),
    *("user given the demo's password", "user deactivated: unused"),
    "sessions ended by an admin",
)


@dataclass(frozen=True)
class Person:
    """Somebody of the staff, and what waits for a second admin about them."""

    user: User
    roles: Sequence[str]
    waiting: Sequence[StaffChange] = ()
    unused_since: datetime | None = None

    @property
    def name(self) -> str:
        return self.user.get_full_name() or self.user.get_username()


@dataclass(frozen=True)
class Past:
    """What became of somebody: changes by two admins, and what else the audit tells."""

    changes: Sequence[StaffChange] = field(default_factory=tuple)
    entries: Sequence[AuditEntry] = field(default_factory=tuple)


def list_people(at: datetime) -> list[Person]:
    """List the staff, those first who are active: MOST_PEOPLE at most."""
    users = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    waiting: dict[str, list[StaffChange]] = {}
    for change in list_waiting():
        waiting.setdefault(change.username, []).append(change)
    return [
        Person(
            user,
            list_roles(user),
            waiting.get(user.username, ()),
            unused.find_unused_since(user, at),
        )
        for user in users[:MOST_PEOPLE]
    ]


def list_roles(user: User) -> list[str]:
    """Name the roles of somebody, whose groups are read: one, but for people of long ago."""
    return sorted(group.name for group in user.groups.all() if group.name in ROLES)


def list_waiting() -> list[StaffChange]:
    """List the changes that wait for a second admin, the oldest first."""
    found = StaffChange.objects.filter(StaffChange.WAITING).select_related("maker", "person")
    return list(found.order_by("proposed_at", "pk")[:MOST_PEOPLE])


def list_sheets(user: User, at: datetime) -> list[StaffChange]:
    """List the changes whose passwords this person is to hand over, and hasn't seen yet."""
    counts = Q(alone_at__gt=at - staff_changes.SHEET_LASTS)
    counts |= Q(decided_at__gt=at - staff_changes.SHEET_LASTS)
    found = StaffChange.objects.filter(
        counts, maker=user, password_given_at=None, kind__in=staff_changes.NEEDS_PASSWORD
    )
    rows = found.select_related("person").order_by("pk")[:MOST_PEOPLE]
    return [row for row in rows if not staff_changes.describe_closed_sheet(row, user, at)]


def read_past(user: User) -> Past:
    """Read what became of somebody, the latest first: MOST_CHANGES of each kind at most."""
    changes = StaffChange.objects.filter(person=user).select_related("maker", "checker")
    entries = AuditEntry.objects.filter(
        subject=audit.NO_CUSTOMER,
        action__in=OTHER_ACTIONS,
        detail__contains=f'"username": "{user.username}"',
    )
    return Past(
        list(changes.order_by("-pk")[:MOST_CHANGES]),
        list(entries.select_related("user").order_by("-number")[:MOST_CHANGES]),
    )
