"""Copy all of one database into an empty one, of either kind, and prove them equal before it
counts: in one transaction, streamed, keys kept.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager
from graphlib import TopologicalSorter
from hashlib import blake2b
from itertools import islice
from typing import Any

from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.core.management.color import no_style
from django.db import connections
from django.db.backends.utils import CursorWrapper
from msgpack import packb

from ppims.core.progress import show_bar
from ppims.db import append_only, bulk, column_limits
from ppims.db.streaming import Reader, Row, list_kept_models, list_left_behind, stream_joined
from ppims.db.transaction import hold_tables

Say = Callable[[str], None]

# Columns that are copied empty: proofs of passwords are this installation's own
# (ppims/services/credentials.py).
LEFT_EMPTY = {"ppims_processor": ("proof", "former_proof")}
# `migrate` fills these two; the source's rows take the place of what it made, so that ids agree.
MADE_BY_MIGRATE = (Permission._meta.db_table, ContentType._meta.db_table)
ADVANCED_EVERY = 1_000
FILLED_AT_ONCE = 1_000  # free pages
MOST_NAMED = 5
# After so many, PostgreSQL checks their foreign keys: until then it notes each row in memory.
ROWS_AT_ONCE = 20_000
# The kinds of column that Reader gives as what either database takes and gives back the same.
WHOLE_NUMBER_FIELDS = {"AutoField", "BigAutoField", "BigIntegerField", "PositiveIntegerField"}
FIELD_KINDS = {
    *WHOLE_NUMBER_FIELDS,
    *("ForeignKey", "OneToOneField", "BinaryField", "BooleanField", "CharField", "DateField"),
    *("DateTimeField", "PositiveSmallIntegerField", "TextField"),
}

TOTAL_QUERIES = {
    "usage by month": """
        SELECT month, CAST(SUM(debit_paise) AS bigint), CAST(SUM(credit_paise) AS bigint)
        FROM limits_monthlyusage GROUP BY month""",
    "entries by month": """
        SELECT month, direction, kind, COUNT(*), CAST(SUM(amount_paise) AS bigint)
        FROM limits_ledgerentry GROUP BY month, direction, kind""",
}


class NotEmpty(Exception):
    """The target holds data; the message names the tables."""


class Unfit(Exception):
    """Rows that the target would not take; the message names them."""


class Unequal(Exception):
    """The copy is not what it was made from; each argument names a difference."""


class Tally:
    """What a table's rows come to, in whatever order they are read: their number, and the sum of
    their digests.
    """

    def __init__(self) -> None:
        self.rows = self._digests = 0

    @property
    def digest(self) -> int:
        return self._digests % 2**128

    def count_rows(self, rows: Iterable[Row]) -> Iterator[Row]:
        """Pass the rows on, and count each of them."""
        for row in rows:
            self.rows += 1
            self._digests += int.from_bytes(blake2b(packb(row), digest_size=16).digest())
            yield row


def list_tables() -> list[Reader]:
    """List every table worth keeping, those that others point at first."""
    fields = {model: model._meta.concrete_fields for model in list_kept_models()}
    pointed_at = {
        model: [f.related_model for f in own if f.related_model not in {None, model}]
        for model, own in fields.items()
    }
    return [
        Reader(
            model,
            [field.attname for field in fields[model]],
            empty=LEFT_EMPTY.get(model._meta.db_table, ()),
        )
        for model in TopologicalSorter(pointed_at).static_order()
    ]


def forget_what_stays(using: str) -> None:
    """Take out of a copy of a SQLite file what no copy has, and its bytes too: SQLite keeps those
    of deleted rows, and free pages keep those of earlier ones.
    """
    with connections[using].cursor() as cursor:
        cursor.execute("PRAGMA secure_delete = ON")
        for table in list_left_behind():
            cursor.execute(f'DELETE FROM "{table}"')
        for table, columns in LEFT_EMPTY.items():
            for column in columns:
                cursor.execute(f'UPDATE "{table}" SET "{column}" = NULL WHERE "{column}" NOTNULL')
        _fill_free_pages(cursor)


def _fill_free_pages(cursor: CursorWrapper) -> None:
    (free,), (size,) = (
        cursor.execute(f"PRAGMA {of}").fetchone() for of in ("freelist_count", "page_size")
    )
    pages = [FILLED_AT_ONCE] * (free // FILLED_AT_ONCE) + [free % FILLED_AT_ONCE]
    cursor.execute("CREATE TABLE filled (zeros)")
    cursor.executemany("INSERT INTO filled VALUES (zeroblob(%s))", [(n * size,) for n in pages])
    cursor.execute("DROP TABLE filled")


def list_holding(using: str) -> list[str]:
    """Name the tables that hold data, but for what `migrate` made; none where nothing is migrated
    yet.
    """
    database = connections[using]
    there = set(database.introspection.table_names()) - set(MADE_BY_MIGRATE)
    named = sorted(there.intersection(_list_table_names()))
    with database.cursor() as cursor:
        return [name for name in named if _read_one(cursor, f'EXISTS (SELECT 1 FROM "{name}")')]


def _list_table_names() -> list[str]:
    return [table.table for table in list_tables()]


def list_briefly(names: list[str]) -> str:
    """List a few names, and how many more there are."""
    rest = len(names) - MOST_NAMED
    return ", ".join(names[:MOST_NAMED]) + (f" and {rest} more" if rest > 0 else "")


def require_fit(source: str) -> None:
    """Raises Unfit where PostgreSQL would not take a row of the source."""
    if unfit := [str(row) for row in column_limits.find_unfit(source)]:
        raise Unfit(list_briefly(unfit))


def hold_still(using: str) -> AbstractContextManager[None]:
    """Let nobody write there for a while. Reading goes on; a running server answers 503 to
    writes.
    """
    return hold_tables(using, _list_table_names(), mode="SHARE")


def copy(source: str, target: str, say: Say) -> dict[str, int]:
    """Copy every row from a source that stands still, and commit once the target is proved equal to
    it. Return how many rows each table has.

    Raises NotEmpty, Unequal, DatabaseError: then the target is as it was.
    """
    copied = {}
    with hold_tables(target, _list_table_names(), mode="SHARE ROW EXCLUSIVE"):
        if held := list_holding(target):
            raise NotEmpty(list_briefly(held))
        with connections[target].cursor() as cursor:
            for name in MADE_BY_MIGRATE:
                cursor.execute(f'DELETE FROM "{name}"')
        for table in list_tables():
            copied[table.table] = _copy_table(table, source, target)
            say(f"copied {table.table}: {copied[table.table].rows:,} rows")
        _set_sequences(target)
        say("reading all of it back")
        if differences := list(_list_differences(source, target, copied)):
            raise Unequal(*differences)
    return {name: tally.rows for name, tally in copied.items()}


def _copy_table(table: Reader, source: str, target: str) -> Tally:
    tally = Tally()
    rows = tally.count_rows(_read_rows(table, source, "copy"))
    while batch := [list(row) for row in islice(rows, ROWS_AT_ONCE)]:
        bulk.insert(table.fields[0].model, batch, using=target)
    return tally


def _read_rows(table: Reader, using: str, what: str) -> Iterator[Row]:
    """Read a table, with a bar."""
    with connections[using].cursor() as cursor:
        total = _read_one(cursor, f'(SELECT COUNT(*) FROM "{table.table}")')
    with show_bar(f"{what} {table.table}", total=total) as advance:
        for count, row in enumerate(_read(table, using), start=1):
            yield row
            if count % ADVANCED_EVERY == 0:
                advance(ADVANCED_EVERY)


def _read(table: Reader, using: str) -> Iterator[Row]:
    """Read a table in the order of its key."""
    unknown = {field.get_internal_type() for field in table.fields} - FIELD_KINDS
    assert not unknown, f"{table.table}: how is {unknown} copied?"
    key = ", ".join(f't."{field.column}"' for field in _find_key(table))
    return stream_joined((table,), f"ORDER BY {key}", (), using=using)


def _set_sequences(using: str) -> None:
    database = connections[using]
    models = [table.fields[0].model for table in list_tables()]
    with database.cursor() as cursor:
        for sql in database.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(sql)


def _list_differences(source: str, target: str, copied: dict[str, Tally]) -> Iterator[str]:
    """Read back all that was written, and name what is not as it was read."""
    for table in list_tables():
        was, back = copied[table.table], Tally()
        for _ in back.count_rows(_read_rows(table, target, "prove")):
            pass
        if back.rows != was.rows:
            yield f"{table.table} has {back.rows:,} rows, not {was.rows:,}"
        elif back.digest != was.digest:
            yield f"{table.table} has other rows{_name_first_other(table, source, target)}"
    for what, sql in TOTAL_QUERIES.items():
        if _read_all(sql, source) != _read_all(sql, target):
            yield f"{what}: other totals"
    for name in append_only.list_missing(using=connections[target]):
        yield f"the trigger {name} is missing"


def _name_first_other(table: Reader, source: str, target: str) -> str:
    """Name the first row that differs, by a key that is numbers and tells nothing; and its columns,
    never what they hold.
    """
    key = _find_key(table)
    kinds = {(f.target_field if f.is_relation else f).get_internal_type() for f in key}
    if not kinds <= WHOLE_NUMBER_FIELDS:
        return ""
    both = zip(_read(table, source), _read(table, target), strict=True)
    for one, other in both:
        if one != other:
            cells = zip(table.fields, one, other, strict=True)
            columns = ", ".join(str(field.column) for field, a, b in cells if a != b)
            number = " ".join(str(one[table.fields.index(field)]) for field in key)
            return f", the first {number} in {columns}"
    return ""


def _find_key(table: Reader) -> list[Any]:
    return list(table.fields[0].model._meta.pk_fields)


def _read_one(cursor: Any, expression: str) -> Any:
    cursor.execute(f"SELECT {expression}")
    return cursor.fetchone()[0]


def _read_all(sql: str, using: str) -> set[tuple[Any, ...]]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql)
        return set(cursor.fetchall())
