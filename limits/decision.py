"""May this customer do this now? Pure: no clock, no database, no Django. docs/ledger.md, "Limit
rules" and "What a check does".
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, NamedTuple, Protocol

from ppims.core import calendar

MONTH_WINDOW, FINANCIAL_YEAR = "MONTH", "FINANCIAL_YEAR"
TRANSACTION_WINDOW, BALANCE_WINDOW, CREDIT_STOP = "TRANSACTION", "BALANCE", "CREDIT_STOP"
GAUGE_WINDOWS = (
    MONTH_WINDOW,
    FINANCIAL_YEAR,
)  # whose totals are counted; replies show their figures
AMOUNT_WINDOWS = (
    MONTH_WINDOW,
    FINANCIAL_YEAR,
    TRANSACTION_WINDOW,
    BALANCE_WINDOW,
)  # in the order that breaks a tie
REASONS = {
    MONTH_WINDOW: "MONTH_LIMIT",
    FINANCIAL_YEAR: "FINANCIAL_YEAR_LIMIT",
    TRANSACTION_WINDOW: "TRANSACTION_LIMIT",
    BALANCE_WINDOW: "BALANCE_LIMIT",
}
WITHIN_LIMITS = "WITHIN_LIMITS"
KYC_EXPIRED = "KYC_EXPIRED"  # by CREDIT_STOP alone
PLACE_COLUMNS = slice(1, -2)  # of a rule's row: what stands between the id and the amount


class Rule(NamedTuple):
    """A rule in force: its amount in paise; of CREDIT_STOP, months."""

    id: int
    window: str
    amount: int


class WindowRule(Protocol):
    """A limit rule in any of its forms. Of CREDIT_STOP the amount is months."""

    @property
    def window(self) -> str: ...

    @property
    def amount(self) -> int | None: ...


class Totals(NamedTuple):
    """What is used and held, in paise, in one window; and the first day of the next one."""

    used: int
    held: int
    resets_on: date


@dataclass(frozen=True)
class Question:
    """Everything a decision rests on.

    `totals` has MONTH and, where a rule asks, FINANCIAL_YEAR. `balance` is before the transaction.
    `held_credit_here` are the processor's own open credit holds. `stops_at` is when loading stops
    at this tier, by CREDIT_STOP. An account or card that was not named, and an unknown card, is
    active.
    """

    at: datetime
    amount: int
    rules: Sequence[Rule]
    totals: Mapping[str, Totals]
    balance: int | None = None
    held_credit_here: int = 0
    stops_at: datetime | None = None
    is_blocked: bool = False
    is_account_active: bool = True
    is_card_active: bool = True


class Gauge(NamedTuple):
    """A MONTH or FINANCIAL_YEAR rule against its totals; `remaining` may be negative."""

    rule: Rule
    totals: Totals

    @property
    def remaining(self) -> int:
        return self.rule.amount - self.totals.used - self.totals.held


class ReplyFigures(NamedTuple):
    """What a reply gives: used + held, and what is left; None where there is no limit."""

    cumulative: int
    available: int | None


@dataclass(frozen=True)
class Decision:
    """The answer and why. `figures` are those that the reply gives, `rule` is the one that decided,
    and the rest are its figures, if it is a MONTH or FINANCIAL_YEAR rule: all after the answer.
    """

    is_allowed: bool
    reason: str
    figures: ReplyFigures
    rule: Rule | None = None
    used: int | None = None
    held: int | None = None
    remaining: int | None = None
    resets_on: date | None = None
    unjudged: tuple[str, ...] = ()


def pick_in_force(rows: Iterable[Sequence[Any]], until: Any) -> list[Sequence[Any]]:
    """Pick for each place the rule with the latest start so far: the last one that has started, in
    the order of the rows. A row's first column is its id, its last two are amount and start.
    """
    return [*{row[PLACE_COLUMNS]: row for row in rows if row[-1] <= until}.values()]


def find_loading_stop(rules: Iterable[WindowRule], tier_since: datetime) -> datetime | None:
    """Find when loading stops at a tier, by the CREDIT_STOP among the rules; None: it doesn't."""
    months = next((rule.amount for rule in rules if rule.window == CREDIT_STOP), None)
    return None if months is None else calendar.add_months(tier_since, months)


def list_months_needed(month: int, rules: Sequence[Rule]) -> set[int]:
    """List the months whose usage the rules ask for."""
    if any(rule.window == FINANCIAL_YEAR for rule in rules):
        return {*calendar.list_months_of_financial_year(month)}
    return {month}


def find_tightest(rules: Sequence[Rule], totals: Mapping[str, Totals]) -> Gauge | None:
    """Find the MONTH or FINANCIAL_YEAR rule with the least remaining; of two alike, MONTH."""
    gauges = [Gauge(rule, totals[rule.window]) for rule in rules if rule.window in GAUGE_WINDOWS]
    return min(gauges, key=lambda g: (g.remaining, g.rule.window != MONTH_WINDOW), default=None)


def sum_figures(rules: Sequence[Rule], totals: Mapping[str, Totals]) -> ReplyFigures:
    """Sum up the figures that a reply gives, as they stand."""
    return make_figures(find_tightest(rules, totals), totals)


def make_figures(
    gauge: Gauge | None, totals: Mapping[str, Totals], *, added: int = 0
) -> ReplyFigures:
    """Sum up the figures of the tightest rule; without any, those of the month, and no limit."""
    shown = gauge.totals if gauge else totals[MONTH_WINDOW]
    cumulative = shown.used + shown.held + added
    return ReplyFigures(cumulative, max(0, gauge.remaining - added) if gauge else None)


def decide(question: Question) -> Decision:
    """Judge a question; the reasons rank: blocked, account, card, credit stop, then the failing
    rule with least left. Only what is allowed adds to the figures.
    """
    reason, rule = _find_reason(question)
    is_allowed = reason == WITHIN_LIMITS
    added = question.amount if is_allowed else 0
    gauge = find_tightest(question.rules, question.totals)
    shown = make_figures(gauge, question.totals, added=added)
    if not is_allowed:  # the rule that failed decides, not the tightest one
        gauge = _find_gauge(rule, question.totals) if rule else None
    if gauge is None:
        return Decision(is_allowed, reason, shown, rule=rule, unjudged=_list_unjudged(question))
    return Decision(
        is_allowed,
        reason,
        shown,
        rule=gauge.rule,
        used=gauge.totals.used,
        held=gauge.totals.held + added,
        remaining=max(0, gauge.remaining - added),
        resets_on=gauge.totals.resets_on,
        unjudged=_list_unjudged(question),
    )


def _find_gauge(rule: Rule, totals: Mapping[str, Totals]) -> Gauge | None:
    return Gauge(rule, totals[rule.window]) if rule.window in GAUGE_WINDOWS else None


def _find_reason(question: Question) -> tuple[str, Rule | None]:
    """Find what declines, and by which rule; WITHIN_LIMITS by none."""
    state = _find_reason_of_state(question)
    if state:
        return state, None
    stop = next((rule for rule in question.rules if rule.window == CREDIT_STOP), None)
    if stop and question.stops_at and question.at >= question.stops_at:
        return KYC_EXPIRED, stop
    failing = _find_failing_rule(question)
    return (REASONS[failing.window], failing) if failing else (WITHIN_LIMITS, None)


def _list_unjudged(question: Question) -> tuple[str, ...]:
    is_asked = any(rule.window == BALANCE_WINDOW for rule in question.rules)
    return (BALANCE_WINDOW,) if is_asked and question.balance is None else ()


def _find_reason_of_state(question: Question) -> str | None:
    if question.is_blocked:
        return "CUSTOMER_BLOCKED"
    if not question.is_account_active:
        return "ACCOUNT_NOT_ACTIVE"
    if not question.is_card_active:
        return "CARD_NOT_ACTIVE"
    return None


def _find_failing_rule(question: Question) -> Rule | None:
    """Find the rule that the amount fails with the least left; of two alike, as AMOUNT_WINDOWS."""
    left = [
        (work_out_left(rule, question), rule)
        for rule in question.rules
        if rule.window in AMOUNT_WINDOWS
    ]
    failing = [
        (amount, rule) for amount, rule in left if amount is not None and question.amount > amount
    ]
    ranked = sorted(failing, key=lambda pair: (pair[0], AMOUNT_WINDOWS.index(pair[1].window)))
    return ranked[0][1] if ranked else None


def work_out_left(rule: Rule, question: Question) -> int | None:
    """Work out what a rule would still let pass; None where it can't be judged."""
    if rule.window == TRANSACTION_WINDOW:
        return rule.amount
    if rule.window == BALANCE_WINDOW:
        if question.balance is None:
            return None
        return rule.amount - question.balance - question.held_credit_here
    return Gauge(rule, question.totals[rule.window]).remaining
