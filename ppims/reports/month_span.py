"""A month as a span of time, by India's clock."""

from dataclasses import dataclass
from datetime import datetime

from ppims.core import calendar
from ppims.core.keys import ONE_MICROSECOND
from ppims.reports.keyset import Frame


@dataclass(frozen=True)
class Span:
    """A month (202611), from its first instant on and before the first one of the next."""

    month: int
    since: datetime
    until: datetime

    @property
    def last(self) -> datetime:
        """The month's last instant."""
        return self.until - ONE_MICROSECOND

    @property
    def frame(self) -> Frame:
        return Frame(self.since, self.until)


def make_span(month: int) -> Span:
    """Make the span of a month."""
    first, after = calendar.find_first_day(month), calendar.find_first_day_after_month(month)
    return Span(month, calendar.find_midnight(first), calendar.find_midnight(after))
