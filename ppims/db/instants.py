"""How an instant stands in hand-written SQL: as whole microseconds, the same from either database;
and as an index by time keeps it, so that a statement finds the index.
"""

from datetime import datetime
from typing import Any

from django.db import connection

from ppims.core import calendar
from ppims.db.statements import choose_by_database

AS_MICROSECONDS = {
    "postgresql": "(extract(epoch FROM {0}) * 1000000)::bigint",
    # SQLite keeps an instant as text, with six digits after the point or none.
    "sqlite": "CAST(strftime('%%s', substr({0}, 1, 19)) AS integer) * 1000000"
    " + CAST(substr({0}, 21) AS integer)",
}
# Microseconds take half the room of SQLite's text.
AS_INDEXED = {"postgresql": "{0}", "sqlite": AS_MICROSECONDS["sqlite"]}
# PostgreSQL may join rows in any order, and finds by the index's own column that they are sorted.
# SQLite goes through a subquery in its order, and would sort all of it for a page of two rows.
KEPT_ORDERS = {"postgresql": "ORDER BY sorted_at {0}, row_key {0}", "sqlite": ""}
EARLIER_FORMS = {
    "postgresql": "({at}, {key}) < (%s, %s)",
    # One bound first: of several SQLite goes by the first alone, and without any it would rather
    # sort all for a page of two rows.
    "sqlite": "{at} <= %s AND ({at} < %s OR {key} < %s)",
}


def write_microseconds(column: str) -> str:
    """Write an instant's column as whole microseconds."""
    return choose_by_database(AS_MICROSECONDS).format(column)


def write_indexed(column: str) -> str:
    """Write an instant's column as ppims.db.fields.Instant keeps it in an index."""
    return choose_by_database(AS_INDEXED).format(column)


def to_indexed(at: datetime) -> datetime | int:
    """Give an instant as it is compared with what `write_indexed` writes."""
    return calendar.to_microseconds(at) if connection.vendor == "sqlite" else at


def write_earlier(at: str, key: str, than: datetime, before: int) -> tuple[str, list[Any]]:
    """Write that an indexed instant is before one, or is that one and its key before another; and
    the values for it.
    """
    bound = to_indexed(than)
    values = [bound, bound, before] if connection.vendor == "sqlite" else [bound, before]
    return choose_by_database(EARLIER_FORMS).format(at=at, key=key), values


def write_kept_order(way: str) -> str:
    """Write that rows of a subquery, sorted by `sorted_at` and `row_key`, stay so: ASC or DESC."""
    return choose_by_database(KEPT_ORDERS).format(way)
