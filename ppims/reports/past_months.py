"""What one customer spent and loaded, month by month, beside the limits that there were then."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from customers.models import Customer, KycChange
from limits import ledger, queries
from limits.decision import MONTH_WINDOW
from limits.models import Direction, LimitRule
from ppims.core import calendar
from ppims.core.keys import ONE_MICROSECOND

SHOWN_MONTHS = 13  # this one, and a year before it
CHANGES_LOOKED_AT = 500  # of the KYC, the newest: nobody's has changed so often in a year


@dataclass(frozen=True)
class PastMonth:
    """A month by its number: what was spent and loaded, reversals and corrections taken in; and
    the tier and the month's limits at its end, or now. In paise; a limit of None is none.
    """

    month: int
    spent: int
    loaded: int
    tier: str
    spend_limit: int | None
    load_limit: int | None

    @property
    def limits(self) -> tuple[str, int | None, int | None]:
        """What months with the same limits have alike."""
        return self.tier, self.spend_limit, self.load_limit


def list_past_months(customer: Customer, at: datetime) -> list[PastMonth]:
    """List this month and the twelve before it, the newest first; none from before the customer was
    on record in which nothing moved. Three queries, no lock.
    """
    months = _list_months(calendar.number_ist_month(at))
    used = ledger.read_usage(customer.pk, months, at).used
    ends = [min(at, _find_end(month)) for month in months]
    tiers = _list_tiers(customer, ends)
    found = [
        PastMonth(
            month,
            used[month, Direction.DEBIT],
            used[month, Direction.CREDIT],
            tier,
            _find_limit(rules, tier, Direction.DEBIT),
            _find_limit(rules, tier, Direction.CREDIT),
        )
        for month, tier, rules in zip(months, tiers, queries.list_in_force_at(ends), strict=True)
    ]
    first = calendar.number_ist_month(customer.created_at)
    return [each for each in found if each.month >= first or each.spent or each.loaded]


def _list_months(last: int) -> list[int]:
    months = [last]
    while len(months) < SHOWN_MONTHS:
        months.append(calendar.number_month_before(months[-1]))
    return months


def _find_end(month: int) -> datetime:
    """Find the last instant of a month in India: what begins at midnight is of the next one."""
    return calendar.find_midnight(calendar.find_first_day_after_month(month)) - ONE_MICROSECOND


def _list_tiers(customer: Customer, instants: Sequence[datetime]) -> list[str]:
    """List the tier that the customer had at each instant; before all changes, the first one's."""
    newest = KycChange.objects.filter(customer=customer).order_by("-at", "-pk")
    changes = list(newest.values_list("at", "from_tier", "to_tier")[:CHANGES_LOOKED_AT])[::-1]
    oldest = changes[0] if changes else (None, "", customer.tier)
    tiers = [oldest[1] or oldest[2], *(tier for _, _, tier in changes)]
    starts = [start for start, _, _ in changes]
    return [tiers[bisect_left(starts, at + ONE_MICROSECOND)] for at in instants]


def _find_limit(rules: Sequence[LimitRule], tier: str, direction: str) -> int | None:
    place = (tier, direction, MONTH_WINDOW)
    return next((r.amount for r in rules if (r.tier, r.direction, r.window) == place), None)
