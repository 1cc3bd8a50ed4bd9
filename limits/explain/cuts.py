"""Which rows came before another one, where their instants alone don't say it. Pure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from limits.explain.moves import Move
from limits.explain.rows import Answer
from limits.known import Check, Entry

NO_NUMBER = 2**31


class Cut(NamedTuple):
    """Which rows came before one of a ledger: those of earlier instants; of the same instant those
    of the ledger below these numbers. In the ledgers of kin the merges tell which entries of the
    same instant came before; of what they don't tell, `with_others` takes all, or none.
    """

    customer_id: int
    at: datetime
    entry_number: int
    check_number: int
    with_others: bool
    numbers_of_kin: Sequence[tuple[int, int, int]] = ()

    def has(self, row: Check | Entry | Answer) -> bool:
        """Return whether a row came before."""
        if row.at != self.at:
            return row.at < self.at
        if row.customer_id != self.customer_id:
            return self._has_of_kin(row)
        own = self.check_number if isinstance(row, Check) else self.entry_number
        return row.number < own

    def _has_of_kin(self, row: Check | Entry | Answer) -> bool:
        for owner, last_before, first_after in self.numbers_of_kin:
            if owner == row.customer_id and not isinstance(row, Check):
                if row.number <= last_before:
                    return True
                if row.number >= first_after:
                    return False
        return self.with_others


def make_cut(row: Check | Entry, bound: int, moves: Iterable[Move], *, with_others: bool) -> Cut:
    """Make the cut before a row. Its own number places it among its like; `bound` is the number
    below which the others of its instant, entries or checks, came before it.
    """
    entry, check = (bound, row.number) if isinstance(row, Check) else (row.number, bound)
    last_before: dict[int, int] = {}
    first_after: dict[int, int] = {}
    for move in moves:
        own = move.numbers.get(row.customer_id)
        if own is None or move.at != row.at:
            continue
        for owner, number in move.numbers.items():
            if own < entry:
                last_before[owner] = max(last_before.get(owner, 0), number)
            else:
                first_after[owner] = min(first_after.get(owner, NO_NUMBER), number)
    of_kin = [
        (owner, last_before.get(owner, 0), first_after.get(owner, NO_NUMBER))
        for owner in last_before | first_after
    ]
    return Cut(row.customer_id, row.at, entry, check, with_others, of_kin)
