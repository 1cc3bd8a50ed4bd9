"""The limit rules in force, now and from the next month on."""

from collections.abc import Iterator, Sequence
from datetime import datetime

from customers.choices import Tier
from limits import queries
from limits.models import LimitRule
from limits.models.rules import Direction, Window, write_limit
from ppims.core import calendar
from ppims.core.formats import ist_start
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn

FIRST_PACK_MEND = "restart PPIMS, which loads the first ones; then see Settings, Limits"
LIMITS_MEND = "see Settings, Limits"


def check_rules(at: datetime) -> Iterator[Finding]:
    """Check that each KYC that needs one has a limit, each way: now, and at the next month's start.
    Full KYC may be without.
    """
    month = calendar.number_ist_month(at)
    starts = calendar.find_midnight(calendar.find_first_day_after_month(month))
    now, then = queries.list_in_force_at([at, starts])
    yield _judge("rules.now", now)
    if {rule.pk for rule in now} == {rule.pk for rule in then}:
        yield approve("rules.next_month", "the same from the next month on")
    else:
        yield _judge("rules.next_month", then, f"from {ist_start(starts)}: ")


def _judge(name: str, rules: Sequence[LimitRule], begin: str = "") -> Finding:
    if not rules:
        return refuse(name, f"{begin}no rule is in force", FIRST_PACK_MEND)
    said = [
        f"{tier.label}, {way.label.lower()}: {_write_limits(rules, tier, way)}"
        for tier in Tier
        for way in Direction
    ]
    unlimited = [
        tier
        for tier in Tier
        for way in Direction
        if tier != Tier.FULL and not _list_limits(rules, tier, way)
    ]
    text = begin + "; ".join(said)
    return warn(name, text, LIMITS_MEND) if unlimited else approve(name, text)


def _write_limits(rules: Sequence[LimitRule], tier: Tier, way: Direction) -> str:
    limits = _list_limits(rules, tier, way)
    written = [
        f"{write_limit(rule.amount, rule.window)} ({Window(rule.window).label.lower()})"
        for rule in limits
    ]
    return " and ".join(written) or "no limit"


def _list_limits(rules: Sequence[LimitRule], tier: Tier, way: Direction) -> list[LimitRule]:
    own = [rule for rule in rules if (rule.tier, rule.direction) == (tier, way)]
    return [rule for rule in own if rule.amount is not None]
