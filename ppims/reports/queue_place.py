"""The place of one among all that wait for staff, the oldest first, and which comes next."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ppims.reports.keyset import Position

MOST_COUNTED = 1_000
OLDEST_POSITION = Position(0, 0, 0)  # before all

# Finds the first so many that wait after a position; and where it ended, if it looked at enough.
Look = Callable[[Position, int], tuple[Sequence[Position], Position | None]]


@dataclass(frozen=True)
class Place:
    """One among those that wait: its number from the oldest on, None where it waits no longer or
    is too far down; how many wait (`is_more`: more than that); and the next, None where no other
    waits. The first follows the last.
    """

    number: int | None
    count: int
    is_more: bool
    next: Position | None


def find_place(look: Look, since: Position, here: Position) -> Place:
    """Find the place of what stands at a position; none that waits lies before `since`. It reads
    MOST_COUNTED positions, and one more where those end before this one.
    """
    found, cut_at = look(since, MOST_COUNTED + 1)
    is_more = len(found) > MOST_COUNTED or cut_at is not None
    later = [each for each in found if each > here]
    if not later and is_more:
        later = list(look(here, 1)[0])
    others = later or [each for each in found if each != here]
    return Place(
        number=found.index(here) + 1 if here in found else None,
        count=len(found) - is_more,
        is_more=is_more,
        next=others[0] if others else None,
    )
