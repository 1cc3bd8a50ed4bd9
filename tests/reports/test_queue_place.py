"""The place of one among all that wait, and the next; of many only the first are counted."""

import pytest

from ppims.reports import queue_place
from ppims.reports.keyset import Position
from ppims.reports.queue_place import OLDEST_POSITION, Place, find_place

MOST_COUNTED = 3


@pytest.fixture(autouse=True)
def _few(monkeypatch):
    monkeypatch.setattr(queue_place, "MOST_COUNTED", MOST_COUNTED)


def place_at(number):
    return Position(number, 0, number)


def look_through(waiting, *, looks=99):
    """Look for those that wait, at so many positions at most, as what looks at an index does."""

    def look(after, rows):
        seen = range(after.at + 1, min(after.at + looks, max(waiting, default=0)) + 1)
        found = [place_at(at) for at in seen if at in waiting][:rows]
        is_cut = len(found) < rows and after.at + looks < max(waiting, default=0)
        return found, place_at(after.at + looks) if is_cut else None

    return look


@pytest.mark.parametrize(
    ("waiting", "here", "place"),
    [
        ([1, 2, 3], 1, Place(1, 3, False, place_at(2))),
        ([1, 2, 3], 2, Place(2, 3, False, place_at(3))),
        ([1, 2, 3], 3, Place(3, 3, False, place_at(1))),  # the first follows the last
        ([1, 3], 2, Place(None, 2, False, place_at(3))),  # closed meanwhile
        ([1], 2, Place(None, 1, False, place_at(1))),
        ([1], 1, Place(1, 1, False, None)),
        ([], 1, Place(None, 0, False, None)),
        ([1, 2, 3, 4], 3, Place(3, 3, True, place_at(4))),
        ([1, 2, 3, 4, 5], 4, Place(4, 3, True, place_at(5))),
        ([1, 2, 3, 4, 5, 6], 5, Place(None, 3, True, place_at(6))),
        ([1, 2, 3, 4, 5, 6], 6, Place(None, 3, True, place_at(1))),
    ],
)
def test_each_has_its_number_from_the_oldest_on_and_a_next(waiting, here, place):
    assert find_place(look_through(waiting), OLDEST_POSITION, place_at(here)) == place


def test_where_looking_was_cut_short_more_may_wait():
    look = look_through([1, 2, 8], looks=2)
    assert find_place(look, OLDEST_POSITION, place_at(1)) == Place(1, 1, True, place_at(2))
    assert find_place(look, OLDEST_POSITION, place_at(6)) == Place(None, 1, True, place_at(8))


def test_no_more_is_read_than_is_counted():
    asked = []

    def look(after, rows):
        asked.append((after, rows))
        return [place_at(number) for number in range(after.at + 1, after.at + rows + 1)], None

    find_place(look, OLDEST_POSITION, place_at(50))
    assert asked == [(OLDEST_POSITION, MOST_COUNTED + 1), (place_at(50), 1)]
