"""Processors: added, given a new password, changed, enabled; each proposed by one admin and decided
by another. The one place that does so, for every page.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.contrib.auth.hashers import is_password_usable, make_password
from django.core.exceptions import ValidationError
from django.db.models import Model, Q
from django.utils.translation import gettext

from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import require_text
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, Processor, ProcessorChange, User
from ppims.models.processor_changes import MOST_DAYS_KEPT
from ppims.services import audit, credentials, staff_ties
from ppims.services.four_eyes import Proposals
from ppims.services.processors import lock_processor

Kind, State = ProcessorChange.Kind, Processor.State
SHEET_LASTS = timedelta(days=7)  # in which its maker opens it
NEEDS_PASSWORD = {Kind.ADD, Kind.REKEY}
SHOWN_STATES = {ProcessorChange.State.APPROVED, ProcessorChange.State.ALONE}
EDITED_FIELDS = ("name", "hold_minutes", "networks", "requests_per_second")


@dataclass(frozen=True)
class Terms:
    """What two admins may change of a processor: EDITED_FIELDS."""

    name: str
    hold_minutes: int | None = None
    networks: str = ""
    requests_per_second: int | None = None


@dataclass(frozen=True)
class NewProcessor:
    """A processor that is to be added; without a username, it is made from the System_Id."""

    system_id: str
    name: str
    username: str = ""
    hold_minutes: int | None = None
    networks: str = ""
    requests_per_second: int | None = None


@wrap_in_transaction
def propose_adding(*, processor: NewProcessor, reason: str, user: User) -> ProcessorChange:
    """Propose to add a processor. Raises Malformed and Conflict, naming the field."""
    change = ProcessorChange(
        kind=Kind.ADD,
        system_id=processor.system_id,
        username=processor.username or f"PPIM_{processor.system_id}",
        **_read_terms(processor),
    )
    _require_valid(_make_processor(change))
    _require_free(change)
    return _keep(change, reason, user)


@wrap_in_transaction
def propose_password(
    *, processor_id: int, keep_days: int, reason: str, user: User
) -> ProcessorChange:
    """Propose a new password, beside which the one before is right for some days, at most seven; 0:
    none. Raises Malformed and Conflict.
    """
    if not 0 <= keep_days <= MOST_DAYS_KEPT:
        raise Malformed([("keep_days", f"is from 0 to {MOST_DAYS_KEPT}")])
    change = _begin(Kind.REKEY, processor_id)
    change.keep_days = keep_days
    return _keep(change, reason, user)


@wrap_in_transaction
def propose_edit(*, processor_id: int, terms: Terms, reason: str, user: User) -> ProcessorChange:
    """Propose another name, hold time, networks or rate. Raises Malformed, and Conflict where it is
    as it was.
    """
    change = _begin(Kind.EDIT, processor_id)
    processor = change.processor
    assert processor
    before, after = _read_terms(processor), _read_terms(terms)
    if before == after:
        raise Conflict([("", gettext("Nothing would change."))])
    for name in EDITED_FIELDS:
        setattr(change, f"from_{name}", before[name])
        setattr(change, name, after[name])
        setattr(processor, name, after[name])
    _require_valid(processor)
    return _keep(change, reason, user)


@wrap_in_transaction
def propose_enabling(*, processor_id: int, reason: str, user: User) -> ProcessorChange:
    """Propose to let a processor call again, or do all again. Raises Malformed and Conflict."""
    change = _begin(Kind.ENABLE, processor_id)
    assert change.processor
    change.from_state = change.processor.state
    if obstacle := describe_obstacle(change, change.processor):
        raise Conflict([("", obstacle)])
    return _keep(change, reason, user)


@wrap_in_transaction
def open_sheet(*, change_id: int, user: User) -> tuple[Processor, str]:
    """Make the password of a processor that was added or is to have a new one, once, for whoever
    proposed it. Returns the processor and the password, to be shown in that very answer. Raises
    Conflict where it isn't to be made, or no more.
    """
    change: ProcessorChange = owned_rows.lock_row(ProcessorChange, change_id)
    processor, at = _lock(change)
    if obstacle := describe_closed_sheet(change, user, at):
        raise Conflict([("", obstacle)])
    assert processor
    has_one = change.keep_days and is_password_usable(processor.password)
    until = at + timedelta(days=change.keep_days or 0) if has_one else None
    password = credentials.draw_password(processor, at=at, former_until=until)
    owned_rows.save_columns(processor, credentials.CREDENTIAL_FIELDS)
    change.password_given_at = at
    owned_rows.save_columns(change, ["password_given_at"])
    audit.record(
        "processor given a new password",
        at=at,
        user=user,
        detail={
            "system_id": processor.system_id,
            "processor_change": change.pk,
            "old_password_until": until,
            "reason": change.reason,
        },
        rows=[change],
    )
    return processor, password


def describe_closed_sheet(change: ProcessorChange, user: User, at: datetime) -> str:
    """Say in a sentence why somebody can't have the password of a change made; "": it can be."""
    since = change.counts_since
    if change.kind not in NEEDS_PASSWORD or change.state not in SHOWN_STATES or since is None:
        return gettext("There is no password to show: the change isn’t approved, or needs none.")
    if change.maker_id != user.pk:
        return gettext("Whoever proposed it opens this, nobody else.")
    if change.password_given_at:
        return gettext("The password was shown already. If it is lost, propose a new one.")
    if at >= since + SHEET_LASTS:
        return gettext("This was open for 7 days. Propose a new password.")
    return ""


def list_open_sheets(user: User, at: datetime) -> list[ProcessorChange]:
    """List the changes whose password this person is to make."""
    counts = Q(decided_at__gt=at - SHEET_LASTS) | Q(alone_at__gt=at - SHEET_LASTS)
    found = ProcessorChange.objects.filter(
        counts,
        maker=user,
        kind__in=NEEDS_PASSWORD,
        state__in=SHOWN_STATES,
        password_given_at=None,
    )
    return [each for each in found.order_by("pk") if not describe_closed_sheet(each, user, at)]


def describe_obstacle(change: ProcessorChange, processor: Processor) -> str:
    """Say in a sentence why a change can't be made of a processor as it is now; "": it can."""
    if change.kind == Kind.ENABLE and processor.state == State.ACTIVE:
        return gettext("This processor is active already.")
    if change.kind == Kind.EDIT and _read_terms(change, "from_") != _read_terms(processor):
        return gettext(
            "The name, the hold time, the networks or the rate is another by now: propose it anew."
        )
    return ""


def find_stale(changes: Iterable[ProcessorChange], _at: datetime) -> set[int]:
    """Find which proposals can't be carried out any more, by their keys."""
    return {
        row.pk for row in changes if row.processor and describe_obstacle(row, row.processor)
    } | {row.pk for row in changes if not row.processor and list_taken(row)}


def list_taken(change: ProcessorChange) -> list[str]:
    """List which of the names of a new processor another one has."""
    return [
        name
        for name in ("system_id", "username")
        if Processor.objects.filter(**{name: getattr(change, name)}).exists()
    ]


def _read_terms(of: NewProcessor | Terms | Model, prefix: str = "") -> dict[str, Any]:
    """Read what may be changed, by name; of a change with "from_", as it was."""
    return {name: getattr(of, f"{prefix}{name}") for name in EDITED_FIELDS}


def _begin(kind: ProcessorChange.Kind, processor_id: int) -> ProcessorChange:
    """Begin a change of a processor that is there. Raises Processor.DoesNotExist."""
    processor = Processor.objects.get(pk=processor_id)
    return ProcessorChange(kind=kind, processor=processor, system_id=processor.system_id)


def _keep(change: ProcessorChange, reason: str, user: User) -> ProcessorChange:
    change.reason = require_text(reason, "reason", most=LONGEST_NOTE)
    staff_ties.lock_people()  # of two who propose at once, the second finds the first one's
    waiting = ProcessorChange.objects.filter(state=ProcessorChange.State.PROPOSED)
    if waiting.filter(system_id=change.system_id).exists():
        raise Conflict([("", gettext("A change of this processor waits already."))])
    change.maker, change.proposed_at = user, clock.now()
    return PROCESSOR_PROPOSALS.keep(change)


def _require_valid(processor: Processor) -> None:
    """Raise Malformed where a field of a processor can't be so, naming it."""
    try:
        processor.full_clean(exclude=["password"], validate_unique=False)
    except ValidationError as error:
        faults = [(name, " ".join(said)) for name, said in error.message_dict.items()]
        raise Malformed(faults) from None


def _require_free(change: ProcessorChange) -> None:
    if taken := list_taken(change):
        raise Conflict([(name, "belongs to another processor") for name in taken])


def _make_processor(change: ProcessorChange) -> Processor:
    """Make who is to be added, unsaved: without a password, until the sheet is opened."""
    return Processor(
        system_id=change.system_id,
        username=change.username,
        password=make_password(None),
        **_read_terms(change),
    )


def _lock(change: ProcessorChange) -> tuple[Processor | None, datetime]:
    processor = lock_processor(change.processor_id) if change.processor_id else None
    return processor, clock.now()


def _carry_out(change: ProcessorChange, processor: Processor | None, _: datetime) -> list[Model]:
    """Make the change. Raises Conflict where it can't be made any more. A new password is made
    later, when it is shown.
    """
    if processor is None:
        _require_free(change)
        change.processor = _make_processor(change)
        change.processor.save(force_insert=True)
        return []  # a processor's row changes with each proof: the audit proves the change
    if obstacle := describe_obstacle(change, processor):
        raise Conflict([("", obstacle)])
    if change.kind == Kind.ENABLE:
        processor.state = State.ACTIVE
    elif change.kind == Kind.EDIT:
        for name, value in _read_terms(change).items():
            setattr(processor, name, value)
    owned_rows.save_columns(processor, ["state", *EDITED_FIELDS])
    return []


def _describe(change: ProcessorChange) -> dict[str, object]:
    before, after = _list_differences(change)
    return {
        "processor_change": change.pk,
        "kind": change.kind,
        "system_id": change.system_id,
        "before": before,
        "after": after,
        "reason": change.reason,
    }


def _list_differences(change: ProcessorChange) -> tuple[dict[str, object], dict[str, object]]:
    """Give what was before, and what is after a change."""
    if change.kind == Kind.ADD:
        return {}, {**_read_terms(change), "username": change.username}
    if change.kind == Kind.EDIT:
        return _read_terms(change, "from_"), _read_terms(change)
    if change.kind == Kind.ENABLE:
        return {"state": change.from_state}, {"state": State.ACTIVE.value}
    return {"password": "the present one"}, {
        "password": "a new one",
        "old_password_works_days": change.keep_days,
    }


PROCESSOR_PROPOSALS = Proposals(
    model=ProcessorChange,
    name="processor change",
    lock=_lock,
    carry_out=_carry_out,
    describe=_describe,
    columns=(*ProcessorChange.DECISION, "processor"),
)
