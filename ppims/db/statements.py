"""Hand-written SQL for the statements that every check and update makes: what the ORM would take
fifty times as long to write anew, and Django's cursor five times as long to hand over. All else
stays with them.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache
from operator import attrgetter, methodcaller
from typing import Any, Generic, TypeVar

from django.db import (
    DEFAULT_DB_ALIAS,
    InterfaceError,
    OperationalError,
    connection,
    connections,
    models,
)
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.base import ModelState

from ppims.db import outages

M = TypeVar("M", bound=models.Model)
Values = Sequence[Any] | dict[str, Any]

HOW_MANY, LAST_ROW_ID = attrgetter("rowcount"), attrgetter("lastrowid")
FETCH_ONE, FETCH_ALL = methodcaller("fetchone"), methodcaller("fetchall")
_threads = threading.local()


def run(sql: str, values: Values) -> int:
    """Run a statement that writes: how many rows it wrote."""
    return int(_execute(sql, values, HOW_MANY))


def read_row(sql: str, values: Values) -> tuple[Any, ...] | None:
    """Run a SELECT: its first row."""
    row: tuple[Any, ...] | None = _execute(sql, values, FETCH_ONE)
    return row


def read_rows(sql: str, values: Values) -> list[tuple[Any, ...]]:
    """Run a SELECT: its rows."""
    rows: list[tuple[Any, ...]] = _execute(sql, values, FETCH_ALL)
    return rows


def _execute(sql: str, values: Values, take: Callable[[Any], Any]) -> Any:
    """Run a statement on the driver's own cursor, in Django's transaction and with its errors, and
    take from the cursor what is wanted. Whoever listens to statements hears them by Django's.
    """
    database = _get_database()
    if database.execute_wrappers or database.force_debug_cursor:
        with database.cursor() as cursor:
            cursor.execute(sql, values)
            return take(cursor)
    try:
        return _run_by_driver(database, sql, values, take)
    except (OperationalError, InterfaceError) as error:
        if not _was_dropped_while_idle(database, sql, error):
            raise
        database.close()
        return _run_by_driver(database, sql, values, take)


def _run_by_driver(database: Any, sql: str, values: Values, take: Callable[[Any], Any]) -> Any:
    if database.connection is None:
        database.ensure_connection()
    if database.needs_rollback:
        database.validate_no_broken_transaction()
    try:
        if database.vendor == "sqlite":
            names = tuple(values) if isinstance(values, dict) else None
            return take(database.connection.execute(_write_for_sqlite(sql, names), values))
        # Prepared once a connection: Django's cursor would write the values into the text.
        with _get_cursor_class()(database.connection) as cursor:
            taken = take(cursor.execute(sql, values, prepare=True))
            database.health_check_done = True  # Django need not ask: it has just answered
            return taken
    except Exception:
        with database.wrap_database_errors:
            raise


def _was_dropped_while_idle(database: Any, sql: str, error: Exception) -> bool:
    """Tell whether the connection went while no request had it, so that what the next one reads
    first may be read again on another. Never of what writes: it may have been committed.
    """
    is_first = not (database.health_check_done or database.in_atomic_block)
    is_read = sql.lstrip().upper().startswith("SELECT")
    return is_first and is_read and outages.is_lost_connection(error)


def keep_connection() -> None:
    """Find this thread's connection once for all: for one that does nothing but statements; or for
    an event loop's, where Django would make one for each task.
    """
    _threads.kept = connections[DEFAULT_DB_ALIAS]


def _get_database() -> BaseDatabaseWrapper:
    kept: BaseDatabaseWrapper | None = getattr(_threads, "kept", None)
    return connections[DEFAULT_DB_ALIAS] if kept is None else kept


@cache
def _get_cursor_class() -> Any:
    from psycopg import Cursor  # noqa: PLC0415 - an extra: who serves from SQLite has none

    return Cursor


@cache
def _write_for_sqlite(sql: str, names: tuple[str, ...] | None) -> str:
    """Write the places of values as SQLite's driver knows them."""
    if names is None:
        return (sql % (("?",) * sql.replace("%%", "").count("%s"))) if "%" in sql else sql
    return sql % {name: f":{name}" for name in names}


@cache
def _get_vendor() -> str:
    return connection.vendor  # of its engine: nothing is opened for it


def store_value(value: Any) -> Any:
    """Give a value as the database takes it: SQLite keeps an instant in UTC without saying so."""
    if isinstance(value, datetime) and _get_vendor() == "sqlite":
        return str(value.astimezone(UTC)).removesuffix("+00:00")
    return value


def read_instant(value: Any) -> datetime | None:
    """Read an instant as the database gives it."""
    return _read_instant(value) if isinstance(value, str) else value


class Table(Generic[M]):
    """One model's rows, written and read by statements that are made once. `only` names the columns
    to read, the key first: each of the others would be read when it is asked for, as by the ORM.
    """

    def __init__(self, model: type[M], alias: str = "t", *, only: Sequence[str] = ()) -> None:
        concrete = model._meta.concrete_fields
        fields = [field for field in concrete if not only or field.attname in only]
        self.model = model
        self.names = [field.attname for field in fields]
        self.name, self.alias = model._meta.db_table, alias
        self.kinds = [(field.column, field.get_internal_type()) for field in fields]
        self._readings = [
            (name, READINGS[kind])
            for name, (_, kind) in zip(self.names, self.kinds, strict=True)
            if kind in READINGS and _get_vendor() == "sqlite"
        ]
        self._instants = [p for p, (_, kind) in enumerate(self.kinds) if kind == "DateTimeField"]
        self._defaults = {field.attname: field.get_default() for field in fields}
        self._key = model._meta.pk.attname
        self._is_numbered = isinstance(model._meta.pk, models.AutoField)
        assert not self._is_numbered or self.names[0] == self._key

    def make_row(self, **values: Any) -> M:
        """Make a new row, by the columns' names; what is not given is as the model has it."""
        return self._make_model({**self._defaults, **values})

    def insert(self, row: M) -> None:
        """Insert a new row; one that the database numbers is told its key."""
        kept = row.__dict__
        values = [kept[name] for name in self.names]
        for place in self._instants:
            values[place] = store_value(values[place])
        sql = _write_insert(self, _get_vendor())
        if not self._is_numbered:
            run(sql, values)
        elif _get_vendor() == "sqlite":
            row.pk = _execute(sql, values[1:], LAST_ROW_ID)
        else:
            row.pk = read_row(sql, values[1:])[0]  # type: ignore[index]  # it returns the key
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def read_row(self, tail: str, values: Values) -> M | None:
        """Read the first row that the tail of the SELECT finds."""
        found = read_row(self.write_select(tail), values)
        return self.make_model(found) if found else None

    def write_select(self, tail: str) -> str:
        """Write a SELECT of rows for `made`, by its tail."""
        return _write_select((self,), tail)

    def lock_row(self, tail: str, values: Values) -> M | None:
        """Read the first row that the tail of the SELECT finds, and lock it until the transaction
        ends; on SQLite all is locked already.
        """
        return self.read_row(tail if _get_vendor() == "sqlite" else f"{tail} FOR UPDATE", values)

    def write_columns(self) -> str:
        """Write the columns of a SELECT from the table under its alias. The plus sign keeps
        SQLite's driver from asking Django what kind each is.
        """
        plain = "+" if _get_vendor() == "sqlite" else ""
        return ", ".join(
            f'{plain if kind in READINGS else ""}{self.alias}."{column}"'
            for column, kind in self.kinds
        )

    def make_model(self, row: Sequence[Any]) -> M:
        """Make a model of a row."""
        values = dict(zip(self.names, row, strict=True))
        for name, reading in self._readings:
            if values[name] is not None:
                values[name] = reading(values[name])
        model = self._make_model(values)
        model._state.adding, model._state.db = False, DEFAULT_DB_ALIAS
        return model

    def _make_model(self, values: dict[str, Any]) -> M:
        """Make it as Django does, but for the signals, which nobody here listens to."""
        model = self.model.__new__(self.model)
        model.__dict__ = values
        model._state = ModelState()
        return model


def read_joined(tables: tuple[Table[Any], ...], tail: str, values: Values) -> list[Any] | None:
    """Read the first rows of several tables, joined by the tail of the SELECT from the first one,
    that it finds.
    """
    found = read_row(_write_select(tables, tail), values)
    if found is None:
        return None
    rows, start = [], 0
    for table in tables:
        rows.append(table.make_model(found[start : start + len(table.names)]))
        start += len(table.names)
    return rows


def _read_instant(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z")  # a fifth of what replace(tzinfo=UTC) takes


# What SQLite keeps as something plainer.
READINGS: dict[str, Any] = {
    "DateTimeField": _read_instant,
    "DateField": date.fromisoformat,
    "BooleanField": bool,
}


@cache
def _write_insert(table: Table[Any], vendor: str) -> str:
    named = [c for c, _ in table.kinds if not (table._is_numbered and c == table._key)]
    columns = ", ".join(f'"{column}"' for column in named)
    places = ", ".join(["%s"] * len(named))
    number = ' RETURNING "id"' if table._is_numbered and vendor == "postgresql" else ""
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({places}){number}'  # noqa: S608


@cache
def _write_select(tables: tuple[Table[Any], ...], tail: str) -> str:
    columns = ", ".join(table.write_columns() for table in tables)
    return f'SELECT {columns} FROM "{tables[0].name}" {tables[0].alias} {tail}'  # noqa: S608
