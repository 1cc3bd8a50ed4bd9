"""Mobile numbers that belong to somebody else by now."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import NumberPassedOn
from customers.services import reviews
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core.formats import NO_VALUE, mask
from ppims.models import FourEyes


def _summarize(row: NumberPassedOn) -> str:
    claimed = row.review.read_claim()
    names = {"number": mask(claimed["mobile_number"] or "", shown=4)}
    return _("%(number)s finds its old holder no more") % names


def _list_changes(row: NumberPassedOn) -> Changes:
    claimed = row.review.read_claim()
    number = mask(claimed["mobile_number"] or "", shown=4)
    is_waiting = row.state == FourEyes.State.PROPOSED
    before = row.customer.masked_mobile or NO_VALUE if is_waiting else number
    claimant = claimed["customer_name"] or NO_VALUE
    return [
        (_("Mobile number"), before, NO_VALUE),
        (_("Claimed by"), claimant, claimant),
    ]


def _find_moved(rows: Sequence[NumberPassedOn], _at: datetime) -> set[int]:
    return {row.pk for row in rows if not reviews.has_kept_number(row)}


NUMBER_PASSED_ON_KIND = Kind(
    "number-passed-on",
    gettext_lazy("Number passed on"),
    reviews.NUMBER_PROPOSALS,
    "customers.propose_numberpassedon",
    "customers.approve_numberpassedon",
    _summarize,
    _list_changes,
    _find_moved,
    gettext_lazy(
        "Stale: the customer has another number by now, or the review was decided. It can’t be"
        " approved."
    ),
    is_named_for_customer=True,
    with_many=("review__customer",),
)
