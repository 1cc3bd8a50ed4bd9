"""Read a file of customers row by row, each by the API's own readers."""

import codecs
import csv
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

from pydantic import ValidationError

from customers.details import CustomerDetails
from customers.imports.columns import (
    ADD_COLUMNS,
    USED_COLUMNS,
    WHY_COLUMN,
    UnreadableFile,
    UsedIn,
    read_header,
)
from customers.schemas import AddCustomerIn, read_details
from ppims.core.csv_cells import read_back_formula
from ppims.wire.envelope import Message

M = TypeVar("M", bound=Message)

MOST_ROWS = 500_000
LINE_CHARACTERS = 64 * 1024
SPREADSHEET_BEGINNINGS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0")
PLACE_HOLDER = "IMPORT"  # of the Ref_Id, while nothing is asked for yet
Errors = list[tuple[str, str]]  # a field's name as the format spells it, and what is wrong with it


@dataclass
class Row:
    """One line of the file: `number` counts from 1, without the header. With errors it has neither
    a message nor details.
    """

    number: int
    cells: list[str]
    message: AddCustomerIn | None = None
    details: CustomerDetails | None = None
    used: UsedIn | None = None
    errors: Errors = field(default_factory=list)


class Table:
    """A file of customers, read while it is gone through. `names` are its columns."""

    names: list[str]

    def __init__(self, pieces: Iterable[bytes], *, system_id: str, at: datetime) -> None:
        """Read the header of a file that was brought at an instant. Raises UnreadableFile, as going
        through the rows does.
        """
        self._system_id, self._at = system_id, at
        self._lines = csv.reader(_list_lines(_decode(pieces)), strict=True)
        self.names = read_header(self._read_line() or [])

    def __iter__(self) -> Iterator[Row]:
        number = 0
        while (cells := self._read_line()) is not None:
            if not any(map(str.strip, cells)):
                continue
            number += 1
            if number > MOST_ROWS:
                raise UnreadableFile(f"The file has more than {MOST_ROWS} rows: cut it into some.")
            yield self._read_row(number, cells)

    def _read_line(self) -> list[str] | None:
        try:
            return next(self._lines, None)
        except csv.Error:
            raise UnreadableFile(
                f"Line {self._lines.line_num} isn’t as a CSV file has it: look at its quotes."
            ) from None

    def _read_row(self, number: int, cells: list[str]) -> Row:
        row = Row(number, cells)
        if len(cells) != len(self.names):
            row.errors.append(("", f"has {len(cells)} cells, the first line {len(self.names)}"))
            return row
        if WHY_COLUMN in self.names:  # a file of refused rows that was mended
            cells = [read_back_formula(cell) for cell in cells]
        said = dict(zip(self.names, cells, strict=True))
        own = {"Ref_Id": PLACE_HOLDER, "System_Id": self._system_id}
        message = _read(AddCustomerIn, own | _pick(said, ADD_COLUMNS), row.errors)
        if used := _pick(said, USED_COLUMNS):
            row.used = _read(UsedIn, used, row.errors)
        if row.used:
            row.errors += row.used.list_faults(self._at)
        if message and not row.errors:
            row.message, row.details = message, read_details(message)
        return row


def _pick(said: Mapping[str, str], names: Iterable[str]) -> dict[str, str]:
    return {name: said[name] for name in names if said.get(name)}


def _read(kind: type[M], said: Mapping[str, str], errors: Errors) -> M | None:
    try:
        return kind.model_validate(said)
    except ValidationError as error:
        for line in error.errors(include_url=False, include_input=False):
            errors.append((str(line["loc"][0]) if line["loc"] else "", line["msg"]))
        return None


def _decode(pieces: Iterable[bytes]) -> Iterator[str]:
    """Decode UTF-8, with or without a byte order mark. Raises UnreadableFile."""
    decoder, is_first = codecs.getincrementaldecoder("utf-8-sig")(), True
    try:
        for piece in pieces:
            if is_first and piece.startswith(SPREADSHEET_BEGINNINGS):
                raise UnreadableFile(
                    "This is a spreadsheet’s own file: save it as CSV in UTF-8 first. Look that"
                    " card and account numbers have all their digits."
                )
            is_first = False
            yield _refuse_nul(decoder.decode(piece))
        yield decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        raise UnreadableFile("The file isn’t in UTF-8: save it as CSV in UTF-8.") from None


def _refuse_nul(text: str) -> str:
    if "\0" in text:
        raise UnreadableFile("The file holds NULs: save it as CSV in UTF-8.")
    return text


def _list_lines(texts: Iterable[str]) -> Iterator[str]:
    """Cut texts into lines that keep their ends, as csv wants them. Raises UnreadableFile."""
    rest = ""
    for text in texts:
        *lines, rest = (rest + text).split("\n")
        for line in lines:
            yield _refuse_long(line) + "\n"
        _refuse_long(rest)
    if rest:
        yield rest


def _refuse_long(line: str) -> str:
    if len(line) > LINE_CHARACTERS:
        raise UnreadableFile(f"A line has more than {LINE_CHARACTERS} characters.")
    return line
