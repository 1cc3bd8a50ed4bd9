"""Files of rows that are made while they are written: comma-separated for spreadsheets, or a line
of JSON for each row, for programs.
"""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Any

from django.http import HttpRequest, StreamingHttpResponse

from ppims.backoffice.csv_files import stream_file, stream_text, write_parts
from ppims.core import calendar
from ppims.wire.reply_fields import write_date, write_instant

FORM_NAME, JSON_LINES = "form", "json-lines"
LINES_TYPE = "application/x-ndjson"
Row = Mapping[str, Any]
Columns = Mapping[str, object]  # what JSON names each, and its heading in a spreadsheet


def send_rows(
    request: HttpRequest,
    stem: str,
    at: datetime,
    columns: Columns,
    batches: Iterable[Sequence[Row]],
) -> StreamingHttpResponse:
    """Answer with a file of rows, in the form that was asked for, a batch of rows at a time."""
    name = f"{stem}-{write_date(calendar.find_ist_day(at))}"
    if request.POST.get(FORM_NAME) == JSON_LINES:
        lines = write_rows(columns, batches, as_lines=True)
        return stream_text(f"{name}.jsonl", lines, LINES_TYPE)
    return stream_file(f"{name}.csv", list(columns.values()), _write_cells(columns, batches))


def write_rows(
    columns: Columns, batches: Iterable[Sequence[Row]], *, as_lines: bool
) -> Iterator[str]:
    """Write each batch of rows as one text; comma-separated ones begin with their headings."""
    if not as_lines:
        return write_parts(list(columns.values()), _write_cells(columns, batches))
    return ("".join(_write_line(columns, row) for row in rows) for rows in batches)


def _write_cells(columns: Columns, batches: Iterable[Sequence[Row]]) -> Iterator[list[list[str]]]:
    for rows in batches:
        yield [[_write_cell(row[name]) for name in columns] for row in rows]


def _write_cell(value: Any) -> str:
    """Write a value for a spreadsheet; of several things, each after a semicolon."""
    if isinstance(value, list):
        return "; ".join(" ".join(filter(None, map(_write_cell, each.values()))) for each in value)
    if isinstance(value, datetime):
        return write_instant(value)
    if isinstance(value, date):
        return write_date(value)
    return "" if value is None else str(value)


def _write_line(columns: Columns, row: Row) -> str:
    said = {name: row[name] for name in columns}
    return json.dumps(said, ensure_ascii=False, default=_write_day_or_instant) + "\n"


def _write_day_or_instant(value: date) -> str:
    return value.isoformat()
