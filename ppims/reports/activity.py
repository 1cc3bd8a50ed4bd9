"""All that happened to one customer, last first: money, KYC, and what staff and processors did."""

from bisect import bisect_left, bisect_right
from heapq import merge

from ppims.core import calendar
from ppims.db import statements
from ppims.db.instants import write_microseconds
from ppims.reports.keyset import (
    ALL_TIME,
    FIRST_POSITION,
    PAGE_ROWS,
    Frame,
    Page,
    Position,
    find_among_few,
    read_position,
)
from ppims.reports.records import SOURCE_ORDER, Row, Source, read_rows

CHAIN_TABLES = {Source.CHECK: "limits_limitcheck", Source.ENTRY: "limits_ledgerentry"}
OTHER_QUERIES = {
    Source.KYC_CHANGE: "SELECT {at} AS moment, id AS row_key FROM customers_kycchange t"
    " WHERE customer_id = %s AND NOT (from_tier = '')",
    Source.AUDIT: "SELECT {at} AS moment, id AS row_key FROM ppims_auditentry t WHERE subject = %s",
}
AT_NUMBER = "SELECT {at} FROM {table} t WHERE customer_id = %s AND number = %s"
LAST_NUMBER = "SELECT COALESCE(MAX(number), 0) FROM {table} WHERE customer_id = %s"
BY_NUMBER = """
    SELECT {at}, number, id FROM {table} t
    WHERE customer_id = %s AND number > %s AND number <= %s ORDER BY number DESC LIMIT %s
"""
Found = list[tuple[Position, int]]  # a position's id is a check's or an entry's number; and its row


def list_activity(
    customer_id: int, frame: Frame = ALL_TIME, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[Row]:
    """Read a page of what happened to a customer, last first. Raises Http404 for a cursor of
    another list.
    """
    after = read_position(cursor)
    found = [
        _find_in_chain(customer_id, source, frame, after, rows + 1)
        if source in CHAIN_TABLES
        else _find_in_others(customer_id, source, frame, after, rows + 1)
        for source in SOURCE_ORDER
    ]
    merged = list(merge(*found, reverse=True))
    ids = [Position(place.at, place.rank, row_id) for place, row_id in merged[:rows]]
    more = merged[rows - 1][0].write_cursor() if len(merged) > rows else ""
    return Page(read_rows(ids), more)


def _find_in_chain(
    customer_id: int, source: Source, frame: Frame, after: Position, rows: int
) -> Found:
    """Find checks or entries by their number: a customer's instants ascend with it."""
    rank, table, at = SOURCE_ORDER.index(source), CHAIN_TABLES[source], write_microseconds("t.at")

    def read_instant(number: int) -> int:
        found = statements.read_row(AT_NUMBER.format(at=at, table=table), [customer_id, number])
        assert found
        return int(found[0])

    # A few look-ups of one row each, however long the chain is.
    (last,) = statements.read_row(LAST_NUMBER.format(table=table), [customer_id]) or (0,)
    numbers = range(1, last + 1)
    least = (
        bisect_left(numbers, calendar.to_microseconds(frame.since), key=read_instant)
        if frame.since
        else 0
    )
    most = (
        bisect_left(numbers, calendar.to_microseconds(frame.until), key=read_instant)
        if frame.until
        else last
    )
    if after < FIRST_POSITION:
        find = bisect_left if after.rank < rank else bisect_right
        before = after.id - 1 if after.rank == rank else find(numbers, after.at, key=read_instant)
        most = min(most, before)
    sql = BY_NUMBER.format(at=at, table=table)
    found = statements.read_rows(sql, [customer_id, least, most, rows])
    return [(Position(moment, rank, number), row_id) for moment, number, row_id in found]


def _find_in_others(
    customer_id: int, source: Source, frame: Frame, after: Position, rows: int
) -> Found:
    few = OTHER_QUERIES[source].format(at=write_microseconds("t.at"))
    rank = SOURCE_ORDER.index(source)
    found = find_among_few(few, [customer_id], frame, after, rank, rows)
    return [(position, position.id) for position in found]
