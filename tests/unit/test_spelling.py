"""A word's neighbours: all that one slip makes of it, and nothing else."""

from string import ascii_lowercase

import pytest
from hypothesis import given
from hypothesis import strategies as st

from customers.spelling import is_neighbour, list_neighbours

SOME_LETTERS = st.text("abc", max_size=6)


@pytest.mark.parametrize(
    ("word", "neighbour"),
    [
        *(("ram", it) for it in ("rm", "am", "ra", "rama", "xram", "rxam", "rem", "arm", "rma")),
        *(("मीरा", it) for it in ("मारा", "मीर", "मीारा", "मीरी", "ीमरा")),
        ("jose", "joze"),
    ],
)
def test_one_slip_makes_a_neighbour(word, neighbour):
    assert neighbour in list_neighbours(word)
    assert is_neighbour(word, neighbour)


@pytest.mark.parametrize(("word", "other"), [("ram", "ram"), ("ram", "mar"), ("ra", "ram")])
def test_no_slip_or_two_make_none_nor_has_a_short_word_any(word, other):
    assert other not in list_neighbours(word)
    assert not is_neighbour(word, other)


def test_they_are_so_many_and_each_comes_once():
    word = ascii_lowercase[:24]
    found = list_neighbours(word)
    # Changed, put in (beside itself a letter makes the same word twice), left out, swapped.
    assert len(found) == len(set(found)) == 24 * 25 + (25 * 26 - 24) + 24 + 23
    assert list_neighbours(f"{word}y") == []


@given(SOME_LETTERS, SOME_LETTERS)
def test_whether_one_is_a_neighbour_agrees_with_the_list(word, other):
    assert is_neighbour(word, other) == (other in list_neighbours(word))
