"""What all walks share: a finding, the keys, and rows grouped by whom they are about."""

from collections import namedtuple
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings

from limits.services.seals import HEAD_TABLES
from ppims.core.keys import Key
from ppims.db import nodes
from ppims.db.other_writers import read_still_snapshot
from ppims.db.streaming import Row

UNREADABLE_ROW = "holds what its columns are not for"

first_column = itemgetter(0)


@dataclass(frozen=True)
class Finding:
    """A row that is not as it should be, and what was expected of it."""

    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.row}: {self.problem}"


def map_ledger_keys() -> dict[str, Key]:
    """Map the ledger keys by name."""
    return {key.id: key for key in settings.PPIMS_LEDGER_KEYS}


class Feed:
    """A stream of rows in the order of their first column, taken a customer at a time."""

    def __init__(self, rows: Iterable[Row]) -> None:
        self._groups = groupby(rows, first_column)
        self._rows: Iterator[Row]
        self._read_next()

    def take(self, owner: int) -> Iterator[Row]:
        """Yield the owner's rows, all of which must be read before the next call."""
        if self.owner == owner:
            yield from self._rows
            self._read_next()

    def find_strays(self, upto: int) -> Iterator[Row]:
        """Yield the first row of each owner before this one, whom nobody asked for."""
        while self.owner is not None and self.owner < upto:
            yield next(iter(self._rows))
            self._read_next()

    def _read_next(self) -> None:
        self.owner: int | None
        self.owner, self._rows = next(self._groups, (None, iter(())))


def find_surely(find: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Find what is wrong. Many machines are asked one after another, while others write: there what
    was found is looked for once more, as of one instant.
    """
    found = list(find())
    if found and nodes.are_many():
        with read_still_snapshot(HEAD_TABLES):
            found = list(find())
    return found


def add_up_counts(counts: Iterable[object]) -> int:
    """Add up what heads count, but for what is no number."""
    return sum(count for count in counts if isinstance(count, int))


def make_row_type(name: str, names: list[str]) -> Any:
    """Make a tuple with names for a row's columns."""
    return namedtuple(name, names)
