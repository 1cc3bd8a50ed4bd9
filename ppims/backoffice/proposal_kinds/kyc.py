"""Full KYC, and whatever is lower."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import KycProposal
from customers.services import kyc
from ppims.backoffice import labels
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core.formats import NO_VALUE, ist


def _list_changes(row: KycProposal) -> Changes:
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


KYC_CHANGE_KIND = Kind(
    "kyc",
    gettext_lazy("KYC change"),
    kyc.KYC_PROPOSALS,
    "customers.propose_kycproposal",
    "customers.approve_kycproposal",
    str,
    _list_changes,
    lambda rows, at: {row.pk for row in rows if kyc.has_moved(row, row.customer)},
    gettext_lazy(
        "Stale: the customer’s KYC or documents have changed since this was proposed. It can’t be"
        " approved; propose it anew."
    ),
    is_named_for_customer=True,
    with_many=("customer__documents",),
)
