"""What a database has to be able to do for a group of requests, inside a transaction that somebody
else begins.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from limits.known import Known, Rows

# What is asked of the database, by the name of a statement: rows of its values.
Wanted = dict[str, Sequence[tuple[Any, ...]]]
Found = Mapping[str, list[tuple[Any, ...]]]


class Store(Protocol):
    """A database's way to read and write."""

    # Whether a customer without a head gets one when its rows are written, and is locked without
    # one; else beforehand.
    makes_heads: bool

    def ask(self, wanted: Wanted) -> Found:
        """Ask all at once, in this order, and give the rows of each by its name."""

    def write(self, rows: Rows, known: Known) -> None:
        """Write all of a plan."""

    def confirm(self) -> None:
        """See that what was answered, though nothing is written, is as durable as what is."""
