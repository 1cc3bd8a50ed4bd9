"""The limits: in force, with what comes beside it; proposed; and past."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, zip_longest
from operator import attrgetter
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext

from customers.choices import Tier
from limits.models import Direction, LimitRule, Window, write_limit
from ppims.backoffice.access import open_page
from ppims.backoffice.audit_text import say_rules
from ppims.core import calendar, clock
from ppims.core.formats import ist_start
from ppims.services.accounts import get_staff


@dataclass(frozen=True)
class Span:
    """A rule and when it stops: at the start of its successor, if there is one."""

    rule: LimitRule
    until: datetime | None

    @property
    def start(self) -> datetime:
        assert self.rule.in_force_from is not None  # the database holds it, of approved ones
        return self.rule.in_force_from

    @property
    def limit_text(self) -> str:
        return self.rule.amount_text.removesuffix(".00")

    @property
    def approved_by(self) -> str:
        """Who approved it; of the first ones that was the installation itself."""
        return self.rule.checker.get_username() if self.rule.checker else gettext("First start")

    def is_in_force(self, at: datetime) -> bool:
        return self.start <= at and (self.until is None or self.until > at)


@dataclass(frozen=True)
class InForce:
    """One row of what is in force: what a tier may spend or load, over a window, and what comes in
    its place. Without a rule there is no limit; `window` is None where no rule of any window is.
    """

    at: datetime
    tier: Tier
    direction: Direction
    window: Window | None
    span: Span | None
    coming: Sequence[Span] = ()

    @property
    def limit_text(self) -> str:
        """Say "₹10,000 → ₹12,000 on 1 Dec"."""
        now = self.span.limit_text if self.span else write_limit(None)
        changes = [
            gettext("%(amount)s on %(start)s")
            % {"amount": span.limit_text, "start": _write_start(span.start, self.at)}
            for span in self.coming
        ]
        return " → ".join([now, *changes])

    @property
    def since(self) -> datetime | None:
        return self.span.start if self.span else None

    @property
    def source_text(self) -> str:
        return _join_different([span.rule.source for span in self._spans])

    @property
    def approved_text(self) -> str:
        return _join_different([span.approved_by for span in self._spans])

    @property
    def _spans(self) -> list[Span]:
        return [span for span in (self.span, *self.coming) if span]


class Proposed(NamedTuple):
    """A change that waits: the address of its page, what it would change, and who proposed it."""

    address: str
    said: str
    maker: str


@open_page("limits.view_limitrule")
def limits(request: HttpRequest) -> HttpResponse:
    """Show every approved rule, with what comes in its place, and apart from them the proposals."""
    at = clock.now()
    rules = list(LimitRule.objects.select_related("checker", "maker").order_by("pk"))
    spans = list_spans(rule for rule in rules if rule.state == LimitRule.State.APPROVED)
    in_force = list_in_force(spans, at)
    context = {
        "in_force": in_force,
        "past": sorted(
            (s for s in spans if s.until and s.until <= at), key=attrgetter("start"), reverse=True
        ),
        "proposed": list_proposed(rules, in_force),
        "may_change": get_staff(request).has_perm("limits.add_limitrule"),
    }
    return render(request, "limits/limits.html", context)


def list_in_force(spans: Sequence[Span], at: datetime) -> list[InForce]:
    """List what is in force at an instant, with what comes; and each tier and direction of which no
    rule says anything, for there is no limit.
    """
    rows = []
    for _place, group in groupby(spans, lambda span: _order_rule(span.rule)):
        line = list(group)
        now = next((span for span in line if span.is_in_force(at)), None)
        coming = [span for span in line if span.start > at]
        if now or coming:
            rule = line[0].rule
            place = Tier(rule.tier), Direction(rule.direction), Window(rule.window)
            rows.append(InForce(at, *place, now, coming))
    told_of = {(row.tier, row.direction) for row in rows}
    rows += [
        InForce(at, tier, way, None, None)
        for tier in Tier
        for way in Direction
        if (tier, way) not in told_of
    ]
    ways = list(Direction)
    return sorted(rows, key=lambda row: (row.tier.rank, ways.index(row.direction)))


def list_proposed(rules: Iterable[LimitRule], in_force: Sequence[InForce]) -> list[Proposed]:
    """List what waits: each change once, whatever number of rules it has; and each rule of none."""
    parts: dict[tuple[str, int], list[LimitRule]] = {}
    for rule in rules:
        if rule.state == LimitRule.State.PROPOSED:
            of_set = rule.rule_set_id is not None
            key = ("limit-change", rule.rule_set_id or 0) if of_set else ("limit-rule", rule.pk)
            parts.setdefault(key, []).append(rule)
    return [
        Proposed(
            reverse("approval", args=key),
            say_rules([_describe_change(rule, in_force) for rule in own]),
            own[0].maker.get_username() if own[0].maker else "",
        )
        for key, own in parts.items()
    ]


def _describe_change(rule: LimitRule, in_force: Iterable[InForce]) -> dict[str, Any]:
    """Describe what a proposed rule would change, as the audit does."""
    place = rule.tier, rule.direction, rule.window
    now = next((r.span for r in in_force if (r.tier, r.direction, r.window) == place), None)
    fields = ("tier", "direction", "window", "amount")
    detail = {name: getattr(rule, name) for name in fields}
    start = rule.in_force_from.isoformat() if rule.in_force_from else None
    return {**detail, "in_force_from": start, **({"before": now.rule.amount} if now else {})}


def list_spans(rules: Iterable[LimitRule]) -> list[Span]:
    """List each approved rule with its end, by tier, direction and window; one that never was in
    force, since another took its place at its very start, is left out.
    """
    ordered = sorted(rules, key=lambda r: (*_order_rule(r), r.in_force_from, r.pk))
    lines = [list(group) for _same, group in groupby(ordered, _order_rule)]
    spans = [
        Span(rule, successor.in_force_from if successor else None)
        for line in lines
        for rule, successor in zip_longest(line, line[1:])
    ]
    return [span for span in spans if span.until != span.rule.in_force_from]


def _join_different(texts: Sequence[str]) -> str:
    """Join what is said of a rule and its successors, each once in a row."""
    return " → ".join(text for text, _same in groupby(texts))


def _write_start(start: datetime, at: datetime) -> str:
    """Write a start, without the year where that is this one."""
    return ist_start(start).replace(f" {calendar.find_ist_day(at).year}", "", 1)


def _order_rule(rule: LimitRule) -> tuple[int, int, int]:
    """Order as people do: tier by tier, spending first, the month before the year."""
    ways, windows = list(Direction), list(Window)
    tier, way = Tier(rule.tier).rank, ways.index(Direction(rule.direction))
    return tier, way, windows.index(Window(rule.window))
