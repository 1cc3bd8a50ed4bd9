"""How processors call, and how far their reports can be trusted: by day, as last counted."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from limits.models import BY_PROCESSOR, OF_ALL, OverviewSnapshot
from ppims.core import calendar, clock
from ppims.reports import overview_counts
from ppims.reports.processor_counts import REFUSED_PREFIX

SHOWN_DAYS = 14
PLAIN_FIGURES = (
    *("checks", "declined", "unanswered", "reports"),
    *("late", "unchecked", "differs"),
)


@dataclass(frozen=True)
class Day:
    """One day in India of a processor. Checks and `unanswered`, those allowed whose hold ran out
    with neither an S nor an F, are of the day they were asked; reports of the day they came;
    `refused` is calls that were refused, by code.
    """

    day: date
    checks: int = 0
    declined: int = 0
    unanswered: int = 0
    reports: int = 0
    late: int = 0
    unchecked: int = 0
    differs: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def calls(self) -> int:
        """Count what is kept of calls: what only reads, or repeats, leaves no row."""
        return self.checks + self.reports + sum(self.refused.values())


@dataclass(frozen=True)
class ProcessorFigures:
    """A processor's last fourteen days, the last of them today, and when it called last."""

    last_call_at: datetime | None
    days: Sequence[Day]

    @property
    def today(self) -> Day:
        return self.days[-1]

    @property
    def refused(self) -> Mapping[str, int]:
        """Sum up the refused calls of these days, by code."""
        return sum((Counter(day.refused) for day in self.days), Counter[str]())


@dataclass(frozen=True)
class AllFigures:
    """The figures of every processor that has called, by its key, as of `as_of`; too small until
    `is_complete`.
    """

    as_of: datetime
    is_complete: bool
    by_processor: Mapping[int, ProcessorFigures]

    def find(self, processor_id: int) -> ProcessorFigures:
        """Find a processor's; of one that has never called they are nothing."""
        nothing = ProcessorFigures(None, [_make_day(day, {}) for day in _list_days(self.as_of)])
        return self.by_processor.get(processor_id, nothing)


def read_figures() -> AllFigures:
    """Read the figures, brought up to date first if they are a minute old, as the overview's."""
    overview_counts.refresh()
    rows = OverviewSnapshot.objects.in_bulk([OF_ALL, BY_PROCESSOR])
    if not rows:
        return AllFigures(clock.now(), is_complete=False, by_processor={})
    counted = json.loads(rows[BY_PROCESSOR].state) if BY_PROCESSOR in rows else {}
    days, last = counted.get("days", {}), counted.get("last", {})
    as_of = rows[OF_ALL].at
    found = {
        int(processor_id): ProcessorFigures(
            calendar.from_microseconds(last_at),
            [
                _make_day(day, days.get(str(day), {}).get(processor_id, {}))
                for day in _list_days(as_of)
            ],
        )
        for processor_id, last_at in last.items()
    }
    is_complete = bool(json.loads(rows[OF_ALL].state).get("is_complete"))
    return AllFigures(as_of, is_complete, found)


def _list_days(at: datetime) -> list[int]:
    """List the days that are told, by their numbers."""
    today = overview_counts.number_day(at)
    return list(range(today - SHOWN_DAYS + 1, today + 1))


def _make_day(number: int, figures: Mapping[str, int]) -> Day:
    refused = {
        name.removeprefix(REFUSED_PREFIX): count
        for name, count in figures.items()
        if name.startswith(REFUSED_PREFIX)
    }
    # An answer may be counted before its check is, until all is.
    plain = {name: max(0, figures.get(name, 0)) for name in PLAIN_FIGURES}
    day = overview_counts.FIRST_DAY + timedelta(days=number)
    return Day(day, refused=refused, **plain)
