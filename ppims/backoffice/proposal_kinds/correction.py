"""Corrections of what is used in a month."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers import survivors
from limits import ledger, queries
from limits.models import Adjustment, LedgerEntry
from limits.services import adjustments
from ppims.backoffice import labels
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core import clock
from ppims.core.formats import NO_VALUE, inr, ist, write_month
from ppims.models import FourEyes


def _summarize(row: Adjustment) -> str:
    sign = "+" if row.amount_paise > 0 else ""
    amount = f"{sign}{inr(row.amount_paise)}"
    return f"{amount}, {labels.lower_first(row.get_direction_display())}, {write_month(row.month)}"


def _list_changes(row: Adjustment) -> Changes:
    what = f"{row.get_direction_display()}, {write_month(row.month)}"
    if row.state != FourEyes.State.PROPOSED:
        return [(what, NO_VALUE, _summarize(row))]
    root = survivors.find_root(row.customer_id)
    usage = ledger.read_usage(root, [row.month], clock.now())
    used = usage.used[row.month, row.direction]
    changes = [(what, inr(used), inr(used + row.amount_paise))]
    if row.posting_id is not None:
        kin = survivors.list_kin(root)  # it may be in the ledger of any of them
        posting = LedgerEntry.objects.get(customer_id__in=kin, pk=row.posting_id)
        left = posting.amount_paise - queries.sum_given_back([posting]).get(posting.pk, 0)
        words = {"amount": inr(posting.amount_paise), "when": ist(posting.at)}
        named = _("Left of %(amount)s, posted %(when)s") % words
        changes.append((named, inr(left), inr(left + row.amount_paise)))
    return changes


CORRECTION_KIND = Kind(
    "adjustment",
    gettext_lazy("Correction"),
    adjustments.ADJUSTMENT_PROPOSALS,
    "limits.propose_adjustment",
    "limits.approve_adjustment",
    _summarize,
    _list_changes,
    adjustments.find_unbookable,
    gettext_lazy(
        "Stale: it would take away what is not used any more, what a processor may still reverse,"
        " or more than is left of its posting. It can’t be approved; propose it anew."
    ),
)
