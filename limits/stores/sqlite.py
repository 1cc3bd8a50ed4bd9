"""A group's statements on SQLite: values as JSON, rows written many at a time. They run in the turn
of whoever writes, which is the lock of every customer.
"""

import json
from collections.abc import Sequence
from functools import cache
from typing import Any

from limits.known import Hold, Known, Rows
from limits.ledger import CHECKS, ENTRIES
from limits.stores.reads import INSTANT_PLACES, READ_STATEMENTS, ROWS_OF, write_select
from limits.stores.store import Found, Wanted
from ppims.db import statements
from ppims.db.statements import read_instant, store_value, write_insert

# Ids go on from the last one, as SQLite itself has them.
LAST_IDS = {
    "check_ids": "SELECT COALESCE(MAX(id), 0) FROM limits_limitcheck",
    "entry_ids": "SELECT COALESCE(MAX(id), 0) FROM limits_ledgerentry",
}
SELECT_BY_JSON = "WITH asked({columns}) AS (SELECT {values} FROM json_each(%s)) {select}"
SELECT_BY_VALUES = "WITH asked({columns}) AS (VALUES {values}) {select}"
FEW_ROWS = 2  # as one request has; each number of them is a statement of its own
OPEN_HOLD = """
    INSERT INTO limits_hold
        (limit_check_id, customer_id, processor_id, month, direction, expires_at, amount_paise)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
CLOSE_HOLD = "DELETE FROM limits_hold WHERE customer_id = %s AND limit_check_id = %s"
DROP_EXPIRED = "DELETE FROM limits_hold WHERE customer_id = %s AND expires_at <= %s"
SET_USAGE = """
    INSERT INTO limits_monthlyusage (customer_id, month, debit_paise, credit_paise)
    VALUES (%s, %s, %s, %s) ON CONFLICT (customer_id, month) DO UPDATE
    SET debit_paise = excluded.debit_paise, credit_paise = excluded.credit_paise
"""
SET_HEAD = """
    INSERT INTO limits_ledgerhead
        (customer_id, entry_count, check_count, last_digest, last_at, key_id, mac)
    VALUES (%s, %s, %s, %s, %s, %s, %s) ON CONFLICT (customer_id) DO UPDATE
    SET entry_count = excluded.entry_count, check_count = excluded.check_count,
        last_digest = excluded.last_digest, last_at = excluded.last_at,
        key_id = excluded.key_id, mac = excluded.mac
"""
KEEP_KEY = """
    INSERT INTO ppims_replaykey (processor_id, operation, ref_id, customer_id, row_id, digests)
    VALUES (%s, %s, %s, %s, %s, %s)
"""


class SqliteStore:
    """Reads and writes on this thread's connection."""

    makes_heads = True

    def ask(self, wanted: Wanted) -> Found:
        return {name: _ask(name, asked) for name, asked in wanted.items()}

    def write(self, rows: Rows, known: Known) -> None:
        for sql, values in (
            (write_insert(CHECKS), map(CHECKS.store_values, rows.checks)),
            (DROP_EXPIRED, ((customer, store_value(known.at)) for customer in rows.expired)),
            (CLOSE_HOLD, rows.closed),
            (OPEN_HOLD, (_store_hold(*opened) for opened in rows.opened.items())),
            (write_insert(ENTRIES), map(ENTRIES.store_values, rows.entries)),
            (SET_USAGE, ((*month, *used) for month, used in rows.usage.items())),
            (SET_HEAD, ((*h[:-1], store_value(h[-1]), *signed) for h, *signed in rows.heads)),
            (KEEP_KEY, ((p, o, ref, *first) for (o, p, ref), first in rows.keys)),
        ):
            if every := [*values]:
                statements.run_many(sql, every)

    def confirm(self) -> None:
        pass  # what was read is on the disk


def _ask(name: str, asked: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if name == "clock":
        return []  # this machine's
    if name in LAST_IDS:
        ((last,),), ((count,),) = statements.read_rows(LAST_IDS[name], ()), asked
        return [(last + place,) for place in range(1, count + 1)]
    rows = _read(name, asked)
    if name in ROWS_OF:
        rows = [tuple(ROWS_OF[name].read_values(row)) for row in rows]
    place = INSTANT_PLACES.get(name)
    if place is None:
        return rows
    return [(*row[:place], read_instant(row[place]), *row[place:][1:]) for row in rows]


def _read(name: str, asked: Sequence[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    if name == "cards":  # by digests, which JSON has no form for
        return [row for card in asked for row in statements.read_rows(_write_read(name, 1), card)]
    if len(asked) <= FEW_ROWS:
        values = [value for row in asked for value in row]
        return statements.read_rows(_write_read(name, len(asked)), values)
    return statements.read_rows(_write_read(name, None), (json.dumps(asked),))


@cache
def _write_read(name: str, rows: int | None) -> str:
    """Write a SELECT of what no row, a few rows or any number of them (None) ask for."""
    columns, select = READ_STATEMENTS[name][0], write_select(name, plus="+")
    if rows == 0:
        return select
    if rows is None:
        form = SELECT_BY_JSON
        places = [f"json_extract(value, '$[{place}]')" for place in range(len(columns))]
        values = ", ".join(places)
    else:
        form = SELECT_BY_VALUES
        values = ", ".join([f"({', '.join(['%s'] * len(columns))})"] * rows)
    return form.format(columns=", ".join(columns), values=values, select=select)


def _store_hold(check_id: int, hold: Hold) -> tuple[Any, ...]:
    *place, expires_at = hold.place
    return check_id, hold.customer_id, *place, store_value(expires_at), hold.amount_paise
