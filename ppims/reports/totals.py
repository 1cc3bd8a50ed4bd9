"""What a filtered list of transactions comes to: how many there are, and their amounts."""

from dataclasses import dataclass, replace
from datetime import datetime
from operator import add

from customers.models import Kin
from limits.models import Direction
from ppims.reports import keyset
from ppims.reports.heads import (
    POSTING_OF_CHECK,
    Filters,
    list_head_walks,
    narrow_filters,
    pick_of_kin,
)
from ppims.reports.keyset import Walk, find_all, has_rows, sum_wanted
from ppims.reports.outcomes import Outcome
from ppims.reports.records import CHECK_RANK
from ppims.reports.transactions import read_transactions


def write_by_direction(*columns: str) -> str:
    """Write sums over spends, and then over loads: without a group, which would be sorted."""
    return ", ".join(
        f"COALESCE({column} FILTER (WHERE w.direction = '{each}'), 0)"
        for each in (Direction.DEBIT.value, Direction.CREDIT.value)
        for column in columns
    )


POSTING_BESIDE = f"JOIN limits_ledgerentry p ON {POSTING_OF_CHECK}"
CHECKED_SUMS = write_by_direction("COUNT(*)", "SUM(w.amount_paise)")
# What more or less was posted than a check had asked for.
DIFFERENCE_SUMS = write_by_direction("SUM(0)", "SUM(p.amount_paise - w.amount_paise)")
NEVER_POSTED = {Outcome.DECLINED, Outcome.ON_HOLD, Outcome.RELEASED}
SUMMED_QUICKLY = 2_000
MOST_OF_KIN = 500


@dataclass(frozen=True)
class Sum:
    """How many, and what they come to."""

    count: int = 0
    paise: int = 0


NO_SUM = Sum()


@dataclass(frozen=True)
class Totals:
    """What a list comes to. `is_cut`: there may be more, for only so many were looked at."""

    spent: Sum
    loaded: Sum
    is_cut: bool

    @property
    def count(self) -> int:
        return self.spent.count + self.loaded.count


def is_summed_quickly(filters: Filters, at: datetime) -> bool:
    """Return whether so few are to be looked at that a page need not wait for their sums."""
    filters = narrow_filters(filters, at)
    walks = list_head_walks(filters, at)
    return not any(has_rows(walk, filters.frame, SUMMED_QUICKLY) for walk in walks)


def sum_transactions(filters: Filters, at: datetime) -> Totals:
    """Count the transactions of a list, and sum up what was posted of each, else what was checked:
    as far as keyset.LOOKED_AT index entries of each source go.
    """
    filters = narrow_filters(filters, at)
    has_kin = Kin.objects.exists()
    sums, is_cut = [0, 0, 0, 0], False
    for each in list_head_walks(filters, at):
        columns = sorted({*each.columns, "customer_id", "direction", "amount_paise"})
        walk = replace(each, columns=columns)
        is_cut |= has_rows(walk, filters.frame, keyset.LOOKED_AT)
        if has_kin:
            more, is_more = _sum_of_kin(pick_of_kin(walk, is_of_kin=True), filters, at)
            sums, is_cut = [*map(add, sums, more)], is_cut or is_more
            walk = pick_of_kin(walk, is_of_kin=False)
        sums = [*map(add, sums, sum_wanted(walk, filters.frame, CHECKED_SUMS))]
        if walk.rank == CHECK_RANK and filters.outcome not in NEVER_POSTED:
            more = sum_wanted(walk, filters.frame, DIFFERENCE_SUMS, beside=POSTING_BESIDE)
            sums = [*map(add, sums, more)]
    return Totals(Sum(sums[0], sums[1]), Sum(sums[2], sums[3]), is_cut)


def _sum_of_kin(walk: Walk, filters: Filters, at: datetime) -> tuple[tuple[int, ...], bool]:
    """Sum up what is wanted of who was ever merged, and whose steps may be in others' ledgers: by
    reading each, MOST_OF_KIN at most; and say whether there are more.
    """
    heads = find_all(walk, filters.frame, MOST_OF_KIN + 1)
    found = [each for each in read_transactions(heads[:MOST_OF_KIN], at) if each.is_wanted(filters)]
    sums = []
    for way in Direction.values:
        theirs = [each.amount_paise for each in found if each.head.direction == way]
        sums += [len(theirs), sum(theirs)]
    return tuple(sums), len(heads) > MOST_OF_KIN
