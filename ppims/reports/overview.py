"""The overview: what waits for staff, how the day goes, who is nearest a limit."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta

from limits.models import Direction, OverviewSnapshot
from ppims.core import calendar, clock
from ppims.reports import overview_counts
from ppims.reports.near_limit import Near, list_nearest
from ppims.reports.totals import NO_SUM, Sum
from ppims.reports.waiting import Waiting, read_waiting

SHOWN_DAYS = 30


@dataclass(frozen=True)
class Day:
    """One day in India: what was posted (before reversals), what was reversed of whatever day,
    declined by reason, and who was added.
    """

    day: date
    spent: Sum = NO_SUM
    loaded: Sum = NO_SUM
    spent_reversed: Sum = NO_SUM
    loaded_reversed: Sum = NO_SUM
    declined: Mapping[str, int] = field(default_factory=dict)
    added: int = 0

    @property
    def posted_paise(self) -> int:
        return self.spent.paise + self.loaded.paise

    @property
    def declines(self) -> int:
        return sum(self.declined.values())


@dataclass(frozen=True)
class Overview:
    """The overview's figures. Those that are counted are as of `as_of`; until `is_complete` they
    are too small: the first time, in a new month and after a change of rules, counting takes a
    few looks. `near` is how many are near or over a limit, `nearest` are five of them; `days` are
    thirty, the last of them today.
    """

    as_of: datetime
    is_complete: bool
    waiting: Mapping[str, Waiting]
    near: int
    nearest: Sequence[Near]
    days: Sequence[Day]

    @property
    def today(self) -> Day:
        return self.days[-1]


def read_overview() -> Overview:
    """Read the overview; the counted figures are brought up to date first if they are a minute
    old, which takes overview_counts.STEP_SECONDS at most.
    """
    overview_counts.refresh()
    at = clock.now()
    month = calendar.number_ist_month(at)
    row = OverviewSnapshot.objects.filter(pk=1).first()
    state = json.loads(row.state) if row else {}
    return Overview(
        as_of=row.at if row else at,
        is_complete=bool(state.get("is_complete")),
        waiting=read_waiting(),
        near=state.get("near", 0) if state.get("month") == month else 0,
        nearest=list_nearest(month),
        days=_list_days(state.get("days", {}), at),
    )


def _list_days(known: Mapping[str, overview_counts.State], at: datetime) -> list[Day]:
    today = overview_counts.number_day(at)
    return [
        _make_day(day, known.get(str(day), {})) for day in range(today - SHOWN_DAYS + 1, today + 1)
    ]


def _make_day(number: int, figures: overview_counts.State) -> Day:
    def read_sum(of: str, direction: Direction) -> Sum:
        return Sum(*figures.get(of, {}).get(direction, ()))

    return Day(
        overview_counts.FIRST_DAY + timedelta(days=number),
        read_sum("posted", Direction.DEBIT),
        read_sum("posted", Direction.CREDIT),
        read_sum("reversed", Direction.DEBIT),
        read_sum("reversed", Direction.CREDIT),
        figures.get("declined", {}),
        figures.get("added", 0),
    )
