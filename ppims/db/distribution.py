"""What makes a migrated database a distributed one, step by step: judged from what the models want
and what the database has, so that it may be run again after each migration.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from django.apps import apps
from django.db import DEFAULT_DB_ALIAS, connections, models, transaction

from ppims.db import append_only
from ppims.db.places import (
    COLUMN_BY_TABLE,
    FIRST_TABLE,
    FOUND_BY_THEMSELVES,
    LOCAL_PLACE,
    POINTING_AT_KIN,
    REFERENCE_PLACE,
    find_place,
    is_beside_customers,
)

SHARD_COUNT = 32
# Of the tables themselves, not of their shards, which have other names.
READ_PLACES = """
    SELECT c.relname, CASE WHEN p.partmethod = 'h'
            THEN column_to_column_name(p.logicalrelid, p.partkey)
        WHEN p.repmodel = 't' THEN 'reference' ELSE 'local' END
    FROM pg_class c LEFT JOIN pg_dist_partition p ON p.logicalrelid = c.oid
    WHERE c.relkind IN ('r', 'p') AND c.relnamespace = current_schema()::regnamespace
"""
READ_CONSTRAINTS = """
    SELECT k.contype, c.relname, k.conname, t.relname,
        ARRAY(SELECT a.attname FROM unnest(k.conkey) WITH ORDINALITY u (n, place)
              JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = u.n ORDER BY place),
        ARRAY(SELECT a.attname FROM unnest(k.confkey) WITH ORDINALITY u (n, place)
              JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = u.n ORDER BY place)
    FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid
    LEFT JOIN pg_class t ON t.oid = k.confrelid
    WHERE k.contype IN ('p', 'f') AND k.connamespace = current_schema()::regnamespace
"""
READ_NUMBERING = """
    SELECT (SELECT COALESCE(MAX("{column}"), 0) FROM "{table}"), last_value, is_called
    FROM {sequence}
"""
FIND_SEQUENCE = "SELECT pg_get_serial_sequence(%s, %s)"
GO_ON = "SELECT setval(pg_get_serial_sequence('{table}', '{column}'), {last})"
MAKE_REFERENCE = "SELECT create_reference_table('{table}')"
MAKE_FIRST = (
    "SELECT create_distributed_table('{table}', '{column}', colocate_with => 'none',"
    f" shard_count => {SHARD_COUNT})"
)
MAKE_BESIDE = "SELECT create_distributed_table('{table}', '{column}', colocate_with => '{beside}')"
MAKE_KEY = """
    ALTER TABLE "{table}" DROP CONSTRAINT "{name}",
        ADD CONSTRAINT "{name}" PRIMARY KEY ({columns})
"""
MAKE_FOREIGN_KEY = """
    ALTER TABLE "{table}" ADD CONSTRAINT "{name}" FOREIGN KEY ({columns})
        REFERENCES "{target}" ({target_columns}) DEFERRABLE INITIALLY DEFERRED
"""
WORDS_OF_FOREIGN_KEY = "let {table} ({columns}) point at {target} ({target_columns})"
# What was copied to the shards stays on the coordinator's disk until it is cut off, when no foreign
# key may point at it, and no trigger of ours refuse it. Shards keep theirs.
FREE_ROOM = "SELECT truncate_local_data_after_distributing_table('{table}')"
PAUSE_TRIGGER = 'ALTER TABLE "{table}" {verb} TRIGGER {table}_only_grows_whole'


class ForeignKey(NamedTuple):
    """A foreign key: its name, the table and columns that it is of, and those that it points at."""

    name: str
    table: str
    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]


@dataclass
class Present:
    """What a database has: each table's place, its primary key's name and columns, foreign keys;
    and each table that would begin anew to number its rows: the column, and its last number.
    """

    places: dict[str, str]
    keys: dict[str, tuple[str, tuple[str, ...]]]
    foreign_keys: list[ForeignKey] = field(default_factory=list)
    numbers: dict[str, tuple[str, int]] = field(default_factory=dict)


class Step(NamedTuple):
    """One thing to do with a table, in words, and the statements that do it."""

    words: str
    table: str
    sql: tuple[str, ...]


def list_tables() -> list[str]:
    """List the tables of all models."""
    found = apps.get_models(include_auto_created=True)
    return sorted({model._meta.db_table for model in found if model._meta.managed})


def list_placeless() -> list[str]:
    """Name the models' tables that nobody has given a place."""
    return [table for table in list_tables() if find_place(table) is None]


def read_present(using: str = DEFAULT_DB_ALIAS) -> Present:
    """Read how tables stand now. Only where Citus is installed."""
    with connections[using].cursor() as cursor:
        cursor.execute(READ_PLACES)
        present = Present(dict(cursor.fetchall()), {})
        cursor.execute(READ_CONSTRAINTS)
        for kind, table, name, target, columns, target_columns in cursor.fetchall():
            if kind == "p":
                present.keys[table] = (name, tuple(columns))
            else:
                present.foreign_keys.append(
                    ForeignKey(name, table, tuple(columns), target, tuple(target_columns))
                )
        for table, column in _list_numbered():
            cursor.execute(FIND_SEQUENCE, [table, column])
            (sequence,) = cursor.fetchone()
            cursor.execute(READ_NUMBERING.format(table=table, column=column, sequence=sequence))
            last, counted, is_called = cursor.fetchone()
            if last >= counted + is_called:
                present.numbers[table] = (column, last)
    return present


def _list_numbered() -> list[tuple[str, str]]:
    """List the tables on the coordinator whose rows it numbers, and the column: Citus makes such a
    table anew where a foreign key ties it to one on every machine.
    """
    found = [model._meta for model in apps.get_models(include_auto_created=True)]
    return [
        (meta.db_table, str(meta.pk.column))
        for meta in found
        if isinstance(meta.pk, models.AutoField) and find_place(meta.db_table) == LOCAL_PLACE
    ]


def list_wanted(using: str = DEFAULT_DB_ALIAS) -> list[ForeignKey]:
    """List the foreign keys of all models as a distributed database has them: between two tables of
    customers the customer's number is in them.
    """
    editor: Any = connections[using].schema_editor()
    fields = [
        (model, each)
        for model in apps.get_models(include_auto_created=True)
        for each in model._meta.local_fields
        if model._meta.managed and getattr(each, "db_constraint", False)
    ]
    wanted = [_place_foreign_key(editor, model, each) for model, each in fields]
    return [key for key in wanted if key]


def plan_steps(present: Present, wanted: Iterable[ForeignKey]) -> list[Step]:
    """Plan what makes the tables stand in their places; nothing, where they do."""
    tables = [table for table in present.places if find_place(table) is not None]
    moving = sorted(t for t in tables if present.places[t] == LOCAL_PLACE != find_place(t))
    moving.sort(key=lambda table: (find_place(table) != REFERENCE_PLACE, table != FIRST_TABLE))
    wanted, kept = list(wanted), []
    steps = []
    for key in present.foreign_keys:
        is_given_up = (key.table, key.columns[0]) in POINTING_AT_KIN
        if key.table in tables and ({key.table, key.target} & set(moving) or is_given_up):
            steps.append(_drop(key))
        else:
            kept.append((key.table, key.columns))
    for table in moving:
        steps += _move(table, present)
    steps += [_add(key) for key in wanted if (key.table, key.columns) not in kept]
    for table, (column, last) in present.numbers.items():
        sql = GO_ON.format(table=table, column=column, last=last)
        steps.append(Step(f"number the rows of {table} on from {last}", table, (sql,)))
    return steps


def run_step(step: Step, using: str = DEFAULT_DB_ALIAS) -> None:
    """Do a step: all of it or nothing. Raises DatabaseError."""
    with transaction.atomic(using), connections[using].cursor() as cursor:
        for sql in step.sql:
            cursor.execute(sql)


def let_session_change_shards(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let this session change tables that are spread: one shard after another, since a transaction
    that has changed a reference table can't go on with all shards at once; and triggers with them,
    which on shards see no other row than their own, as ours do anyway.
    """
    with connections[using].cursor() as cursor:
        cursor.execute("SET citus.multi_shard_modify_mode = 'sequential'")
        cursor.execute("SET citus.enable_unsafe_triggers = on")


def leave_foreign_keys_to_steps(using: str = DEFAULT_DB_ALIAS) -> None:
    """Let migrations make no foreign keys, for a new table, which is on one machine at first, can't
    point at one that is spread: the steps make them, in the form that they need.
    """
    features: Any = connections[using].features
    features.supports_foreign_keys = False


def _place_foreign_key(editor: Any, model: type[models.Model], key: Any) -> ForeignKey | None:
    """Give a foreign key the form that it has between tables in their places; None: it can't be."""
    table, column = model._meta.db_table, key.column
    target, target_column = key.target_field.model._meta.db_table, key.target_field.column
    suffix = f"_fk_{target}_{target_column}"
    name = str(editor._fk_constraint_name(model, key, suffix)).strip('"')
    plain = ForeignKey(name, table, (column,), target, (target_column,))
    if find_place(target) in {REFERENCE_PLACE, LOCAL_PLACE}:
        return plain
    if not (is_beside_customers(table) and is_beside_customers(target)):
        return None
    if (table, column) in POINTING_AT_KIN:
        return None
    own, its = COLUMN_BY_TABLE[table], COLUMN_BY_TABLE[target]
    if its != target_column:
        return ForeignKey(name, table, (column, own), target, (target_column, its))
    return plain if column == own else None


def _move(table: str, present: Present) -> Iterator[Step]:
    place = find_place(table)
    if place == REFERENCE_PLACE:
        yield Step(
            f"put all of {table} on every machine",
            table,
            (MAKE_REFERENCE.format(table=table), *_free_room(table)),
        )
        return
    name, columns = present.keys[table]
    if place not in columns:
        key = ", ".join((*columns, str(place)))
        yield Step(
            f"make the primary key of {table} ({key})",
            table,
            (MAKE_KEY.format(table=table, name=name, columns=key),),
        )
    is_first = table == FIRST_TABLE or table in FOUND_BY_THEMSELVES
    make = MAKE_FIRST if is_first else MAKE_BESIDE
    made = make.format(table=table, column=place, beside=FIRST_TABLE)
    yield Step(f"spread {table} by {place}", table, (made, *_free_room(table)))


def _free_room(table: str) -> list[str]:
    free = FREE_ROOM.format(table=table)
    if table not in append_only.TABLES:
        return [free]
    off, on = (PAUSE_TRIGGER.format(table=table, verb=verb) for verb in ("DISABLE", "ENABLE"))
    return [off, free, on]


def _drop(key: ForeignKey) -> Step:
    return Step(
        f"take the foreign key {key.name} off {key.table}",
        key.table,
        (f'ALTER TABLE "{key.table}" DROP CONSTRAINT "{key.name}"',),
    )


def _add(key: ForeignKey) -> Step:
    joined = {name: ", ".join(getattr(key, name)) for name in ("columns", "target_columns")}
    return Step(
        WORDS_OF_FOREIGN_KEY.format(**key._asdict() | joined),
        key.table,
        (MAKE_FOREIGN_KEY.format(**key._asdict() | joined),),
    )
