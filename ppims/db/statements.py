"""Hand-written SQL for the statements that every check and update makes. The ORM would take fifty
times as long to write them anew, and Django's cursor five times as long to hand them over. All else
stays with those two.
"""

import threading
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime
from functools import cache, lru_cache
from itertools import islice
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
T = TypeVar("T")
Values = Sequence[Any] | dict[str, Any]

HOW_MANY, LAST_ROW_ID = attrgetter("rowcount"), attrgetter("lastrowid")
FETCH_ONE, FETCH_ALL = methodcaller("fetchone"), methodcaller("fetchall")
_threads = threading.local()


def run(sql: str, values: Values) -> int:
    """Run a statement that writes, and return how many rows it wrote."""
    return int(_execute(sql, values, HOW_MANY))


def read_row(sql: str, values: Values) -> tuple[Any, ...] | None:
    """Run a SELECT, and return its first row."""
    row: tuple[Any, ...] | None = _execute(sql, values, FETCH_ONE)
    return row


def read_rows(sql: str, values: Values) -> list[tuple[Any, ...]]:
    """Run a SELECT, and return its rows."""
    rows: list[tuple[Any, ...]] = _execute(sql, values, FETCH_ALL)
    return rows


def run_many(sql: str, rows: Sequence[Values]) -> None:
    """Run a statement that writes once for each of the rows of values. On SQLite alone: PostgreSQL
    takes the values of many rows at once.
    """
    if len(rows) == 1:  # by the shorter way
        run(sql, rows[0])
        return
    database = get_database()
    if database.execute_wrappers or database.force_debug_cursor:
        with database.cursor() as cursor:
            cursor.executemany(sql, rows)
        return
    database.ensure_connection()
    with database.wrap_database_errors:
        database.connection.executemany(_write_for_sqlite(sql, None), rows)


def _execute(sql: str, values: Values, take: Callable[[Any], Any]) -> Any:
    """Run a statement on the driver's own cursor, in Django's transaction and with its errors, and
    take from the cursor what is wanted.
    """
    database = get_database()
    # Who listens to statements, as tests do, hears those of Django's cursor alone.
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
        with make_driver_cursor(database.connection) as cursor:
            taken = take(cursor.execute(sql, values, prepare=True))
            database.health_check_done = True  # Django need not ask: it has just answered
            return taken
    except Exception:
        with database.wrap_database_errors:
            raise


def make_driver_cursor(driver: Any) -> Any:
    """Make a cursor of PostgreSQL's driver, which binds values at the server."""
    database: Any = get_database()
    return database.Database.Cursor(driver)


def _was_dropped_while_idle(database: Any, sql: str, error: Exception) -> bool:
    """Return whether the connection went while no request had it, so that the next one's first read
    may be made again on another. What writes is never made again: it may have been committed.
    """
    is_first = not (database.health_check_done or database.in_atomic_block)
    is_read = sql.lstrip().upper().startswith("SELECT")
    return is_first and is_read and outages.is_lost_connection(error)


def keep_connection() -> None:
    """Find this thread's connection once for all. For a thread that does nothing but statements,
    and for an event loop's, where Django would make a connection for each task.
    """
    _threads.kept = connections[DEFAULT_DB_ALIAS]


def get_database() -> BaseDatabaseWrapper:
    """Return this thread's connection: Django's `connection` looks it up at each of its uses."""
    kept: BaseDatabaseWrapper | None = getattr(_threads, "kept", None)
    return connections[DEFAULT_DB_ALIAS] if kept is None else kept


@cache
def _write_for_sqlite(sql: str, names: tuple[str, ...] | None) -> str:
    # Its driver knows ? and :name for the places of values.
    if names is None:
        return (sql % (("?",) * sql.replace("%%", "").count("%s"))) if "%" in sql else sql
    return sql % {name: f":{name}" for name in names}


def choose_by_database(forms: dict[str, T]) -> T:
    """Choose, of SQL with a form for each database, the one that this installation's reads."""
    return forms[_get_vendor()]


@cache
def _get_vendor() -> str:
    return connection.vendor  # of its engine: nothing is opened for it


def store_value(value: Any) -> Any:
    """Write a value as the database takes it."""
    if isinstance(value, datetime) and _get_vendor() == "sqlite":  # in UTC, without saying so
        return str(value.astimezone(UTC)).removesuffix("+00:00")
    return value


def read_instant(value: Any) -> datetime | None:
    """Read an instant as the database gives it."""
    return _read_instant(value) if isinstance(value, str) else value


class Table(Generic[M]):
    """One model's rows, written and read by statements that are made once. `only` names the columns
    to read, the key first. Any other is read when it is asked for, as with the ORM.
    """

    def __init__(self, model: type[M], alias: str = "t", *, only: Sequence[str] = ()) -> None:
        fields = _list_fields(model, only)
        self.model = model
        self.names = [field.attname for field in fields]
        self.name, self.alias = model._meta.db_table, alias
        self.kinds = [(field.column, field.get_internal_type()) for field in fields]
        readings, named = _get_readings(), zip(self.names, self.kinds, strict=True)
        self._readings = [(name, readings[kind]) for name, (_, kind) in named if kind in readings]
        self._readings_by_place = [
            (place, readings[kind])
            for place, (_, kind) in enumerate(self.kinds)
            if kind in readings
        ]
        self._instants = [p for p, (_, kind) in enumerate(self.kinds) if kind == "DateTimeField"]
        self._key = model._meta.pk.attname
        self._is_numbered = isinstance(model._meta.pk, models.AutoField)
        assert not self._is_numbered or self.names[0] == self._key

    def insert(self, row: M) -> None:
        """Insert a new row. One that the database numbers learns its key."""
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
            (row.pk,) = _execute(sql, values[1:], FETCH_ONE)
        row._state.adding, row._state.db = False, DEFAULT_DB_ALIAS

    def store_values(self, row: Sequence[Any]) -> list[Any]:
        """List a row's values, which come in the columns' order, as the database takes them."""
        values = [*row]
        for place in self._instants:
            values[place] = store_value(values[place])
        return values

    def read_values(self, row: Sequence[Any]) -> list[Any]:
        """List the values of a row that was read, in the columns' order."""
        values = [*row]
        for place, reading in self._readings_by_place:
            if values[place] is not None:
                values[place] = reading(values[place])
        return values

    def read_row(self, tail: str, values: Values) -> M | None:
        """Read the first row that the tail of the SELECT finds."""
        found = read_row(self.write_select(tail), values)
        return self.make_model(found) if found else None

    def write_select(self, tail: str) -> str:
        """Write a SELECT with this tail, of rows for `make_model`."""
        return _write_select((self,), tail)

    def lock_row(self, tail: str, values: Values) -> M | None:
        """Read the first row that the tail of the SELECT finds, and lock it until the transaction
        ends.
        """
        # SQLite has one writer: all is locked already.
        return self.read_row(tail if _get_vendor() == "sqlite" else f"{tail} FOR UPDATE", values)

    def write_columns(self) -> str:
        """Write the columns of a SELECT from the table under its alias."""
        # The plus sign keeps SQLite's driver from asking Django what kind each is.
        return ", ".join(
            f'{"+" if kind in _get_readings() else ""}{self.alias}."{column}"'
            for column, kind in self.kinds
        )

    def make_model(self, row: Sequence[Any]) -> M:
        """Make a model of a row that was read."""
        values = dict(zip(self.names, row, strict=True))
        for name, reading in self._readings:
            if values[name] is not None:
                values[name] = reading(values[name])
        model = self._make_model(values)
        model._state.adding, model._state.db = False, DEFAULT_DB_ALIAS
        return model

    def _make_model(self, values: dict[str, Any]) -> M:
        # As Django does, but without the signals: nobody here listens to them.
        model = self.model.__new__(self.model)
        model.__dict__ = values
        model._state = ModelState()
        return model


@cache
def write_insert(table: Table[Any]) -> str:
    """Write an INSERT of a whole row, its key too, for `run_many`."""
    columns = ", ".join(f'"{column}"' for column, _ in table.kinds)
    places = ", ".join(["%s"] * len(table.kinds))
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({places})'


def read_joined(tables: tuple[Table[Any], ...], tail: str, values: Values) -> list[Any] | None:
    """Read the first row of several joined tables, as a model of each. The tail of the SELECT from
    the first table joins the others.
    """
    found = read_row(_write_select(tables, tail), values)
    if found is None:
        return None
    values_left = iter(found)
    return [table.make_model([*islice(values_left, len(table.names))]) for table in tables]


def _list_fields(model: type[models.Model], only: Sequence[str]) -> list[Any]:
    return [f for f in model._meta.concrete_fields if not only or f.attname in only]


@lru_cache(1024)  # those of rules and tiers come again and again
def _read_instant(text: str) -> datetime:
    return datetime.fromisoformat(f"{text}Z")  # a fifth of what replace(tzinfo=UTC) takes


# What SQLite keeps as something plainer.
READINGS: dict[str, Any] = {
    "DateTimeField": _read_instant,
    "DateField": date.fromisoformat,
    "BooleanField": bool,
}


@cache
def _get_readings() -> dict[str, Any]:
    return READINGS if _get_vendor() == "sqlite" else {}


@cache
def _write_insert(table: Table[Any], vendor: str) -> str:
    named = [c for c, _ in table.kinds if not (table._is_numbered and c == table._key)]
    columns = ", ".join(f'"{column}"' for column in named)
    places = ", ".join(["%s"] * len(named))
    number = ' RETURNING "id"' if table._is_numbered and vendor == "postgresql" else ""
    return f'INSERT INTO "{table.name}" ({columns}) VALUES ({places}){number}'


@cache
def _write_select(tables: tuple[Table[Any], ...], tail: str) -> str:
    columns = ", ".join(table.write_columns() for table in tables)
    return f'SELECT {columns} FROM "{tables[0].name}" {tables[0].alias} {tail}'
