"""What an explanation consists of, whether a page shows it or a command writes it."""

from collections.abc import Sequence
from dataclasses import dataclass

from ppims.backoffice.transaction_detail import Fact


@dataclass(frozen=True)
class Cell:
    """One cell of a table: a number stands at the right; `address` is where there is more."""

    text: str
    address: str = ""
    is_number: bool = False


@dataclass(frozen=True)
class Table:
    """A table: what each column is, and its rows. Each row's first cell says what it is of."""

    label: str
    columns: Sequence[Cell]
    rows: Sequence[Sequence[Cell]]


@dataclass(frozen=True)
class Section:
    """One part: sentences, then facts, then a table, then what there is to say of that."""

    title: str
    sentences: Sequence[str] = ()
    facts: Sequence[Fact] = ()
    table: Table | None = None
    notes: Sequence[str] = ()
    is_folded: bool = False


@dataclass(frozen=True)
class Sheet:
    """A whole explanation. `verdict` says in a word whether it came about as recorded."""

    title: str
    is_as_recorded: bool
    verdict: str
    said: Sequence[str]
    sections: Sequence[Section]
    differing: Table | None = None
    problems: Sequence[str] = ()
