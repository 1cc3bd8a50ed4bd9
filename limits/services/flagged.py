"""Flagged entries: what staff note of them, and find them to be."""

from django.db import IntegrityError

from limits.models import LedgerEntry, PostingFinding
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, User
from ppims.services import audit


@wrap_in_transaction
def note(*, entry_id: int, finding: str, note: str, user: User) -> PostingFinding:
    """Keep a note on a flagged entry; with a finding it is closed.

    Raises Malformed without a note that may be kept, Conflict where there is no flag or it is
    closed.
    """
    said = require_text(note, "note", most=LONGEST_NOTE)
    entry = LedgerEntry.objects.only("customer_id", "flags").get(pk=entry_id)
    if not entry.flags:
        raise Conflict([("entry", "is not flagged")])
    kept = PostingFinding(
        customer_id=entry.customer_id,
        entry=entry,
        finding=PostingFinding.Finding(finding) if finding else "",
        note=said,
        user=user,
        at=clock.now(),
    )
    try:
        kept.save(force_insert=True)
    except IntegrityError:
        raise Conflict([("entry", "was closed before")]) from None
    audit.record(
        f"flagged posting {'closed' if finding else 'noted'}",
        at=kept.at,
        subject=kept.customer_id,
        user=user,
        detail={"entry": entry_id, "finding": kept.finding, "reason": kept.note},
        rows=[kept],
    )
    return kept


def find_closing(entry: LedgerEntry) -> PostingFinding | None:
    """Give what a flagged entry was found to be; None: it waits."""
    return next((kept for kept in list_notes(entry) if kept.finding), None)


def list_notes(entry: LedgerEntry) -> list[PostingFinding]:
    """List what was noted of a flagged entry, its finding among it, in the order it was."""
    noted = PostingFinding.objects.filter(customer_id=entry.customer_id, entry=entry)
    return sorted(noted.select_related("user"), key=lambda kept: kept.pk)
