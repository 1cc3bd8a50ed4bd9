"""Hand-written SQL for the statements that every check and update makes: what the ORM would take
fifty times as long to write anew. All else stays with the ORM.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from functools import cache
from typing import Any, Generic, TypeVar

from django.db import connection, models

from ppims.keys import EPOCH, MICROSECOND
from ppims.rows import Reader

M = TypeVar("M", bound=models.Model)
Values = Sequence[Any] | Mapping[str, Any]


def run(sql: str, values: Values) -> int:
    """Run a statement that writes: how many rows it wrote."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return int(cursor.rowcount)


def first(sql: str, values: Values) -> tuple[Any, ...] | None:
    """Run a SELECT: its first row."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        row: tuple[Any, ...] | None = cursor.fetchone()
    return row


def every(sql: str, values: Values) -> list[tuple[Any, ...]]:
    """Run a SELECT: its rows."""
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        rows: list[tuple[Any, ...]] = cursor.fetchall()
    return rows


def stored(value: Any) -> Any:
    """Give a value as the database takes it: SQLite keeps an instant in UTC without saying so."""
    if isinstance(value, datetime) and connection.vendor == "sqlite":
        return str(value.astimezone(UTC).replace(tzinfo=None))
    return value


class Table(Generic[M]):
    """One model's whole rows, written and read by statements that are made once."""

    def __init__(self, model: type[M], alias: str = "t") -> None:
        fields = model._meta.concrete_fields
        self.model = model
        self.names = [field.attname for field in fields]
        self.reader = Reader(model, self.names, alias)
        kinds = [field.get_internal_type() for field in fields]
        self._readings = [READINGS.get(kind) for kind in kinds]
        self._key = model._meta.pk.attname
        self._is_numbered = isinstance(model._meta.pk, models.AutoField)

    def insert(self, row: M) -> None:
        """Insert a new row; one that the database numbers is told its key."""
        skip = self._key if self._is_numbered else ""
        values = [stored(getattr(row, name)) for name in self.names if name != skip]
        with connection.cursor() as cursor:
            cursor.execute(_insertion(self, connection.vendor), values)
            if skip:
                of_sqlite = connection.vendor == "sqlite"
                row.pk = cursor.lastrowid if of_sqlite else cursor.fetchone()[0]
        row._state.adding, row._state.db = False, "default"

    def one(self, tail: str, values: Values) -> M | None:
        """Read the first row that the tail of the SELECT finds."""
        found = first(_selection((self,), tail, connection.vendor), values)
        return self.made(found) if found else None

    def made(self, row: tuple[Any, ...]) -> M:
        """Make a model of the plain values of a row."""
        values = [
            value if reading is None or value is None else reading(value)
            for reading, value in zip(self._readings, row, strict=True)
        ]
        return self.model.from_db("default", self.names, values)


def joined(one: Table[Any], other: Table[Any], tail: str, values: Values) -> tuple[Any, Any] | None:
    """Read the first pair of rows that the tail of the SELECT, from the first table on, finds."""
    found = first(_selection((one, other), tail, connection.vendor), values)
    if found is None:
        return None
    width = len(one.names)
    return one.made(found[:width]), other.made(found[width:])


def _instant(microseconds: int) -> datetime:
    return EPOCH + microseconds * MICROSECOND


READINGS: dict[str, Any] = {
    "DateTimeField": _instant,
    "DateField": date.fromisoformat,
    "BooleanField": bool,
    "BinaryField": bytes,
}


@cache
def _insertion(table: Table[Any], vendor: str) -> str:
    fields = [f for f in table.reader.fields if not (table._is_numbered and f.primary_key)]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    places = ", ".join(["%s"] * len(fields))
    number = ' RETURNING "id"' if table._is_numbered and vendor == "postgresql" else ""
    return f'INSERT INTO "{table.reader.table}" ({columns}) VALUES ({places}){number}'  # noqa: S608


@cache
def _selection(tables: tuple[Table[Any], ...], tail: str, vendor: str) -> str:
    columns = ", ".join(table.reader.columns() for table in tables)
    alias = tables[0].reader.alias
    return f'SELECT {columns} FROM "{tables[0].reader.table}" {alias} {tail}'  # noqa: S608
