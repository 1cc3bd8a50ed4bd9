"""People of the staff who haven't logged in for long: since when, and deactivated by a setting."""

from collections.abc import Iterable
from datetime import datetime

from django.conf import settings

from ppims.core import calendar
from ppims.db.transaction import wrap_in_transaction
from ppims.models import StaffChange, User
from ppims.services import audit, sessions, staff_ties

SHOWN_AFTER_DAYS = 90


def find_unused_since(user: User, at: datetime) -> datetime | None:
    """Find since when somebody has not logged in, by India's days: None where that is less than
    SHOWN_AFTER_DAYS. Who never has, since they were added.
    """
    last: datetime = user.last_login or user.date_joined
    return last if _count_days(last, at) >= SHOWN_AFTER_DAYS else None


def deactivate_unused(at: datetime) -> int:
    """Deactivate whoever has not logged in for PPIMS_DEACTIVATE_UNUSED_DAYS, where that is set.
    Returns how many. Raises Unavailable; who was deactivated till then stays so.

    Never a superuser, who is changed at the machine alone, nor the last admin who can log in.
    """
    if not settings.PPIMS_DEACTIVATE_UNUSED_DAYS:
        return 0
    people = User.objects.filter(is_active=True, is_superuser=False).order_by("pk")
    return sum(_deactivate(user_id=pk, at=at) for pk in _list_due(people, at))


@wrap_in_transaction
def _deactivate(*, user_id: int, at: datetime) -> bool:
    # Locked with all admins: of two watches at once, or beside an approval, one goes first.
    (person,) = [row for row in staff_ties.lock_people(user_id) if row.pk == user_id]
    if not person.is_active or not _list_due([person], at):
        return False
    if [each.pk for each in staff_ties.list_able_admins(at)] == [person.pk]:
        return False
    person.is_active = False
    person.save(update_fields=["is_active"])
    sessions.end_sessions(user=person)
    days = _count_days(person.last_login or person.date_joined, at)
    detail: dict[str, object] = {"username": person.username, "days": days}
    audit.record("user deactivated: unused", at=at, detail=detail)
    return True


def _list_due(people: Iterable[User], at: datetime) -> list[int]:
    """List who is to be deactivated, by their keys. Somebody let in again, or given another
    password, has as long as somebody new.
    """
    most = settings.PPIMS_DEACTIVATE_UNUSED_DAYS
    last = {each.pk: each.last_login or each.date_joined for each in people}
    due = {pk for pk, used_at in last.items() if _count_days(used_at, at) >= most}
    changes = StaffChange.objects.filter(
        person__in=due,
        kind__in=[StaffChange.Kind.ACTIVATE, StaffChange.Kind.RESET],
        state__in=staff_ties.COUNTING_STATES,
    )
    for change in changes.only("person", "alone_at", "decided_at"):
        instants = [each for each in (change.alone_at, change.decided_at) if each]
        if _count_days(max(instants), at) < most:
            due.discard(change.person_id or 0)
    return sorted(due)


def _count_days(since: datetime, at: datetime) -> int:
    return (calendar.find_ist_day(at) - calendar.find_ist_day(since)).days
