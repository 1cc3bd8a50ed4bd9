"""People of the staff: added, given another role or a new password, shut out, let in again; each
proposed by one admin and decided by another. The one place that does so, for every page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib.auth.models import Group
from django.core.exceptions import ValidationError
from django.db.models import Model
from django.utils.translation import gettext

from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import require_text
from ppims.core.roles import ROLES
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, StaffChange, User
from ppims.services import accounts, second_factor, sessions, staff_ties
from ppims.services.four_eyes import Proposals

Kind = StaffChange.Kind
SHEET_LASTS = timedelta(days=7)  # in which its maker opens it
NEEDS_PASSWORD = {Kind.ADD, Kind.RESET}
SHOWN_STATES = {StaffChange.State.APPROVED, StaffChange.State.ALONE}


@dataclass(frozen=True)
class NewPerson:
    """Somebody who is to be added."""

    username: str
    role: str
    first_name: str = ""
    last_name: str = ""
    email: str = ""


@wrap_in_transaction
def propose_adding(*, person: NewPerson, reason: str, user: User) -> StaffChange:
    """Propose to add somebody, with one role. Raises Malformed and Conflict, naming the field."""
    change = StaffChange(
        kind=Kind.ADD,
        username=User.normalize_username(person.username),
        first_name=person.first_name,
        last_name=person.last_name,
        email=person.email,
        to_role=person.role,
    )
    _require_new(change)
    return _keep(change, reason, user)


@wrap_in_transaction
def propose(*, kind: str, person_id: int, reason: str, user: User, role: str = "") -> StaffChange:
    """Propose a change of somebody who is there; `role` is the new one, of ROLE alone. Raises
    Malformed and Conflict.
    """
    person = User.objects.get(pk=person_id)
    if person.pk == user.pk:
        raise Conflict([("", gettext("Nobody changes themselves: another admin proposes it."))])
    change = StaffChange(
        kind=kind,
        person=person,
        username=person.username,
        from_role=find_role(person),
        to_role=role if kind == Kind.ROLE else "",
    )
    if bar := describe_obstacle(change, person):
        raise Conflict([("", bar)])
    return _keep(change, reason, user)


@wrap_in_transaction
def open_sheet(*, change_id: int, user: User) -> str:
    """Make the one-time password of who was added or reset, once, for whoever proposed it. Returns
    it, to be shown in that very answer. Raises Conflict where it isn't to be shown, or no more.
    """
    change: StaffChange = owned_rows.lock_row(StaffChange, change_id)
    at = clock.now()
    if obstacle := describe_closed_sheet(change, user, at):
        raise Conflict([("", obstacle)])
    person = User.objects.select_for_update(no_key=True).get(pk=change.person_id)
    if not person.is_active:
        raise Conflict([("", gettext("This person is not active any more."))])
    change.password_given_at = at
    owned_rows.save_columns(change, ["password_given_at"])
    return accounts.give_one_time_password(user=person, by=user, at=at, change=change)


def describe_closed_sheet(change: StaffChange, user: User, at: datetime) -> str:
    """Say in a sentence why somebody can't have the password of a change made; "": it can be."""
    since = change.counts_since
    if change.kind not in NEEDS_PASSWORD or change.state not in SHOWN_STATES or since is None:
        return gettext("There is no password to show: the change isn’t approved, or needs none.")
    if change.maker_id != user.pk:
        return gettext("Whoever proposed it opens this, nobody else.")
    if change.password_given_at:
        return gettext("The password was shown already. If it is lost, propose a reset.")
    if at >= since + SHEET_LASTS:
        return gettext("This was open for 7 days. Propose a reset.")
    return ""


def find_role(person: User) -> str:
    """Find the role of a person: of people from before there was one each, the first; "": none."""
    names = person.groups.filter(name__in=ROLES).order_by("name").values_list("name", flat=True)
    return names.first() or ""


def describe_obstacle(change: StaffChange, person: User) -> str:
    """Say in a sentence why a change can't be made of a person as it is now; "": it can."""
    if person.is_superuser:
        return gettext("A superuser is changed at the machine alone.")
    is_off = gettext("This person is not active.") if not person.is_active else ""
    if change.kind == Kind.ACTIVATE:
        return "" if is_off else gettext("This person is active already.")
    if is_off and change.kind != Kind.ROLE:
        return is_off
    if change.kind == Kind.FACTOR and second_factor.find_factor(person) is None:
        return gettext("This person has no second factor.")
    if change.kind == Kind.ROLE and find_role(person) != change.from_role:
        return gettext("The role is another by now: propose it anew.")
    if change.kind == Kind.ROLE and change.to_role == change.from_role:
        return gettext("Choose another role than the one there is.")
    return ""


def find_stale(changes: Iterable[StaffChange], _at: datetime) -> set[int]:
    """Find which proposals can't be carried out any more, by their keys."""
    return {row.pk for row in changes if row.person and describe_obstacle(row, row.person)}


def _keep(change: StaffChange, reason: str, user: User) -> StaffChange:
    change.reason = require_text(reason, "reason", most=LONGEST_NOTE)
    if change.kind in {Kind.ADD, Kind.ROLE} and change.to_role not in ROLES:
        raise Malformed([("role", "is one of the roles there are")])
    staff_ties.lock_people()  # of two who propose at once, the second finds the first one's
    open_ones = StaffChange.objects.filter(username=change.username)
    if open_ones.filter(state=StaffChange.State.PROPOSED).exists():
        raise Conflict([("", gettext("A change of this person waits already."))])
    change.maker, change.proposed_at = user, clock.now()
    return STAFF_PROPOSALS.keep(change)


def _require_new(change: StaffChange) -> None:
    """Raise Malformed where nobody can be called so, Conflict where somebody is."""
    try:
        _make_person(change).full_clean(exclude=["password"], validate_unique=False)
    except ValidationError as error:
        faults = [(name, " ".join(said)) for name, said in error.message_dict.items()]
        raise Malformed(faults) from None
    _require_free(change)


def _require_free(change: StaffChange) -> None:
    if User.objects.filter(username__iexact=change.username).exists():
        raise Conflict([("username", "belongs to somebody of the staff already")])


def _make_person(change: StaffChange) -> User:
    """Make who is to be added, unsaved: of the staff, and without a password until it is shown."""
    names = ("username", "first_name", "last_name", "email")
    person = User(**{name: getattr(change, name) for name in names}, is_staff=True)
    person.set_unusable_password()
    return person


def _lock(change: StaffChange) -> tuple[User | None, datetime]:
    """Lock whom it is about, and every admin: none comes or goes meanwhile."""
    rows = staff_ties.lock_people(change.person_id)
    return next((row for row in rows if row.pk == change.person_id), None), clock.now()


def _carry_out(change: StaffChange, person: User | None, at: datetime) -> list[Model]:
    """Make the change. Raises Conflict where it can't be made any more."""
    if person is None:
        change.person = _add(change)
        return []  # a user's row changes with each log-in: the audit proves the change
    if bar := describe_obstacle(change, person):
        raise Conflict([("", bar)])
    was_admin = find_role(person) == staff_ties.ADMIN_ROLE
    if change.kind == Kind.ROLE:
        person.groups.set([Group.objects.get(name=change.to_role)])
        person.is_staff = True
    elif change.kind in {Kind.DEACTIVATE, Kind.ACTIVATE}:
        person.is_active = change.kind == Kind.ACTIVATE
        sessions.end_sessions(user=person)
    elif change.kind == Kind.FACTOR:
        second_factor.remove(user=person)
    person.save(update_fields=["is_active", "is_staff"])
    if was_admin and not staff_ties.list_able_admins(at):
        raise Conflict([("", gettext("Nobody would be left who is an admin and can log in."))])
    return []


def _add(change: StaffChange) -> User:
    _require_free(change)
    person = _make_person(change)
    person.save(force_insert=True)
    person.groups.add(Group.objects.get(name=change.to_role))
    return person


def _describe(change: StaffChange) -> dict[str, object]:
    before, after = {
        Kind.ADD: ({}, {"role": change.to_role}),
        Kind.ROLE: ({"role": change.from_role}, {"role": change.to_role}),
        Kind.RESET: ({"password": "their own"}, {"password": "for one log-in"}),
        Kind.FACTOR: ({"second_factor": "set up"}, {"second_factor": "none"}),
        Kind.DEACTIVATE: ({"active": True}, {"active": False}),
        Kind.ACTIVATE: ({"active": False}, {"active": True}),
    }[Kind(change.kind)]
    return {
        "staff_change": change.pk,
        "kind": change.kind,
        "username": change.username,
        "before": before,
        "after": after,
        "reason": change.reason,
    }


STAFF_PROPOSALS = Proposals(
    model=StaffChange,
    name="staff change",
    lock=_lock,
    carry_out=_carry_out,
    describe=_describe,
    columns=(*StaffChange.DECISION, "person"),
    find_subject=lambda change: change.person_id,
)
