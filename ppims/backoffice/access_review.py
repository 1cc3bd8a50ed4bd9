"""Who may what, since when and by whose word: what an auditor goes through every quarter."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime

from django.db.models import QuerySet

from ppims.backoffice.staff.gifts import find_gift, name_actor, name_people
from ppims.core.formats import ist
from ppims.core.roles import ROLES, VIEW_PERMISSIONS
from ppims.models import AuditEntry, Processor, ProcessorChange, User
from ppims.reports import staff as report
from ppims.services import audit, second_factor

NOT_TOLD = "no record tells"
CALLS_TEXT = {
    Processor.State.ACTIVE: "call every operation",
    Processor.State.WINDING_DOWN: "report and read, and ask nothing new",
    Processor.State.DISABLED: "nothing",
}


@dataclass(frozen=True)
class Access:
    """What one person, processor or role may do, and what holds it back. An instant is as India
    reads it; "" is none.
    """

    kind: str
    name: str
    state: str
    may: str
    held_by: str
    since: str
    granted_by: str
    reason: str
    last_used: str


ACCESS_COLUMNS = [field.name for field in fields(Access)]


def list_access() -> Iterator[Access]:
    """List who may what: people, the active ones first, then processors, then what a role may."""
    people = User.objects.prefetch_related("groups").order_by("-is_active", "username")
    yield from map(_describe_person, people)
    yield from map(_describe_processor, Processor.objects.order_by("system_id"))
    for role in ROLES:
        yield Access("role", role, "", _list_permissions(role), "", "", "", "", "")


def write_table(rows: Iterator[Access]) -> Iterator[str]:
    """Write each as a few lines, for a terminal or paper."""
    for row in rows:
        yield f"{row.kind} {row.name}{f' ({row.state})' if row.state else ''}"
        told = dict(zip(ACCESS_COLUMNS[3:], astuple(row)[3:], strict=True))
        yield from (f"  {name.replace('_', ' ')}: {text}" for name, text in told.items() if text)
        yield ""


def _list_permissions(role: str) -> str:
    """List what a role may, in the words of ppims/core/roles.py: "block customer, …"."""
    own = ROLES[role] if role == "viewer" else ROLES[role] - VIEW_PERMISSIONS
    words = sorted(name.partition(".")[2].replace("_", " ") for name in own)
    return ("" if role == "viewer" else "what a viewer may, and ") + ", ".join(words)


def _describe_person(person: User) -> Access:
    roles = report.list_roles(person)
    gift = find_gift(report.read_past(person), roles) if roles else None
    return Access(
        kind="person",
        name=person.get_username(),
        state="active" if person.is_active else "not active",
        may=_describe_powers(person, roles),
        held_by=_describe_factor(person),
        since=_write(gift.at if gift else None) or NOT_TOLD,
        granted_by=gift.who if gift else NOT_TOLD,
        reason=gift.reason if gift else "",
        last_used=_write(person.last_login) or "never",
    )


def _describe_powers(person: User, roles: Sequence[str]) -> str:
    if person.is_superuser:
        powers = "everything, as a superuser"
    else:
        # No page gives a permission but by a role: one that is there was written by hand.
        own = sorted(f"{name} by itself" for name in person.get_user_permissions())
        powers = ", ".join([*roles, *own]) or "nothing"
    return powers if person.is_active else f"nothing; once let in again: {powers}"


def _describe_processor(processor: Processor) -> Access:
    """Review one: by whom it came, or was let in again last."""
    state = Processor.State(processor.state)
    since, by, reason = _find_admission(processor)
    return Access(
        kind="processor",
        name=f"{processor.system_id}, username {processor.username}",
        state=str(state.label).lower(),
        may=CALLS_TEXT[state],
        held_by=_describe_bounds(processor),
        since=_write(since) or NOT_TOLD,
        granted_by=by or NOT_TOLD,
        reason=reason,
        last_used="",
    )


def _describe_factor(person: User) -> str:
    factor = second_factor.find_factor(person)
    return f"second factor of {_write(factor.confirmed_at)}" if factor else "a password alone"


def _describe_bounds(processor: Processor) -> str:
    """Describe from where a processor calls, how often, and how old its password is."""
    rate, made_at = processor.requests_per_second, processor.password_at
    bounds = (
        f"from {processor.networks}" if processor.networks else "from anywhere",
        f"{rate} requests a second" if rate else "as often as it likes",
        f"password of {_write(made_at)}" if made_at else "password of unknown age",
    )
    return ", ".join(bounds)


def _find_admission(processor: Processor) -> tuple[datetime | None, str, str]:
    kinds = (ProcessorChange.Kind.ADD, ProcessorChange.Kind.ENABLE)
    changes: QuerySet[ProcessorChange] = processor.changes.filter(kind__in=kinds)
    counted = [each for each in changes.order_by("-pk") if each.counts_since]
    if counted:
        return counted[0].counts_since, name_people(counted[0]), counted[0].reason
    # One from before there were proposals, which one admin added.
    entry = AuditEntry.objects.filter(
        subject=audit.NO_CUSTOMER,
        action="processor added",
        detail__contains=f'"system_id": "{processor.system_id}"',
    ).first()
    return (entry.at, name_actor(entry), "") if entry else (None, "", "")


def _write(at: datetime | None) -> str:
    return ist(at) if at else ""
