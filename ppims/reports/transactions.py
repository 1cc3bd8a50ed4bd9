"""Transactions, one row each: a check with its posting, release and reversals; or an entry that
belongs to no check, with its reversals and corrections. A row stands at the instant of its first
record.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter

from django.db.models import Q

from customers import survivors
from limits.models import Hold, LedgerEntry
from ppims.core import calendar
from ppims.reports.heads import (
    ANY_FLAG,
    Filters,
    list_head_walks,
    list_record_walks,
    narrow_filters,
)
from ppims.reports.keyset import PAGE_ROWS, Page, Position, read_full_page, read_page
from ppims.reports.outcomes import Outcome, find_outcome
from ppims.reports.records import (
    CHECK_RANK,
    ENTRY_RANK,
    Kind,
    Row,
    Source,
    read_checks,
    read_entries,
    read_rows,
)

BY_STAFF = {Kind.ADJUSTED, Kind.MOVED, Kind.OPENED}
BOOKED_KINDS = {Kind.POSTED, *BY_STAFF}
GIVING_BACK_KINDS = (LedgerEntry.Kind.REVERSE, LedgerEntry.Kind.ADJUST)
BY_NUMBER = attrgetter("number")


@dataclass(frozen=True)
class Transaction:
    """One transaction, as it is at an instant. `steps` are the records after its head: what answers
    it, by number, then reversals and corrections.

    `amount_paise` is what was posted, else what was checked; `returned_paise` what those gave back;
    `reason` why it was declined, "" where it was not; `is_time_up`: its hold ended by itself.
    """

    head: Row
    steps: Sequence[Row]
    outcome: Outcome
    amount_paise: int
    returned_paise: int
    reason: str
    flags: Sequence[str]
    is_time_up: bool

    @property
    def at(self) -> datetime:
        return self.head.at

    @property
    def records(self) -> list[Row]:
        return [self.head, *self.steps]

    @property
    def is_by_staff(self) -> bool:
        return self.head.kind in BY_STAFF

    def is_wanted(self, filters: Filters) -> bool:
        """Whether it has the outcome and the flag that narrowed filters ask for."""
        asked = filters.flag
        is_flagged = not asked or (bool(self.flags) if asked == ANY_FLAG else asked in self.flags)
        return is_flagged and filters.outcome in {None, self.outcome}


def list_transactions(
    filters: Filters, at: datetime, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[Transaction]:
    """Read a page of transactions as they are at an instant, last first. Raises Http404 for a
    cursor of another list.

    Where what is wanted is rare a page may be cut short, after keyset.LOOKED_AT index entries of
    each source, or keyset.LOOKED_UP where the index doesn't say enough.
    """
    filters = narrow_filters(filters, at)
    walks = list_head_walks(filters, at)

    def read(heads: Sequence[Position]) -> list[Transaction]:
        return [each for each in read_transactions(heads, at) if each.is_wanted(filters)]

    return read_full_page(
        lambda after, most: read_page(walks, filters.frame, after, most, read), cursor, rows
    )


def list_records(filters: Filters, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[Row]:
    """Read a page of every check and entry, each at its own instant, last first. Raises Http404 for
    a cursor of another list.
    """
    return read_page(list_record_walks(filters), filters.frame, cursor, rows, read_rows)


def read_transactions(heads: Sequence[Position], at: datetime) -> list[Transaction]:
    """Read the transactions that begin at positions, in their order, as they are at an instant. So
    many queries however many there are. Raises KeyError where one isn't there.
    """
    rows = read_rows(heads)
    # A step may be in the ledger of another id of the person, since merged or parted.
    kin = survivors.list_all_kin(row.customer_id for row in rows if row.customer_id)
    steps, held = _read_steps(rows, kin), _read_held(rows, kin, at)
    return [
        _make_transaction(
            row,
            steps[row.source, row.id],
            is_held=row.source == Source.CHECK and row.id in held,
        )
        for row in rows
    ]


def find_head(row: Row) -> Position:
    """Find where the transaction begins that a check or an entry is a step of."""
    if row.source == Source.CHECK:
        return Position(calendar.to_microseconds(row.at), CHECK_RANK, row.id)
    assert row.customer_id is not None
    theirs = LedgerEntry.objects.filter(customer_id__in=survivors.list_kin(row.customer_id))
    names = theirs.values_list("limit_check_id", "reverses_id", "at")
    check_id, reverses_id, at = names.get(pk=row.id)
    entry_id = row.id
    if reverses_id is not None:
        entry_id = reverses_id
        check_id, _, at = names.get(pk=reverses_id)
    if check_id is None:
        return Position(calendar.to_microseconds(at), ENTRY_RANK, entry_id)
    (check,) = read_checks([check_id])
    return find_head(check)


def _make_transaction(head: Row, steps: Sequence[Row], *, is_held: bool) -> Transaction:
    records = [head, *steps]
    posted = next((row for row in records if row.kind in BOOKED_KINDS), None)
    # A correction among the steps names the posting, and is below zero.
    undone = [row for row in steps if row.kind in {Kind.REVERSED, Kind.ADJUSTED}]
    returned = sum(abs(row.amount_paise or 0) for row in undone)
    outcome = find_outcome(
        is_allowed=head.is_allowed,
        posted_paise=posted.amount_paise if posted else None,
        returned_paise=returned,
        is_held=is_held,
    )
    is_released = any(row.kind == Kind.RELEASED for row in records)
    return Transaction(
        head=head,
        steps=steps,
        outcome=outcome,
        amount_paise=(posted or head).amount_paise or 0,
        returned_paise=returned,
        reason=head.what if outcome == Outcome.DECLINED else "",
        flags=tuple(dict.fromkeys(flag for row in records for flag in row.flags)),
        is_time_up=outcome == Outcome.RELEASED and not is_released,
    )


def _read_held(rows: Iterable[Row], kin: Collection[int], at: datetime) -> set[int]:
    """Find which checks have a hold that is open at an instant."""
    checks = [row for row in rows if row.is_allowed]
    open_holds = Hold.objects.filter(
        customer_id__in=kin,
        pk__in=[row.id for row in checks],
        expires_at__gt=at,
    )
    return set(open_holds.values_list("pk", flat=True)) if checks else set()


def _read_steps(heads: Sequence[Row], kin: Collection[int]) -> dict[tuple[Source, int], list[Row]]:
    """Read what follows each head, by its source and id: its answers, then the reversals and the
    corrections of its posting, by number.
    """
    answers: dict[int, list[Row]] = defaultdict(list)
    reversals: dict[int, list[Row]] = defaultdict(list)
    checks = [row for row in heads if row.source == Source.CHECK]
    postings = _read_postings(checks, kin)
    for check_id, row in postings:
        answers[check_id].append(row)
    booked = [*heads, *(row for _, row in postings)]
    for check_id, reverses_id, row in _read_by_month(checks, booked, kin):
        (answers[check_id] if reverses_id is None else reversals[reverses_id]).append(row)
    return {(head.source, head.id): _list_steps(head, answers, reversals) for head in heads}


def _list_steps(
    head: Row, answers: Mapping[int, list[Row]], reversals: Mapping[int, list[Row]]
) -> list[Row]:
    if head.source != Source.CHECK:
        return sorted(reversals[head.id], key=BY_NUMBER)
    first = sorted(answers[head.id], key=BY_NUMBER)
    undone = (each for row in first for each in reversals[row.id])
    return [*first, *sorted(undone, key=BY_NUMBER)]


def _read_postings(checks: Sequence[Row], kin: Collection[int]) -> list[tuple[int, Row]]:
    """Read what settled the checks, each after its check's id."""
    if not checks:
        return []
    found = LedgerEntry.objects.filter(
        customer_id__in=kin,
        limit_check__in=[row.id for row in checks],
        kind=LedgerEntry.Kind.POST,
    )
    named = dict(found.values_list("pk", "limit_check_id"))
    return [(named[row.id] or 0, row) for row in read_entries(list(named))]


def _read_by_month(
    checks: Sequence[Row], booked: Sequence[Row], kin: Collection[int]
) -> list[tuple[int, int | None, Row]]:
    """Read the releases of checks, and what gives back of entries, which are booked in their
    months: each after the check that it answers, and the entry that it gives back of.
    """
    entries = [row for row in booked if row.source == Source.ENTRY]
    found = LedgerEntry.objects.filter(
        Q(kind=LedgerEntry.Kind.RELEASE, limit_check_id__in=[row.id for row in checks])
        | Q(kind__in=GIVING_BACK_KINDS, reverses_id__in=[row.id for row in entries]),
        customer_id__in=kin,
        month__in={row.month for row in booked},
    )
    named = {
        pk: (check_id or 0, reverses_id)
        for pk, check_id, reverses_id in found.values_list("pk", "limit_check_id", "reverses_id")
    }
    return [(*named[row.id], row) for row in read_entries(list(named))] if named else []
