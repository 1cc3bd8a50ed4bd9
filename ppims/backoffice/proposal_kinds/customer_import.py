"""Adding the customers of a file."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import CustomerImport
from customers.services import imports
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core.formats import NO_VALUE, write_count


def _summarize(row: CustomerImport) -> str:
    """Say "1,200 customers through ENT"."""
    names = {"count": write_count(row.file.count_to_add), "system_id": row.file.processor.system_id}
    return _("%(count)s customers through %(system_id)s") % names


def _list_changes(row: CustomerImport) -> Changes:
    file = row.file
    counts = (
        (_("New"), file.new_count),
        (_("Known elsewhere"), file.elsewhere_count),
        (_("To review"), file.review_count),
        (_("Known already"), file.known_count),
        (_("Refused"), file.refused_count),
    )
    told = [(what, NO_VALUE, write_count(count)) for what, count in counts if count]
    return [(_("File"), NO_VALUE, file.name), *told, (_("SHA-256"), NO_VALUE, row.digest)]


CUSTOMER_IMPORT_KIND = Kind(
    "customer-import",
    gettext_lazy("Import"),
    imports.IMPORT_PROPOSALS,
    "customers.propose_customerimport",
    "customers.approve_customerimport",
    _summarize,
    _list_changes,
    imports.find_stale,
    gettext_lazy("Stale: the file is gone. It can’t be approved; bring it again."),
    beside=("file__processor",),
)
