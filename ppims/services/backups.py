"""Backups on record: who made a copy of all there is, or that none could be made."""

from collections.abc import Iterator
from datetime import datetime

from ppims.core import clock
from ppims.db.transaction import wrap_in_transaction
from ppims.models import AuditEntry
from ppims.services import audit, operators
from ppims.services.audit import NO_CUSTOMER

DONE_ACTION, FAILED_ACTION = "backup made", "backup failed"
LONGEST_REASON = 200  # characters


@wrap_in_transaction
def record_made(*, seal: int) -> AuditEntry:
    """Put on record that all of the database was copied into a file, with that seal as its
    newest. Raises Unavailable.
    """
    detail: dict[str, object] = {"seal": seal, "operator": operators.name_operator()}
    return audit.record("backup made", at=clock.now(), detail=detail)


@wrap_in_transaction
def record_failed(error: Exception) -> AuditEntry:
    """Put on record that no backup could be made, and why. Raises Unavailable."""
    detail: dict[str, object] = {
        "reason": str(error)[:LONGEST_REASON],
        "operator": operators.name_operator(),
    }
    return audit.record("backup failed", at=clock.now(), detail=detail)


def find_last(action: str) -> AuditEntry | None:
    """Find the last backup that was made, or that failed, by its number and instant."""
    entries = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER, action=action)
    return entries.order_by("-number").only("number", "at").first()


def list_tries(*, after: int, up_to: int) -> Iterator[tuple[str, datetime]]:
    """List what came of backups that were tried, the oldest first: of the audit's entries about no
    customer, past one number and up to another.
    """
    entries = AuditEntry.objects.filter(subject=NO_CUSTOMER, number__gt=after, number__lte=up_to)
    tries = entries.filter(action__in=(DONE_ACTION, FAILED_ACTION)).order_by("number")
    yield from tries.values_list("action", "at")
