"""Where one customer stands now: what is left to spend and to load, by which rules; what is on
hold, and what was declined last.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from customers.models import Customer
from limits import decision, ledger, queries
from limits.decision import CREDIT_STOP, FINANCIAL_YEAR, MONTH_WINDOW, Rule, Totals
from limits.known import Usage
from limits.models import (
    FULL_PERMILLE,
    Direction,
    Hold,
    LedgerHead,
    LimitCheck,
    LimitRule,
    NearLimit,
    find_level,
)
from ppims.core import calendar, clock

METERED_WINDOWS = {MONTH_WINDOW, FINANCIAL_YEAR}
WINDOW_ORDER = [*decision.AMOUNT_WINDOWS, CREDIT_STOP]
CHECKS_LOOKED_AT = 1_000  # so far back a decline is looked for


@dataclass(frozen=True)
class LimitGauge:
    """A MONTH or FINANCIAL_YEAR rule, and what is used and on hold of its amount, in paise."""

    rule: LimitRule
    limit: int
    totals: Totals

    @property
    def left(self) -> int:
        return max(0, self.limit - self.totals.used - self.totals.held)

    @property
    def permille(self) -> int:
        """How much is used or on hold, of 1,000; more where it is over the limit."""
        return (self.totals.used + self.totals.held) * FULL_PERMILLE // self.limit

    @property
    def used_permille(self) -> int:
        return min(FULL_PERMILLE, self.totals.used * FULL_PERMILLE // self.limit)

    @property
    def held_permille(self) -> int:
        return min(FULL_PERMILLE, self.permille) - self.used_permille

    @property
    def level(self) -> NearLimit.Level:
        return find_level(self.permille)


@dataclass(frozen=True)
class DirectionStatus:
    """Spending, or loading: `left` is paise, None without a limit; `by` is the rule it comes from.
    Of a customer who is blocked nothing is left, whatever the limits say.

    `stops_at` is when loading stops at this tier. `month` is what the month comes to.
    """

    direction: Direction
    left: int | None
    by: LimitGauge | None
    meters: Sequence[LimitGauge]
    others: Sequence[LimitRule]
    month: Totals
    stops_at: datetime | None = None
    has_stopped: bool = False
    is_blocked: bool = False


@dataclass(frozen=True)
class LimitStatus:
    """A customer's limits, open holds and last decline, as of an instant."""

    at: datetime
    ways: Sequence[DirectionStatus]
    holds: Sequence[Hold]
    last_decline: LimitCheck | None


def read_limit_status(customer: Customer) -> LimitStatus:
    """Read where a customer stands now. Five queries, no lock."""
    head = LedgerHead.objects.filter(pk=customer.pk).first()
    now = clock.now()
    at = max(now, head.last_at) if head and head.last_at else now
    months = calendar.list_months_of_financial_year(calendar.number_ist_month(at))
    known = ledger.read_usage(customer.pk, months, at)
    rules = [rule for rule in queries.list_in_force(at) if rule.tier == customer.tier]
    open_now = Hold.objects.filter(customer_id=customer.pk, expires_at__gt=at)
    return LimitStatus(
        at,
        [_read_direction(customer, way, rules, known, at) for way in Direction],
        list(open_now.select_related("processor").order_by("expires_at")),
        _find_last_decline(customer.pk, head.check_count) if head else None,
    )


def read_joint_status(together: Customer, ids: Iterable[int]) -> list[DirectionStatus]:
    """Read where several customers would stand as one, who has the tier and the status of
    `together`: each way. Two queries, and one for each id; no lock.
    """
    at = clock.now()
    months = calendar.list_months_of_financial_year(calendar.number_ist_month(at))
    known = _add_usage([ledger.read_usage(each, months, at) for each in ids])
    rules = [rule for rule in queries.list_in_force(at) if rule.tier == together.tier]
    return [_read_direction(together, way, rules, known, at) for way in Direction]


def _add_usage(usages: Sequence[Usage]) -> Usage:
    used: Counter[tuple[int, str]] = Counter()
    held: Counter[tuple[int, str, int]] = Counter()
    for usage in usages:
        used.update(usage.used)
        held.update(usage.held)
    return Usage(dict(used), dict(held))


def _read_direction(
    customer: Customer,
    direction: Direction,
    rules: Sequence[LimitRule],
    known: Usage,
    at: datetime,
) -> DirectionStatus:
    totals = known.sum_totals(calendar.number_ist_month(at), direction)
    mine = _list_rules(rules, direction)
    meters = [
        LimitGauge(rule, int(rule.amount or 0), totals[rule.window])
        for rule in mine
        if rule.window in METERED_WINDOWS
    ]
    by = _find_tightest(meters, totals)
    stops_at = decision.find_loading_stop(mine, customer.tier_since)
    has_stopped = stops_at is not None and at >= stops_at
    return DirectionStatus(
        direction,
        0 if has_stopped or customer.is_blocked else by.left if by else None,
        by,
        meters,
        [rule for rule in mine if rule.window not in METERED_WINDOWS],
        totals[MONTH_WINDOW],
        stops_at,
        has_stopped,
        customer.is_blocked,
    )


def _list_rules(rules: Sequence[LimitRule], direction: Direction) -> list[LimitRule]:
    mine = [rule for rule in rules if rule.direction == direction and rule.amount is not None]
    return sorted(mine, key=lambda rule: WINDOW_ORDER.index(rule.window))


def _find_tightest(meters: Sequence[LimitGauge], totals: Mapping[str, Totals]) -> LimitGauge | None:
    judged = [Rule(meter.rule.pk, meter.rule.window, meter.limit) for meter in meters]
    tightest = decision.find_tightest(judged, totals)
    return next((m for m in meters if tightest and m.rule.pk == tightest.rule.id), None)


def _find_last_decline(customer_id: int, check_count: int) -> LimitCheck | None:
    """Find the last check that was declined, by its number: of the newest alone."""
    newest = LimitCheck.objects.filter(
        customer_id=customer_id, number__gt=check_count - CHECKS_LOOKED_AT, is_allowed=False
    )
    return newest.select_related("processor", "rule").order_by("-number").first()
