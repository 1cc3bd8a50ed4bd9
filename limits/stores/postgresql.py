"""A group's statements on PostgreSQL: values as arrays, a few round trips a group. Who has a
customer's lock is never waited for beside others.
"""

from collections.abc import Sequence
from enum import Enum, auto
from functools import cache
from typing import Any

from limits.known import Hold, Known, Rows
from limits.ledger import CHECKS, ENTRIES, sign_new_head
from limits.stores.reads import KINDS, READ_STATEMENTS, write_select
from limits.stores.store import Found, Wanted
from ppims.db import standbys
from ppims.db.arrays import (
    write_array,
    write_arrays,
    write_insert,
    write_unnest,
)
from ppims.db.pipeline import Pipeline

SELECT_BY_ARRAYS = "WITH asked({columns}) AS (SELECT * FROM {arrays}) {select}"
LOCK_HEADS = """
    SELECT customer_id, entry_count, check_count, last_digest, last_at FROM limits_ledgerhead
    WHERE customer_id = ANY(%s::bigint[]) ORDER BY customer_id FOR UPDATE
"""
MAKE_HEADS = """
    INSERT INTO limits_ledgerhead
        (customer_id, entry_count, check_count, last_digest, last_at, key_id, mac)
    SELECT made.customer_id, 0, 0, '', NULL, %s, made.mac
    FROM unnest(%s::bigint[], %s::bytea[]) made(customer_id, mac)
    WHERE EXISTS (SELECT 1 FROM customers_registration r
        WHERE r.customer_id = made.customer_id AND r.processor_id = ANY(%s::bigint[]))
    ORDER BY made.customer_id ON CONFLICT DO NOTHING
"""
# After the locks, in a statement of its own: beside them it would be a time before the wait.
OWN_STATEMENTS = {
    "clock": "SELECT clock_timestamp()",
    "check_ids": "SELECT nextval('limits_limitcheck_id_seq') FROM generate_series(1, %s::integer)",
    "entry_ids": "SELECT nextval('limits_ledgerentry_id_seq') FROM generate_series(1, %s::integer)",
}
OPEN_HOLDS = """
    INSERT INTO limits_hold
        (limit_check_id, customer_id, processor_id, month, direction, expires_at, amount_paise)
    SELECT * FROM unnest(%s::bigint[], %s::bigint[], %s::bigint[], %s::integer[], %s::text[],
        %s::timestamptz[], %s::bigint[])
"""
CLOSE_HOLDS = """
    DELETE FROM limits_hold
    WHERE customer_id = ANY(%s::bigint[]) AND limit_check_id = ANY(%s::bigint[])
"""
DROP_EXPIRED = """
    DELETE FROM limits_hold
    WHERE customer_id = ANY(%s::bigint[]) AND expires_at <= %s::timestamptz
"""
SET_USAGE = """
    INSERT INTO limits_monthlyusage (customer_id, month, debit_paise, credit_paise)
    SELECT * FROM unnest(%s::bigint[], %s::integer[], %s::bigint[], %s::bigint[])
    ON CONFLICT (customer_id, month) DO UPDATE
    SET debit_paise = excluded.debit_paise, credit_paise = excluded.credit_paise
"""
SET_HEADS = """
    UPDATE limits_ledgerhead h
    SET entry_count = s.entry_count, check_count = s.check_count, last_digest = s.last_digest,
        last_at = s.last_at, key_id = s.key_id, mac = s.mac
    FROM unnest(%s::bigint[], %s::integer[], %s::integer[], %s::bytea[], %s::timestamptz[],
        %s::text[], %s::bytea[])
        s(customer_id, entry_count, check_count, last_digest, last_at, key_id, mac)
    WHERE h.customer_id = s.customer_id
"""
KEEP_KEYS = """
    INSERT INTO ppims_replaykey (processor_id, operation, ref_id, customer_id, row_id, digests)
    SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[], %s::bigint[], %s::bigint[],
        %s::bytea[])
"""


class Locking(Enum):
    """How the heads of a group's customers are locked, the quickest way first."""

    FREE = auto()  # those that are there, and that nobody else has
    NEW = auto()  # as before; and a customer who has none gets one
    PATIENT = auto()  # as before; and who has one is waited for


class PostgresqlStore:
    """Reads and writes through a pipeline, for some processors: of their customers alone is a head
    made. A customer whose head isn't locked has none here.
    """

    makes_heads = False

    def __init__(self, pipeline: Pipeline, processors: Sequence[int], locking: Locking) -> None:
        self._pipeline, self._processors, self._locking = pipeline, processors, locking

    def ask(self, wanted: Wanted) -> Found:
        cursors = {name: self._send(name, asked) for name, asked in wanted.items()}
        self._pipeline.wait()
        return {name: cursor.fetchall() for name, cursor in cursors.items()}

    def write(self, rows: Rows, known: Known) -> None:
        send = self._pipeline.send
        for sql, values in (
            (write_insert(CHECKS), rows.checks),
            # Closed first: a merge closes one, and opens it as another customer's.
            (CLOSE_HOLDS, rows.closed),
            (OPEN_HOLDS, [list_hold(*opened) for opened in rows.opened.items()]),
            (write_insert(ENTRIES), rows.entries),
            (SET_USAGE, [(*month, *used) for month, used in rows.usage.items()]),
            (SET_HEADS, [(*head, *signed) for head, *signed in rows.heads]),
            # In one order for all, so that nobody waits in a circle for each other's Ref_Ids.
            (KEEP_KEYS, sorted((p, o, r, *first) for (o, p, r), first in rows.keys)),
        ):
            if values:
                send(sql, write_arrays(sql, values))
        if rows.expired:
            send(DROP_EXPIRED, [write_array("bigint", rows.expired), known.at.isoformat()])

    def confirm(self) -> None:
        self._pipeline.send(standbys.WRITE_TO_LOG)

    def _send(self, name: str, asked: Sequence[tuple[Any, ...]]) -> Any:
        if name == "heads":
            return self._lock_heads([customer_id for (customer_id,) in asked])
        if name in OWN_STATEMENTS:
            return self._pipeline.send(OWN_STATEMENTS[name], [str(n) for (n,) in asked])
        sql = _write_read(name)
        return self._pipeline.send(sql, write_arrays(sql, asked))

    def _lock_heads(self, customers: Sequence[int]) -> Any:
        if self._locking is not Locking.FREE:
            self._make_heads(customers)
        waiting = "" if self._locking is Locking.PATIENT else "SKIP LOCKED"
        return self._pipeline.send(f"{LOCK_HEADS} {waiting}", [write_array("bigint", customers)])

    def _make_heads(self, customers: Sequence[int]) -> None:
        signed = [sign_new_head(customer_id) for customer_id in customers]
        macs = [write_array("bigint", customers), write_array("bytea", [h.mac for h in signed])]
        processors = write_array("bigint", self._processors)
        self._pipeline.send(MAKE_HEADS, [signed[0].key_id, *macs, processors])


@cache
def _write_read(name: str) -> str:
    columns, select = READ_STATEMENTS[name][0], write_select(name)
    if not columns:
        return select
    arrays = write_unnest([KINDS[column] for column in columns])
    return SELECT_BY_ARRAYS.format(columns=", ".join(columns), arrays=arrays, select=select)


def list_hold(check_id: int, hold: Hold) -> tuple[Any, ...]:
    """List the columns of a hold, as OPEN_HOLDS takes them."""
    return check_id, hold.customer_id, *hold.place, hold.amount_paise
