"""All that happened to one customer, by all of its ids, last first: transactions, KYC, and what
staff and processors did; or every record of it.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from datetime import datetime
from heapq import merge
from typing import NamedTuple, TypeVar

from ppims.core import calendar
from ppims.db import statements
from ppims.db.instants import write_kept_order, write_microseconds
from ppims.reports import keyset
from ppims.reports.heads import HEAD_CONDITIONS
from ppims.reports.keyset import (
    ALL_TIME,
    FIRST_POSITION,
    PAGE_ROWS,
    Frame,
    Page,
    Position,
    find_among_few,
    make_page,
    read_position,
)
from ppims.reports.records import MONEY_SOURCES, SOURCE_ORDER, Row, Source, read_rows
from ppims.reports.transactions import Transaction, read_transactions

T = TypeVar("T")
CHAIN_TABLES = {Source.CHECK: "limits_limitcheck", Source.ENTRY: "limits_ledgerentry"}
OTHER_QUERIES = {
    Source.KYC_CHANGE: "SELECT {at} AS moment, id AS row_key FROM customers_kycchange t"
    " WHERE customer_id = %s AND NOT (from_tier = '')",
    Source.AUDIT: "SELECT {at} AS moment, id AS row_key FROM ppims_auditentry t WHERE subject = %s",
}
AT_NUMBER = "SELECT {at} FROM {table} t WHERE customer_id = %s AND number = %s"
LAST_NUMBER = "SELECT COALESCE(MAX(number), 0) FROM {table} WHERE customer_id = %s"
BY_NUMBER = """
    SELECT {at} AS moment, number AS sorted_at, id AS row_key FROM {table} t
    WHERE customer_id = %s AND number > %s AND number <= %s ORDER BY number DESC LIMIT %s
"""
# Heads among the next so many entries: most of a customer's answer a check.
HEADS_BY_NUMBER = """
    SELECT moment, sorted_at, row_key FROM (
        SELECT {at} AS moment, number AS sorted_at, id AS row_key, limit_check_id, kind,
               reverses_id, unique_id_sent
        FROM {table} t WHERE customer_id = %s AND number > %s AND number <= %s
        ORDER BY number DESC LIMIT {looked_at}
    ) w WHERE {heads} AND {moved} {kept_order} LIMIT %s
"""
# What merges and un-merges have moved among the ids of one person adds up to nothing.
NOT_MOVED_AMONG = "NOT (w.kind = 'M' AND w.unique_id_sent IN ({ids}))"


class Found(NamedTuple):
    """Where a page's rows of a source are, the last first; and from where on nothing was looked at.
    A position's id is a check's or an entry's number, and its row's id stands beside it.
    """

    places: Sequence[tuple[Position, int]]
    cut_at: Position | None = None


def list_activity(
    ids: Sequence[int],
    at: datetime,
    frame: Frame = ALL_TIME,
    *,
    cursor: str = "",
    rows: int = PAGE_ROWS,
) -> Page[Transaction | Row]:
    """Read a page of what happened to who has these ids, last first: each transaction by its first
    record, as it is at an instant, and what isn't money by itself. Raises Http404 for a cursor of
    another list. A page may be cut short, after keyset.LOOKED_AT entries.
    """

    def read(places: Sequence[Position]) -> list[Transaction | Row]:
        money = [place for place in places if SOURCE_ORDER[place.rank] in MONEY_SOURCES]
        others = [place for place in places if SOURCE_ORDER[place.rank] not in MONEY_SOURCES]
        known: dict[Position, Transaction | Row] = {}
        known.update(zip(money, read_transactions(money, at), strict=True))
        known.update(zip(others, read_rows(others), strict=True))
        return [known[place] for place in places]

    return _read_page(ids, frame, cursor, rows, read, heads_only=True)


def list_every_record(
    ids: Sequence[int], frame: Frame = ALL_TIME, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[Row]:
    """Read a page of every record of a customer, last first. Raises Http404 likewise."""
    return _read_page(ids, frame, cursor, rows, read_rows, heads_only=False)


def _read_page(
    ids: Sequence[int],
    frame: Frame,
    cursor: str,
    rows: int,
    read: Callable[[Sequence[Position]], Sequence[T]],
    *,
    heads_only: bool,
) -> Page[T]:
    after = read_position(cursor)
    # Each source of each id has a rank of its own, for of two ids a row may have the same number.
    parts = [(source, customer_id) for source in SOURCE_ORDER for customer_id in ids]
    found = [
        _find_in_chain(
            customer_id, source, rank, frame, after, rows + 1, heads_of=ids if heads_only else ()
        )
        if source in CHAIN_TABLES
        else _find_in_others(customer_id, source, rank, frame, after, rows + 1)
        for rank, (source, customer_id) in enumerate(parts)
    ]
    # Below where looking ended others may have rows that come before the next ones there.
    cut_at = max((each.cut_at for each in found if each.cut_at), default=None)
    merged = merge(*(each.places for each in found), reverse=True)
    row_ids = {place: row_id for place, row_id in merged if cut_at is None or place >= cut_at}

    def read_at(places: Sequence[Position]) -> Sequence[T]:
        return read([Position(p.at, p.rank // len(ids), row_ids[p]) for p in places])

    return make_page(list(row_ids), cut_at, rows, read_at)


def _find_in_chain(
    customer_id: int,
    source: Source,
    rank: int,
    frame: Frame,
    after: Position,
    rows: int,
    *,
    heads_of: Sequence[int],
) -> Found:
    """Find checks or entries by their number: a customer's instants ascend with it. `heads_of`:
    heads alone, for who has these ids.
    """
    table, at = CHAIN_TABLES[source], write_microseconds("t.at")

    def read_instant(number: int) -> int:
        found = statements.read_row(AT_NUMBER.format(at=at, table=table), [customer_id, number])
        assert found
        return int(found[0])

    (last,) = statements.read_row(LAST_NUMBER.format(table=table), [customer_id]) or (0,)
    least, most = _find_bounds(range(1, last + 1), read_instant, frame, after, rank)
    is_searched = bool(heads_of) and source == Source.ENTRY  # every check is a head
    sql = (HEADS_BY_NUMBER if is_searched else BY_NUMBER).format(
        at=at,
        table=table,
        looked_at=keyset.LOOKED_AT,
        moved=NOT_MOVED_AMONG.format(ids=", ".join(f"{each:d}" for each in heads_of)),
        heads=" AND ".join(sql.replace("t.", "w.") for sql, *_ in HEAD_CONDITIONS),
        kept_order=write_kept_order("DESC"),
    )
    found = statements.read_rows(sql, [customer_id, least, most, rows])
    places = [(Position(moment, rank, number), row_id) for moment, number, row_id in found]
    end = most - keyset.LOOKED_AT + 1
    if is_searched and len(places) < rows and end > least + 1:
        return Found(places, Position(read_instant(end), rank, end))
    return Found(places)


def _find_bounds(
    numbers: range, read_instant: Callable[[int], int], frame: Frame, after: Position, rank: int
) -> tuple[int, int]:
    """Find past which number of a chain, and up to which, a page lies: by a few look-ups of one row
    each, however long the chain is.
    """
    least, most = 0, len(numbers)
    if frame.since:
        since = calendar.to_microseconds(frame.since)
        least = bisect_left(numbers, since, key=read_instant)
    if frame.until:
        until = calendar.to_microseconds(frame.until)
        most = bisect_left(numbers, until, key=read_instant)
    if after < FIRST_POSITION:
        find = bisect_left if after.rank < rank else bisect_right
        before = after.id - 1 if after.rank == rank else find(numbers, after.at, key=read_instant)
        most = min(most, before)
    return least, most


def _find_in_others(
    customer_id: int, source: Source, rank: int, frame: Frame, after: Position, rows: int
) -> Found:
    few = OTHER_QUERIES[source].format(at=write_microseconds("t.at"))
    found = find_among_few(few, [customer_id], frame, after, rank, rows)
    return Found([(place, place.id) for place in found])
