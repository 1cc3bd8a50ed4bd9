"""What one may do to a customer: each on a page of its own, or what waits already in its place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.models import Customer
from ppims.core import clock
from ppims.core.formats import ist_short_day
from ppims.models import User
from ppims.reports.open_items import Kind, OpenItem


@dataclass(frozen=True)
class Action:
    """What one may do. `waits_as` is the kind of proposal that it makes: one waits at most, and
    `waiting_text` says so in the action's place.
    """

    url_name: str
    label: object
    icon: str
    permission: str
    status: str = ""  # only so
    waits_as: Kind | None = None
    waiting_text: object = ""


@dataclass(frozen=True)
class Button:
    """An action as it is offered: what it says, and where it leads."""

    url_name: str
    label: str
    icon: str
    address: str


UPGRADE_KYC = Action(
    "customer-kyc",
    _("Upgrade KYC"),
    "shield-check",
    "customers.propose_kycproposal",
    waits_as=Kind.KYC,
    waiting_text=_("KYC change waits"),
)
ACTIONS = (
    Action("customer-edit", _("Edit"), "pencil", "customers.change_customer"),
    UPGRADE_KYC,
    Action("customer-correct", _("Correct the month"), "book-open", "limits.propose_adjustment"),
    Action("customer-block", _("Block"), "ban", "customers.block_customer", "ACTIVE"),
    Action(
        "customer-unblock",
        _("Unblock"),
        "lock-open",
        "customers.propose_unblocking",
        "BLOCKED",
        waits_as=Kind.UNBLOCKING,
        waiting_text=_("Unblocking proposed by %(who)s, %(day)s"),
    ),
)
# Where no KYC is higher.
FULL_KYC_ACTIONS = [
    replace(it, label=_("Change KYC")) if it is UPGRADE_KYC else it for it in ACTIONS
]


def list_buttons(customer: Customer, user: User, items: Sequence[OpenItem]) -> list[Button]:
    """List what somebody may do to a customer about whom these things wait."""
    waiting = {item.kind: item for item in items}
    return [
        _make_button(action, customer, waiting)
        for action in (FULL_KYC_ACTIONS if customer.tier == Tier.FULL else ACTIONS)
        if action.status in {"", customer.status} and user.has_perm(action.permission)
    ]


def _make_button(action: Action, customer: Customer, waiting: Mapping[Kind, OpenItem]) -> Button:
    item = waiting.get(action.waits_as) if action.waits_as else None
    if item is None:
        address = reverse(action.url_name, args=[customer.pk])
        return Button(action.url_name, str(action.label), action.icon, address)
    said = {"who": item.row.maker.get_username(), "day": ist_short_day(item.since, clock.today())}
    address = reverse("approval", args=[item.kind, item.row.pk])
    return Button("approval", str(action.waiting_text) % said, action.icon, address)
