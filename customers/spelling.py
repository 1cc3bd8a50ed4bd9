"""How a word of a name may be meant, where one letter of it is wrong."""

import unicodedata
from collections.abc import Iterator
from functools import cache
from itertools import takewhile
from string import ascii_lowercase

# Of a shorter word nearly every other one is a letter away; a longer one has too many neighbours.
SHORTEST_WORD, LONGEST_WORD = 3, 24
BLOCK_CHARACTERS = 0x80  # so many code points an Indian script has


def list_neighbours(word: str) -> list[str]:
    """List the words that are one slip from this one: a letter left out, put in, taken for another,
    or two of them swapped. There are 54 for each letter, in an Indian script some 200.

    None of a word that is too short or too long.
    """
    if not SHORTEST_WORD <= len(word) <= LONGEST_WORD:
        return []
    return sorted(set(_make_neighbours(word)) - {word})


def is_neighbour(word: str, other: str) -> bool:
    """Whether a word would be listed among the other's neighbours."""
    if word == other or not SHORTEST_WORD <= len(word) <= LONGEST_WORD:
        return False
    same = _count_same(word, other)
    mine, its = word[same:], other[same:]
    same = _count_same(mine[::-1], its[::-1])
    mine, its = mine[: len(mine) - same], its[: len(its) - same]
    return max(len(mine), len(its)) <= 1 or (mine == its[::-1] and len(mine) == len("ab"))


def _count_same(word: str, other: str) -> int:
    """Count the letters with which both begin."""
    return len(list(takewhile(lambda pair: pair[0] == pair[1], zip(word, other, strict=False))))


def _make_neighbours(word: str) -> Iterator[str]:
    letters = "".join(sorted({letter for sign in word for letter in _list_letters(sign)}))
    for place in range(len(word) + 1):
        before, after = word[:place], word[place:]
        yield from (f"{before}{letter}{after}" for letter in letters)
        if after:
            yield before + after[1:]
            yield from (f"{before}{letter}{after[1:]}" for letter in letters)
            yield before + after[1:2] + after[0] + after[2:]


def _list_letters(sign: str) -> str:
    """List what may be meant by a letter: one of a to z, or of the script that it is written in."""
    return ascii_lowercase if sign.isascii() else _list_script(ord(sign) // BLOCK_CHARACTERS)


@cache
def _list_script(block: int) -> str:
    first = block * BLOCK_CHARACTERS
    signs = map(chr, range(first, first + BLOCK_CHARACTERS))
    return "".join(sign for sign in signs if unicodedata.category(sign)[0] in "LM")
