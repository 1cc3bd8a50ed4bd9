"""New keys: one admin proposes one, another decides, and `manage rotate` takes the steps. Here they
are put on record.
"""

from collections.abc import Iterable
from datetime import datetime

from django.db.models import Model
from django.utils.translation import gettext

from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import require_text
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, KeyRotation, User
from ppims.models.key_rotations import COUNTING_STATES
from ppims.services import audit, key_usage, operators, staff_ties
from ppims.services.four_eyes import Proposals

Purpose = KeyRotation.Purpose


@wrap_in_transaction
def propose(*, purpose: str, reason: str, user: User) -> KeyRotation:
    """Propose a new key for a purpose. Raises Malformed, and Conflict where one is on its way."""
    if purpose not in Purpose.values:
        raise Malformed([("purpose", "is document, digest, ledger or session")])
    rotation = KeyRotation(purpose=purpose, from_key_id=_find_first(purpose))
    rotation.reason = require_text(reason, "reason", most=LONGEST_NOTE)
    staff_ties.lock_people()  # of two who propose at once, the second finds the first one's
    if KeyRotation.objects.filter(KeyRotation.OPEN, purpose=purpose).exists():
        raise Conflict([("", gettext("A new key for this is on its way already."))])
    rotation.maker, rotation.proposed_at = user, clock.now()
    return KEY_PROPOSALS.keep(rotation)


def find_approved(purpose: str) -> KeyRotation | None:
    """Find the rotation whose next step may be taken."""
    found = KeyRotation.objects.filter(purpose=purpose, state__in=COUNTING_STATES, done_at=None)
    return found.first()


def find_stale(rotations: Iterable[KeyRotation], _at: datetime) -> set[int]:
    """Find which proposals can't be carried out any more, by their keys."""
    return {row.pk for row in rotations if _describe_obstacle(row)}


@wrap_in_transaction
def begin(*, rotation_id: int, key_id: str) -> KeyRotation:
    """Put on record that the ring has a next key."""
    rotation: KeyRotation = owned_rows.lock_row(KeyRotation, rotation_id)
    if not rotation.began_at:
        rotation.made_key_id, rotation.began_at = key_id, clock.now()
        _record("next key known", rotation, rotation.began_at)
    return rotation


@wrap_in_transaction
def fill(*, rotation_id: int) -> KeyRotation:
    """Put on record that all that is unique is found by the next key, too."""
    rotation: KeyRotation = owned_rows.lock_row(KeyRotation, rotation_id)
    if not rotation.filled_at:
        rotation.filled_at = clock.now()
        _record("next key finds all", rotation, rotation.filled_at)
    return rotation


@wrap_in_transaction
def make_first(*, rotation_id: int) -> KeyRotation:
    """Put on record that the new key is used from here on."""
    rotation: KeyRotation = owned_rows.lock_row(KeyRotation, rotation_id)
    if not rotation.first_at:
        rotation.first_at = clock.now()
        _record("new key in use", rotation, rotation.first_at)
    return rotation


@wrap_in_transaction
def finish(*, rotation_id: int) -> KeyRotation:
    """Put on record that nothing is left to do."""
    rotation: KeyRotation = owned_rows.lock_row(KeyRotation, rotation_id)
    if not rotation.done_at:
        rotation.done_at = clock.now()
        _record("key rotation done", rotation, rotation.done_at)
    return rotation


@wrap_in_transaction
def drop(*, purpose: str, key_id: str) -> None:
    """Take a key that nothing needs off the record."""
    key_usage.forget(purpose, key_id)
    detail: dict[str, object] = {
        "purpose": purpose,
        "key": key_id,
        "operator": operators.name_operator(),
    }
    audit.record("key dropped", at=clock.now(), detail=detail)


def _record(action: str, rotation: KeyRotation, at: datetime) -> None:
    owned_rows.save_columns(rotation, KeyRotation.STEPS)
    detail = {
        "key_rotation": rotation.pk,
        "purpose": rotation.purpose,
        "key": rotation.made_key_id,
        "operator": operators.name_operator(),
    }
    audit.record(action, at=at, detail=detail, rows=[rotation])


def _find_first(purpose: str) -> str:
    return key_usage.list_rings()[purpose][0].id


def _describe_obstacle(rotation: KeyRotation) -> str:
    if rotation.from_key_id == _find_first(rotation.purpose):
        return ""
    return gettext("Another key is in use by now: propose it anew.")


def _lock(_: KeyRotation) -> tuple[None, datetime]:
    return None, clock.now()


def _carry_out(rotation: KeyRotation, _: None, _at: datetime) -> list[Model]:
    """Change nothing yet: the keys are the operator's. Raises Conflict where it came too late."""
    if obstacle := _describe_obstacle(rotation):
        raise Conflict([("", obstacle)])
    return []


def _describe(rotation: KeyRotation) -> dict[str, object]:
    return {
        "key_rotation": rotation.pk,
        "purpose": rotation.purpose,
        "before": {"key": rotation.from_key_id},
        "after": {"key": "a new one"},
        "reason": rotation.reason,
    }


KEY_PROPOSALS = Proposals(
    model=KeyRotation,
    name="key rotation",
    lock=_lock,
    carry_out=_carry_out,
    describe=_describe,
)
