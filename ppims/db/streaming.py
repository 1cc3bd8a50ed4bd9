"""Rows as the plain values that are signed and compared, the same from either database, one after
another: for what reads whole tables.
"""

from collections.abc import Iterator, Sequence
from contextlib import closing
from functools import partial
from typing import Any

from django.apps import apps
from django.db import connection, connections, models

from ppims.db import statements
from ppims.db.instants import AS_MICROSECONDS

FETCHED_AT_ONCE = 2_000
# Apps and tables whose rows neither a backup nor a move takes along: a session is worth one log-in,
# and failed log-ins are worth a quarter of an hour.
LEFT_BEHIND = {"axes", "sessions", "ppims_staffsession"}
Row = tuple[Any, ...]

# How each database writes a column as a plain value; an instant is microseconds.
POSTGRESQL_READINGS = {
    "DateTimeField": AS_MICROSECONDS["postgresql"],
    "DateField": "{0}::text",
    "BooleanField": "{0}::int",
}
# Of SQLite's, what is no instant is read as it is, and not as nothing. The plus sign keeps Python's
# driver from making its own types of the others.
SQLITE_READINGS = {
    "DateTimeField": f"COALESCE({AS_MICROSECONDS['sqlite']}, +{{0}})",
    "DateField": "+{0}",
    "BooleanField": "+{0}",
}


class Reader:
    """Reads some columns of one model as whole numbers, text, bytes or None. Those in `empty` are
    read as None.
    """

    def __init__(
        self,
        model: type[models.Model],
        names: Sequence[str],
        alias: str = "t",
        *,
        empty: Sequence[str] = (),
    ) -> None:
        by_name = {field.attname: field for field in model._meta.concrete_fields}
        self.table = model._meta.db_table
        self.fields = [by_name[name] for name in names]
        self.alias, self.empty = alias, empty

    def write_columns(self, using: str = "default") -> str:
        """Write the columns of a SELECT from the table under the alias."""
        forms = (
            POSTGRESQL_READINGS if connections[using].vendor == "postgresql" else SQLITE_READINGS
        )
        return ", ".join(
            "NULL"
            if field.column in self.empty
            else forms.get(field.get_internal_type(), "{0}").format(
                f'{self.alias}."{field.column}"'
            )
            for field in self.fields
        )


def stream_joined(
    readers: Sequence[Reader], tail: str, parameters: Sequence[Any], *, using: str = "default"
) -> Iterator[Row]:
    """Stream the columns of the first reader's table and of those that the tail of the SELECT joins
    to it, never all rows at once. On PostgreSQL only inside a transaction.
    """
    columns = ", ".join(reader.write_columns(using) for reader in readers)
    sql = f'SELECT {columns} FROM "{readers[0].table}" {readers[0].alias} {tail}'
    database = connections[using]
    of_sqlite = database.vendor == "sqlite"
    with closing(database.cursor() if of_sqlite else database.chunked_cursor()) as cursor:
        cursor.execute(sql, parameters)
        for rows in iter(partial(cursor.fetchmany, FETCHED_AT_ONCE), []):
            yield from rows


def read_leanly() -> None:
    """Let SQLite keep little in memory: each page is read once."""
    if connection.vendor == "sqlite":
        statements.run("PRAGMA cache_size = -4000", ())


def list_kept_models() -> list[type[models.Model]]:
    """List the models of every table worth keeping: a backup or a move holds it, verification reads
    it.
    """
    return [model for model in _list_stored_models() if not _is_left_behind(model)]


def list_left_behind() -> list[str]:
    """Name the tables of which a backup or a move takes no row along."""
    return [model._meta.db_table for model in _list_stored_models() if _is_left_behind(model)]


def _is_left_behind(model: type[models.Model]) -> bool:
    return not LEFT_BEHIND.isdisjoint((model._meta.app_label, model._meta.db_table))


def _list_stored_models() -> list[type[models.Model]]:
    found = apps.get_models(include_auto_created=True)
    return [model for model in found if model._meta.managed and not model._meta.proxy]
