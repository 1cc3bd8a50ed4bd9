"""Whose loading stops soon, by the rules in force then: docs/ledger.md, CREDIT_STOP."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from itertools import pairwise

from django.db.models import Q, QuerySet

from customers import survivors
from customers.models import Customer
from limits import decision, queries
from limits.decision import CREDIT_STOP
from limits.models import Direction, LimitRule, Notice
from limits.services.notices import Matter, Tally, keep_matters
from ppims.core import calendar
from ppims.core.calendar import DAY_MICROS, IST_AHEAD_MICROS
from ppims.db import statements
from ppims.db.instants import write_microseconds
from ppims.db.transaction import read_snapshot

DAYS_BEFORE = (7, 30, 90)
CUSTOMERS_AT_ONCE = 5_000
END_OF_TIME = datetime.max.replace(tzinfo=calendar.IST)
# Of who is blocked nothing can be loaded anyway.
READ_TIERS = """
    SELECT unique_id, tier, {since}, survivor_id FROM customers_customer t
    WHERE unique_id > %s AND unique_id <= %s AND status = %s AND tier IN ({tiers})
"""
RulesByTier = Mapping[str, Sequence[LimitRule]]


class StopCalendar:
    """When loading stops at each tier: by the rules in force at an instant, and by those approved
    already that come into force later.
    """

    def __init__(self, at: datetime) -> None:
        self.at = at
        starts = [at, *(start for start in queries.list_rule_starts() if start > at)]
        rules = map(_group_stops, queries.list_in_force_at(starts))
        ends = [end for _, end in pairwise([*starts, END_OF_TIME])]
        self._periods = list(zip(starts, ends, rules, strict=True))
        # Loading stops at 00:00, whatever the time of day that it is counted from.
        self._find_by_day = cache(self._find_of_day)

    @property
    def tiers(self) -> list[str]:
        """List the tiers at which loading ever stops."""
        return sorted({tier for *_, by_tier in self._periods for tier in by_tier})

    def find(self, tier: str, tier_since_micros: int) -> date | None:
        """Find the day, in India, on which loading will stop for who has had a tier so long; None:
        it won't, or it has.
        """
        return self._find_by_day(tier, (tier_since_micros + IST_AHEAD_MICROS) // DAY_MICROS)

    def _find_of_day(self, tier: str, day: int) -> date | None:
        since = calendar.from_microseconds(day * DAY_MICROS - IST_AHEAD_MICROS)
        for start, end, by_tier in self._periods:
            stop = decision.find_loading_stop(by_tier.get(tier, ()), since)
            if stop and max(start, stop) < end:
                first = max(start, stop)
                return calendar.find_ist_day(first) if first > self.at else None
        return None


def _group_stops(rules: Sequence[LimitRule]) -> dict[str, list[LimitRule]]:
    """Group by their tiers the rules that stop loading; one without an amount stops nothing."""
    by_tier: dict[str, list[LimitRule]] = {}
    for rule in rules:
        is_stop = rule.window == CREDIT_STOP and rule.direction == Direction.CREDIT
        if is_stop and rule.amount is not None:
            by_tier.setdefault(rule.tier, []).append(rule)
    return by_tier


def find_step(days: int) -> int | None:
    """Find the step that so many days before are at; None: it is far off."""
    return next((step for step in DAYS_BEFORE if days <= step), None)


def watch_loading_stops(at: datetime, tell: Callable[[int], object]) -> Tally:
    """Keep a notice of each customer whose loading stops within 90 days, and none of others; in
    batches, each of a short snapshot and, if anything is new, of a short transaction. `tell` hears
    how many customers a batch has, at most. Raises Unavailable.
    """
    stops, tally = StopCalendar(at), Tally()
    if not stops.tiers and not _list_open().exists():
        return tally
    for after, upto in queries.list_customer_spans(CUSTOMERS_AT_ONCE):
        matters = list(_find_matters(stops, after, upto))
        tally = tally.add(keep_matters(matters, _find_in_span(after, upto), at))
        tell(CUSTOMERS_AT_ONCE)
    return tally


def _list_open() -> "QuerySet[Notice]":
    return Notice.objects.filter(kind=Notice.Kind.LOADING_STOP, state=Notice.State.OPEN)


def _find_in_span(after: int, upto: int) -> Q:
    return Q(kind=Notice.Kind.LOADING_STOP, unique_id__gt=after, unique_id__lte=upto)


def _find_matters(stops: StopCalendar, after: int, upto: int) -> Iterator[Matter]:
    today = calendar.find_ist_day(stops.at)
    with read_snapshot():
        near = [
            (unique_id, day, is_of_merge)
            for unique_id, day, is_of_merge in _read_span(stops, after, upto)
            if day - today <= timedelta(days=DAYS_BEFORE[-1])
        ]
        merged = [unique_id for unique_id, _, is_of_merge in near if is_of_merge]
        roots = survivors.find_roots(merged) if merged else {}
    for unique_id, day, _ in near:
        step = find_step((day - today).days)
        if step and roots.get(unique_id, unique_id) == unique_id:
            yield Matter(
                Notice.Kind.LOADING_STOP,
                f"{Notice.Kind.LOADING_STOP.value} {unique_id}",
                day,
                unique_id=unique_id,
                step=step,
            )


def _read_span(stops: StopCalendar, after: int, upto: int) -> Iterator[tuple[int, date, bool]]:
    """Read of some customers when loading will stop for each; and whether a merge has a part in
    it.
    """
    tiers = stops.tiers
    if not tiers:
        return
    places = ", ".join(["%s"] * len(tiers))
    sql = READ_TIERS.format(since=write_microseconds("t.tier_since"), tiers=places)
    values = [after, upto, Customer.Status.ACTIVE.value, *tiers]
    for unique_id, tier, since, survivor_id in statements.read_rows(sql, values):
        if day := stops.find(tier, since):
            yield unique_id, day, survivor_id is not None
