"""What all walks share: a finding, the keys, and rows grouped by whom they are about."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Any

from django.conf import settings

from ppims import keys
from ppims.keys import Key

EVERY_ID = 2**63 - 1
first_column = itemgetter(0)


@dataclass(frozen=True)
class Finding:
    """A row that is not as it should be, and what was expected of it."""

    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.row}: {self.problem}"


class Ring:
    """The ledger keys by name; a key that is not at hand is raised as KeyMissing, not reported."""

    def __init__(self) -> None:
        self._keys = {key.id: key for key in settings.PPIMS_LEDGER_KEYS}

    def named(self, key_id: str) -> Key:
        found = self._keys.get(key_id)
        return found or keys.key_named(settings.PPIMS_LEDGER_KEYS, key_id)


class Feed:
    """A stream of rows in the order of their first column, taken a customer at a time."""

    def __init__(self, rows: Iterable[list[Any]]) -> None:
        self._groups = groupby(rows, first_column)
        self._rows: Iterator[list[Any]]
        self._next()

    def take(self, owner: int) -> Iterator[list[Any]]:
        """Give the owner's rows, all of which must be read before the next call."""
        if self.owner == owner:
            yield from self._rows
            self._next()

    def strays(self, upto: int) -> Iterator[list[Any]]:
        """Give the first row of each owner before this one, whom nobody asked for."""
        while self.owner is not None and self.owner < upto:
            yield next(iter(self._rows))
            self._next()

    def _next(self) -> None:
        self.owner: int | None
        self.owner, self._rows = next(self._groups, (None, iter(())))


def differs(what: str, found: object, expected: object) -> str:
    """Say what was found and what was expected; bytes in hexadecimal."""
    texts = [v.hex() if isinstance(v, bytes) else str(v) for v in (found, expected)]
    return f"{what} is {texts[0]}, expected {texts[1]}"
