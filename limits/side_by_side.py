"""What other limit rules would have done to customers whom merges connected: their ledgers followed
side by side. Pure. docs/ledger.md, "What it would have done" and "Merges".

A merge is in two ledgers at one instant, so each waits there for the other. What the replay has
otherwise of a Unique_Id's own rows goes along with that id, as do its holds: so a merge moves all
that its customer would have used, and an un-merge what the rows of its ids would have come to.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from limits.posting import MOVE_KIND
from limits.roots import Roots
from limits.what_if import (
    CheckThen,
    EntryThen,
    Redecided,
    Replay,
    Rulebook,
    Ruling,
    TierChange,
)

Rows = Iterable[CheckThen | EntryThen]


class MoveThen(NamedTuple):
    """A merge as it was made, or an un-merge: of `merged_id`, into or from the survivor."""

    name: str
    survivor_id: int
    merged_id: int
    is_merge: bool


class ReplayOfOne(Replay):
    """The rows of one of several; `take` also yields the first entry of each merge, before it."""

    def __init__(
        self,
        rulebook: Rulebook,
        since: int,
        tiers: Sequence[TierChange],
        of_all: tuple[Roots, Mapping[int, MoveThen]],
        first: Replay | None,
    ) -> None:
        super().__init__(rulebook, since, tiers, first)
        self._roots, self._moves = of_all
        self._last_move: MoveThen | None = None

    def _take_entry(self, entry: EntryThen) -> Iterable[Any]:
        move = self._moves.get(entry.id) if entry.kind == MOVE_KIND else None
        if move is not None and move != self._last_move:
            self._last_move = move
            yield entry
        super()._take_entry(entry)

    def _find_fitting(self, check: CheckThen) -> Ruling | None:
        if self._roots.find(check.unique_id_sent) != check.customer_id:
            return None  # it came before or after a merge of this instant
        return super()._find_fitting(check)


class SideBySide:
    """All whom merges ever connected with each other. `moves` are by their entries."""

    def __init__(
        self,
        rulebook: Rulebook,
        since: int,
        tiers: Mapping[int, Sequence[TierChange]],
        moves: Mapping[int, MoveThen],
    ) -> None:
        self._moves, self._roots = moves, Roots()
        self._replays: dict[int, ReplayOfOne] = {}
        first: ReplayOfOne | None = None
        for member, own in tiers.items():
            replay = ReplayOfOne(rulebook, since, own, (self._roots, moves), first)
            self._replays[member], first = replay, first or replay

    def take(self, rows: Mapping[int, Rows]) -> Iterator[list[Redecided]]:
        """Take the rows of each, as a replay of one does; yield the checks with what would have
        been answered, person by person as they are in the end.
        """
        running = {member: replay.take(rows[member]) for member, replay in self._replays.items()}
        redecided: list[Redecided] = []
        waiting: dict[int, EntryThen] = {}
        going = {*running}
        while going:
            for member in sorted(going):
                entry = _run_until_moved(running[member], redecided)
                if entry is not None:
                    waiting[member] = entry
            going = self._let_go(waiting)
            for member in going:
                del waiting[member]
        persons: dict[int, list[Redecided]] = defaultdict(list)
        for each in redecided:
            persons[self._roots.find(each.check.unique_id_sent)].append(each)
        yield from persons.values()

    def _let_go(self, waiting: Mapping[int, EntryThen]) -> set[int]:
        """Carry out a merge that both ledgers have come to, and list both; where there is none, one
        of which the other ledger knows nothing: it moves what it says.
        """
        moves = {member: self._moves[entry.id] for member, entry in waiting.items()}
        for member, move in moves.items():
            if member == move.merged_id and moves.get(move.survivor_id) == move:
                self._move(move, waiting[member].at)
                return {move.merged_id, move.survivor_id}
        return {*[*waiting][:1]}

    def _move(self, move: MoveThen, at: int) -> None:
        giver, taker = self._replays[move.merged_id], self._replays[move.survivor_id]
        above = move.survivor_id
        if not move.is_merge:
            giver, taker, above = taker, giver, move.merged_id
        giver.hand_over(taker, self._roots.list_branch(move.merged_id, self._replays))
        self._roots.change(move.merged_id, above, at)


def _run_until_moved(running: Iterator[Any], redecided: list[Redecided]) -> EntryThen | None:
    for each in running:
        if isinstance(each, EntryThen):
            return each
        redecided.append(each)
    return None
