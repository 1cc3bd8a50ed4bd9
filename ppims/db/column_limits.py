"""What PostgreSQL's columns hold and SQLite's do not mind: looked for in a SQLite database, so that
a move names the row that doesn't fit before it writes anything.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple

from django.db import connections, models
from django.db.backends.base.operations import BaseDatabaseOperations

from ppims.db.streaming import list_kept_models

INTEGER_RANGES = BaseDatabaseOperations.integer_field_ranges
NO_NUL = ("instr(CAST({0} AS BLOB), x'00') > 0", "holds a NUL character")


class Unfit(NamedTuple):
    """A row, by its table and the numbers of its key, and what of it doesn't fit; never a value."""

    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.row}: {self.problem}"


def find_unfit(using: str = "default") -> Iterator[Unfit]:
    """Find each row that PostgreSQL would not take; none where they are in PostgreSQL already."""
    if connections[using].vendor == "sqlite":
        for model in list_kept_models():
            yield from _find_unfit(model, using)


def _find_unfit(model: type[models.Model], using: str) -> Iterator[Unfit]:
    fields = model._meta.concrete_fields
    faults = [(f, *fault) for f in fields for fault in _list_faults(_find_kind(f))]
    cases = [
        f"WHEN {_write_condition(f, is_wrong)} THEN {n}"
        for n, (f, is_wrong, _) in enumerate(faults)
    ]
    numbers = [
        f for f in model._meta.pk_fields if _find_kind(f).get_internal_type() in INTEGER_RANGES
    ]
    key = ", ".join(f'"{field.column}"' for field in numbers) or "NULL"
    sql = f"""SELECT * FROM (SELECT CASE {" ".join(cases)} END AS fault, {key}
        FROM "{model._meta.db_table}") WHERE fault IS NOT NULL"""  # noqa: S608 - our own names
    with connections[using].cursor() as cursor:
        for fault, *values in cursor.execute(sql):
            field, _, problem = faults[fault]
            named = " ".join(str(value) for value in values if value is not None)
            yield Unfit(f"{model._meta.db_table} {named}".strip(), f"{field.column} {problem}")


def _find_kind(field: Any) -> Any:
    """Give the field whose kind of value it holds: of a foreign key the one that it points at."""
    return _find_kind(field.target_field) if field.is_relation else field


def _write_condition(field: Any, is_wrong: str) -> str:
    column = f'"{field.column}"'
    return f"{column} IS NOT NULL AND ({is_wrong.format(column)})"


def _list_faults(field: Any) -> list[tuple[str, str]]:
    """List what would not fit a column of this kind: how SQLite tells, and in words."""
    kind = field.get_internal_type()
    if kind in INTEGER_RANGES:
        least, most = INTEGER_RANGES[kind]
        return [
            ("typeof({0}) <> 'integer'", "is no whole number"),
            (f"{{0}} NOT BETWEEN {least} AND {most}", "is out of its range"),
        ]
    if kind == "CharField":
        is_long = f"length({{0}}) > {field.max_length}"
        too_long = (is_long, f"is longer than {field.max_length} characters")
        return [("typeof({0}) <> 'text'", "is no text"), NO_NUL, too_long]
    return {
        "TextField": [("typeof({0}) <> 'text'", "is no text"), NO_NUL],
        "BinaryField": [("typeof({0}) <> 'blob'", "is not bytes")],
        "BooleanField": [("{0} NOT IN (0, 1)", "is neither true nor false")],
        "DateField": [("date({0}, '+0 days') IS NOT {0}", "is no date")],
        "DateTimeField": [("julianday({0}) IS NULL", "is no time")],
    }[kind]
