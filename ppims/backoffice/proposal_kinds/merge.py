"""Customers who are one person, or turn out to be two."""

from collections.abc import Sequence
from datetime import datetime

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from customers.models import Customer, Merge
from customers.services import merging
from limits.services import merges
from ppims.backoffice.customer.together import Together, compare, compare_parting
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.models import FourEyes


def _summarize(row: Merge) -> str:
    names = {"merged": row.merged_id, "survivor": row.customer_id}
    if row.kind == Merge.Kind.MERGE:
        return _("%(merged)s into %(survivor)s") % names
    return _("%(merged)s un-merged from %(survivor)s") % names


def _list_changes(row: Merge) -> Changes:
    """Say who is merged into whom."""
    own, joint = str(row.merged_id), str(row.customer_id)
    before, after = (own, joint) if row.kind == Merge.Kind.MERGE else (joint, own)
    return [(_("%(id)s means") % {"id": row.merged_id}, before, after)]


def _find_moved(rows: Sequence[Merge], _at: datetime) -> set[int]:
    return {row.pk for row in rows if merging.has_moved(row)}


def _compare_both(row: Merge) -> Together | None:
    """Compare what both come to, while it may be decided."""
    if row.state != FourEyes.State.PROPOSED or merging.has_moved(row):
        return None
    merged = Customer.objects.get(pk=row.merged_id)
    if row.kind == Merge.Kind.UNMERGE:
        return compare_parting(row.customer, merged)
    return compare(row.customer, merged)


MERGE_KIND = Kind(
    "merge",
    gettext_lazy("Merge"),
    merges.MERGE_PROPOSALS,
    "customers.propose_merge",
    "customers.approve_merge",
    _summarize,
    _list_changes,
    _find_moved,
    gettext_lazy(
        "Stale: one of the two was merged or un-merged since this was proposed. It can’t be"
        " approved; propose it anew."
    ),
    template="includes/together.html",
    read_more=_compare_both,
)
