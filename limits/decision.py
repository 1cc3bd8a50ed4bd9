"""May this customer do this now? Pure: no clock, no database, no Django. limits.md sections 3
to 5.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import NamedTuple

MONTH_WINDOW, FINANCIAL_YEAR = "MONTH", "FINANCIAL_YEAR"
TRANSACTION_WINDOW, BALANCE_WINDOW, CREDIT_STOP = "TRANSACTION", "BALANCE", "CREDIT_STOP"
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


class Rule(NamedTuple):
    """A rule in force: its amount in paise; of CREDIT_STOP, months."""

    id: int
    window: str
    amount: int


class Totals(NamedTuple):
    """What is used and held, in paise, in one window; and the first day of the next one."""

    used: int
    held: int
    resets_on: date


@dataclass(frozen=True)
class Question:
    """Everything a decision rests on.

    `totals` has MONTH and, where a rule asks, FINANCIAL_YEAR. `balance` is before the transaction.
    `held_credit_here`
    are the processor's own open credit holds. `stops_at` is when loading stops at this tier, by
    CREDIT_STOP.
    An account or card that was not named, and an unknown card, is active.
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
    """The answer and why: the figures after it, of the rule that decided, and those that the reply
    gives.
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


def find_tightest(rules: Sequence[Rule], totals: Mapping[str, Totals]) -> Gauge | None:
    """Find the MONTH or FINANCIAL_YEAR rule with the least remaining; of two alike, MONTH."""
    gauges = [
        Gauge(rule, totals[rule.window])
        for rule in rules
        if rule.window in {MONTH_WINDOW, FINANCIAL_YEAR}
    ]
    return min(gauges, key=lambda g: (g.remaining, g.rule.window != MONTH_WINDOW), default=None)


def sum_figures(rules: Sequence[Rule], totals: Mapping[str, Totals]) -> ReplyFigures:
    """Give the figures as they stand."""
    return make_figures(find_tightest(rules, totals), totals)


def make_figures(
    gauge: Gauge | None, totals: Mapping[str, Totals], *, added: int = 0
) -> ReplyFigures:
    """Give the figures of the tightest rule; where there is none, the month's."""
    shown = gauge.totals if gauge else totals[MONTH_WINDOW]
    cumulative = shown.used + shown.held + added
    return ReplyFigures(cumulative, max(0, gauge.remaining - added) if gauge else None)


def decide(question: Question) -> Decision:
    """Judge a question; the reasons rank: blocked, account, card, credit stop, then the failing
    rule with least left.
    """
    unjudged = (
        (BALANCE_WINDOW,)
        if question.balance is None and any(r.window == BALANCE_WINDOW for r in question.rules)
        else ()
    )
    state = _find_reason_of_state(question)
    stop = next((r for r in question.rules if r.window == CREDIT_STOP), None)
    if state:
        return Decision(
            False, state, sum_figures(question.rules, question.totals), unjudged=unjudged
        )
    if stop and question.stops_at and question.at >= question.stops_at:
        return _make_declined(question, stop, KYC_EXPIRED, unjudged)
    failing = _find_failing_rule(question)
    if failing:
        return _make_declined(question, failing, REASONS[failing.window], unjudged)
    return _make_allowed(question, unjudged)


def _find_reason_of_state(question: Question) -> str | None:
    if question.is_blocked:
        return "CUSTOMER_BLOCKED"
    if not question.is_account_active:
        return "ACCOUNT_NOT_ACTIVE"
    if not question.is_card_active:
        return "CARD_NOT_ACTIVE"
    return None


def _find_failing_rule(question: Question) -> Rule | None:
    left = [
        (_work_out_left(rule, question), rule)
        for rule in question.rules
        if rule.window in AMOUNT_WINDOWS
    ]
    failing = [
        (amount, rule) for amount, rule in left if amount is not None and question.amount > amount
    ]
    ranked = sorted(failing, key=lambda pair: (pair[0], AMOUNT_WINDOWS.index(pair[1].window)))
    return ranked[0][1] if ranked else None


def _work_out_left(rule: Rule, question: Question) -> int | None:
    """Give what a rule would still let pass; None where it can't be judged."""
    if rule.window == TRANSACTION_WINDOW:
        return rule.amount
    if rule.window == BALANCE_WINDOW:
        if question.balance is None:
            return None
        return rule.amount - question.balance - question.held_credit_here
    return Gauge(rule, question.totals[rule.window]).remaining


def _make_declined(
    question: Question, rule: Rule, reason: str, unjudged: tuple[str, ...]
) -> Decision:
    as_they_stand = sum_figures(question.rules, question.totals)
    if rule.window not in {MONTH_WINDOW, FINANCIAL_YEAR}:
        return Decision(False, reason, as_they_stand, rule=rule, unjudged=unjudged)
    return _make_decision(
        False, reason, as_they_stand, Gauge(rule, question.totals[rule.window]), 0, unjudged
    )


def _make_allowed(question: Question, unjudged: tuple[str, ...]) -> Decision:
    gauge = find_tightest(question.rules, question.totals)
    after = make_figures(gauge, question.totals, added=question.amount)
    if gauge is None:
        return Decision(True, WITHIN_LIMITS, after, unjudged=unjudged)
    return _make_decision(True, WITHIN_LIMITS, after, gauge, question.amount, unjudged)


def _make_decision(
    is_allowed: bool,
    reason: str,
    shown: ReplyFigures,
    gauge: Gauge,
    added: int,
    unjudged: tuple[str, ...],
) -> Decision:
    return Decision(
        is_allowed,
        reason,
        shown,
        rule=gauge.rule,
        used=gauge.totals.used,
        held=gauge.totals.held + added,
        remaining=max(0, gauge.remaining - added),
        resets_on=gauge.totals.resets_on,
        unjudged=unjudged,
    )
