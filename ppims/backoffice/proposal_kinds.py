"""The four kinds of proposals that a second person decides, and what each would change."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Customer, KycProposal, Unblocking
from customers.services import blocking, kyc
from limits import ledger, queries
from limits.models import Adjustment, LimitRule
from limits.services import adjustments, rules
from ppims.backoffice import labels
from ppims.core import clock
from ppims.core.formats import NO_VALUE, inr, ist, ist_start, write_month
from ppims.models import FourEyes
from ppims.services.four_eyes import Proposals

Changes = list[tuple[str, str, str]]  # what, before, after


@dataclass(frozen=True)
class Kind:
    """One kind of proposal: what it is called, who proposes and approves it, how it is told.

    `moved` tells on whose rows the ground is another by now, and `is_barred_then` that those can't
    be approved; `warnings` says by row what approving would do that nobody may have meant. A page
    `is_named_for_customer` where of one customer one waits at most.
    """

    name: str
    label: object
    proposals: Proposals[Any, Any]
    propose: str
    approve: str
    in_short: Callable[[Any], str]
    changes: Callable[[Any], Changes]
    moved: Callable[[Sequence[Any], datetime], set[int]] = lambda rows, at: set()
    moved_in_words: object = ""
    warnings: Callable[[Sequence[Any], datetime], dict[int, str]] = lambda rows, at: {}
    is_barred_then: bool = True
    is_named_for_customer: bool = False


def _list_kyc_changes(row: KycProposal) -> Changes:
    ids = {int(pk) for pk in row.documents.split(",") if pk}
    documents = [str(each) for each in row.customer.documents.all() if each.pk in ids]
    before = ", ".join(documents) or NO_VALUE
    updated_on = ist(row.updated_on) if row.updated_on else _("When it is approved")
    return [
        (_("KYC"), row.get_from_tier_display(), row.get_to_tier_display()),
        (_("KYC channel"), labels.name_channel(row.from_channel), labels.name_channel(row.channel)),
        (_("KYC done on"), ist(row.from_updated_on), updated_on),
        (_("Document"), before, row.masked_document or before),
    ]


def _list_unblocking_changes(row: Unblocking) -> Changes:
    status = Customer.Status
    before = str(status.BLOCKED.label)
    if row.customer.is_blocked:
        before = f"{before}: {row.customer.blocked_reason}"
    return [(_("Status"), before, str(status.ACTIVE.label))]


def _summarize_adjustment(row: Adjustment) -> str:
    sign = "+" if row.amount_paise > 0 else ""
    amount = f"{sign}{inr(row.amount_paise)}"
    return f"{amount}, {labels.lower_first(row.get_direction_display())}, {write_month(row.month)}"


def _list_adjustment_changes(row: Adjustment) -> Changes:
    what = f"{row.get_direction_display()}, {write_month(row.month)}"
    if row.state != FourEyes.State.PROPOSED:
        return [(what, NO_VALUE, _summarize_adjustment(row))]
    usage = ledger.read_usage(row.customer_id, [row.month], clock.now())
    used = usage.used[row.month, row.direction]
    return [(what, inr(used), inr(used + row.amount_paise))]


def _list_rule_changes(row: LimitRule) -> Changes:
    at = row.decided_at or clock.now()
    before = queries.find_rule_before(row, at)
    is_open = row.in_force_from is None or rules.counts_from_approval(row, at)
    start = _("When it is approved") if is_open else ist_start(row.in_force_from)
    return [
        (str(row), before.amount_text if before else _("No rule"), row.amount_text),
        (_("From"), ist_start(before.in_force_from) if before else NO_VALUE, start),
    ]


KINDS = {
    kind.name: kind
    for kind in (
        Kind(
            "kyc",
            gettext_lazy("KYC change"),
            kyc.KYC_PROPOSALS,
            "customers.propose_kycproposal",
            "customers.approve_kycproposal",
            str,
            _list_kyc_changes,
            lambda rows, at: {row.pk for row in rows if kyc.has_moved(row, row.customer)},
            gettext_lazy(
                "Stale: the customer’s KYC or documents have changed since this was proposed. It"
                " can’t be approved; propose it anew."
            ),
            is_named_for_customer=True,
        ),
        Kind(
            "unblocking",
            gettext_lazy("Unblocking"),
            blocking.UNBLOCKING_PROPOSALS,
            "customers.propose_unblocking",
            "customers.approve_unblocking",
            lambda row: _("Blocked by us → Active"),
            _list_unblocking_changes,
            is_named_for_customer=True,
        ),
        Kind(
            "adjustment",
            gettext_lazy("Correction"),
            adjustments.ADJUSTMENT_PROPOSALS,
            "limits.propose_adjustment",
            "limits.approve_adjustment",
            _summarize_adjustment,
            _list_adjustment_changes,
            adjustments.find_unbookable,
            gettext_lazy(
                "Stale: it would take away what is not used any more, or what a processor may still"
                " reverse. It can’t be approved; propose it anew."
            ),
        ),
        Kind(
            "limit-rule",
            gettext_lazy("Limit rule"),
            rules.RULE_PROPOSALS,
            "limits.add_limitrule",
            "limits.approve_limitrule",
            lambda row: f"{row}: {row.amount_text}",
            _list_rule_changes,
            rules.find_moved,
            gettext_lazy(
                "Stale: another rule is in force than when this was proposed. Look at what it"
                " would replace now."
            ),
            rules.describe_starts,
            is_barred_then=False,
        ),
    )
}
