"""The page of a customer: what is left, why the last was declined, who it is, what happened."""

from dataclasses import dataclass, replace
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.models import Customer
from limits.decision import BALANCE, CREDIT_STOP, FINANCIAL_YEAR
from limits.models import Direction, LimitCheck, LimitRule
from ppims.backoffice.access import is_fragment, page, staff
from ppims.backoffice.customer.activity import CURSOR, activity_of
from ppims.backoffice.customer.notes import notes_of
from ppims.backoffice.customer.profile import person_of
from ppims.backoffice.customer.reveal import is_revealed
from ppims.backoffice.decision_text import by_what, why
from ppims.backoffice.filters import canonical
from ppims.core.days import ist_date
from ppims.core.money import to_inr
from ppims.models import User
from ppims.reports.limit_status import Way, standing

TEMPLATE, ROWS = "ppims/customer.html", "ppims/transactions.html#rows"


@dataclass(frozen=True)
class Action:
    """What one may do to a customer: on a page of its own."""

    url_name: str
    label: object
    icon: str
    permission: str
    status: str = ""  # only so


ACTIONS = (
    Action("customer-edit", _("Edit"), "pencil", "customers.change_customer"),
    Action("customer-kyc", _("Upgrade KYC"), "shield-check", "customers.propose_kycproposal"),
    Action("customer-block", _("Block"), "ban", "customers.block_customer", "ACTIVE"),
    Action(
        "customer-unblock", _("Unblock"), "lock-open", "customers.propose_unblocking", "BLOCKED"
    ),
)
CHANGE_KYC = _("Change KYC")  # what may be done where none is higher
LEFT = {
    Direction.DEBIT: _("Left to spend this month"),
    Direction.CREDIT: _("Left to load this month"),
}
THIS_MONTH = {Direction.DEBIT: _("Spent this month"), Direction.CREDIT: _("Loaded this month")}


@page("customers.view_customer")
def customer(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Show a customer: masked, but for once where it has just been revealed. htmx gets the
    activity, or its next rows.
    """
    if tidier := canonical(request):
        return redirect(request.path + tidier)
    found = get_object_or_404(Customer, pk=unique_id)
    happened, status = activity_of(request, found)
    if is_fragment(request):
        part = ROWS if CURSOR in request.GET else f"{TEMPLATE}#activity"
        return render(request, part, {"customer": found, **happened}, status=status)
    shown = is_revealed(request, unique_id)
    now = standing(found)
    context = {
        **happened,
        "customer": found,
        "actions": actions_of(found, staff(request)),
        "ways": [shown_way(way) for way in now.ways],
        "at": now.at,
        "holds": now.holds,
        "decline": now.last_decline,
        "why": _said_of(now.last_decline),
        "person": person_of(found, is_revealed=shown),
        **notes_of(request, found),
    }
    return render(request, TEMPLATE, context, status=status)


def actions_of(found: Customer, user: User) -> list[tuple[Action, str]]:
    """List what this person may do to the customer, and where."""
    return [
        (_named(action, found), reverse(action.url_name, args=[found.pk]))
        for action in ACTIONS
        if action.status in {"", found.status} and user.has_perm(action.permission)
    ]


def _named(action: Action, found: Customer) -> Action:
    is_highest = action.url_name == "customer-kyc" and found.tier == Tier.FULL
    return replace(action, label=CHANGE_KYC) if is_highest else action


def shown_way(way: Way) -> dict[str, Any]:
    """Write what is left of a way, its meters, and its other rules in words."""
    return {
        "way": way,
        "title": LEFT[way.direction],
        "left": left_in_words(way.left, is_blocked=way.is_blocked),
        "this_month": THIS_MONTH[way.direction],
        "said": _left_by(way),
        "others": [rule_in_words(rule, way) for rule in way.others],
    }


def _said_of(check: LimitCheck | None) -> list[str]:
    return [*why(check), *by_what(check)] if check else []


def left_in_words(paise: int | None, *, is_blocked: bool) -> str:
    """Write what is left; a customer who is blocked has nothing, and sees why: "₹0.00, blocked"."""
    if is_blocked:
        return gettext("%(nothing)s, blocked") % {"nothing": to_inr(0)}
    return gettext("No limit") if paise is None else to_inr(paise)


def _left_by(way: Way) -> str:
    if way.has_stopped:
        return gettext("Loading has stopped at this KYC.")
    if way.by is None or way.is_blocked:
        return ""
    if way.by.rule.window == FINANCIAL_YEAR:
        return gettext("By the financial year’s limit, of which less is left than of the month’s.")
    return ""


def rule_in_words(rule: LimitRule, way: Way) -> str:
    """Say a rule that has no meter: of one transaction, of the balance, of when loading stops."""
    amount = {"amount": to_inr(int(rule.amount or 0))}
    if rule.window == CREDIT_STOP:
        day = {"day": ist_date(way.stops_at)}
        if way.has_stopped:
            return gettext("Loading stopped on %(day)s, by the rule for this KYC.") % day
        return gettext("Loading stops on %(day)s, unless the KYC is upgraded.") % day
    if rule.window == BALANCE:
        return gettext("The balance may be at most %(amount)s at any time.") % amount
    return gettext("One transaction may be at most %(amount)s.") % amount
