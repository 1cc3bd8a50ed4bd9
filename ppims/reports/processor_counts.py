"""What is counted of each processor by day: how it calls, and how far its reports can be trusted.

Counted in the same walk as the overview's figures (overview_counts), and kept beside them: days
that are told times processors, which are few.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from limits.models import LedgerEntry
from ppims.db.instants import write_microseconds
from ppims.models import KeptCall

State = dict[str, Any]
MICROS_A_MINUTE = 60_000_000
REFUSED_PREFIX = "refused "  # and the code
# What is counted of a report, by its flag.
FLAG_FIGURES = {
    LedgerEntry.Flag.LATE: "late",
    LedgerEntry.Flag.UNCHECKED: "unchecked",
    LedgerEntry.Flag.AMOUNT_DIFFERS: "differs",
}
# The minute in which a hold runs out; 0: it has. (%s: now)
MINUTE_COLUMN = f"""
    CASE WHEN {{table}}.hold_until IS NULL OR {{table}}.hold_until <= %s THEN 0
         ELSE ({{hold_until}}) / {MICROS_A_MINUTE} END"""
COUNT_REFUSED = f"""
    SELECT {{day}} AS day, processor_id, code, COUNT(*), MAX({{at}})
    FROM ppims_keptcall t
    WHERE id > %s AND id <= %s AND is_refused AND processor_id IS NOT NULL
        AND code IN {KeptCall.COUNTED_CODES}
    GROUP BY 1, 2, 3
"""
# The first answer to each allowed check, by the check's own day. An S that is not late has closed
# an open hold, so nothing came before it; before all others there may have been an F, which is
# booked in the check's month.
COUNT_ANSWERS = """
    SELECT {day} AS day, c.processor_id, {minute} AS held, COUNT(*)
    FROM limits_ledgerentry t JOIN limits_limitcheck c
        ON c.customer_id = t.customer_id AND c.id = t.limit_check_id
    WHERE t.id > %s AND t.id <= %s AND t.at >= %s AND c.is_allowed AND {which}
    GROUP BY 1, 2, 3
"""
IN_TIME = "t.kind = 'S' AND t.flags NOT LIKE '%%LATE%%'"
FIRST_OTHERWISE = """
    (t.kind = 'F' OR t.flags LIKE '%%LATE%%') AND NOT EXISTS (
        SELECT 1 FROM limits_ledgerentry e
        WHERE e.customer_id = t.customer_id AND e.month = c.month AND e.kind = 'F'
            AND e.limit_check_id = t.limit_check_id AND e.number < t.number)
"""


@dataclass
class ProcessorCounts:
    """The counts under way. `days` has figures by day and processor; `open` has how many checks are
    not answered yet whose hold runs out in a minute, by "day processor"; `last` when each processor
    called last, in microseconds.
    """

    days: dict[str, dict[str, dict[str, int]]]
    open: dict[str, dict[str, int]]
    last: dict[str, int]

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "ProcessorCounts":
        return cls(*(state.get(name, {}) for name in ("days", "open", "last")))

    def make_state(self) -> State:
        return {"days": self.days, "open": self.open, "last": self.last}

    def add_entries(self, row: tuple[Any, ...]) -> None:
        """Add entries of a day, processor and flags."""
        day, processor_id, flags, count, last_at = row
        if processor_id is None:  # what staff have corrected
            return
        self._notice(processor_id, last_at)
        self._add(day, processor_id, "reports", count)
        for flag in flags.split(","):
            if figure := FLAG_FIGURES.get(flag):
                self._add(day, processor_id, figure, count)

    def add_checks(self, row: tuple[Any, ...]) -> None:
        """Add checks of a day and processor, whose holds run out in a minute."""
        day, processor_id, minute, is_allowed, count, last_at = row
        self._notice(processor_id, last_at)
        self._add(day, processor_id, "checks", count)
        if is_allowed:
            self._add_open(day, processor_id, minute, count)
        else:
            self._add(day, processor_id, "declined", count)

    def add_answers(self, row: tuple[Any, ...]) -> None:
        day, processor_id, minute, count = row
        self._add_open(day, processor_id, minute, -count)

    def add_refused(self, row: tuple[Any, ...]) -> None:
        day, processor_id, code, count, last_at = row
        self._notice(processor_id, last_at)
        self._add(day, processor_id, f"{REFUSED_PREFIX}{code}", count)

    def close(self, now_micros: int, oldest_day: int) -> None:
        """Count as never answered what has run out by now; forget days that are told no more."""
        for minute in [each for each in self.open if _has_run_out(int(each), now_micros)]:
            for place, count in self.open.pop(minute).items():
                day, processor_id = place.split(" ")
                self._add(int(day), int(processor_id), "unanswered", count)
        self.days = {day: it for day, it in self.days.items() if int(day) >= oldest_day}

    def _add_open(self, day: int, processor_id: int, minute: int, count: int) -> None:
        if not minute:
            self._add(day, processor_id, "unanswered", count)
            return
        places = self.open.setdefault(str(minute), {})
        place = f"{day} {processor_id}"
        places[place] = places.get(place, 0) + count

    def _add(self, day: int, processor_id: int, figure: str, count: int) -> None:
        figures = self.days.setdefault(str(day), {}).setdefault(str(processor_id), {})
        figures[figure] = figures.get(figure, 0) + count

    def _notice(self, processor_id: int, at_micros: int) -> None:
        self.last[str(processor_id)] = max(self.last.get(str(processor_id), 0), at_micros)


def write_minute(table: str) -> str:
    """Write the column of the minute in which a check's hold runs out."""
    hold_until = write_microseconds(f"{table}.hold_until")
    return MINUTE_COLUMN.format(table=table, hold_until=hold_until)


def _has_run_out(minute: int, now_micros: int) -> bool:
    return (minute + 1) * MICROS_A_MINUTE <= now_micros
