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
from limits.decision import BALANCE_WINDOW, CREDIT_STOP, FINANCIAL_YEAR
from limits.models import Direction, LimitRule, write_limit
from ppims.backoffice.access import is_fragment, open_page
from ppims.backoffice.customer.activity import read_activity
from ppims.backoffice.customer.notes import list_notes
from ppims.backoffice.customer.profile import read_person
from ppims.backoffice.customer.reveal import is_revealed
from ppims.backoffice.decision_text import explain_decision, name_deciding_rule
from ppims.backoffice.filters import CURSOR_NAME, write_canonical_query
from ppims.core.formats import inr, ist_date
from ppims.models import User
from ppims.reports.limit_status import DirectionStatus, read_limit_status
from ppims.services.accounts import get_staff

PAGE_TEMPLATE, ROWS_PARTIAL = "ppims/customer.html", "ppims/transactions.html#rows"


@dataclass(frozen=True)
class Action:
    """What one may do to a customer: on a page of its own."""

    url_name: str
    label: object
    icon: str
    permission: str
    status: str = ""  # only so


UPGRADE_KYC = Action(
    "customer-kyc", _("Upgrade KYC"), "shield-check", "customers.propose_kycproposal"
)
ACTIONS = (
    Action("customer-edit", _("Edit"), "pencil", "customers.change_customer"),
    UPGRADE_KYC,
    Action("customer-block", _("Block"), "ban", "customers.block_customer", "ACTIVE"),
    Action(
        "customer-unblock", _("Unblock"), "lock-open", "customers.propose_unblocking", "BLOCKED"
    ),
)
# Where no KYC is higher.
FULL_KYC_ACTIONS = [
    replace(it, label=_("Change KYC")) if it is UPGRADE_KYC else it for it in ACTIONS
]
LEFT_LABELS = {
    Direction.DEBIT: _("Left to spend this month"),
    Direction.CREDIT: _("Left to load this month"),
}
THIS_MONTH = {Direction.DEBIT: _("Spent this month"), Direction.CREDIT: _("Loaded this month")}


@open_page("customers.view_customer")
def customer(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Show a customer: masked, but for once where it has just been revealed. htmx gets the
    activity, or its next rows.
    """
    if tidier := write_canonical_query(request):
        return redirect(request.path + tidier)
    found = get_object_or_404(Customer, pk=unique_id)
    happened, status = read_activity(request, found)
    if is_fragment(request):
        part = ROWS_PARTIAL if CURSOR_NAME in request.GET else f"{PAGE_TEMPLATE}#activity"
        return render(request, part, {"customer": found, **happened}, status=status)
    shown = is_revealed(request, unique_id)
    now = read_limit_status(found)
    declined = now.last_decline
    return render(
        request,
        PAGE_TEMPLATE,
        {
            **happened,
            "customer": found,
            "actions": list_actions(found, get_staff(request)),
            "ways": [show_direction(way) for way in now.ways],
            "at": now.at,
            "holds": now.holds,
            "decline": declined,
            "why": [*explain_decision(declined), *name_deciding_rule(declined)] if declined else [],
            "person": read_person(found, is_revealed=shown),
            **list_notes(request, found),
        },
        status=status,
    )


def list_actions(found: Customer, user: User) -> list[tuple[Action, str]]:
    return [
        (action, reverse(action.url_name, args=[found.pk]))
        for action in (FULL_KYC_ACTIONS if found.tier == Tier.FULL else ACTIONS)
        if action.status in {"", found.status} and user.has_perm(action.permission)
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
