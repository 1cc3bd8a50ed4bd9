"""Limit rules: some of them proposed by one person, and approved as one by another; packs of them,
from files.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import Count, F, Model, Q
from django.utils.translation import gettext, ngettext

from customers.models import Customer, Kin
from limits import queries
from limits.models import LimitRule, RuleSet
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.formats import ist_start
from ppims.core.free_text import require_text
from ppims.db import owned_rows
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import FourEyes, User
from ppims.services import audit
from ppims.services.four_eyes import Proposals

LONGEST_SOURCE = 200
PACKS_FOLDER = settings.BASE_DIR / "fixtures"
FIRST_PACK = PACKS_FOLDER / "limit_rules.json"
RULE_COLUMNS = (*FourEyes.DECISION, "in_force_from")


@dataclass(frozen=True)
class Proposal:
    """One rule as proposed. `amount` is paise, of CREDIT_STOP months; None: no limit."""

    tier: str
    direction: str
    window: str
    amount: int | None
    source: str
    in_force_from: datetime | None = None


@dataclass(frozen=True)
class Pack:
    """A file of rules that comes with the program: its name, what it is called for people and says
    of itself, and its rules.
    """

    name: str
    title: str
    about: str
    proposals: Sequence[Proposal]


def list_packs() -> list[Pack]:
    """List the packs that come with the program, the one of the first start first."""
    found = []
    for path in sorted(PACKS_FOLDER.glob(f"{FIRST_PACK.stem}*.json")):
        said = json.loads(path.read_text("utf-8"))
        found.append(Pack(path.stem, said["title"], said["about"], read_pack(path)))
    return found


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


def pick_different(proposals: Iterable[Proposal], at: datetime) -> list[Proposal]:
    """Pick the proposals that would change a limit: whose amount isn't in force at their start, or
    now where that has passed. No rule is no limit.
    """
    asked = list(proposals)
    starts = [max(each.in_force_from or at, at) for each in asked]
    found = []
    for each, rules in zip(asked, queries.list_in_force_at(starts), strict=True):
        amounts = {_find_place(rule): rule.amount for rule in rules}
        if amounts.get(_find_place(each)) != each.amount:
            found.append(each)
    return found


@wrap_in_transaction
def propose(
    *, proposals: Sequence[Proposal], user: User, operator: str = "", pack: str = ""
) -> RuleSet:
    """Propose rules as one change; none of them counts until another person approves all of it.
    `operator` is who typed it at the machine, if it was there; `pack` names the file it is from.
    Raises Malformed where there is none, two have one place, or a source may not be kept.
    """
    places = {_find_place(each) for each in proposals}
    if not places or len(places) < len(proposals):
        raise Malformed([("rules", "are one or more, one for each KYC, type and window")])
    at = clock.now()
    rule_set = RuleSet(maker=user, operator=operator, proposed_at=at, pack=pack)
    rules = [_make_rule(each, user, at, operator) for each in proposals]
    for rule in rules:
        rule.rule_set = rule_set
    return RULE_SETS.keep(rule_set, *rules)


@wrap_in_transaction
def keep_effect(*, rule_set_id: int, effect: Mapping[str, Any], user: User) -> bool:
    """Keep with a proposal what it would have done, for the person who decides it; False: it is
    decided already, and nothing is kept.
    """
    rule_set = owned_rows.lock_row(RuleSet, rule_set_id)
    if rule_set.state != FourEyes.State.PROPOSED:
        return False
    rule_set.effect = json.dumps(effect, separators=(",", ":"))
    owned_rows.save_columns(rule_set, ["effect"])
    audit.record(
        "limit change replayed",
        at=clock.now(),
        user=user,
        detail={"rule_set": rule_set.pk, "months": len(effect["months"])},
        rows=[rule_set],
    )
    return True


def describe_set_starts(sets: Iterable[RuleSet], at: datetime) -> dict[int, str]:
    """Say of proposals with starts that have passed, or with none, what that means, by their keys,
    a sentence for each of them: for the maker when proposing, and for the checker before approving.
    """
    late = {
        each.pk: [rule for rule in each.rules.all() if counts_from_approval(rule, at)]
        for each in sets
    }
    counts = _count_customers(rule for rules in late.values() for rule in rules)
    return {pk: _describe_late(rules, counts) for pk, rules in late.items() if rules}


def describe_late(rules: Iterable[LimitRule], at: datetime) -> str:
    """Say the same of rules that are of no proposal; nothing where all of them start later."""
    late = [rule for rule in rules if counts_from_approval(rule, at)]
    return _describe_late(late, _count_customers(late))


def _describe_late(rules: Sequence[LimitRule], counts: Mapping[str, int]) -> str:
    tiers: dict[datetime | None, set[str]] = {}
    for rule in rules:
        tiers.setdefault(rule.in_force_from, set()).add(rule.tier)
    return " ".join(
        _describe_start(start, sum(counts.get(tier, 0) for tier in own))
        for start, own in tiers.items()
    )


def _count_customers(rules: Iterable[LimitRule]) -> Mapping[str, int]:
    """Count the customers of each rule's tier; who was merged into another is none."""
    # By one walk along an index: a group of each tier would be sorted, which takes three times it.
    counted = {rule.tier: Count("pk", filter=Q(tier=rule.tier)) for rule in rules}
    if not counted:
        return {}
    merged = Customer.objects.filter(pk__in=Kin.objects.values("customer_id")).exclude(
        survivor_id=F("unique_id")
    )
    known, gone = Customer.objects.aggregate(**counted), merged.aggregate(**counted)
    return {tier: known[tier] - gone[tier] for tier in counted}


def counts_from_approval(rule: LimitRule, at: datetime) -> bool:
    """Tell whether a proposal would be in force the moment it is approved."""
    is_waiting = rule.state == FourEyes.State.PROPOSED
    return is_waiting and (rule.in_force_from is None or rule.in_force_from <= at)


def _describe_start(start: datetime | None, customers: int) -> str:
    counts = ngettext(
        "it counts from the moment of approval, for %(n)s customer.",
        "it counts from the moment of approval, for %(n)s customers.",
        customers,
    ) % {"n": customers}
    if start is None:
        return gettext("No start is given: %(counts)s") % {"counts": counts}
    said = {"start": ist_start(start), "counts": counts}
    return gettext("The start, %(start)s, has passed: %(counts)s") % said


def find_moved(rows: Sequence[LimitRule], at: datetime) -> set[int]:
    """Tell before which proposals another rule stands by now than when they were made, by their
    keys.
    """
    instants = [*{at, *(row.proposed_at for row in rows)}] if rows else []
    found = zip(instants, queries.list_in_force_at(instants), strict=True)
    in_force = {at: {_find_place(rule): rule.pk for rule in own} for at, own in found}
    return {
        row.pk
        for row in rows
        if in_force[row.proposed_at].get(_find_place(row)) != in_force[at].get(_find_place(row))
    }


def find_moved_sets(rows: Sequence[RuleSet], at: datetime) -> set[int]:
    """Tell of which proposals another rule stands by now before one of theirs, by their keys."""
    rules = [rule for row in rows for rule in row.rules.all()]
    moved = find_moved(rules, at)
    return {rule.rule_set_id for rule in rules if rule.pk in moved and rule.rule_set_id}


def _find_place(rule: LimitRule | Proposal) -> tuple[str, str, str]:
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


def _take_start(rule: LimitRule, at: datetime) -> None:
    """Let it count from its start, and never from before now: what was decided until now stays."""
    rule.in_force_from = max(rule.in_force_from or at, at)


def _decide_rules(rule_set: RuleSet) -> list[LimitRule]:
    """Decide a set's rules as it was decided."""
    rules = list(rule_set.rules.order_by("pk"))
    for rule in rules:
        for name in FourEyes.DECISION:
            setattr(rule, name, getattr(rule_set, name))
        if rule.state == FourEyes.State.APPROVED:
            assert rule_set.decided_at
            _take_start(rule, rule_set.decided_at)
        owned_rows.save_columns(rule, RULE_COLUMNS)
    return rules


def _describe_set(rule_set: RuleSet) -> dict[str, object]:
    """Describe it for the audit: each rule, with the amount that it replaces."""
    rules = list(rule_set.rules.order_by("pk"))
    before = queries.find_rules_before(rules, rule_set.decided_at or rule_set.proposed_at)
    return {
        "rule_set": rule_set.pk,
        "rules": [_describe_rule(rule, before[rule.pk]) for rule in rules],
        **({"pack": rule_set.pack} if rule_set.pack else {}),
    }


def _describe_rule(rule: LimitRule, before: LimitRule | None) -> dict[str, object]:
    fields = ["tier", "direction", "window", "amount", "in_force_from", "source"]
    return {
        "rule": rule.pk,
        **{name: getattr(rule, name) for name in fields},
        **({"before": before.amount} if before else {}),
    }


# A rule of no set: one that was proposed alone, before there were sets. None is any more; one that
# still waits is decided alone, as its signed audit has it.


def _lock_alone(rule: LimitRule) -> tuple[None, datetime]:
    if rule.rule_set_id is not None:
        raise Conflict([("rule", "is decided with the others of its change")])
    return None, clock.now()


def _carry_out_alone(rule: LimitRule, _: None, at: datetime) -> list[Model]:
    _take_start(rule, at)
    return []


def _describe_alone(rule: LimitRule) -> dict[str, object]:
    at = rule.decided_at or rule.proposed_at
    return _describe_rule(rule, queries.find_rule_before(rule, at))


RULE_SETS = Proposals(
    model=RuleSet,
    name="limit change",
    lock=lambda _: (None, clock.now()),
    carry_out=lambda *_: [],
    describe=_describe_set,
    decide_parts=_decide_rules,
)
RULES_ALONE = Proposals(
    model=LimitRule,
    name="limit rule",
    lock=_lock_alone,
    carry_out=_carry_out_alone,
    describe=_describe_alone,
    columns=RULE_COLUMNS,
)
decide = RULE_SETS.decide
