"""Every record as a row of its own: checks, ledger entries, customers added and changed, and what
staff did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from customers.models import KycChange
from limits.models import LedgerEntry, LimitCheck
from ppims.models import AuditEntry
from ppims.reports.keyset import Position


class Kind(StrEnum):
    ADDED = "customer added"
    KNOWN = "customer known already"
    UPDATED = "customer updated"
    REFUSED = "report refused"
    KYC = "KYC changed"
    CHECK = "check"
    POSTED = "posted"
    RELEASED = "released"
    REVERSED = "reversed"
    ADJUSTED = "adjusted"
    MOVED = "moved"
    OPENED = "opened"
    STAFF = "staff"


class Source(StrEnum):
    """Which table a row is of."""

    CHECK = "check"
    ENTRY = "entry"
    KYC_CHANGE = "kyc change"
    AUDIT = "audit"


MONEY_SOURCES = {Source.CHECK, Source.ENTRY}

# Of two of one instant, the one whose source comes later here is the later one.
SOURCE_ORDER = (Source.AUDIT, Source.KYC_CHANGE, Source.CHECK, Source.ENTRY)
AUDIT_RANK, KYC_CHANGE_RANK, CHECK_RANK, ENTRY_RANK = range(len(SOURCE_ORDER))
OF_MONEY = (
    *("at", "id", "customer_id", "unique_id_sent", "processor_id", "amount_paise", "direction"),
    *("ref_id", "month", "number"),
)
OF_PEOPLE = "at id processor_id user_id".split()
OF_ENTRIES = {
    Kind.POSTED: LedgerEntry.Kind.POST,
    Kind.RELEASED: LedgerEntry.Kind.RELEASE,
    Kind.REVERSED: LedgerEntry.Kind.REVERSE,
    Kind.ADJUSTED: LedgerEntry.Kind.ADJUST,
    Kind.MOVED: LedgerEntry.Kind.MOVE,
    Kind.OPENED: LedgerEntry.Kind.OPENING,
}
KINDS_OF_ENTRIES = {code.value: kind for kind, code in OF_ENTRIES.items()}
KINDS_OF_AUDIT = {kind.value: kind for kind in (Kind.ADDED, Kind.KNOWN, Kind.UPDATED, Kind.REFUSED)}


@dataclass(frozen=True)
class Row:
    """One thing that happened. `source` and `id` are where all of it is kept; `what` is the action,
    a reason, or a tier before and after; `detail` is JSON, of the audit alone. A check and an entry
    have a `number` among their customer's, the `month` (202611) in which they count, and the
    Unique_Id that they named.
    """

    at: datetime
    kind: Kind
    source: Source
    id: int
    customer_id: int | None
    processor_id: int | None
    user_id: int | None = None
    amount_paise: int | None = None
    direction: str = ""
    is_allowed: bool | None = None
    what: str = ""
    flags: tuple[str, ...] = ()
    ref_id: str = ""
    tran_id: str = ""
    month: int = 0
    number: int = 0
    unique_id_sent: int | None = None
    detail: str = field(default="", repr=False)

    @property
    def named_id(self) -> int | None:
        """The Unique_Id that it is about, whosever ledger it is in: a move, the ledger's."""
        return self.customer_id if self.kind == Kind.MOVED else self.unique_id_sent


def read_rows(positions: Sequence[Position]) -> list[Row]:
    """Read the rows at positions, in their order."""
    found: dict[tuple[int, int], Row] = {}
    for rank, source in enumerate(SOURCE_ORDER):
        if ids := [each.id for each in positions if each.rank == rank]:
            found |= {(rank, row.id): row for row in ROW_READERS[source](ids)}
    return [found[each.rank, each.id] for each in positions]


def read_checks(ids: Sequence[int]) -> list[Row]:
    rows = LimitCheck.objects.filter(pk__in=ids).values(*OF_MONEY, "is_allowed", "reason")
    return [
        Row(kind=Kind.CHECK, source=Source.CHECK, what=row.pop("reason"), **row) for row in rows
    ]


def read_entries(ids: Sequence[int]) -> list[Row]:
    rows = LedgerEntry.objects.filter(pk__in=ids).values(*OF_MONEY, "kind", "flags", "tran_id")
    return [
        Row(
            kind=KINDS_OF_ENTRIES[row.pop("kind")],
            source=Source.ENTRY,
            flags=tuple(filter(None, row.pop("flags").split(","))),
            **row,
        )
        for row in rows
    ]


def read_kyc_changes(ids: Sequence[int]) -> list[Row]:
    rows = KycChange.objects.filter(pk__in=ids).values(
        *OF_PEOPLE, "customer_id", "from_tier", "to_tier"
    )
    return [
        Row(
            kind=Kind.KYC,
            source=Source.KYC_CHANGE,
            what=f"{row.pop('from_tier')}>{row.pop('to_tier')}",
            **row,
        )
        for row in rows
    ]


def read_audit(ids: Sequence[int]) -> list[Row]:
    rows = AuditEntry.objects.filter(pk__in=ids).values(*OF_PEOPLE, "subject", "action", "detail")
    return [
        Row(
            kind=KINDS_OF_AUDIT.get(row["action"], Kind.STAFF),
            source=Source.AUDIT,
            customer_id=row.pop("subject") or None,
            what=row.pop("action"),
            **row,
        )
        for row in rows
    ]


ROW_READERS: dict[Source, Callable[[Sequence[int]], list[Row]]] = {
    Source.AUDIT: read_audit,
    Source.KYC_CHANGE: read_kyc_changes,
    Source.CHECK: read_checks,
    Source.ENTRY: read_entries,
}
