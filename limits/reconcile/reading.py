"""Read a processor's file: comma-separated values, row by row, each by the readers of the wire."""

import csv
import re
from collections.abc import Iterator, Sequence
from datetime import date
from io import BufferedIOBase, TextIOWrapper
from itertools import count
from typing import Literal, NamedTuple

from pydantic import Field, ValidationError

from limits.schemas import TranType
from ppims.core.errors import Malformed
from ppims.wire.envelope import Message, spell_wire_name
from ppims.wire.request_fields import AmountIn, DayIn, Id, UniqueId

NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9_ ]{0,39}")  # else what stands there is no name
MOST_PAISE = 2**62  # that the rows of a file may come to: SQLite reckons in 64 bits
FILE_FIELD = "file"


class BookedRow(Message):
    """One row of the file: a transaction that the processor has booked, or taken back."""

    tran_id: Id = Field(description="The number that the processor gave the transaction.")
    tran_type: TranType = Field(description="Whether it is a spend or a load.")
    amount: AmountIn = Field(description="What was booked, in rupees.")
    tran_date: DayIn = Field(description="The day on which it was booked, in India.")
    tran_status: Literal["S", "R"] = Field("S", description="R takes back of an S.")
    unique_id: UniqueId | None = Field(None, description="Whose it is.")
    ref_id: Id | None = Field(None, description="The Ref_Id of its Update_Limit.")


class Booked(NamedTuple):
    """A row that was read; taken back, `paise` is less than nothing."""

    row_number: int
    tran_id: str
    direction: str
    paise: int
    unique_id: int | None
    ref_id: str


class RefusedRow(NamedTuple):
    """A row that can't be read, and why: words that repeat nothing of it."""

    row_number: int
    said: str


FIELD_BY_NAME = {spell_wire_name(name): field for name, field in BookedRow.model_fields.items()}
COLUMN_NAMES = tuple(FIELD_BY_NAME)
NEEDED_NAMES = tuple(name for name, field in FIELD_BY_NAME.items() if field.is_required())
STATUS_COLUMN = "Tran_Status"
EXAMPLE_CELLS = (
    "T20261101-0001",
    "D",
    "2000.00",
    "01-11-2026",
    "S",
    "482915307264158",
    "U20261101-0001",
)


def write_template() -> str:
    """Write the file's head, and an invented row."""
    return "".join(f"{','.join(cells)}\r\n" for cells in (COLUMN_NAMES, EXAMPLE_CELLS))


class BookedFile:
    """A file that is being read; its head has been. Raises Malformed, naming what is wrong with the
    file as a whole, when it is made and while its rows are read.
    """

    def __init__(self, content: BufferedIOBase, since: date, until: date) -> None:
        self._since, self._until = since, until
        text = TextIOWrapper(content, "utf-8-sig", newline="")  # type: ignore[type-var]
        self._reader = csv.reader(text, strict=True)
        self._columns = self._read_head()
        self._total_paise = 0

    @property
    def has_status(self) -> bool:
        """Whether it can tell what was taken back."""
        return STATUS_COLUMN in self._columns

    def read_rows(self) -> Iterator[Booked | RefusedRow]:
        """Read the rows, numbered as a spreadsheet does, the head being 1; empty ones are none."""
        for number in count(2):
            cells = self._read_cells()
            if cells is None:
                return
            if any(cells):
                yield self._read_row(number, cells)

    def _read_cells(self) -> list[str] | None:
        try:
            return next(self._reader, None)
        except UnicodeDecodeError:
            raise Malformed(
                [(FILE_FIELD, "is not text in UTF-8: save it as CSV (UTF-8)")]
            ) from None
        except csv.Error:
            line = self._reader.line_num
            said = f"is no CSV from line {line} on: a quote is not closed, or a cell is too long"
            raise Malformed([(FILE_FIELD, said)]) from None

    def _read_head(self) -> list[str]:
        names = [name.strip() for name in self._read_cells() or []]
        if faults := [*_find_faults(names)]:
            raise Malformed((FILE_FIELD, fault) for fault in faults)
        return names

    def _read_row(self, number: int, cells: Sequence[str]) -> Booked | RefusedRow:
        if len(cells) != len(self._columns):
            said = f"has {len(cells)} cells, and the head {len(self._columns)}"
            return RefusedRow(number, said)
        try:
            row = BookedRow.model_validate(dict(zip(self._columns, cells, strict=True)))
        except ValidationError as error:
            lines = error.errors(include_url=False, include_input=False)
            said = "; ".join(f"{line['loc'][0]} {line['msg']}" for line in lines)
            return RefusedRow(number, said)
        if not self._since <= row.tran_date <= self._until:
            return RefusedRow(number, "Tran_Date is outside of the days that are compared")
        self._total_paise += row.amount
        if self._total_paise > MOST_PAISE:
            raise Malformed([(FILE_FIELD, "comes to more money than can be reckoned with")])
        paise = row.amount if row.tran_status == "S" else -row.amount
        return Booked(number, row.tran_id, row.tran_type, paise, row.unique_id, row.ref_id or "")


def _find_faults(names: Sequence[str]) -> Iterator[str]:
    """Find what is wrong with a head: columns unknown, twice, missing."""
    if not set(names) & set(COLUMN_NAMES):
        yield f"has no head: its first row names the columns, {', '.join(NEEDED_NAMES)} at least"
        return
    for place, name in enumerate(names, start=1):
        called = name if NAME_PATTERN.fullmatch(name) else f"number {place}"
        if name not in COLUMN_NAMES:
            yield f"has an unknown column, {called}"
        elif name in names[: place - 1]:
            yield f"has the column {called} twice"
    if missing := [name for name in NEEDED_NAMES if name not in names]:
        yield f"lacks the column {', '.join(missing)}"
