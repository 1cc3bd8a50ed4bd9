"""The limits: in force, coming and past, with where each figure comes from."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby, zip_longest
from operator import attrgetter

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from customers.choices import Tier
from limits.models import Direction, LimitRule, Window
from ppims.backoffice.access import open_page
from ppims.core import clock


@dataclass(frozen=True)
class Span:
    """A rule and when it stops: at the start of its successor, if there is one."""

    rule: LimitRule
    until: datetime | None

    @property
    def start(self) -> datetime:
        assert self.rule.in_force_from is not None  # the database holds it, of approved ones
        return self.rule.in_force_from

    def is_in_force(self, at: datetime) -> bool:
        return self.start <= at and (self.until is None or self.until > at)


@open_page("limits.view_limitrule")
def limits(request: HttpRequest) -> HttpResponse:
    """Show every approved rule, and how many proposed ones wait."""
    at = clock.now()
    rules = list(LimitRule.objects.select_related("checker"))
    spans = list_spans(rule for rule in rules if rule.state == LimitRule.State.APPROVED)
    in_force = [span for span in spans if span.is_in_force(at)]
    return render(
        request,
        "limits/limits.html",
        {
            "at": at,
            "in_force": in_force,
            "without": list_without_rules([span.rule for span in in_force]),
            "coming": sorted((s for s in spans if s.start > at), key=attrgetter("start")),
            "past": sorted(
                (s for s in spans if s.until and s.until <= at),
                key=attrgetter("start"),
                reverse=True,
            ),
            "proposed": sum(rule.state == LimitRule.State.PROPOSED for rule in rules),
        },
    )


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


def list_without_rules(rules: Iterable[LimitRule]) -> list[tuple[Tier, Direction]]:
    """List each tier and direction of which no rule says anything: there is no limit."""
    told_of = {(rule.tier, rule.direction) for rule in rules}
    return [(tier, way) for tier in Tier for way in Direction if (tier, way) not in told_of]


def _order_rule(rule: LimitRule) -> tuple[int, int, int]:
    """Order as people do: tier by tier, spending first, the month before the year."""
    ways, windows = list(Direction), list(Window)
    tier, way = Tier(rule.tier).rank, ways.index(Direction(rule.direction))
    return tier, way, windows.index(Window(rule.window))
