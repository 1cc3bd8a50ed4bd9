"""Limit rules."""

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from limits import queries
from limits.models import LimitRule
from limits.services import rules
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core import clock
from ppims.core.formats import NO_VALUE, ist_start


def _list_changes(row: LimitRule) -> Changes:
    at = row.decided_at or clock.now()
    before = queries.find_rule_before(row, at)
    is_open = row.in_force_from is None or rules.counts_from_approval(row, at)
    start = _("When it is approved") if is_open else ist_start(row.in_force_from)
    return [
        (str(row), before.amount_text if before else _("No rule"), row.amount_text),
        (_("From"), ist_start(before.in_force_from) if before else NO_VALUE, start),
    ]


LIMIT_RULE_KIND = Kind(
    "limit-rule",
    gettext_lazy("Limit rule"),
    rules.RULE_PROPOSALS,
    "limits.add_limitrule",
    "limits.approve_limitrule",
    lambda row: f"{row}: {row.amount_text}",
    _list_changes,
    rules.find_moved,
    gettext_lazy(
        "Stale: another rule is in force than when this was proposed. Look at what it would replace"
        " now."
    ),
    rules.describe_starts,
    is_barred_then=False,
    reason=lambda row: str(row.source),
    beside=(),
)
