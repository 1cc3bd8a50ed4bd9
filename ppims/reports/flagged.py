"""The flagged entries that staff have not closed yet, oldest first; and those that they have."""

from collections.abc import Sequence

from django.db.models import QuerySet

from limits.models import LedgerEntry, PostingFinding
from ppims.core import calendar
from ppims.db.instants import to_indexed, write_indexed, write_microseconds
from ppims.reports.keyset import (
    PAGE_ROWS,
    PAST_ALL_IDS,
    Page,
    Position,
    RowBeside,
    find_wanted,
    make_page,
    read_newest_first,
    read_position,
)

LOOK_QUERY = """
    SELECT {moment} AS moment, {at} AS sorted_at, t.id AS row_key, t.customer_id AS holder
    FROM limits_ledgerentry t
    WHERE NOT (t."flags" = '') AND {at} >= %s AND ({at} > %s OR t.id > %s)
    ORDER BY {at}, t.id
"""
OPEN_CONDITION = RowBeside(
    "limits_postingfinding f",
    """
    f.customer_id = w.holder AND f.entry_id = w.row_key AND NOT (f.finding = '') AND f.id <= %s
    """,
    is_there=False,
)


def add_related(entries: QuerySet[LedgerEntry]) -> QuerySet[LedgerEntry]:
    """Let entries be read with what they are about. The check comes by itself: a join that names no
    customer would have to ask every machine for each entry.
    """
    return entries.select_related("processor").prefetch_related("limit_check")


def find_position(entry: LedgerEntry) -> Position:
    """Find where an entry stands in the queue."""
    return Position(calendar.to_microseconds(entry.at), 0, entry.pk)


def list_waiting(since: Position, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[LedgerEntry]:
    """Read a page of the entries that wait for a finding, the oldest first; none lies before
    `since`. Raises Http404 for a cursor of another list.
    """
    found, end = walk(read_position(cursor) if cursor else since, rows + 1)
    return make_page(found, end, rows, _read_entries)


def list_closed(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[PostingFinding]:
    """Read a page of findings, the last first. Raises Http404 for a cursor of another list."""
    findings = PostingFinding.objects.exclude(finding="").select_related("user")
    return read_newest_first(findings.prefetch_related("entry"), cursor, rows)


def walk(
    after: Position, rows: int, *, known: int = PAST_ALL_IDS
) -> tuple[list[Position], Position | None]:
    """Find the first so many entries after a position that no finding up to the known one closes;
    and where this ended, if it looked at enough.
    """
    look = LOOK_QUERY.format(moment=write_microseconds('t."at"'), at=write_indexed('t."at"'))
    bound = to_indexed(calendar.from_microseconds(after.at))
    wanted = [(OPEN_CONDITION, known)]
    return find_wanted(look, [bound, bound, after.id], wanted, 0, rows)


def _read_entries(positions: Sequence[Position]) -> list[LedgerEntry]:
    found = add_related(LedgerEntry.objects.all()).in_bulk([each.id for each in positions])
    return [found[each.id] for each in positions]
