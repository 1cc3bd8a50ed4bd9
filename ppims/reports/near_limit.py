"""Who is near a limit, and who spends most this month: a small table, kept up with the ledger.

Usage is read as it stands. Of spenders those are kept who spend no less than a floor; it rises with
their number, and whoever falls below it goes.
"""

from collections.abc import Sequence
from datetime import datetime

from limits import queries
from limits.decision import FINANCIAL_YEAR, MONTH_WINDOW
from limits.models import FULL_PERMILLE, NEAR_PERMILLE, Direction, NearLimit, find_level
from ppims.core import calendar
from ppims.db import statements
from ppims.db.instants import write_microseconds

CUSTOMERS_AT_ONCE, IDS_AT_ONCE, STALE_AT_ONCE = 2_000, 200, 5_000
KEPT_SPENDERS, SHOWN_SPENDERS = 1_000, 10
MOST_PERMILLE = 2**31 - 1

SUM_USED = """
    SELECT c.unique_id, c.tier, {created_at} AS created_at,
           CAST(SUM(CASE u.month WHEN %s THEN u.debit_paise ELSE 0 END) AS bigint),
           CAST(SUM(CASE u.month WHEN %s THEN u.credit_paise ELSE 0 END) AS bigint),
           CAST(SUM(u.debit_paise) AS bigint), CAST(SUM(u.credit_paise) AS bigint)
    FROM ({customers}) c JOIN limits_monthlyusage u
        ON u.customer_id = c.unique_id AND u.month >= %s AND u.month <= %s
    GROUP BY c.unique_id, c.tier, c.created_at
"""
LIMIT_KEYS = [
    (way, window) for window in (MONTH_WINDOW, FINANCIAL_YEAR) for way in Direction.values
]
NEXT_CUSTOMERS = """
    SELECT unique_id, tier, created_at FROM customers_customer t
    WHERE unique_id > %s ORDER BY unique_id LIMIT %s
"""
LAST_OF_NEXT = f"SELECT MAX(unique_id) FROM ({NEXT_CUSTOMERS}) batch"
THESE_CUSTOMERS = f"""
    SELECT unique_id, tier, created_at FROM customers_customer t
    WHERE unique_id IN ({", ".join(["%s"] * IDS_AT_ONCE)})
"""
LEAST_OF_SPENDERS = """
    SELECT debit_paise FROM limits_watched WHERE month = %s
    ORDER BY debit_paise DESC LIMIT 1 OFFSET %s
"""
DELETE_STALE = """
    DELETE FROM limits_watched WHERE customer_id IN (
        SELECT customer_id FROM limits_watched WHERE month < %s LIMIT %s)
"""
COUNT_LEVELS = """
    SELECT level, COUNT(*) FROM limits_watched WHERE month = %s AND level > 0 GROUP BY level
"""


class NearLimitUpdate:
    """Looks at customers, batch by batch, and then keeps who of them is to be watched."""

    def __init__(self, at: datetime, *, floor: int) -> None:
        self.month, self.floor = calendar.number_ist_month(at), floor
        in_force = queries.list_in_force(at)
        by_window = [rule for rule in in_force if rule.window in {MONTH_WINDOW, FINANCIAL_YEAR}]
        self.rules = sorted(rule.pk for rule in by_window)
        self._limits = {
            (rule.tier, rule.direction, rule.window): int(rule.amount)
            for rule in by_window
            if rule.amount is not None
        }
        self._found: dict[int, NearLimit | None] = {}  # None: looked at, and not to be watched
        self._walked: tuple[int, int] | None = None  # past one customer, up to another

    def look_at(self, ids: Sequence[int]) -> None:
        for start in range(0, len(ids), IDS_AT_ONCE):
            these = ids[start : start + IDS_AT_ONCE]
            self._found |= dict.fromkeys(these)
            # Filled up with the last one: a statement has as many places always.
            self._look(THESE_CUSTOMERS, [*these, *[these[-1]] * (IDS_AT_ONCE - len(these))])

    def walk_on(self, after: int) -> int | None:
        """Look at the next of all customers: the last of them; None: there are no more."""
        bounds = [after, CUSTOMERS_AT_ONCE]
        found = statements.read_row(LAST_OF_NEXT, bounds)
        last: int | None = found[0] if found else None
        if last is not None:
            self._look(NEXT_CUSTOMERS, bounds)
            self._walked = (self._walked[0] if self._walked else after, last)
        return last

    def keep(self) -> None:
        """Keep whom to watch, in the place of what was known of everyone who was looked at."""
        if self._walked:
            after, last = self._walked
            NearLimit.objects.filter(customer_id__gt=after, customer_id__lte=last).delete()
        ids = list(self._found)
        for start in range(0, len(ids), IDS_AT_ONCE):
            NearLimit.objects.filter(customer_id__in=ids[start : start + IDS_AT_ONCE]).delete()
        NearLimit.objects.bulk_create(row for row in self._found.values() if row)
        statements.run(DELETE_STALE, [self.month, STALE_AT_ONCE])
        self._raise_floor()

    def count_levels(self) -> tuple[int, int]:
        count = dict(statements.read_rows(COUNT_LEVELS, [self.month]))
        return count.get(NearLimit.Level.NEAR, 0), count.get(NearLimit.Level.AT_LIMIT, 0)

    def misses_spenders(self) -> bool:
        """Return whether so much was undone that others may spend more than those who are known."""
        known = NearLimit.objects.filter(month=self.month, debit_paise__gte=self.floor)
        return self.floor > 0 and len(known.values_list("pk")[:SHOWN_SPENDERS]) < SHOWN_SPENDERS

    def _raise_floor(self) -> None:
        least = statements.read_row(LEAST_OF_SPENDERS, [self.month, KEPT_SPENDERS])
        if least and least[0] > self.floor:
            self.floor = least[0]
            below = NearLimit.objects.filter(month=self.month, debit_paise__lt=self.floor)
            below.filter(level=NearLimit.Level.NONE).delete()

    def _look(self, customers: str, values: Sequence[int]) -> None:
        year = [calendar.list_months_of_financial_year(self.month)[0], self.month]
        sql = SUM_USED.format(customers=customers, created_at=write_microseconds("c.created_at"))
        for row in statements.read_rows(sql, [self.month, self.month, *values, *year]):
            customer_id, tier, created_at, *used = row
            permille = self._work_out_permille(tier, used)
            if permille >= NEAR_PERMILLE or used[0] >= max(1, self.floor):
                self._found[customer_id] = NearLimit(
                    customer_id=customer_id,
                    created_at=calendar.from_microseconds(created_at),
                    month=self.month,
                    level=find_level(permille),
                    permille=min(permille, MOST_PERMILLE),
                    debit_paise=used[0],
                )

    def _work_out_permille(self, tier: str, used: Sequence[int]) -> int:
        # Of the limit that is used most.
        parts = [
            paise * FULL_PERMILLE // self._limits[tier, way, window]
            for (way, window), paise in zip(LIMIT_KEYS, used, strict=True)
            if (tier, way, window) in self._limits
        ]
        return max(parts, default=0)
