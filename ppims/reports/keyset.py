"""Pages of rows in the order of time, by keyset: what arrives between two pages neither repeats a
row nor hides one.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from heapq import merge
from typing import Any, Generic, NamedTuple, TypeVar

from django.db.models import Model, QuerySet
from django.http import Http404

from ppims.core import calendar
from ppims.db import nodes, statements
from ppims.db.instants import (
    to_indexed,
    write_earlier,
    write_indexed,
    write_kept_order,
    write_microseconds,
)

T = TypeVar("T")
M = TypeVar("M", bound=Model)
PAGE_ROWS = 50
# So many entries of an index are looked at for one page: some ten milliseconds. Where the rest of
# each row has to be looked up, no more than so many are: a tenth of a second.
LOOKED_AT, LOOKED_UP = 20_000, 4_000
MOST_READINGS = 5  # of a page that isn't full
PAST_ALL_IDS = 2**63 - 1
# What few rows come to, sorted by themselves: so PostgreSQL doesn't go through everybody's in the
# order of time.
OF_FEW = """
    WITH few AS MATERIALIZED ({few}) SELECT moment, row_key FROM few
    WHERE moment >= %s AND moment < %s AND (moment < %s OR moment = %s AND row_key < %s){wanted}
    ORDER BY moment DESC, row_key DESC LIMIT %s
"""
CURSOR_PATTERN = re.compile(r"([0-9a-f]{1,14})-([0-9]{1,3})-([0-9a-f]{1,16})")


class Position(NamedTuple):
    """Where a list is at: at an instant (microseconds), in a source (by rank), at a row."""

    at: int
    rank: int
    id: int

    def write_cursor(self) -> str:
        return f"{self.at:x}-{self.rank}-{self.id:x}"


FIRST_POSITION = Position(2**55, 99, PAST_ALL_IDS)  # before all


def read_position(cursor: str) -> Position:
    """Read a cursor; "" is the first page's. Raises Http404 where it is none."""
    if not cursor:
        return FIRST_POSITION
    found = CURSOR_PATTERN.fullmatch(cursor)
    if found is None:
        raise Http404("No cursor")
    at, rank, row_id = found.groups()
    return Position(int(at, 16), int(rank), min(int(row_id, 16), PAST_ALL_IDS))


@dataclass(frozen=True)
class Page(Generic[T]):
    """Some rows of a list; `next` is the cursor of those that follow, "" where none do.

    `is_cut_short`: there are fewer than were asked for, for enough has been looked at; more may
    follow.
    """

    rows: Sequence[T]
    next: str = ""
    is_cut_short: bool = False


@dataclass(frozen=True)
class Frame:
    """A time frame: from an instant on, and before another; None: without an end."""

    since: datetime | None = None
    until: datetime | None = None


ALL_TIME = Frame()


@dataclass(frozen=True)
class RowBeside:
    """The condition that another table has a row for one that is looked at, or has none: the table
    under an alias, and what joins it to `w`, the rows looked at. Where `having` says what some of
    its rows have to come to together, `group` is what those rows have alike. `otherwise`: it is
    enough that this is so, of which no values are asked.
    """

    table: str
    on: str
    is_there: bool = True
    group: str = ""
    having: str = ""
    otherwise: "RowBeside | None" = None

    def write_condition(self) -> str:
        word = "EXISTS" if self.is_there else "NOT EXISTS"
        tail = f" GROUP BY {self.group} HAVING {self.having}" if self.having else ""
        condition = f"{word} (SELECT 1 FROM {self.table} WHERE {self.on}{tail})"
        if self.otherwise is None:
            return condition
        return f"({condition} OR {self.otherwise.write_condition()})"

    def write_matches(self) -> str:
        """Write the SELECT of the looked-at rows that have one."""
        tail = f" GROUP BY w.row_key, {self.group} HAVING {self.having}" if self.having else ""
        return f"SELECT w.row_key FROM w JOIN {self.table} ON {self.on}{tail}"


Condition = tuple[Any, ...]  # SQL of ours, or a RowBeside; and the values in it


@dataclass(frozen=True)
class Walk:
    """One source of a list: an index in the order of time, and what of it is wanted.

    `columns` are what `wanted` reads, all of them in the index; `within` are the conditions that
    the index itself meets, being partial or beginning with them. Each condition is SQL of ours,
    and the values in it. `needs_rows`: `wanted` reads more than the index has.
    """

    rank: int
    table: str
    key: str = "id"
    at: str = "at"
    columns: Sequence[str] = ()
    within: Sequence[Condition] = ()
    wanted: Sequence[Condition] = ()
    needs_rows: bool = False


def read_page(
    walks: Sequence[Walk],
    frame: Frame,
    cursor: str,
    rows: int,
    read: Callable[[Sequence[Position]], Sequence[T]],
) -> Page[T]:
    """Read one page of what the walks find, newest first; `read` reads the rows at positions."""
    after = read_position(cursor)
    found = [_find_positions(walk, frame, after, rows + 1) for walk in walks]
    # Below where a walk was cut short others may have rows that come before its next ones.
    cut_at = max((cut for _, cut in found if cut), default=None)
    merged = merge(*(positions for positions, _ in found), reverse=True)
    return make_page([p for p in merged if cut_at is None or p >= cut_at], cut_at, rows, read)


def read_full_page(read: Callable[[str, int], Page[T]], cursor: str, rows: int) -> Page[T]:
    """Read one page of a list whose pages leave some rows out after they were looked up: from where
    one ends it is read on, MOST_READINGS times, until so many are there.
    """
    found: list[T] = []
    for _ in range(MOST_READINGS):
        page = read(cursor, rows - len(found))
        found += page.rows
        cursor = page.next
        if len(found) == rows or not cursor or page.is_cut_short:
            break
    return Page(found, cursor, bool(cursor) and len(found) < rows)


def read_every_page(read: Callable[[str], Page[T]]) -> Iterator[Page[T]]:
    """Read a list to its end, each page by its cursor, when the one before it is done with."""
    page = read("")
    yield page
    while page.next:
        page = read(page.next)
        yield page


def make_page(
    found: Sequence[Position],
    cut_at: Position | None,
    rows: int,
    read: Callable[[Sequence[Position]], Sequence[T]],
) -> Page[T]:
    """Make a page of the first positions; of no more than there are it goes on where looking was
    cut short.
    """
    if len(found) > rows:
        return Page(read(found[:rows]), found[rows - 1].write_cursor())
    return Page(read(found), cut_at.write_cursor() if cut_at else "", cut_at is not None)


def read_newest_first(kept: QuerySet[M], cursor: str, rows: int) -> Page[M]:
    """Read one page of a table's rows by their keys, the last first."""
    found = list(kept.filter(pk__lt=read_position(cursor).id).order_by("-pk")[: rows + 1])
    more = Position(0, 0, found[rows - 1].pk).write_cursor() if len(found) > rows else ""
    return Page(found[:rows], more)


def find_among_few(
    few: str,
    values: Sequence[Any],
    frame: Frame,
    after: Position,
    rank: int,
    rows: int,
    wanted: Sequence[Condition] = (),
) -> list[Position]:
    """Find the first so many from a position on, newest first, of a statement's rows, which are
    few: one customer's, say. Its columns are `moment` (microseconds), `row_key` and those that
    `wanted` reads.
    """
    before = after.id if after.rank == rank else PAST_ALL_IDS * (after.rank > rank)
    since = calendar.to_microseconds(frame.since) if frame.since else 0
    until = calendar.to_microseconds(frame.until) if frame.until else FIRST_POSITION.at
    sql = OF_FEW.format(few=few, wanted="".join(f" AND {sql}" for sql, *_ in wanted))
    bounds = [since, until, after.at, after.at, before]
    found = statements.read_rows(sql, [*values, *bounds, *_list_values(wanted), rows])
    return [Position(moment, rank, row_key) for moment, row_key in found]


def find_wanted(
    look: str,
    values: Sequence[Any],
    wanted: Sequence[Condition],
    rank: int,
    rows: int,
    *,
    most: int | None = None,
) -> tuple[list[Position], Position | None]:
    """Find the first so many of what a statement looks at that are wanted; and where that ended,
    if it looked at enough: LOOKED_AT rows, or `most`. The statement, of columns `moment`,
    `sorted_at`, `row_key` and more, is sorted by the last two.
    """
    way = "DESC" if "DESC" in look else "ASC"
    most = most or LOOKED_AT
    sql, more = _write_search(f"{look} LIMIT {most:d}", wanted, "moment, row_key")
    order = f"ORDER BY moment {way}, row_key {way}" if nodes.are_many() else write_kept_order(way)
    found = statements.read_rows(f"{sql} {order} LIMIT {rows:d}", [*values, *more])
    positions = [Position(at, rank, key) for at, key in found]
    if len(positions) == rows:
        return positions, None
    return positions, _find_end(look, values, most, rank)


def sum_wanted(walk: Walk, frame: Frame, columns: str, *, beside: str = "") -> tuple[int, ...]:
    """Sum up what is wanted of the newest LOOKED_AT rows of a walk. `columns` are sums over `w`,
    the rows looked at, and what is joined to them `beside`.
    """
    look, values = _write_look(walk, frame, FIRST_POSITION)
    sql, more = _write_search(f"{look} LIMIT {LOOKED_AT:d}", walk.wanted, columns, beside)
    return tuple(int(each) for each in statements.read_row(sql, [*values, *more]) or ())


def find_all(walk: Walk, frame: Frame, rows: int) -> list[Position]:
    """Find so many of what is wanted of the newest LOOKED_AT rows of a walk."""
    look, values = _write_look(walk, frame, FIRST_POSITION)
    return find_wanted(look, values, walk.wanted, walk.rank, rows)[0]


def has_rows(walk: Walk, frame: Frame, count: int) -> bool:
    """Return whether a walk has so many rows to look at."""
    look, values = _write_look(replace(walk, columns=()), frame, FIRST_POSITION)
    return _find_end(look, values, count, walk.rank) is not None


def _find_end(look: str, values: Sequence[Any], count: int, rank: int) -> Position | None:
    """Find the last of so many rows that are looked at; None: there are fewer."""
    sql = f"SELECT moment, row_key FROM ({look} LIMIT {count:d}) w LIMIT 1 OFFSET {count - 1:d}"
    last = statements.read_row(sql, values)
    return Position(last[0], rank, last[1]) if last else None


def _find_positions(
    walk: Walk, frame: Frame, after: Position, rows: int
) -> tuple[list[Position], Position | None]:
    look, values = _write_look(walk, frame, after)
    if walk.wanted:
        most = min(LOOKED_UP, LOOKED_AT) if walk.needs_rows else LOOKED_AT
        return find_wanted(look, values, walk.wanted, walk.rank, rows, most=most)
    found = statements.read_rows(f"{look} LIMIT {rows:d}", values)
    return [Position(at, walk.rank, key) for at, _, key, *_ in found], None


def _write_look(walk: Walk, frame: Frame, after: Position) -> tuple[str, list[Any]]:
    """Write the statement that reads the index from a position on, newest first."""
    at, key = write_indexed(f't."{walk.at}"'), f't."{walk.key}"'
    before = after.id if after.rank == walk.rank else PAST_ALL_IDS * (after.rank > walk.rank)
    last: Condition
    sql, values = write_earlier(at, key, calendar.from_microseconds(after.at), before)
    last = (sql, *values)
    if frame.until is not None and calendar.to_microseconds(frame.until) <= after.at:
        last = (f"{at} < %s", to_indexed(frame.until))
    where = [*walk.within, last]
    if frame.since is not None:
        where.append((f"{at} >= %s", to_indexed(frame.since)))
    columns = "".join(f', t."{column}"' for column in walk.columns)
    moment = write_microseconds(f't."{walk.at}"')
    sql = f"""
        SELECT {moment} AS moment, {at} AS sorted_at, {key} AS row_key{columns}
        FROM {walk.table} t WHERE {_join_conditions(where)}
        ORDER BY {at} DESC, {key} DESC"""
    return sql, _list_values(where)


def _write_search(
    look: str, wanted: Sequence[Condition], columns: str, joined: str = ""
) -> tuple[str, list[Any]]:
    """Write the SELECT of what is wanted among the rows that a statement looks at; and the values
    for it, which follow those of the statement.
    """
    if nodes.are_many():
        return _write_search_of_many(look, wanted, columns, joined)
    where = f" WHERE {_join_conditions(wanted)}" if wanted else ""
    sql = f"SELECT {columns} FROM ({look}) w {joined}{where}"
    return sql, _list_values(wanted)


def _write_search_of_many(
    look: str, wanted: Sequence[Condition], columns: str, joined: str
) -> tuple[str, list[Any]]:
    """Write the search for tables that are spread, where nothing can be asked of each row that was
    looked at: all of them are joined at once, and those that match are told from the others.
    """
    beside = [condition for condition in wanted if isinstance(condition[0], RowBeside)]
    plain = [condition for condition in wanted if not isinstance(condition[0], RowBeside)]
    parts, where = [f"w AS ({look})"], [sql for sql, *_ in plain]

    def tell(row: RowBeside) -> str:
        name, word = f"matched_{len(parts)}", "IN" if row.is_there else "NOT IN"
        parts.append(f"{name} AS ({row.write_matches()})")
        told = f"w.row_key {word} (SELECT row_key FROM {name})"
        return told if row.otherwise is None else f"({told} OR {tell(row.otherwise)})"

    where += [tell(row) for row, *_ in beside]
    said = f" WHERE {' AND '.join(where)}" if where else ""
    sql = f"WITH {', '.join(parts)} SELECT {columns} FROM w {joined}{said}"
    return sql, _list_values([*beside, *plain])


def _join_conditions(conditions: Sequence[Condition]) -> str:
    return " AND ".join(
        sql.write_condition() if isinstance(sql, RowBeside) else sql for sql, *_ in conditions
    )


def _list_values(conditions: Sequence[Condition]) -> list[Any]:
    return [value for _, *values in conditions for value in values]
