"""Who has used more than the limit that was theirs at a month's end: how many, and the list of
them. Both ask the same question, once of all and once of some.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from limits.decision import FINANCIAL_YEAR, MONTH_WINDOW
from limits.models import Direction
from limits.queries import list_in_force_at
from ppims.core import calendar, clock
from ppims.core.keys import ONE_MICROSECOND
from ppims.db import statements
from ppims.reports import keyset
from ppims.reports.month_span import Span

IDS_AT_ONCE = 500
# The tier at the month's end: that before the first change after it, else the one of now. '' of who
# came later: no limit was theirs.
OVER_QUERY = """
    SELECT {columns} FROM ({used}) u
    JOIN customers_customer c ON c.unique_id = u.customer_id
    LEFT JOIN (
        SELECT customer_id, MIN(id) AS first_id FROM customers_kycchange
        WHERE at >= %s{of_some} GROUP BY customer_id
    ) later ON later.customer_id = u.customer_id
    LEFT JOIN customers_kycchange k ON k.customer_id = u.customer_id AND k.id = later.first_id
    WHERE {over}
"""
TIER_AT_END = "COALESCE(k.from_tier, c.tier)"
# Of the month, and of its financial year until then: those alone who may be over some tier's limit.
USED_QUERY = """
    SELECT customer_id, SUM(CASE month WHEN %s THEN {column} ELSE 0 END) AS month_paise,
           SUM({column}) AS year_paise
    FROM limits_monthlyusage WHERE month >= %s AND month <= %s{of_some}
    GROUP BY customer_id HAVING {more}
"""
COLUMN_OF_WAY = {Direction.DEBIT: "debit_paise", Direction.CREDIT: "credit_paise"}
SUM_COLUMNS = {
    MONTH_WINDOW: "SUM(CASE month WHEN %s THEN {column} ELSE 0 END)",
    FINANCIAL_YEAR: "SUM({column})",
}
NAMES_OF_SUMS = {MONTH_WINDOW: "month_paise", FINANCIAL_YEAR: "year_paise"}


@dataclass(frozen=True)
class _Question:
    """Who was over these limits (tier, window, paise) in a month, one way."""

    span: Span
    way: Direction
    limits: Sequence[tuple[str, str, int]]

    def write_used(self, of_some: str, values: Sequence[int]) -> tuple[str, list[Any]]:
        """Write who of some has used more than the least limit; and the values for it."""
        months = calendar.list_months_of_financial_year(self.span.month)
        asked: list[Any] = [self.span.month, months[0], self.span.month, *values]
        more = []
        for window in sorted({window for _, window, _ in self.limits}):
            more.append(f"{SUM_COLUMNS[window]} > %s")
            least = min(paise for _, each, paise in self.limits if each == window)
            asked += [self.span.month, least] if window == MONTH_WINDOW else [least]
        sql = USED_QUERY.format(more=" OR ".join(more), of_some=of_some, column="{column}")
        return sql.format(column=COLUMN_OF_WAY[self.way]), asked

    def write_over(self, columns: str, ids: Sequence[int] = ()) -> tuple[str, list[Any]]:
        """Write who was over the limit, of all or of these; and the values for it."""
        of_some = f" AND customer_id IN ({', '.join(['%s'] * len(ids))})" if ids else ""
        used, asked = self.write_used(of_some, ids)
        asked += [statements.store_value(self.span.until), *ids]
        over = []
        for tier, window, paise in self.limits:
            over.append(f"({TIER_AT_END} = %s AND u.{NAMES_OF_SUMS[window]} > %s)")
            asked += [tier, paise]
        said = {"columns": columns, "used": used, "of_some": of_some, "over": " OR ".join(over)}
        return OVER_QUERY.format(**said), asked


def count_over(span: Span, way: Direction) -> int:
    """Count who was over the limit at a month's end, or is now while it runs."""
    question = _Question(span, way, _list_limits(span, way))
    if not question.limits:
        return 0
    row = statements.read_row(*question.write_over("COUNT(*)"))
    assert row
    return int(row[0])


def list_over(span: Span, way: Direction, before: int, count: int) -> tuple[list[int], int | None]:
    """List at least so many of them, or all who are left, from a Unique_Id downwards; and where it
    stopped, if it has looked at keyset.LOOKED_UP who may be over. All of it together reads what the
    count reads, once.
    """
    question = _Question(span, way, _list_limits(span, way))
    found: list[int] = []
    looked_at = 0
    while question.limits and len(found) < count:
        if looked_at >= keyset.LOOKED_UP:
            return found, before
        used, values = question.write_used(" AND customer_id < %s", [before])
        sql = f"SELECT customer_id FROM ({used} ORDER BY customer_id DESC LIMIT {IDS_AT_ONCE}) u"
        some = sorted(unique_id for (unique_id,) in statements.read_rows(sql, values))[::-1]
        if not some:
            break
        over = statements.read_rows(*question.write_over("u.customer_id", some))
        found += sorted((unique_id for (unique_id,) in over), reverse=True)
        looked_at, before = looked_at + len(some), some[-1]
    return found, None


def _list_limits(span: Span, way: Direction) -> list[tuple[str, str, int]]:
    """List the limits one way that were in force at the month's end, or are now."""
    [rules] = list_in_force_at([min(span.until, clock.now()) - ONE_MICROSECOND])
    return [
        (rule.tier, rule.window, int(rule.amount))
        for rule in rules
        if rule.direction == way and rule.window in SUM_COLUMNS and rule.amount is not None
    ]
