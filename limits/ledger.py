"""A customer's ledger as it stands: locks it, and sums up what is used and held. What is written to
it, `limits.plan` decides. docs/ledger.md, "Money and time" and "How the ledger is kept".
"""

import logging
from collections.abc import Iterable
from datetime import datetime
from functools import cache, lru_cache

from django.conf import settings

from customers.models import Customer
from limits.known import ClockBehind, Usage, take_instant
from limits.models import Direction, LedgerEntry, LedgerHead, LimitCheck, MonthlyUsage
from limits.posting import EFFECT_SIGNS
from ppims.core import clock
from ppims.core.chain import sign_row
from ppims.core.errors import UnknownCustomer
from ppims.db import clock_guard, nodes, signed_rows, statements

# What an entry adds to what is used, as posting.find_effect_paise has it.
EFFECT_PAISE = "CASE kind {} ELSE amount_paise END".format(
    " ".join(f"WHEN '{kind}' THEN {sign} * amount_paise" for kind, sign in EFFECT_SIGNS.items())
)
# What a month's entries add up to in one direction: read only where the cache has no row for it.
SUM_OF_ENTRIES = """
    SELECT CAST(SUM({effect}) AS bigint) FROM limits_ledgerentry
    WHERE customer_id = %(customer)s AND month = month_asked.number AND direction = '{direction}'
"""

# What all of a customer's entries add up to, by month; a month of releases alone has no row.
SUM_BY_MONTH = """
    SELECT month,
           CAST(SUM(CASE direction WHEN 'D' THEN effect ELSE 0 END) AS bigint),
           CAST(SUM(CASE direction WHEN 'C' THEN effect ELSE 0 END) AS bigint)
    FROM (SELECT month, direction, {effect} AS effect
          FROM limits_ledgerentry WHERE customer_id = %s) effects
    WHERE effect <> 0 GROUP BY month
"""
USAGE_COLUMNS = ("month", "debit_paise", "credit_paise")

# Used and held in one statement, so that a read without a lock can't see a hold gone and its
# posting not yet there.
# Formatted from constants above and from whole numbers: no text of a caller is in it.
READ_USAGE = """
    WITH month_asked(number) AS (VALUES {months})
    SELECT 'used', month_asked.number, 0,
           COALESCE(cached.debit_paise, ({sum_D}), 0),
           COALESCE(cached.credit_paise, ({sum_C}), 0)
    FROM month_asked LEFT JOIN limits_monthlyusage cached
        ON cached.customer_id = %(customer)s AND cached.month = month_asked.number
    UNION ALL
    SELECT 'held', month, processor_id,
           CAST(SUM(CASE direction WHEN 'D' THEN amount_paise ELSE 0 END) AS bigint),
           CAST(SUM(CASE direction WHEN 'C' THEN amount_paise ELSE 0 END) AS bigint)
    FROM limits_hold WHERE customer_id = %(customer)s AND expires_at > %(at)s
    GROUP BY month, processor_id
"""

HEADS, CHECKS, ENTRIES = (
    statements.Table(LedgerHead, "h"),
    statements.Table(LimitCheck),
    statements.Table(LedgerEntry),
)

# The lock's own statement: what it reads is as of the lock. On PostgreSQL the clock is read around
# it: in the same select list it would be a time before the wait.
LOCK_HEAD = {
    "sqlite": "SELECT NULL, {columns} FROM limits_ledgerhead h WHERE customer_id = %s",
    "postgresql": """
        SELECT clock_timestamp(), locked.*
        FROM (SELECT {columns} FROM limits_ledgerhead h WHERE customer_id = %s FOR UPDATE) locked
    """,
}
LOCK_CUSTOMER, READ_CLOCK = "SELECT pg_advisory_xact_lock(%s)", "SELECT clock_timestamp()"
SET_USAGE = """
    INSERT INTO limits_monthlyusage (customer_id, month, debit_paise, credit_paise)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (customer_id, month) DO UPDATE
    SET debit_paise = excluded.debit_paise, credit_paise = excluded.credit_paise
"""

logger = logging.getLogger(__name__)


def lock(customer_id: int) -> tuple[LedgerHead, datetime]:
    """Lock the customer's head, made at first use, until the transaction ends; and take the
    instant: never earlier than the customer's last.

    Raises UnknownCustomer; Unavailable where the clock is more than a minute behind that, or has
    jumped.
    """
    found = _lock_head(customer_id)
    if found is None:
        if not Customer.objects.filter(pk=customer_id).exists():
            raise UnknownCustomer
        # Two may come here at once: one of them inserts, and both lock what is then there.
        make_heads([customer_id])
        found = _lock_head(customer_id)
        assert found
    head, reading = found
    return head, _take_instant(head, reading)


def make_heads(customer_ids: Iterable[int]) -> None:
    """Make the heads of customers who lack one."""
    heads = [sign_new_head(each) for each in sorted(customer_ids)]
    LedgerHead.objects.bulk_create(heads, ignore_conflicts=True)


def _lock_head(customer_id: int) -> tuple[LedgerHead, datetime | None] | None:
    if nodes.are_many():
        return _lock_at_coordinator(customer_id)
    row = statements.read_row(_lock_statement(), [customer_id])
    return (HEADS.make_model(row[1:]), row[0]) if row else None


def _lock_at_coordinator(customer_id: int) -> tuple[LedgerHead, datetime] | None:
    """Lock a customer as limits.stores.citus does, and read the coordinator's clock."""
    statements.run(LOCK_CUSTOMER, [customer_id])
    clock_row = statements.read_row(READ_CLOCK, ())
    assert clock_row
    head = HEADS.read_row("WHERE customer_id = %s", [customer_id])
    return (head, clock_row[0]) if head else None


@cache
def _lock_statement() -> str:
    return statements.choose_by_database(LOCK_HEAD).format(columns=HEADS.write_columns())


def _take_instant(head: LedgerHead, reading: datetime | None) -> datetime:
    clock_guard.require_steady(reading)
    try:
        # Read after the lock: who waited for it must not see as open a hold that has ended.
        return take_instant(clock.now(reading), head.last_at)
    except ClockBehind as error:
        report_clock(error)
        raise


def report_clock(error: ClockBehind) -> None:
    """Log that the clock is behind what has been written."""
    logger.critical("the clock is behind the ledger by %.0f s", error.behind_seconds)


def read_usage(customer_id: int, months: Iterable[int], at: datetime) -> Usage:
    """Read what is used in some months, and all that is held open at an instant."""
    sql = _write_usage_statement(frozenset(months))
    arguments = {"customer": customer_id, "at": statements.store_value(at)}
    used: dict[tuple[int, str], int] = {}
    held: dict[tuple[int, str, int], int] = {}
    for kind, month, processor_id, debit, credit in statements.read_rows(sql, arguments):
        if kind == "used":
            used[month, "D"], used[month, "C"] = debit, credit
        else:
            held[month, "D", processor_id], held[month, "C", processor_id] = debit, credit
    return Usage(used, held)


@lru_cache(256)
def _write_usage_statement(months: frozenset[int]) -> str:
    sums = {
        f"sum_{direction}": SUM_OF_ENTRIES.format(effect=EFFECT_PAISE, direction=direction)
        for direction in Direction.values
    }
    return READ_USAGE.format(months=", ".join(f"({month:d})" for month in sorted(months)), **sums)


def rebuild_usage(customer_id: int) -> int:
    """Set a customer's cached usage to the ledger's sums, under the customer's lock, and count the
    months that were not so. It takes no instant: it may run while the clock is wrong.
    """
    _lock_head(customer_id)
    sums = sum_by_month(customer_id)
    usage = MonthlyUsage.objects.filter(customer_id=customer_id)
    cached = {m: (debit, credit) for m, debit, credit in usage.values_list(*USAGE_COLUMNS)}
    usage.filter(month__in=cached.keys() - sums.keys()).delete()
    for month, amounts in sums.items():
        if cached.get(month) != amounts:
            _keep_usage(customer_id, month, *amounts)
    return sum(cached.get(month) != sums.get(month) for month in cached | sums)


def sum_by_month(customer_id: int) -> dict[int, tuple[int, int]]:
    """Sum up what all of a customer's entries come to: spent and loaded, by month."""
    rows = statements.read_rows(SUM_BY_MONTH.format(effect=EFFECT_PAISE), [customer_id])
    return {month: (debit, credit) for month, debit, credit in rows}


def _keep_usage(customer_id: int, month: int, debit_paise: int, credit_paise: int) -> None:
    statements.run(SET_USAGE, [customer_id, month, debit_paise, credit_paise])


def sign_new_head(customer_id: int) -> LedgerHead:
    """Make the head of a customer who has no entry and no check."""
    head, key = LedgerHead(customer_id=customer_id), settings.PPIMS_LEDGER_KEYS[0]
    head.key_id, head.mac = key.id, sign_row(key, "head", signed_rows.list_values(head))
    return head
