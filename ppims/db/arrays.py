"""PostgreSQL's arrays, written as text. The driver's own way chooses int2, int4 or int8 by the
values, and so prepares one statement many times.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from typing import Any

from ppims.db.statements import Table

KINDS_OF_FIELDS = {
    "DateTimeField": "timestamptz",
    "DateField": "date",
    "BooleanField": "boolean",
    "BinaryField": "bytea",
    "CharField": "text",
    "PositiveIntegerField": "integer",
}
OTHER_KIND = "bigint"  # keys and money


def write_arrays(sql: str, rows: Iterable[Sequence[Any]]) -> list[str]:
    """Write rows as the arrays that a statement takes, one for each column."""
    return write_columns(sql, [*zip(*rows, strict=True)])


def write_columns(sql: str, columns: Sequence[Sequence[Any]]) -> list[str]:
    """Write columns as the arrays that a statement takes."""
    pairs = zip(_find_kinds(sql), columns, strict=True)
    return [write_array(kind, column) for kind, column in pairs]


@cache
def _find_kinds(sql: str) -> list[str]:
    return re.findall(r"%s::(\w+)\[\]", sql)


def write_array(kind: str, values: Iterable[Any]) -> str:
    """Write values of a kind, `bigint` or `text`, as the text of an array."""
    write = WRITERS_OF_KINDS.get(kind, str)
    return "{" + ",".join(["NULL" if value is None else write(value) for value in values]) + "}"


def write_unnest(kinds: Iterable[str]) -> str:
    """Write the call that makes rows of arrays."""
    return f"unnest({', '.join(f'%s::{kind}[]' for kind in kinds)})"


@cache
def write_insert(table: Table[Any]) -> str:
    """Write an INSERT of whole rows, their keys too, from an array for each column."""
    kinds = [KINDS_OF_FIELDS.get(kind, OTHER_KIND) for _, kind in table.kinds]
    columns = ", ".join(f'"{column}"' for column, _ in table.kinds)
    return f'INSERT INTO "{table.name}" ({columns}) SELECT * FROM {write_unnest(kinds)}'


def _write_text(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _write_bytes(value: bytes) -> str:
    return f'"\\\\x{bytes(value).hex()}"'


WRITERS_OF_KINDS: dict[str, Callable[[Any], str]] = {
    "text": _write_text,
    "bytea": _write_bytes,
    "timestamptz": lambda at: f'"{at.isoformat()}"',
    "date": lambda day: day.isoformat(),
    "boolean": lambda is_so: "t" if is_so else "f",
}
