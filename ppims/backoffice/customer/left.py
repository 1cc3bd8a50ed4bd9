"""What is left to spend and to load, in words: for the customer's page, and beside what waits."""

from typing import Any

from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.models import Customer
from limits.decision import BALANCE_WINDOW, CREDIT_STOP, FINANCIAL_YEAR
from limits.models import Direction, LimitRule, write_limit
from ppims.core.formats import inr, ist_date
from ppims.reports.limit_status import DirectionStatus, LimitStatus, read_limit_status

LEFT_LABELS = {
    Direction.DEBIT: _("Left to spend this month"),
    Direction.CREDIT: _("Left to load this month"),
}
THIS_MONTH = {Direction.DEBIT: _("Spent this month"), Direction.CREDIT: _("Loaded this month")}


def show_directions(now: LimitStatus) -> list[dict[str, Any]]:
    """Write what is left each way, with the holds that are open."""
    return [
        show_direction(way)
        | {"holds": [hold for hold in now.holds if hold.direction == way.direction]}
        for way in now.ways
    ]


def describe_left(customer: Customer, direction: str) -> dict[str, Any]:
    """Write what is left of one way alone, as the customer's page does."""
    (way,) = [way for way in read_limit_status(customer).ways if way.direction == direction]
    return show_direction(way)


def show_direction(way: DirectionStatus) -> dict[str, Any]:
    """Write what is left of a way, its meters, and its other rules in words."""
    return {
        "way": way,
        "title": LEFT_LABELS[way.direction],
        "left": write_left(way.left, is_blocked=way.is_blocked),
        "this_month": THIS_MONTH[way.direction],
        "said": _write_left_by(way),
        "others": [write_rule(rule, way) for rule in way.others],
    }


def write_left(paise: int | None, *, is_blocked: bool) -> str:
    """Write what is left; a customer who is blocked has nothing, and sees why: "₹0.00, blocked"."""
    if is_blocked:
        return gettext("%(nothing)s, blocked") % {"nothing": inr(0)}
    return write_limit(paise)


def _write_left_by(way: DirectionStatus) -> str:
    if way.has_stopped:
        return gettext("Loading has stopped at this KYC.")
    if way.by and way.by.rule.window == FINANCIAL_YEAR and not way.is_blocked:
        return gettext("By the financial year’s limit, of which less is left than of the month’s.")
    return ""


def write_rule(rule: LimitRule, way: DirectionStatus) -> str:
    """Say a rule that has no meter: of one transaction, of the balance, of when loading stops."""
    amount = {"amount": inr(int(rule.amount or 0))}
    if rule.window == CREDIT_STOP:
        day = {"day": ist_date(way.stops_at)}
        if way.has_stopped:
            return gettext("Loading stopped on %(day)s, by the rule for this KYC.") % day
        return gettext("Loading stops on %(day)s, unless the KYC is upgraded.") % day
    if rule.window == BALANCE_WINDOW:
        return gettext("The balance may be at most %(amount)s at any time.") % amount
    return gettext("One transaction may be at most %(amount)s.") % amount
