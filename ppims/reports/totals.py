"""What a filtered list of transactions comes to: how many there are, and their amounts."""

from dataclasses import dataclass, replace
from datetime import datetime
from operator import add

from limits.models import Direction
from ppims.reports.heads import POSTING_OF_CHECK, Filters, list_head_walks
from ppims.reports.keyset import has_more_than_looked_at, sum_wanted
from ppims.reports.records import CHECK_RANK

POSTING_BESIDE = f"JOIN limits_ledgerentry p ON {POSTING_OF_CHECK}"
COUNTED, CHECKED = "COUNT(*)", "SUM(w.amount_paise)"
# What more or less was posted than a check had asked for.
DIFFERENCE = "SUM(p.amount_paise - w.amount_paise)"


@dataclass(frozen=True)
class Sum:
    """How many, and what they come to."""

    count: int = 0
    paise: int = 0


@dataclass(frozen=True)
class Totals:
    """What a list comes to. `is_cut`: there may be more, for only so many were looked at."""

    spent: Sum
    loaded: Sum
    is_cut: bool

    @property
    def count(self) -> int:
        return self.spent.count + self.loaded.count


def sum_transactions(filters: Filters, at: datetime) -> Totals:
    """Count the transactions of a list, and sum up what was posted of each, else what was checked:
    as far as keyset.LOOKED_AT index entries of each source go.
    """
    sums, is_cut = [0, 0, 0, 0], False
    for each in list_head_walks(filters, at):
        walk = replace(each, columns=sorted({*each.columns, "direction", "amount_paise"}))
        found = sum_wanted(walk, filters.frame, _write_by_direction(COUNTED, CHECKED))
        if walk.rank == CHECK_RANK:
            by = _write_by_direction("SUM(0)", DIFFERENCE)
            more = sum_wanted(walk, filters.frame, by, beside=POSTING_BESIDE)
            found = tuple(map(add, found, more))
        sums = [*map(add, sums, found)]
        is_cut |= has_more_than_looked_at(walk, filters.frame)
    return Totals(Sum(sums[0], sums[1]), Sum(sums[2], sums[3]), is_cut)


def _write_by_direction(*columns: str) -> str:
    """Write sums over spends, and then over loads: without a group, which would be sorted."""
    return ", ".join(
        f"COALESCE({column} FILTER (WHERE w.direction = '{each}'), 0)"
        for each in (Direction.DEBIT.value, Direction.CREDIT.value)
        for column in columns
    )
