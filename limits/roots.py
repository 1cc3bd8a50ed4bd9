"""Whom each Unique_Id means, as the merges and un-merges in ledgers are followed. Pure.
docs/ledger.md, "Merges".
"""

from collections.abc import Iterable


class Roots:
    """Whom each Unique_Id means, as merge after merge is followed; and what was so when."""

    def __init__(self) -> None:
        self.above: dict[int, int] = {}
        self._changes: list[tuple[int, dict[int, int]]] = [(-(2**63), {})]

    def find(self, unique_id: int) -> int:
        return _walk_up(unique_id, self.above)

    def list_branch(self, unique_id: int, members: Iterable[int]) -> set[int]:
        """List who leads through an id upwards, itself too."""
        return {each for each in members if unique_id in _list_steps(each, self.above)}

    def change(self, unique_id: int, above: int, at: int) -> None:
        self.above[unique_id] = above
        self._changes.append((at, {**self.above}))

    def list_seen(self, unique_id: int, at: int) -> set[int]:
        """List whom an id may have meant at an instant: at that of a merge, before and after it."""
        ends = [*(start for start, _ in self._changes[1:]), 2**63]
        return {
            _walk_up(unique_id, above)
            for (start, above), end in zip(self._changes, ends, strict=True)
            if start <= at <= end
        }


def _walk_up(unique_id: int, above: dict[int, int]) -> int:
    return _list_steps(unique_id, above)[-1]


def _list_steps(unique_id: int, above: dict[int, int]) -> list[int]:
    steps = [unique_id]
    while (top := above.get(steps[-1], steps[-1])) not in steps:  # a made-up move makes a circle
        steps.append(top)
    return steps
