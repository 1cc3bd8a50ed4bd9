"""Many rows at once, given as the plain values that are signed: by COPY on PostgreSQL, by
executemany on SQLite. For what makes whole tables, never for an answer.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import partial

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connection, connections, models

from ppims.core.keys import EPOCH, Plain
from ppims.db.fields import ByTime
from ppims.db.transaction import run_in_transaction

NAIVE_EPOCH = EPOCH.replace(tzinfo=None)  # in UTC without saying so, as Django writes to SQLite
LIST_INDEXES = "SELECT name FROM sqlite_master WHERE type = 'index'"
Row = list[Plain]
Rows = dict[type[models.Model], list[Row]]
Numbers = range | dict[type[models.Model], range | list[int]]  # ids for rows: of all, or by table
# Rows that others may add while a batch is made: they get the ids before those of the batch.
LEFT_FREE = 1_000


def insert(
    model: type[models.Model], rows: Sequence[Row], *, using: str = DEFAULT_DB_ALIAS
) -> None:
    """Insert rows. Each has a value for every field of the model, in their order. An instant is
    given in microseconds, and changed in place to what the database reads.
    """
    fields = model._meta.concrete_fields
    for place, field in enumerate(fields):
        if field.get_internal_type() == "DateTimeField":
            _write_instants(rows, place)
    database = connections[using]
    name = database.ops.quote_name
    columns = ", ".join(name(str(field.column)) for field in fields)
    into = f"{name(model._meta.db_table)} ({columns})"
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            # What COPY finds at its end is no error of Django's by itself.
            with (
                database.wrap_database_errors,
                cursor.copy(f"COPY {into} FROM STDIN") as copy,
            ):
                for row in rows:
                    copy.write_row(row)
        else:
            places = ", ".join(["%s"] * len(fields))
            cursor.executemany(f"INSERT INTO {into} VALUES ({places})", rows)


def find_highest_id(*tables: type[models.Model]) -> int:
    """Return the highest id that any of the tables has handed out; 0 if none has."""
    return max(model._base_manager.aggregate(id=models.Max("pk"))["id"] or 0 for model in tables)


def take_ids(tables: Sequence[type[models.Model]], count: int) -> Numbers:
    """Reserve ids for so many new rows of each table, while others write.

    On PostgreSQL they are nobody else's from here on. On SQLite, where nothing can be reserved, the
    ids are some further on: `are_free` says, inside the transaction that inserts, if nobody has
    come that far.
    """
    if connection.vendor != "postgresql":
        first = find_highest_id(*tables) + 1 + LEFT_FREE
        return range(first, first + count)
    reserved: dict[type[models.Model], range | list[int]] = {}
    with connection.cursor() as cursor:
        for model in tables:
            table = model._meta.db_table
            cursor.execute(f"SELECT nextval('{table}_id_seq') FROM generate_series(1, %s)", [count])
            reserved[model] = [number for (number,) in cursor.fetchall()]
    return reserved


def are_free(ids: Numbers, tables: Sequence[type[models.Model]]) -> bool:
    """Return whether reserved ids are still nobody's, inside the transaction that inserts."""
    return not isinstance(ids, range) or find_highest_id(*tables) < ids.start


def find_numbers(ids: Numbers, model: type[models.Model]) -> Sequence[int]:
    """Find the ids that the rows of a table may have."""
    return ids if isinstance(ids, range) else ids[model]


def move_sequences_past_ids(*tables: type[models.Model]) -> None:
    """Let PostgreSQL, which counts by itself, hand out ids after those that were inserted."""
    if connection.vendor != "postgresql":
        return
    with connection.cursor() as cursor:
        for model in tables:
            table = model._meta.db_table
            sql = f"SELECT setval(pg_get_serial_sequence(%s, 'id'), max(id)) FROM {table}"
            cursor.execute(sql, [table])


@contextmanager
def defer_time_indexes() -> Iterator[None]:
    """Let the block insert without the indexes by time, and make them in the end, whatever ends it.
    Rows that come customer by customer would each change another page of every index. PostgreSQL
    keeps them.
    """
    try:
        with connection.cursor() as cursor:
            for _, index in _list_time_indexes():
                drop = f"DROP INDEX IF EXISTS {connection.ops.quote_name(index.name)}"
                run_in_transaction(partial(cursor.execute, drop), takes_instant=False)
        yield
    finally:
        make_indexes_by_time()


def make_indexes_by_time() -> None:
    """Make SQLite's indexes by time that are missing: whoever was killed while inserting left
    none.
    """
    if connection.vendor != "sqlite":
        return
    editor = connection.schema_editor()
    with connection.cursor() as cursor:
        there = {name for (name,) in cursor.execute(LIST_INDEXES).fetchall()}
        missing = [
            (table, index) for table, index in _list_time_indexes() if index.name not in there
        ]
        if missing and not connection.in_atomic_block:
            cursor.execute("PRAGMA temp_store = FILE")  # lakhs of rows are sorted in it
        for table, index in missing:
            make = partial(cursor.execute, str(index.create_sql(table, editor)))
            run_in_transaction(make, takes_instant=False)


def _list_time_indexes() -> list[tuple[type[models.Model], ByTime]]:
    if connection.vendor != "sqlite":
        return []
    indexes = [(table, index) for table in apps.get_models() for index in table._meta.indexes]
    return [(table, index) for table, index in indexes if isinstance(index, ByTime)]


def _write_instants(rows: Sequence[Row], place: int) -> None:
    for row in rows:
        if (at := row[place]) is not None:
            assert isinstance(at, int)
            row[place] = str(NAIVE_EPOCH + timedelta(0, 0, at))
