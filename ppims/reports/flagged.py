"""The flagged entries that staff have not closed yet, oldest first; and those that they have."""

from collections.abc import Sequence

from limits.models import PostingFinding
from ppims.core import clock
from ppims.db import statements
from ppims.db.instants import to_indexed, write_indexed, write_microseconds
from ppims.reports import keyset, transactions
from ppims.reports.keyset import PAST_ALL_IDS, Page, Position
from ppims.reports.transactions import SOURCE_ORDER, Row, Source

ENTRY_RANK = SOURCE_ORDER.index(Source.ENTRY)
LOOK_QUERY = """
    SELECT {moment} AS moment, t.id AS row_key, t.customer_id AS holder
    FROM limits_ledgerentry t
    WHERE NOT (t."flags" = '') AND {at} >= %s AND ({at} > %s OR t.id > %s)
    ORDER BY {at}, t.id LIMIT {most:d}
"""
OPEN_QUERY = """
    SELECT moment, row_key FROM ({look}) w WHERE NOT EXISTS (
        SELECT 1 FROM limits_postingfinding f
        WHERE f.customer_id = w.holder AND f.entry_id = w.row_key
            AND NOT (f.finding = '') AND f.id <= %s)
    LIMIT %s
"""
LAST_QUERY = "SELECT moment, row_key FROM ({look}) w LIMIT 1 OFFSET {most:d}"


def list_waiting(since: Position, *, cursor: str = "", rows: int = keyset.PAGE_ROWS) -> Page[Row]:
    """Give a page of the entries that wait for a finding, the oldest first, none of which lies
    before `since`. Raises Http404 for a cursor of another list.
    """
    after = keyset.read_position(cursor) if cursor else since
    found, end = walk(after, rows + 1)
    chosen = found[:rows]
    read = transactions.read(chosen)
    if len(found) > rows:
        return Page(read, chosen[-1].write_cursor())
    return Page(read, end.write_cursor() if end else "", end is not None)


def list_closed(*, cursor: str = "", rows: int = keyset.PAGE_ROWS) -> Page[PostingFinding]:
    """Give a page of findings, the last first. Raises Http404 for a cursor of another list."""
    findings = PostingFinding.objects.exclude(finding="").select_related("user", "entry")
    return keyset.read_newest_first(findings, cursor, rows)


def walk(
    after: Position, rows: int, *, known: int = PAST_ALL_IDS
) -> tuple[Sequence[Position], Position | None]:
    """Find the first so many entries after a position that no finding up to the known one closes;
    and where this ended, if it looked at enough.
    """
    at, bound = write_indexed('t."at"'), to_indexed(clock.from_microseconds(after.at))
    look = LOOK_QUERY.format(moment=write_microseconds('t."at"'), at=at, most=keyset.LOOKED_AT)
    values = [bound, bound, after.id]
    found = statements.read_rows(OPEN_QUERY.format(look=look), [*values, known, rows])
    positions = [Position(moment, ENTRY_RANK, key) for moment, key in found]
    if len(positions) == rows:
        return positions, None
    last = statements.read_row(LAST_QUERY.format(look=look, most=keyset.LOOKED_AT - 1), values)
    return positions, Position(last[0], ENTRY_RANK, last[1]) if last else None
