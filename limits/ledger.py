"""The only writer of checks, holds, entries, heads and usage: locks, sums, chains and signs.
docs/ledger.md, "Money and time" and "How the ledger is kept".
"""

import logging
from collections.abc import Iterable, Mapping
from datetime import date, datetime, timedelta
from functools import cache, lru_cache
from typing import NamedTuple

from django.conf import settings

from customers.models import Customer
from limits.decision import FINANCIAL_YEAR, MONTH_WINDOW, Rule, Totals
from limits.models import Direction, LedgerEntry, LedgerHead, LimitCheck, MonthlyUsage
from limits.posting import EFFECT_SIGNS, find_effect_paise
from ppims.core import calendar, clock
from ppims.core.chain import sign_link, sign_row
from ppims.core.errors import Unavailable, UnknownCustomer
from ppims.db import clock_guard, signed_rows, statements

CLOCK_TOLERANCE = timedelta(seconds=60)
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
    SELECT CASE WHEN expires_at > %(at)s THEN 'held' ELSE 'expired' END, month, processor_id,
           CAST(SUM(CASE direction WHEN 'D' THEN amount_paise ELSE 0 END) AS bigint),
           CAST(SUM(CASE direction WHEN 'C' THEN amount_paise ELSE 0 END) AS bigint)
    FROM limits_hold WHERE customer_id = %(customer)s
    GROUP BY 1, month, processor_id
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
SET_HEAD = """
    UPDATE limits_ledgerhead
    SET entry_count = %s, check_count = %s, last_digest = %s, last_at = %s, key_id = %s, mac = %s
    WHERE customer_id = %s
"""
DELETE_EXPIRED = "DELETE FROM limits_hold WHERE customer_id = %s AND expires_at <= %s"
INSERT_HOLD = """
    INSERT INTO limits_hold
        (limit_check_id, customer_id, processor_id, month, direction, amount_paise, expires_at)
    VALUES (%s, %s, %s, %s, %s, %s, %s)
"""
DELETE_HOLD = "DELETE FROM limits_hold WHERE limit_check_id = %s"
SET_USAGE = """
    INSERT INTO limits_monthlyusage (customer_id, month, debit_paise, credit_paise)
    VALUES (%s, %s, %s, %s)
    ON CONFLICT (customer_id, month) DO UPDATE
    SET debit_paise = excluded.debit_paise, credit_paise = excluded.credit_paise
"""

logger = logging.getLogger(__name__)


class Usage(NamedTuple):
    """What a customer has used, by (month, direction), and holds open, by (month, direction,
    processor): paise. And whether there are holds that have expired.
    """

    used: Mapping[tuple[int, str], int]
    held: Mapping[tuple[int, str, int], int]
    has_expired: bool = False

    def sum_totals(self, month: int, direction: str) -> dict[str, Totals]:
        """Sum up the month, and the financial year it belongs to, as far as it was read."""
        year = calendar.list_months_of_financial_year(month)
        return {
            MONTH_WINDOW: self._sum_months(
                (month,), direction, resets_on=calendar.find_first_day_after_month(month)
            ),
            FINANCIAL_YEAR: self._sum_months(
                year, direction, resets_on=calendar.find_first_day_after_month(year[-1])
            ),
        }

    def sum_held_credit(self, processor_id: int) -> int:
        """Sum one processor's open credit holds, whatever their month."""
        return sum(
            paise
            for (_, direction, holder), paise in self.held.items()
            if direction == Direction.CREDIT and holder == processor_id
        )

    def add_entry(self, entry: LedgerEntry) -> "Usage":
        """Add up how the customer stands with a further entry."""
        key = (entry.month, entry.direction)
        effect = find_effect_paise(entry.kind, entry.amount_paise)
        return self._replace(used={**self.used, key: self.used[key] + effect})

    def _sum_months(self, months: tuple[int, ...], direction: str, *, resets_on: date) -> Totals:
        used = held = 0
        for (month, way), paise in self.used.items():
            if way == direction and month in months:
                used += paise
        for (month, way, _), paise in self.held.items():
            if way == direction and month in months:
                held += paise
        return Totals(used, held, resets_on)


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
        LedgerHead.objects.bulk_create(
            [_sign_head(LedgerHead(customer_id=customer_id))], ignore_conflicts=True
        )
        found = _lock_head(customer_id)
        assert found
    head, reading = found
    return head, _take_instant(head, reading)


def _lock_head(customer_id: int) -> tuple[LedgerHead, datetime | None] | None:
    row = statements.read_row(_lock_statement(), [customer_id])
    return (HEADS.make_model(row[1:]), row[0]) if row else None


@cache
def _lock_statement() -> str:
    return statements.choose_by_database(LOCK_HEAD).format(columns=HEADS.write_columns())


def _take_instant(head: LedgerHead, reading: datetime | None) -> datetime:
    clock_guard.require_steady(reading)
    # Read after the lock: a request that waited for it must not see as open a hold that has ended.
    at = clock.now(reading)
    if head.last_at is None or at >= head.last_at:
        return at
    if head.last_at - at > CLOCK_TOLERANCE:
        behind = (head.last_at - at).total_seconds()
        logger.critical("the clock is behind the ledger by %.0f s", behind)
        raise Unavailable
    return head.last_at


def read_usage(customer_id: int, months: Iterable[int], at: datetime) -> Usage:
    """Read what is used in some months, and all that is held open at an instant."""
    sql = _write_usage_statement(frozenset(months))
    arguments = {"customer": customer_id, "at": statements.store_value(at)}
    used: dict[tuple[int, str], int] = {}
    held: dict[tuple[int, str, int], int] = {}
    has_expired = False
    for kind, month, processor_id, debit, credit in statements.read_rows(sql, arguments):
        if kind == "used":
            used[month, "D"], used[month, "C"] = debit, credit
        elif kind == "held":
            held[month, "D", processor_id], held[month, "C", processor_id] = debit, credit
        else:
            has_expired = True
    return Usage(used, held, has_expired)


@lru_cache(256)
def _write_usage_statement(months: frozenset[int]) -> str:
    sums = {
        f"sum_{direction}": SUM_OF_ENTRIES.format(effect=EFFECT_PAISE, direction=direction)
        for direction in Direction.values
    }
    return READ_USAGE.format(months=", ".join(f"({month:d})" for month in sorted(months)), **sums)


def list_months_needed(month: int, rules: Iterable[Rule]) -> tuple[int, ...]:
    """List the months whose usage the rules ask for."""
    if any(rule.window == FINANCIAL_YEAR for rule in rules):
        return calendar.list_months_of_financial_year(month)
    return (month,)


def keep_check(head: LedgerHead, check: LimitCheck, *, said: bytes, has_expired: bool) -> None:
    """Keep an answer, signed with what its Ref_Id said, and its hold where it was allowed; the
    customer's expired holds go, if there are any.
    """
    key = settings.PPIMS_LEDGER_KEYS[0]
    check.number = head.check_count + 1
    values = signed_rows.list_values(check)
    check.key_id, check.mac = key.id, sign_row(key, "check", values, said)
    CHECKS.insert(check)
    # An expired hold counts nowhere: so its row may wait for the customer's next check.
    if has_expired:
        statements.run(DELETE_EXPIRED, [check.customer_id, statements.store_value(check.at)])
    if check.hold_until:
        hold = (check.pk, check.customer_id, check.processor_id, check.month, check.direction)
        statements.run(
            INSERT_HOLD, [*hold, check.amount_paise, statements.store_value(check.hold_until)]
        )
    # Last, as it signs what is now there; with the rows in one COMMIT, or not at all.
    head.check_count, head.last_at = check.number, check.at
    _save(head)


def close_hold(check_id: int) -> None:
    """Free what a check holds, if it still does."""
    statements.run(DELETE_HOLD, [check_id])


def append(head: LedgerHead, entry: LedgerEntry, now_used: Usage, said: bytes = b"") -> None:
    """Append an entry to the customer's chain, signed with what its Ref_Id said, and set the
    month's usage to what it is with it.
    """
    key = settings.PPIMS_LEDGER_KEYS[0]
    entry.number = head.entry_count + 1
    values, previous = signed_rows.list_values(entry), bytes(head.last_digest)
    entry.key_id, entry.digest = key.id, sign_link(key, "entry", values, previous, said)
    ENTRIES.insert(entry)
    if find_effect_paise(entry.kind, entry.amount_paise):  # a month of releases alone has no row
        used = [now_used.used[entry.month, way] for way in (Direction.DEBIT, Direction.CREDIT)]
        _keep_usage(entry.customer_id, entry.month, *used)
    head.entry_count, head.last_digest, head.last_at = entry.number, entry.digest, entry.at
    _save(head)


def rebuild_usage(customer_id: int) -> int:
    """Set a customer's cached usage to the ledger's sums, under the customer's lock, and count the
    months that were not so. It takes no instant: it may run while the clock is wrong.
    """
    _lock_head(customer_id)
    rows = statements.read_rows(SUM_BY_MONTH.format(effect=EFFECT_PAISE), [customer_id])
    sums = {month: (debit, credit) for month, debit, credit in rows}
    usage = MonthlyUsage.objects.filter(customer_id=customer_id)
    cached = {m: (debit, credit) for m, debit, credit in usage.values_list(*USAGE_COLUMNS)}
    usage.filter(month__in=cached.keys() - sums.keys()).delete()
    for month, amounts in sums.items():
        if cached.get(month) != amounts:
            _keep_usage(customer_id, month, *amounts)
    return sum(cached.get(month) != sums.get(month) for month in cached | sums)


def _keep_usage(customer_id: int, month: int, debit_paise: int, credit_paise: int) -> None:
    statements.run(SET_USAGE, [customer_id, month, debit_paise, credit_paise])


def _sign_head(head: LedgerHead) -> LedgerHead:
    key = settings.PPIMS_LEDGER_KEYS[0]
    head.key_id, head.mac = key.id, sign_row(key, "head", signed_rows.list_values(head))
    return head


def _save(head: LedgerHead) -> None:
    _sign_head(head)
    counts = (
        head.entry_count,
        head.check_count,
        head.last_digest,
        statements.store_value(head.last_at),
    )
    statements.run(SET_HEAD, [*counts, head.key_id, head.mac, head.pk])
