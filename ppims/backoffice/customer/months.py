"""A customer's past months as a table: those that had the same limits stand together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby

from customers.choices import Tier
from limits.models import write_limit
from ppims.reports.past_months import PastMonth


@dataclass(frozen=True)
class MonthGroup:
    """Months that follow one another, and the KYC and the limits that they had, in words."""

    kyc: str
    spend_limit: str
    load_limit: str
    months: Sequence[PastMonth]


def group_months(months: Iterable[PastMonth]) -> list[MonthGroup]:
    """Group months by the KYC and the limits of then, in their order."""
    groups = groupby(months, lambda each: each.limits)
    return [
        MonthGroup(str(Tier(tier).label), write_limit(spend), write_limit(load), list(found))
        for (tier, spend, load), found in groups
    ]
