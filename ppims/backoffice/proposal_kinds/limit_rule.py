"""Changes of limits: some rules, decided as one.

LIMIT_RULE_KIND is of rules that were proposed alone, before there were changes of several: those of
then can be decided, and are told of. Nobody proposes one any more.
"""

from collections.abc import Iterable

from django.db.models import Q
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from limits import queries
from limits.models import LimitRule, RuleSet
from limits.services import rules
from ppims.backoffice.audit_text import say_rules
from ppims.backoffice.limit_effect import read_effect
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core import clock
from ppims.core.formats import NO_VALUE, ist_start
from ppims.models import FourEyes

PROPOSE_PERMISSION, APPROVE_PERMISSION = "limits.add_limitrule", "limits.approve_limitrule"
MOVED_IN_WORDS = gettext_lazy(
    "Stale: another rule is in force than when this was proposed. Look at what it would replace"
    " now."
)


def summarize_set(row: RuleSet) -> str:
    """Say which limits would become what: "Min and New Min, spend, month: ₹12,000 from 1 Dec"."""
    fields = ("tier", "direction", "window", "amount")
    details = [
        {
            **{name: getattr(rule, name) for name in fields},
            "in_force_from": rule.in_force_from.isoformat() if rule.in_force_from else None,
        }
        for rule in row.rules.all()
    ]
    return say_rules(details)


def _compare(changed: list[LimitRule], row: FourEyes) -> Changes:
    """Compare each rule with what it takes the place of; the start once, where they have one."""
    at = row.decided_at or clock.now()
    befores = queries.find_rules_before(changed, at)
    has_one_start = len({rule.in_force_from for rule in changed}) == 1
    found: Changes = []
    for rule in changed:
        before = befores[rule.pk]
        found.append((str(rule), before.amount_text if before else _("No rule"), rule.amount_text))
        if not has_one_start or rule is changed[-1]:
            began = _write_starts([each for each in befores.values() if each], has_one_start)
            if not has_one_start:
                began = ist_start(before.in_force_from) if before else NO_VALUE
            is_open = rule.in_force_from is None or rules.counts_from_approval(rule, at)
            start = _("When it is approved") if is_open else ist_start(rule.in_force_from)
            found.append((_("From"), began, start))
    return found


def _write_starts(before: Iterable[LimitRule], has_one: bool) -> str:
    """Write since when what was before counts; nothing where that is not one day."""
    starts = {ist_start(rule.in_force_from) for rule in before}
    return starts.pop() if has_one and len(starts) == 1 else NO_VALUE


def _join_sources(row: RuleSet) -> str:
    return "; ".join(dict.fromkeys(rule.source for rule in row.rules.all()))


LIMIT_RULE_KIND = Kind(
    "limit-rule",
    gettext_lazy("Limit rule"),
    rules.RULES_ALONE,
    PROPOSE_PERMISSION,
    APPROVE_PERMISSION,
    lambda row: f"{row}: {row.amount_text}",
    lambda row: _compare([row], row),
    rules.find_moved,
    MOVED_IN_WORDS,
    lambda rows, at: {row.pk: said for row in rows if (said := rules.describe_late([row], at))},
    is_barred_then=False,
    reason=lambda row: str(row.source),
    beside=(),
    which=Q(rule_set=None),
)
LIMIT_CHANGE_KIND = Kind(
    "limit-change",
    gettext_lazy("Change of limits"),
    rules.RULE_SETS,
    PROPOSE_PERMISSION,
    APPROVE_PERMISSION,
    summarize_set,
    lambda row: _compare(list(row.rules.all()), row),
    rules.find_moved_sets,
    MOVED_IN_WORDS,
    rules.describe_set_starts,
    is_barred_then=False,
    reason=_join_sources,
    beside=(),
    with_many=("rules",),
    template="limits/effect.html",
    read_more=read_effect,
)
