"""Unblocking a customer."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Customer, Unblocking
from customers.services import blocking
from ppims.backoffice.proposal_kinds.kind import Changes, Kind


def _list_changes(row: Unblocking) -> Changes:
    status = Customer.Status
    before = str(status.BLOCKED.label)
    if row.customer.is_blocked:
        before = f"{before}: {row.customer.blocked_reason}"
    return [(_("Status"), before, str(status.ACTIVE.label))]


UNBLOCKING_KIND = Kind(
    "unblocking",
    gettext_lazy("Unblocking"),
    blocking.UNBLOCKING_PROPOSALS,
    "customers.propose_unblocking",
    "customers.approve_unblocking",
    lambda row: _("Blocked by us → Active"),
    _list_changes,
    lambda rows, at: {row.pk for row in rows if blocking.has_moved(row.customer)},
    gettext_lazy(
        "Stale: the customer is not blocked any more, or was merged into another. It can’t be"
        " approved."
    ),
    is_named_for_customer=True,
)
