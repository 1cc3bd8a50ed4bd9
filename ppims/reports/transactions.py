"""What was received and done, last first: checks, ledger entries, customers added and changed, and
what staff did.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from customers.models import KycChange
from limits.models import LedgerEntry, LimitCheck
from ppims.models import AuditEntry
from ppims.reports.keyset import (
    ALL_TIME,
    PAGE_ROWS,
    Condition,
    Frame,
    Page,
    Position,
    Walk,
    read_page,
)

DECLINED_CONDITION = ('NOT t."is_allowed"',)
FLAGGED_CONDITION = ("NOT (t.\"flags\" = '')",)
CHANGED_CONDITION = ("NOT (t.\"from_tier\" = '')",)
BY_STAFF = ('t."processor_id" IS NULL',)


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
    STAFF = "staff"


class Source(StrEnum):
    """Which table a row is of."""

    CHECK = "check"
    ENTRY = "entry"
    KYC_CHANGE = "kyc change"
    AUDIT = "audit"


# Of two of one instant, the one whose source comes later here is the later one.
SOURCE_ORDER = (Source.AUDIT, Source.KYC_CHANGE, Source.CHECK, Source.ENTRY)
AUDIT_RANK, KYC_CHANGE_RANK, CHECK_RANK, ENTRY_RANK = range(len(SOURCE_ORDER))
OF_MONEY = "at id customer_id processor_id amount_paise direction ref_id".split()
OF_PEOPLE = "at id processor_id user_id".split()
OF_ENTRIES = {
    Kind.POSTED: LedgerEntry.Kind.POST,
    Kind.RELEASED: LedgerEntry.Kind.RELEASE,
    Kind.REVERSED: LedgerEntry.Kind.REVERSE,
    Kind.ADJUSTED: LedgerEntry.Kind.ADJUST,
    Kind.MOVED: LedgerEntry.Kind.MOVE,
}
KINDS_OF_ENTRIES = {code.value: kind for kind, code in OF_ENTRIES.items()}
KINDS_OF_AUDIT = {kind.value: kind for kind in (Kind.ADDED, Kind.KNOWN, Kind.UPDATED, Kind.REFUSED)}


@dataclass(frozen=True)
class Filters:
    """What is wanted; None: all. `is_allowed` and `reason` leave checks alone, `flag` (a flag, or
    "ANY") leaves entries.
    """

    kind: Kind | None = None
    processor_id: int | None = None
    is_allowed: bool | None = None
    reason: str | None = None
    flag: str | None = None
    frame: Frame = ALL_TIME


@dataclass(frozen=True)
class Row:
    """One thing that happened. `source` and `id` are where all of it is kept; `what` is the action,
    a reason, or a tier before and after; `detail` is JSON, of the audit alone.
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
    detail: str = field(default="", repr=False)


def list_transactions(filters: Filters, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[Row]:
    """Read a page of what was received, last first. Raises Http404 for a cursor of another list.

    Where what is wanted is rare a page may be cut short, after keyset.LOOKED_AT index entries of
    each source.
    """
    walks = [walk for source in SOURCE_ORDER for walk in WALK_MAKERS[source](filters)]
    return read_page(walks, filters.frame, cursor, rows, read_rows)


def read_rows(positions: Sequence[Position]) -> list[Row]:
    """Read the rows at positions, in their order."""
    found: dict[tuple[int, int], Row] = {}
    for rank, source in enumerate(SOURCE_ORDER):
        if ids := [each.id for each in positions if each.rank == rank]:
            found |= {(rank, row.id): row for row in ROW_READERS[source](ids)}
    return [found[each.rank, each.id] for each in positions]


def filter_processor(filters: Filters) -> list[Condition]:
    whose = filters.processor_id
    return [] if whose is None else [("processor_id = %s", whose)]


def _is_of_checks(filters: Filters) -> bool:
    return filters.is_allowed is not None or filters.reason is not None


def _walk_checks(filters: Filters) -> list[Walk]:
    if filters.kind not in {None, Kind.CHECK} or filters.flag:
        return []
    wanted, columns, within = filter_processor(filters), ["processor_id"], []
    if filters.reason is not None:
        wanted.append(("reason = %s", filters.reason))
    if filters.is_allowed is False or filters.reason not in {None, "WITHIN_LIMITS"}:
        columns, within = ["processor_id", "reason"], [DECLINED_CONDITION]
    elif _is_of_checks(filters):
        columns = ["processor_id", "reason", "is_allowed"]
        wanted.append(("is_allowed",))
    return [Walk(CHECK_RANK, "limits_limitcheck", columns=columns, within=within, wanted=wanted)]


def _walk_entries(filters: Filters) -> list[Walk]:
    if filters.kind not in {None, *OF_ENTRIES} or _is_of_checks(filters):
        return []
    wanted, columns, within = filter_processor(filters), ["processor_id", "kind"], []
    if filters.kind is not None:
        wanted.append(("kind = %s", OF_ENTRIES[filters.kind].value))
    if filters.kind in {Kind.ADJUSTED, Kind.MOVED}:
        within = [BY_STAFF]
    elif filters.flag:
        within = [FLAGGED_CONDITION]
    if filters.flag not in {None, "ANY"}:
        columns.append("flags")
        wanted.append(("',' || flags || ',' LIKE %s", f"%,{filters.flag},%"))
    return [Walk(ENTRY_RANK, "limits_ledgerentry", columns=columns, within=within, wanted=wanted)]


def _walk_kyc_changes(filters: Filters) -> list[Walk]:
    if filters.kind not in {None, Kind.KYC} or filters.flag or _is_of_checks(filters):
        return []
    return [
        Walk(
            KYC_CHANGE_RANK,
            "customers_kycchange",
            columns=["processor_id"],
            within=[CHANGED_CONDITION],
            wanted=filter_processor(filters),
        )
    ]


def _walk_audit(filters: Filters) -> list[Walk]:
    kinds = {None, *KINDS_OF_AUDIT.values(), Kind.STAFF}
    if filters.kind not in kinds or filters.flag or _is_of_checks(filters):
        return []
    wanted = filter_processor(filters)
    if filters.kind == Kind.STAFF:
        return [] if wanted else [Walk(AUDIT_RANK, "ppims_auditentry", within=[BY_STAFF])]
    if filters.kind is not None:
        wanted.append(("action = %s", filters.kind.value))
    columns = ["processor_id", "action"]
    return [Walk(AUDIT_RANK, "ppims_auditentry", columns=columns, wanted=wanted)]


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


WALK_MAKERS: dict[Source, Callable[[Filters], list[Walk]]] = {
    Source.AUDIT: _walk_audit,
    Source.KYC_CHANGE: _walk_kyc_changes,
    Source.CHECK: _walk_checks,
    Source.ENTRY: _walk_entries,
}
ROW_READERS: dict[Source, Callable[[Sequence[int]], list[Row]]] = {
    Source.AUDIT: read_audit,
    Source.KYC_CHANGE: read_kyc_changes,
    Source.CHECK: read_checks,
    Source.ENTRY: read_entries,
}
