"""Limit rules: proposed by one person, approved by another; packs of them, loaded from fixtures."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from django.conf import settings
from django.db.models import Count, Model, Q
from django.utils.translation import gettext, ngettext

from customers.models import Customer
from limits import queries
from limits.models import LimitRule
from ppims.core import calendar, clock
from ppims.core.formats import ist_start
from ppims.core.free_text import require_text
from ppims.core.keys import ONE_MICROSECOND
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import FourEyes, User
from ppims.services import audit
from ppims.services.four_eyes import Proposals

LONGEST_SOURCE = 200
FIRST_PACK = settings.BASE_DIR / "fixtures" / "limit_rules.json"


@dataclass(frozen=True)
class Proposal:
    """One rule as proposed. `amount` is paise, of CREDIT_STOP months; None: no limit."""

    tier: str
    direction: str
    window: str
    amount: int | None
    source: str
    in_force_from: datetime | None = None


def read_pack(path: Path) -> list[Proposal]:
    """Read a pack: JSON, amounts in paise, dates as 00:00 IST of the day, or null for "from its
    approval".
    """
    rows = json.loads(path.read_text("utf-8"))["rules"]
    return [Proposal(**{**row, "in_force_from": _find_start(row["in_force_from"])}) for row in rows]


def load_first_pack() -> bool:
    """Load the pack of the first start, approved by the installation itself; False: there are rules
    already.

    Its starts are kept as they are, though they lie before the approval: no decision was made
    before.
    """

    if LimitRule.objects.exists():  # then nothing is written, whatever the clock says
        return False

    def work() -> bool:
        if LimitRule.objects.exists():
            return False
        at = clock.now()
        rules = [_make_rule(proposal, None, at) for proposal in read_pack(FIRST_PACK)]
        for rule in rules:
            rule.state, rule.decided_at = FourEyes.State.APPROVED, at
            rule.in_force_from = rule.in_force_from or at
            rule.save(force_insert=True)
        audit.record(
            "first limit rules loaded", at=at, detail={"pack": FIRST_PACK.name}, rows=rules
        )
        return True

    return run_in_transaction(work)


@wrap_in_transaction
def propose(*, proposals: list[Proposal], user: User, operator: str = "") -> list[LimitRule]:
    """Propose rules; none of them counts until another person approves it. `operator` is who typed
    it at the machine, if it was there. Raises Malformed for a source that may not be kept.
    """
    at = clock.now()
    return [RULE_PROPOSALS.keep(_make_rule(each, user, at, operator)) for each in proposals]


def describe_starts(rules: Iterable[LimitRule], at: datetime) -> dict[int, str]:
    """Say of proposals whose start has passed, or who have none, what that means, by their keys:
    for the maker when proposing, and for the checker before approving.
    """
    late = [rule for rule in rules if counts_from_approval(rule, at)]
    # By one walk along an index: a group of each tier would be sorted, which takes three times it.
    counted = {rule.tier: Count("pk", filter=Q(tier=rule.tier)) for rule in late}
    counts = Customer.objects.aggregate(**counted) if counted else {}
    return {rule.pk: _describe_start(rule, counts.get(rule.tier, 0)) for rule in late}


def counts_from_approval(rule: LimitRule, at: datetime) -> bool:
    """Tell whether a proposal would be in force the moment it is approved."""
    is_waiting = rule.state == FourEyes.State.PROPOSED
    return is_waiting and (rule.in_force_from is None or rule.in_force_from <= at)


def _describe_start(rule: LimitRule, customers: int) -> str:
    counts = ngettext(
        "it counts from the moment of approval, for %(n)s customer.",
        "it counts from the moment of approval, for %(n)s customers.",
        customers,
    ) % {"n": customers}
    if rule.in_force_from is None:
        return gettext("No start is given: %(counts)s") % {"counts": counts}
    said = {"start": ist_start(rule.in_force_from), "counts": counts}
    return gettext("The start, %(start)s, has passed: %(counts)s") % said


def find_moved(rows: Sequence[LimitRule], at: datetime) -> set[int]:
    """Tell before which proposals another rule stands by now than when they were made, by their
    keys.
    """
    instants = {at, *(row.proposed_at for row in rows)} if rows else set()
    in_force = {instant: _read_in_force(instant) for instant in instants}
    return {
        row.pk
        for row in rows
        if in_force[row.proposed_at].get(_find_place(row)) != in_force[at].get(_find_place(row))
    }


def _read_in_force(at: datetime) -> dict[tuple[str, str, str], int]:
    return {_find_place(rule): rule.pk for rule in queries.list_in_force(at)}


def _find_place(rule: LimitRule) -> tuple[str, str, str]:
    return rule.tier, rule.direction, rule.window


def _make_rule(
    proposal: Proposal, maker: User | None, at: datetime, operator: str = ""
) -> LimitRule:
    return LimitRule(
        tier=proposal.tier,
        direction=proposal.direction,
        window=proposal.window,
        amount=proposal.amount,
        in_force_from=proposal.in_force_from,
        source=require_text(proposal.source, "source", most=LONGEST_SOURCE),
        maker=maker,
        operator=operator,
        proposed_at=at,
    )


def _find_start(day: str | None) -> datetime | None:
    return calendar.find_midnight(date.fromisoformat(day)) if day else None


def _carry_out(rule: LimitRule, _: None, at: datetime) -> list[Model]:
    """Let it count from its start, and never from before now: what was decided until now stays."""
    rule.in_force_from = max(rule.in_force_from or at, at)
    return []


def _describe(rule: LimitRule) -> dict[str, object]:
    """Describe it for the audit, with the amount that it replaces."""
    fields = ["tier", "direction", "window", "amount", "in_force_from", "source"]
    # Until just before the decision: one that counts from then on would have taken its place.
    at = (rule.decided_at or rule.proposed_at) - ONE_MICROSECOND
    before = queries.find_rule_before(rule, at)
    return {
        "rule": rule.pk,
        **{name: getattr(rule, name) for name in fields},
        **({"before": before.amount} if before else {}),
    }


RULE_PROPOSALS = Proposals(
    model=LimitRule,
    name="limit rule",
    lock=lambda _: (None, clock.now()),
    carry_out=_carry_out,
    describe=_describe,
    columns=(*FourEyes.DECISION, "in_force_from"),
)
decide = RULE_PROPOSALS.decide
