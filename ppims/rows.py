"""Rows as the plain values that are signed and compared, the same from either database, streamed:
for what reads whole tables.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from functools import partial
from typing import Any

from django.db import connections, models

from ppims.keys import MICROSECOND, Plain

FETCHED_AT_ONCE = 2_000
NAIVE_EPOCH = datetime(1970, 1, 1)  # noqa: DTZ001 - SQLite keeps UTC without saying so

POSTGRESQL = {
    "DateTimeField": "(extract(epoch FROM {}) * 1000000)::bigint",
    "DateField": "{}::text",
    "BooleanField": "{}::int",
}
# A plus sign keeps Python's driver from making its own types of them.
SQLITE = {"DateTimeField": "+{}", "DateField": "+{}", "BooleanField": "+{}"}


class Reader:
    """Reads some columns of one model: whole numbers, text, bytes, None; an instant is
    microseconds.
    """

    def __init__(self, model: type[models.Model], names: Sequence[str], alias: str = "t") -> None:
        by_name = {field.attname: field for field in model._meta.concrete_fields}
        self.table = model._meta.db_table
        self.fields = [by_name[name] for name in names]
        self.alias = alias

    def columns(self, using: str = "default") -> str:
        """Write the columns of a SELECT from the table under the alias."""
        forms = POSTGRESQL if connections[using].vendor == "postgresql" else SQLITE
        return ", ".join(
            forms.get(field.get_internal_type(), "{}").format(f'{self.alias}."{field.column}"')
            for field in self.fields
        )

    @property
    def instants(self) -> list[int]:
        """Tell which of the columns hold instants."""
        return [
            place
            for place, field in enumerate(self.fields)
            if field.get_internal_type() == "DateTimeField"
        ]


def stream(
    sql: str, parameters: Sequence[Any], *, instants: Sequence[int] = (), using: str = "default"
) -> Iterator[list[Any]]:
    """Run a SELECT and give its rows one by one, never all at once; on PostgreSQL inside a
    transaction. `instants` are the columns that SQLite gives as text.
    """
    database = connections[using]
    of_sqlite = database.vendor == "sqlite"
    with closing(database.cursor() if of_sqlite else database.chunked_cursor()) as cursor:
        cursor.execute(sql, parameters)
        for rows in iter(partial(cursor.fetchmany, FETCHED_AT_ONCE), []):
            for row in rows:
                values = list(row)
                if of_sqlite:
                    for place in instants:
                        values[place] = microseconds(values[place])
                yield values


def joined(
    readers: Sequence[Reader], tail: str, parameters: Sequence[Any], *, using: str = "default"
) -> Iterator[list[Any]]:
    """Stream the columns of one table and of those that the tail of the SELECT joins to it."""
    columns = ", ".join(reader.columns(using) for reader in readers)
    sql = f'SELECT {columns} FROM "{readers[0].table}" {readers[0].alias} {tail}'  # noqa: S608 - names of columns
    instants, width = [], 0
    for reader in readers:
        instants += [width + place for place in reader.instants]
        width += len(reader.fields)
    return stream(sql, parameters, instants=instants, using=using)


def microseconds(text: str | None) -> Plain:
    """Read an instant as SQLite keeps it; what is none comes back as it is."""
    if text is None:
        return None
    try:
        return (datetime.fromisoformat(text) - NAIVE_EPOCH) // MICROSECOND
    except (TypeError, ValueError):
        return text
