"""Find in a SQLite database what PostgreSQL's columns would refuse, so that a move names the row
that doesn't fit before it writes anything. SQLite's own columns take almost any value.
"""

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from django.db import connections, models
from django.db.backends.base.operations import BaseDatabaseOperations

from ppims.db.streaming import list_kept_models

INTEGER_RANGES = BaseDatabaseOperations.integer_field_ranges
TEXT_FAULTS = [
    ("typeof({0}) <> 'text'", "is no text"),
    ("instr(CAST({0} AS BLOB), x'00') > 0", "holds a NUL character"),
]


class Unfit(NamedTuple):
    """A row that doesn't fit, by its table and the numbers of its key, and why. Never a value."""

    row: str
    problem: str

    def __str__(self) -> str:
        return f"{self.row}: {self.problem}"


def has_column_limits(using: str) -> bool:
    """Tell whether a database itself refuses what doesn't fit a column."""
    return connections[using].vendor == "postgresql"


def find_unfit(using: str = "default") -> Iterator[Unfit]:
    """Find each row that PostgreSQL would not take; none where they are in PostgreSQL already."""
    if not has_column_limits(using):
        for model in list_kept_models():
            yield from _find_unfit(model, using)


def find_unfit_row(model: type[models.Model], customer_id: int, row_id: int) -> str | None:
    """Say what PostgreSQL would not take of one row of a customer's; None: nothing."""
    if has_column_limits("default"):
        return None
    where = ' WHERE "customer_id" = %s AND "id" = %s'
    found = next(_find_unfit(model, "default", where, [customer_id, row_id]), None)
    return found.problem if found else None


def _find_unfit(
    model: type[models.Model], using: str, where: str = "", named_by: Sequence[int] = ()
) -> Iterator[Unfit]:
    fields = model._meta.concrete_fields
    faults = [(str(f.column), *fault) for f in fields for fault in _list_faults(_find_kind(f))]
    with connections[using].cursor() as cursor:
        for fault, *values in cursor.execute(_write_search(model, faults, where), named_by):
            column, _, problem = faults[fault]
            named = " ".join(str(value) for value in values if value is not None)
            yield Unfit(f"{model._meta.db_table} {named}".strip(), f"{column} {problem}")


def _write_search(model: type[models.Model], faults: list[tuple[str, str, str]], where: str) -> str:
    """Write a SELECT of each unfit row: the place of its first fault, and its key's numbers."""
    cases = [
        f"WHEN {_write_condition(column, is_wrong)} THEN {n}"
        for n, (column, is_wrong, _) in enumerate(faults)
    ]
    # A key that is text may hold what nobody should read in a message.
    key = [
        f'"{field.column}"'
        for field in model._meta.pk_fields
        if _find_kind(field).get_internal_type() in INTEGER_RANGES
    ]
    return f"""SELECT * FROM (SELECT CASE {" ".join(cases)} END AS fault,
        {", ".join(key) or "NULL"} FROM "{model._meta.db_table}"{where}) WHERE fault IS NOT NULL"""


def _write_condition(column: str, is_wrong: str) -> str:
    quoted = f'"{column}"'
    return f"{quoted} IS NOT NULL AND ({is_wrong.format(quoted)})"


def _find_kind(field: Any) -> Any:
    # A foreign key holds what the field holds that it points at.
    return _find_kind(field.target_field) if field.is_relation else field


def _list_faults(field: Any) -> list[tuple[str, str]]:
    """List what would not fit a column of this kind: SQLite's condition for it, and our words."""
    kind = field.get_internal_type()
    if kind in INTEGER_RANGES:
        least, most = INTEGER_RANGES[kind]
        return [
            ("typeof({0}) <> 'integer'", "is no whole number"),
            (f"{{0}} NOT BETWEEN {least} AND {most}", "is out of its range"),
        ]
    if kind == "CharField":
        most = field.max_length
        return [*TEXT_FAULTS, (f"length({{0}}) > {most}", f"is longer than {most} characters")]
    return {
        "TextField": TEXT_FAULTS,
        "BinaryField": [("typeof({0}) <> 'blob'", "is not bytes")],
        "BooleanField": [("{0} NOT IN (0, 1)", "is neither true nor false")],
        "DateField": [("date({0}, '+0 days') IS NOT {0}", "is no date")],
        "DateTimeField": [("julianday({0}) IS NULL", "is no time")],
    }[kind]
