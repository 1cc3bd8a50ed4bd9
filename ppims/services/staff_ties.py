"""Which two of the staff may be one person, and whether there is a second admin at all."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.db.models import Q

from ppims.models import StaffChange, User

TIE_LASTS = timedelta(hours=24)
# Whoever makes one of these may know the password, or have chosen the person.
TYING_KINDS = [kind for kind in StaffChange.Kind if kind != StaffChange.Kind.DEACTIVATE]
COUNTING_STATES = (
    StaffChange.State.APPROVED,
    StaffChange.State.ALONE,
    StaffChange.State.OBJECTED,
)
ADMIN_ROLE = "admin"
Tie = tuple[int, datetime]  # with whom, and until when


def read_ties(user: User, at: datetime) -> dict[int, datetime]:
    """Read with whom a person may not share a decision, and until when: whom they have added,
    reset, let in again or given a role within TIE_LASTS, or who has done so to them; and whose
    password was shown to the same admin as theirs, who might be both.
    """
    since = at - TIE_LASTS
    recent = Q(alone_at__gt=since) | Q(decided_at__gt=since) | Q(password_given_at__gt=since)
    of_user = Q(person=user) | Q(maker=user) | Q(checker=user)
    ties: dict[int, datetime] = {}
    seen_by: dict[int | None, datetime] = {}  # own passwords
    for change in StaffChange.objects.filter(
        of_user, recent, state__in=COUNTING_STATES, kind__in=TYING_KINDS
    ).only("person", "maker", "checker", "alone_at", "decided_at", "password_given_at"):
        instants = (change.alone_at, change.decided_at, change.password_given_at)
        until = max(instant for instant in instants if instant) + TIE_LASTS
        by = {change.maker_id, change.checker_id}
        others = by if change.person_id == user.pk else {change.person_id}
        for other in others - {None, user.pk}:
            assert other
            ties[other] = max(until, ties.get(other, until))
        if change.person_id == user.pk and change.password_given_at:
            own_until = change.password_given_at + TIE_LASTS
            seen_by[change.maker_id] = max(own_until, seen_by.get(change.maker_id, own_until))
    for other, until in _list_shown_to(seen_by, since):
        ties[other] = max(until, ties.get(other, until))
    ties.pop(user.pk, None)
    return {other: until for other, until in ties.items() if until > at}


def _list_shown_to(admins: dict[int | None, datetime], since: datetime) -> Iterator[Tie]:
    """List whose passwords were shown to these admins, and until when that ties them to somebody
    whose password was, up to the instant beside each admin.
    """
    if not admins:
        return
    shown = StaffChange.objects.filter(maker__in=admins, password_given_at__gt=since)
    for change in shown.only("person", "maker", "password_given_at"):
        assert change.person_id
        assert change.password_given_at
        until = change.password_given_at + TIE_LASTS
        yield change.person_id, min(until, admins[change.maker_id])


def is_alone(user: User | None, at: datetime) -> bool:
    """Judge whether somebody is the one admin who can log in. Locks all who are admins: none of
    them goes before the transaction has ended.
    """
    if user is None:
        return False
    lock_people()
    return [each.pk for each in list_able_admins(at)] == [user.pk]


def lock_people(*more: int | None) -> list[User]:
    """Lock all admins, and some people more, in the order of their keys."""
    admins = User.objects.filter(groups__name=ADMIN_ROLE).values_list("pk", flat=True)
    people = User.objects.filter(pk__in={*admins, *more} - {None})
    # Not their keys: what names them meanwhile, such as an audit entry, needn't wait.
    return list(people.order_by("pk").select_for_update(no_key=True))


def list_able_admins(at: datetime) -> list[User]:
    """List the admins who can log in."""
    admins = User.objects.filter(groups__name=ADMIN_ROLE, is_active=True).order_by("pk")
    return [each for each in admins if can_log_in(each, at)]


def can_log_in(user: User, at: datetime) -> bool:
    """Judge whether somebody is active, and has a password that still opens anything."""
    is_known = bool(user.password) and user.has_usable_password()
    return user.is_active and is_known and not user.has_one_time_password_of_before(at)
