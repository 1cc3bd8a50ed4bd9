"""Counts the overview's figures, and those of each processor, from what is new since the last time:
one process at a time, for a short while, and so that nobody who checks or posts waits for it.

Rows are taken by id up to an edge, below which all are there. All of it can be counted anew.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any

from limits.models import BY_PROCESSOR, LedgerEntry, OverviewSnapshot
from limits.services.overview import claim_figures, keep_figures
from ppims.core import calendar, clock
from ppims.core.errors import Unavailable
from ppims.db import statements
from ppims.db.instants import write_microseconds
from ppims.db.other_writers import wait_for_writers
from ppims.reports import flagged, notices, refused_reports
from ppims.reports.keyset import Position
from ppims.reports.near_limit import NearLimitSearch
from ppims.reports.processor_counts import (
    COUNT_ANSWERS,
    COUNT_REFUSED,
    FIRST_OTHERWISE,
    IN_TIME,
    ProcessorCounts,
    write_minute,
)

FRESH_FOR = timedelta(seconds=60)
STEP_SECONDS = 0.25
KEPT_DAYS = 31
ROWS_AT_ONCE = 20_000
FIRST_DAY = date(1970, 1, 1)
INDIA_IS_AHEAD, DAY_OF = 19_800_000_000, 86_400_000_000  # microseconds

State = dict[str, Any]

# What is counted and looked at, and the table of each.
TABLES = {
    "entry": "limits_ledgerentry",
    "check": "limits_limitcheck",
    "kyc": "customers_kycchange",
    "finding": "limits_postingfinding",
    "report": "limits_refusedreport",
    "report finding": "limits_reportfinding",
    "call": "ppims_keptcall",
}
SUMMED_KINDS = {LedgerEntry.Kind.POST: "posted", LedgerEntry.Kind.REVERSE: "reversed"}
NEWEST_ID = "(SELECT COALESCE(MAX(id), 0) FROM {})"
READ_EDGE = f"SELECT {', '.join(map(NEWEST_ID.format, TABLES.values()))}"
UP_TO = """
    SELECT MAX(id) FROM (
        SELECT id FROM {table} WHERE id > %s AND id <= %s ORDER BY id LIMIT %s) batch
"""
# India's day, from 1970 on; of what is too old to be told, none.
DAY_COLUMN = f"CASE WHEN {{table}}.at < %s THEN -1 ELSE ({{at}} + {INDIA_IS_AHEAD}) / {DAY_OF} END"
COUNT_ENTRIES = """
    SELECT {day} AS day, kind, direction, processor_id, flags, COUNT(*),
           CAST(SUM(amount_paise) AS bigint), MIN({at}), MAX({at})
    FROM limits_ledgerentry t WHERE id > %s AND id <= %s GROUP BY 1, 2, 3, 4, 5
"""
COUNT_CHECKS = """
    SELECT {day} AS day, processor_id, {minute} AS held, is_allowed, reason, COUNT(*), MAX({at})
    FROM limits_limitcheck t WHERE id > %s AND id <= %s GROUP BY 1, 2, 3, 4, 5
"""
COUNT_ADDED = """
    SELECT {day} AS day, COUNT(*)
    FROM customers_kycchange t WHERE id > %s AND id <= %s AND from_tier = '' GROUP BY 1
"""
COUNT_REPORTS = "SELECT COUNT(*) FROM {table} WHERE id > %s AND id <= %s"
COUNT_CLOSINGS = f"{COUNT_REPORTS} AND NOT (finding = '')"
LIST_TOUCHED = "SELECT DISTINCT customer_id FROM {table} WHERE id > %s AND id <= %s"


def refresh(*, seconds: float = STEP_SECONDS) -> bool:
    """Bring the figures up to date, if they are a minute old or not yet complete and nobody else is
    at it; for so many seconds at most. Returns whether they are complete.
    """
    at = clock.now()
    known = OverviewSnapshot.objects.filter(pk=1).first()
    if known and not is_due(known, at):  # without a word to those who write
        return True
    try:
        row = claim_figures(at=at)
        edge = _read_edge() if row else None
        if row and edge:
            # Counted outside of any transaction: on SQLite writers would wait for it.
            work = _begin_work(row, edge, at)
            work.run(seconds)
            keep_figures(
                claimed=row,
                at=at,
                state=work.state,
                by_processor=work.processors.make_state(),
                looked=work.search.make_looked(),
            )
    except Unavailable:  # whoever looks sees what there was
        return False
    return not is_due(OverviewSnapshot.objects.get(pk=1), at)


def find_flagged_position() -> Position:
    """Find where the flagged entries begin that wait; of all before it staff have said what they
    are.
    """
    row = OverviewSnapshot.objects.filter(pk=1).first()
    at, row_id = json.loads(row.state).get("flagged_after", [0, 0]) if row else (0, 0)
    return Position(at, 0, row_id)


def find_refused_position() -> int:
    """Find the id up to which no refused report waits."""
    row = OverviewSnapshot.objects.filter(pk=1).first()
    return int(json.loads(row.state).get("refused_after", 0)) if row else 0


def is_due(row: OverviewSnapshot, at: datetime) -> bool:
    """Return whether figures have aged, or are not complete; also where the clock was set back."""
    is_complete = bool(json.loads(row.state).get("is_complete"))
    return not is_complete or not row.at <= at < row.at + FRESH_FOR


def number_day(at: datetime) -> int:
    """Number India's days from 1970 on."""
    return (calendar.find_ist_day(at) - FIRST_DAY).days


def _read_edge() -> dict[str, int] | None:
    """Tell the newest ids below which every row is there; None: others are still writing."""
    edge = statements.read_row(READ_EDGE, [])
    assert edge
    is_whole = wait_for_writers(TABLES.values())
    return dict(zip(TABLES, edge, strict=True)) if is_whole else None


def _begin_work(row: OverviewSnapshot, edge: dict[str, int], at: datetime) -> "Work":
    """Go on from what is counted so far. What was not counted when that was written begins at
    nothing; where nothing is known by processor, all of it does: the rows are the same.
    """
    by_processor = json.loads(OverviewSnapshot.objects.get(pk=BY_PROCESSOR).state)
    known, nothing = json.loads(row.state) if by_processor else {}, _make_empty_state(edge)
    counted = {**nothing["counted"], **known.get("counted", {})}
    if edge["call"] < counted["call"]:  # all were purged, and SQLite hands out their ids again
        counted["call"] = 0
    state = {**nothing, **known, "counted": counted}
    return Work(state, edge, at, ProcessorCounts.from_state(by_processor))


def _make_empty_state(edge: dict[str, int]) -> State:
    return {
        "counted": dict.fromkeys(edge, 0),
        "watched": {"entry": edge["entry"], "kyc": edge["kyc"]},
        "flagged": 0,
        "closed": 0,
        "flagged_after": [0, 0],
        "refused": 0,
        "refused_closed": 0,
        "refused_after": 0,
        "days": {},
        "month": 0,
        "rules": [],
        "walk": 0,
    }


@dataclass
class Work:
    """One refresh under way: the state, brought forward."""

    state: State
    edge: dict[str, int]
    at: datetime
    processors: ProcessorCounts

    def __post_init__(self) -> None:
        self.oldest = calendar.find_midnight(
            calendar.find_ist_day(self.at) - timedelta(days=KEPT_DAYS)
        )
        self.search = NearLimitSearch(self.at)

    def run(self, seconds: float) -> None:
        """Do what is to be done, step by step, until it is complete or the time is up."""
        end = time.monotonic() + seconds
        self._begin_anew_where_all_changed()
        watched, counted = (partial(self._go_on, self.state[it]) for it in ("watched", "counted"))
        steps: list[Callable[[], bool]] = [
            partial(watched, "entry", self._watch_touched),
            partial(watched, "kyc", self._watch_touched),
            partial(counted, "entry", self._count_entries),
            partial(counted, "check", self._count_checks),
            partial(counted, "kyc", partial(self._count, COUNT_ADDED, self._add_added)),
            partial(
                counted, "call", partial(self._count, COUNT_REFUSED, self.processors.add_refused)
            ),
            partial(counted, "finding", partial(self._add_up, "closed", COUNT_CLOSINGS)),
            self._pass_closed,
            partial(counted, "report", partial(self._add_up, "refused", COUNT_REPORTS)),
            partial(
                counted, "report finding", partial(self._add_up, "refused_closed", COUNT_CLOSINGS)
            ),
            self._pass_closed_reports,
            self._walk,
        ]
        self.state["is_complete"] = all(_finish(step, end) for step in steps)
        self.state["notices"] = notices.count_waiting()
        days, oldest = self.state["days"], number_day(self.oldest)
        self.state["days"] = {day: figures for day, figures in days.items() if int(day) >= oldest}
        self.processors.close(calendar.to_microseconds(self.at), oldest)

    def _begin_anew_where_all_changed(self) -> None:
        """Look at every customer again in a new month, and where other rules are in force."""
        now = {"month": self.search.month, "rules": self.search.rules}
        if any(self.state[name] != value for name, value in now.items()):
            self.state |= {**now, "walk": 0}

    def _go_on(self, done: dict[str, int], name: str, use: Callable[[str, int, int], None]) -> bool:
        """Use the next rows of a table, from an id on up to another; False: there were none."""
        after, edge, table = done[name], self.edge[name], TABLES[name]
        bounds = [after, edge, ROWS_AT_ONCE]
        found = statements.read_row(UP_TO.format(table=table), bounds) if after < edge else None
        if not found or found[0] is None:
            return False
        use(table, after, found[0])
        done[name] = found[0]
        return True

    def _count(
        self, sql: str, add: Callable[[tuple[Any, ...]], None], _table: str, after: int, last: int
    ) -> None:
        for row in self._read_rows(sql, "t", [self.oldest, after, last]):
            add(row)

    def _count_entries(self, _table: str, after: int, last: int) -> None:
        self._count(COUNT_ENTRIES, self._add_entries, _table, after, last)
        values = [self.oldest, self.at, after, last, self.oldest]
        for which in (IN_TIME, FIRST_OTHERWISE):
            answers = COUNT_ANSWERS.replace("{which}", which)
            for row in self._read_rows(answers, "c", values):
                self.processors.add_answers(row)

    def _count_checks(self, _table: str, after: int, last: int) -> None:
        for row in self._read_rows(COUNT_CHECKS, "t", [self.oldest, self.at, after, last]):
            self._add_checks(row)

    def _read_rows(self, sql: str, table: str, values: list[Any]) -> Iterable[tuple[Any, ...]]:
        """Read counts by India's day; of checks, also by the minute in which holds run out."""
        at = write_microseconds(f"{table}.at")
        day = DAY_COLUMN.format(table=table, at=at)
        written = sql.format(day=day, at=at, minute=write_minute(table))
        return statements.read_rows(written, [_store(value) for value in values])

    def _add_entries(self, row: tuple[Any, ...]) -> None:
        day, kind, direction, processor_id, flags, count, paise, first_at, last_at = row
        if kind in SUMMED_KINDS:
            summed = self._get_day(day).setdefault(SUMMED_KINDS[kind], {})
            known_count, known_paise = summed.get(direction, (0, 0))
            summed[direction] = (known_count + count, known_paise + paise)
        if flags:
            self.state["flagged"] += count
            # Ids ascend as rows come in, instants only within a customer.
            self.state["flagged_after"] = min(self.state["flagged_after"], [first_at, 0])
        self.processors.add_entries((day, processor_id, flags, count, last_at))

    def _add_checks(self, row: tuple[Any, ...]) -> None:
        day, processor_id, minute, is_allowed, reason, count, last_at = row
        if not is_allowed:
            declined = self._get_day(day).setdefault("declined", {})
            declined[reason] = declined.get(reason, 0) + count
        self.processors.add_checks((day, processor_id, minute, is_allowed, count, last_at))

    def _add_added(self, row: tuple[Any, ...]) -> None:
        day, count = row
        figures = self._get_day(day)
        figures["added"] = figures.get("added", 0) + count

    def _add_up(self, figure: str, sql: str, table: str, after: int, last: int) -> None:
        (more,) = statements.read_row(sql.format(table=table), [after, last]) or (0,)
        self.state[figure] += more

    def _pass_closed(self) -> bool:
        """Go on to just before the oldest flagged entry that waits; False: there it is."""
        if self.state["flagged"] == self.state["closed"]:
            return False
        at, row_id = self.state["flagged_after"]
        found, end = flagged.walk(Position(at, 0, row_id), 1, known=self.edge["finding"])
        reached = found[0]._replace(id=found[0].id - 1) if found else end
        if reached:
            self.state["flagged_after"] = [reached.at, reached.id]
        return end is not None and not found

    def _pass_closed_reports(self) -> bool:
        """Go on to just before the oldest refused report that waits; False: there it is."""
        if self.state["refused"] == self.state["refused_closed"]:
            return False
        after = self.state["refused_after"]
        found, end = refused_reports.walk(after, 1, known=self.edge["report finding"])
        self.state["refused_after"] = found[0].id - 1 if found else end.id if end else after
        return end is not None and not found

    def _get_day(self, day: int) -> State:
        figures: State = self.state["days"].setdefault(str(day), {})
        return figures

    def _watch_touched(self, table: str, after: int, last: int) -> None:
        rows = statements.read_rows(LIST_TOUCHED.format(table=table), [after, last])
        self.search.look_at([customer_id for (customer_id,) in rows])

    def _walk(self) -> bool:
        """Look at the next customers of all; False: all were looked at."""
        if self.state["walk"] is None:
            return False
        self.state["walk"] = self.search.walk_on(self.state["walk"])
        return self.state["walk"] is not None


def _store(value: object) -> object:
    return statements.store_value(value) if isinstance(value, datetime) else value


def _finish(step: Callable[[], bool], end: float) -> bool:
    """Repeat a step until it has nothing left to do; False: the time is up."""
    while step():
        if time.monotonic() > end:
            return False
    return True
