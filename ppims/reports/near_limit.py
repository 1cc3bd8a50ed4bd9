"""Who is near a limit this month: looked for where something changed, and told."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from customers import search
from limits import queries
from limits.decision import FINANCIAL_YEAR, MONTH_WINDOW
from limits.models import FULL_PERMILLE, NEAR_PERMILLE, Direction, NearLimit, find_level
from limits.services.overview import IDS_AT_ONCE, Looked
from ppims.core import calendar
from ppims.db import statements
from ppims.db.instants import write_microseconds

CUSTOMERS_AT_ONCE, SHOWN_NEAREST = 2_000, 5
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


@dataclass(frozen=True)
class Near:
    """A customer near a limit or over it, and how much is used of the limit used most."""

    customer_id: int
    name: str = field(repr=False)
    permille: int

    @property
    def level(self) -> NearLimit.Level:
        return find_level(self.permille)

    @property
    def used_permille(self) -> int:
        return min(self.permille, FULL_PERMILLE)

    @property
    def is_over(self) -> bool:
        return self.permille > FULL_PERMILLE


def list_nearest(month: int) -> list[Near]:
    """List the customers who have used most of a limit, as of the overview's figures."""
    used = NearLimit.objects.filter(month=month).order_by("-permille", "-customer_id")
    found = list(used.values_list("customer_id", "permille")[:SHOWN_NEAREST])
    names = search.read_names([customer_id for customer_id, _ in found])
    return [Near(customer_id, names[customer_id], permille) for customer_id, permille in found]


class NearLimitSearch:
    """Looks at customers, batch by batch, by what they have used as it stands."""

    def __init__(self, at: datetime) -> None:
        self.month = calendar.number_ist_month(at)
        in_force = queries.list_in_force(at)
        by_window = [rule for rule in in_force if rule.window in {MONTH_WINDOW, FINANCIAL_YEAR}]
        self.rules = sorted(rule.pk for rule in by_window)
        self._limits = {
            (rule.tier, rule.direction, rule.window): int(rule.amount)
            for rule in by_window
            if rule.amount is not None
        }
        self._found: dict[int, NearLimit | None] = {}  # None: looked at, and not near
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

    def make_looked(self) -> Looked:
        """Return what was found, to be kept in the place of what was known."""
        near = [row for row in self._found.values() if row]
        return Looked(self.month, near, list(self._found), self._walked)

    def _look(self, customers: str, values: Sequence[int]) -> None:
        year = [calendar.list_months_of_financial_year(self.month)[0], self.month]
        sql = SUM_USED.format(customers=customers, created_at=write_microseconds("c.created_at"))
        for row in statements.read_rows(sql, [self.month, self.month, *values, *year]):
            customer_id, tier, created_at, *used = row
            permille = self._work_out_permille(tier, used)
            if permille >= NEAR_PERMILLE:
                self._found[customer_id] = NearLimit(
                    customer_id=customer_id,
                    created_at=calendar.from_microseconds(created_at),
                    month=self.month,
                    level=find_level(permille),
                    permille=min(permille, MOST_PERMILLE),
                )

    def _work_out_permille(self, tier: str, used: Sequence[int]) -> int:
        # Of the limit that is used most.
        parts = [
            paise * FULL_PERMILLE // self._limits[tier, way, window]
            for (way, window), paise in zip(LIMIT_KEYS, used, strict=True)
            if (tier, way, window) in self._limits
        ]
        return max(parts, default=0)
