"""Whom the Unique_Ids meant at an instant, where merges ever connected them. docs/ledger.md,
"Merges".
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from typing import NamedTuple

from customers.models import Merge
from limits.explain.rows import MoveRow
from limits.roots import Roots
from ppims.core import calendar
from ppims.models import FourEyes


class Move(NamedTuple):
    """A merge or an un-merge that two people have made, and where its entries begin in both
    ledgers: their numbers by ledger.
    """

    name: str
    survivor_id: int
    merged_id: int
    is_merge: bool
    at: datetime
    numbers: dict[int, int]

    @property
    def giver_id(self) -> int:
        return self.merged_id if self.is_merge else self.survivor_id

    @property
    def taker_id(self) -> int:
        return self.survivor_id if self.is_merge else self.merged_id


def list_moves(kin: Sequence[int], rows: Iterable[MoveRow]) -> list[Move]:
    """List the merges among some customers in the order in which they were carried out."""
    approved = Merge.objects.filter(customer_id__in=kin, state=FourEyes.State.APPROVED)
    merges = {f"{each.kind}-{each.pk}": each for each in approved}
    found: dict[str, Move] = {}
    for row in sorted(rows, key=lambda each: (each.at, each.id)):
        merge = merges.get(row.ref_id)
        if merge is None:
            continue
        is_merge = merge.kind == Merge.Kind.MERGE
        move = found.setdefault(
            row.ref_id,
            Move(row.ref_id, merge.customer_id, merge.merged_id, is_merge, row.at, {}),
        )
        move.numbers.setdefault(row.customer_id, row.number)
    return [*found.values()]


def follow(moves: Iterable[Move], is_before: Callable[[Move], bool]) -> Roots:
    """Follow the merges that came before a row."""
    roots = Roots()
    for move in moves:
        if is_before(move):
            above = move.survivor_id if move.is_merge else move.merged_id
            roots.change(move.merged_id, above, calendar.to_microseconds(move.at))
    return roots
