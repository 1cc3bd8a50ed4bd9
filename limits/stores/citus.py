"""A group's statements where tables are spread over many machines (docs/operations.md, "Many
machines"). As on PostgreSQL, but for three things. Customers are locked at the coordinator, for no
statement locks rows of several machines. Each SELECT names what is asked by itself, so that only
machines that have some of it are asked. And rows are written as plain values: those of a SELECT
take Citus much longer, and what is wrong with one of them then has no code of its own.
"""

import re
from collections.abc import Sequence
from functools import cache
from typing import Any

from limits.known import Known, Rows
from limits.ledger import CHECKS, EFFECT_PAISE, ENTRIES
from limits.stores.postgresql import (
    CLOSE_HOLDS,
    DROP_EXPIRED,
    Locking,
    PostgresqlStore,
    list_hold,
)
from limits.stores.reads import KINDS, READ_STATEMENTS, write_select
from limits.stores.store import Found, Wanted
from ppims.db.arrays import write_array, write_arrays, write_columns

LOCK_CUSTOMERS = "SELECT id, pg_advisory_xact_lock(id) FROM unnest(%s::bigint[]) id"
# Who has a customer's lock is not waited for.
LOCK_FREE_CUSTOMERS = """
    SELECT id FROM unnest(%s::bigint[]) id WHERE pg_try_advisory_xact_lock(id)
"""
NEW_HEAD = (0, 0, b"", None)
ASKED_COLUMN = re.compile(r"= asked\.(\w+)")
SUM_OF_MONTHS = f"""
    SELECT e.customer_id, e.month,
        CAST(SUM(CASE direction WHEN 'D' THEN {EFFECT_PAISE} ELSE 0 END) AS bigint),
        CAST(SUM(CASE direction WHEN 'C' THEN {EFFECT_PAISE} ELSE 0 END) AS bigint)
    FROM limits_ledgerentry e LEFT JOIN limits_monthlyusage u
        ON u.customer_id = e.customer_id AND u.month = e.month
    WHERE e.customer_id = ANY(%s::bigint[]) AND e.month = ANY(%s::integer[])
        AND u.customer_id IS NULL
    GROUP BY e.customer_id, e.month
"""  # noqa: S608 - of a constant
READ_USED = """
    SELECT customer_id, month, debit_paise, credit_paise FROM limits_monthlyusage
    WHERE customer_id = ANY(%s::bigint[]) AND month = ANY(%s::integer[])
"""
READ_ANSWERED = """
    SELECT DISTINCT limit_check_id FROM limits_ledgerentry
    WHERE customer_id = ANY(%s::bigint[]) AND limit_check_id = ANY(%s::bigint[])
"""
KEEP_ROWS = "INSERT INTO {table} ({columns}) VALUES {rows} {conflict}"
SET_CHANGED = "ON CONFLICT ({key}) DO UPDATE SET {changes}"
# Each table's columns, the key first where a row of it may be there.
CHECK_COLUMNS, ENTRY_COLUMNS = (
    tuple(f'"{column}"' for column, _ in table.kinds) for table in (CHECKS, ENTRIES)
)
HOLD_COLUMNS = (
    *("limit_check_id", "customer_id", "processor_id", "month", "direction", "expires_at"),
    "amount_paise",
)
USAGE_COLUMNS = ("customer_id", "month", "debit_paise", "credit_paise")
HEAD_COLUMNS = (
    *("customer_id", "entry_count", "check_count", "last_digest", "last_at", "key_id", "mac"),
)
KEY_COLUMNS = ("processor_id", "operation", "ref_id", "customer_id", "row_id", "digests")


class CitusStore(PostgresqlStore):
    """Reads and writes through a pipeline to the coordinator."""

    def ask(self, wanted: Wanted) -> Found:
        locks = self._lock_customers(wanted["heads"]) if "heads" in wanted else None
        cursors = {name: self._send(name, asked) for name, asked in wanted.items()}
        sums = self._send_each(SUM_OF_MONTHS, wanted["used"]) if "used" in wanted else None
        self._pipeline.wait()
        found = {name: cursor.fetchall() for name, cursor in cursors.items()}
        if locks:
            found["heads"] = _list_locked(locks.fetchall(), found)
        if sums:
            found["used"] = _add_sums(wanted["used"], found["used"], sums.fetchall())
        if "answers" in wanted:
            answered = {check_id for (check_id,) in found["answers"]}
            found["answers"] = [(each, each in answered) for _, each in wanted["answers"]]
        return found

    def write(self, rows: Rows, known: Known) -> None:
        send = self._pipeline.send
        usage = [(*month, *used) for month, used in rows.usage.items()]
        heads = [(*head, *signed) for head, *signed in rows.heads]
        keys = sorted((p, o, r, *first) for (o, p, r), first in rows.keys)
        if rows.closed:  # before any is opened: a merge opens one again as another customer's
            send(CLOSE_HOLDS, write_arrays(CLOSE_HOLDS, rows.closed))
        for table, columns, key_width, kept in (
            ("limits_limitcheck", CHECK_COLUMNS, 0, rows.checks),
            ("limits_hold", HOLD_COLUMNS, 0, [list_hold(*each) for each in rows.opened.items()]),
            ("limits_ledgerentry", ENTRY_COLUMNS, 0, rows.entries),
            ("limits_monthlyusage", USAGE_COLUMNS, 2, usage),
            ("limits_ledgerhead", HEAD_COLUMNS, 1, heads),
            # In one order for all, so that nobody waits in a circle for each other's Ref_Ids.
            ("ppims_replaykey", KEY_COLUMNS, 0, keys),
        ):
            if kept:
                sql = _write_rows(table, columns, key_width, len(kept))
                send(sql, [value for row in kept for value in row])
        if rows.expired:
            send(DROP_EXPIRED, [write_array("bigint", rows.expired), known.at.isoformat()])

    def _lock_customers(self, customers: Sequence[tuple[int]]) -> Any:
        is_patient = self._locking is Locking.PATIENT
        return self._send_each(LOCK_CUSTOMERS if is_patient else LOCK_FREE_CUSTOMERS, customers)

    def _send(self, name: str, asked: Sequence[tuple[Any, ...]]) -> Any:
        if name == "used":
            return self._send_each(READ_USED, asked)
        if name == "answers":
            return self._send_each(READ_ANSWERED, asked)
        if name not in READ_STATEMENTS:
            return super()._send(name, asked)
        sql, places = _write_read(name)
        return self._send_each(sql, [[row[place] for place in places] for row in asked])

    def _send_each(self, sql: str, rows: Sequence[Sequence[Any]]) -> Any:
        """Send a statement with the values that each column of the rows has."""
        columns = [sorted({*column}) for column in zip(*rows, strict=True)]
        return self._pipeline.send(sql, write_columns(sql, columns))


@cache
def _write_read(name: str) -> tuple[str, list[int]]:
    """Write a SELECT that names what is asked by itself, and the places of what it takes."""
    columns = READ_STATEMENTS[name][0]
    select = write_select(name).replace("asked CROSS JOIN ", "")
    sql = ASKED_COLUMN.sub(lambda found: f"= ANY(%s::{KINDS[found[1]]}[])", select)
    return sql, [columns.index(column) for column in ASKED_COLUMN.findall(select)]


@cache
def _write_rows(table: str, columns: tuple[str, ...], key_width: int, count: int) -> str:
    """Write an INSERT of so many rows. Where one is there by the first columns, it is changed."""
    key, rest = columns[:key_width], columns[key_width:]
    changes = ", ".join(f"{column} = excluded.{column}" for column in rest)
    return KEEP_ROWS.format(
        table=table,
        columns=", ".join(columns),
        rows=", ".join([f"({', '.join(['%s'] * len(columns))})"] * count),
        conflict=SET_CHANGED.format(key=", ".join(key), changes=changes) if key else "",
    )


def _list_locked(locks: Sequence[tuple[Any, ...]], found: Found) -> list[tuple[Any, ...]]:
    """List the heads of the customers that are locked; a new one of who has none yet."""
    heads = {head[0]: head for head in found["heads"]}
    locked = {row[0] for row in locks}.intersection(person[0] for person in found["people"])
    return [heads.get(customer_id, (customer_id, *NEW_HEAD)) for customer_id in locked]


def _add_sums(
    asked: Sequence[tuple[int, ...]],
    cached: Sequence[tuple[int, ...]],
    sums: Sequence[tuple[int, ...]],
) -> list[tuple[int, ...]]:
    """Give each month that was asked for: as it is cached, or else as its entries add up."""
    used = {row[:2]: row[2:] for row in (*sums, *cached)}
    return [(*place, *used.get(place, (0, 0))) for place in asked]
