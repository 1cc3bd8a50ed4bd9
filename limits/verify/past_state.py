"""What may have been read at an instant: rules, tiers and statuses change, and who reads may still
see what was. No database, no clock. docs/ledger.md, "What verification replays".
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from customers.choices import USABLE_STATUSES
from limits.decision import CREDIT_STOP, find_loading_stop
from ppims.core import calendar

T = TypeVar("T")

ALL_TIME, FOR_EVER = -(2**63), 2**63 - 1
# A change takes its instant before its COMMIT, and until that others read what was; and on
# PostgreSQL instants come from more than one clock.
TOLERANCE_MICROS = 60_000_000
UNKNOWN_STATUS, BLOCKED_STATUS = "?", "BLOCKED"
NEVER_ASKED = (None,)


class Timeline(Generic[T]):
    """What was, and from when on (microseconds): the first since ever. Since `settled_at` all read
    the last.
    """

    __slots__ = ("changes", "last", "settled_at")

    def __init__(self, first: T) -> None:
        self.changes: list[tuple[int, T]] = [(ALL_TIME, first)]
        self.last, self.settled_at = first, ALL_TIME

    def add(self, at: int, value: T) -> None:
        self.changes.append((at, value))
        self.last, self.settled_at = value, max(self.settled_at, at + TOLERANCE_MICROS)

    def list_seen(self, at: int) -> Sequence[T]:
        """List what may have been read at an instant: what was then, or within a minute of it."""
        if at > self.settled_at:
            return (self.last,)
        ends = [*(start for start, _ in self.changes[1:]), FOR_EVER]
        return [
            value
            for (start, value), end in zip(self.changes, ends, strict=True)
            if start - TOLERANCE_MICROS <= at <= end + TOLERANCE_MICROS
        ]

    def list_likeliest_first(self, at: int) -> list[T]:
        """List the same without repeats, and first what was at the instant itself."""
        at_itself = next(value for start, value in reversed(self.changes) if start <= at)
        return list(dict.fromkeys([at_itself, *self.list_seen(at)]))


@dataclass(frozen=True)
class Tier:
    """A customer's tier, and since when it counts for CREDIT_STOP."""

    code: str
    since: int


class Person:
    """A customer's tiers, when blocked, and the status of each account, by processor and number."""

    def __init__(
        self,
        tiers: Timeline[Tier] | None,
        statuses: Timeline[str | None],
        accounts: Mapping[tuple[int, str], Timeline[str | None]],
    ) -> None:
        self._tiers, self._statuses, self._accounts = tiers, statuses, accounts
        # From then on nothing has changed; and what was so then. Most rows need no closer look.
        self.settled_at = statuses.settled_at
        self.tier = tiers.last.code if tiers else None
        self._is_at_work = statuses.last not in {BLOCKED_STATUS, UNKNOWN_STATUS}
        if tiers:
            self.settled_at = max(self.settled_at, tiers.settled_at)
        for account in accounts.values():
            self.settled_at = max(self.settled_at, account.settled_at)
            self._is_at_work &= account.last in USABLE_STATUSES

    def list_tiers(self, at: int) -> Sequence[Tier]:
        """List the tiers that may have been read; none where nothing is known."""
        return self._tiers.list_seen(at) if self._tiers else ()

    def list_tiers_likeliest_first(self, at: int) -> list[Tier]:
        """List the same, and first that of the instant itself."""
        return self._tiers.list_likeliest_first(at) if self._tiers else []

    def may_be_blocked(self, at: int) -> set[bool]:
        """List whether the customer may have been seen blocked: yes, no, or either."""
        return _drop_unknown(value == BLOCKED_STATUS for value in _list_certain(self._statuses, at))

    def may_be_usable(self, account: tuple[int, str], at: int) -> set[bool]:
        """List whether an account may have been seen active or new: yes, no, or either."""
        timeline = self._accounts.get(account)
        if timeline is None:
            return {False}
        return _drop_unknown(value in USABLE_STATUSES for value in _list_certain(timeline, at))

    def is_surely_at_work(self, account: tuple[int, str], at: int) -> bool:
        """Be sure, of nearly all instants at once, that the customer was not blocked and the
        account, if one is named, usable; False: look closer.
        """
        is_settled = self._is_at_work and at > self.settled_at
        return is_settled and (not account[1] or account in self._accounts)


class PersonOfKin(Person):
    """A person whom merges connected with others: an account of any of them may have been named."""

    def __init__(self, own: Person, others: Sequence[Person]) -> None:
        super().__init__(own._tiers, own._statuses, own._accounts)
        self._all = (own, *others)

    def may_be_usable(self, account: tuple[int, str], at: int) -> set[bool]:
        """List whether an account may have been seen active or new, whosever it is."""
        theirs = [each for each in self._all if account in each._accounts]
        answers = [Person.may_be_usable(each, account, at) for each in theirs]
        return set().union(*answers) or {False}

    def is_surely_at_work(self, account: tuple[int, str], at: int) -> bool:
        """Look closer, always: there are few of them."""
        return False


def _list_certain(timeline: Timeline[str | None], at: int) -> Sequence[str | None]:
    """List what may have been read; nothing where that is not known."""
    values = timeline.list_seen(at)
    return () if UNKNOWN_STATUS in values else values


def _drop_unknown(answers: Any) -> set[bool]:
    return set(answers) or {True, False}


@dataclass(frozen=True)
class RuleThen:
    """A limit rule, whose row is never edited. `in_force_from` is None where it never was."""

    tier: str
    direction: str
    window: str
    amount: int | None
    in_force_from: int | None


class RulesThen:
    """All limit rules, by key, and which was in force when, by tier, direction and window."""

    def __init__(self, rules: Mapping[int, RuleThen]) -> None:
        self._rules = rules
        self._spans: dict[tuple[Any, ...], tuple[int, int]] = {}
        self._timelines: dict[tuple[str, str, str], Timeline[int | None]] = {}
        started = [(r.in_force_from, pk) for pk, r in rules.items() if r.in_force_from is not None]
        for start, pk in sorted(started):
            rule = rules[pk]
            place = (rule.tier, rule.direction, rule.window)
            timeline = self._timelines.setdefault(place, Timeline[int | None](None))
            timeline.add(start, None if rule.amount is None else pk)

    def get(self, rule_id: int) -> RuleThen | None:
        return self._rules.get(rule_id)

    def list_seen(self, row: Any, window: str) -> Sequence[int | None]:
        """List which limits of a window may have been read for a check or an entry; None: none."""
        timeline = self._timelines.get((row.tier, row.direction, window))
        return timeline.list_seen(row.at) if timeline else NEVER_ASKED

    def list_likeliest_first(
        self, tier: str, direction: str, window: str, at: int
    ) -> Sequence[int | None]:
        """List which limits of a window may have been read at an instant, and first the one that
        was in force then; None: none.
        """
        timeline = self._timelines.get((tier, direction, window))
        return timeline.list_likeliest_first(at) if timeline else NEVER_ASKED

    def find_end(self, rule_id: int) -> int | None:
        """Find when another rule took a rule's place; None: it is in force still, or never was."""
        rule = self._rules[rule_id]
        timeline = self._timelines.get((rule.tier, rule.direction, rule.window))
        starts = [start for start, _ in timeline.changes] if timeline else []
        if rule.in_force_from is None:
            return None
        return next((start for start in starts if start > rule.in_force_from), None)

    def is_surely(self, row: Any, rule_id: int, limit: int, windows: Sequence[str]) -> bool:
        """Be sure, of nearly all rows at once, that a limit was in force; False: look closer."""
        what = (row.tier, row.direction, rule_id, limit, windows)
        span = self._spans.get(what)
        if span is None:
            span = self._spans[what] = self._find_span(*what)
        return bool(span[0] <= row.at <= span[1])

    def _find_span(
        self, tier: str, direction: str, rule_id: int, limit: int, windows: Sequence[str]
    ) -> tuple[int, int]:
        rule = self._rules.get(rule_id)
        if rule is None or (rule.tier, rule.direction, rule.amount) != (tier, direction, limit):
            return FOR_EVER, ALL_TIME
        timeline = self._timelines.get((tier, direction, rule.window))
        if timeline is None or rule.window not in windows or timeline.last != rule_id:
            return FOR_EVER, ALL_TIME
        return timeline.changes[-1][0], FOR_EVER

    def may_have_stopped(self, row: Any, tiers: Sequence[Tier]) -> set[bool]:
        """List whether loading may have been stopped, by the months since a tier was given: yes,
        no, or either.
        """
        answers = set()
        for pk in self.list_seen(row, CREDIT_STOP):
            if pk is None:
                answers.add(False)
                continue
            for tier in tiers:
                since = calendar.from_microseconds(tier.since)
                stops_at = find_loading_stop([self._rules[pk]], since)
                answers.add(stops_at is not None and calendar.from_microseconds(row.at) >= stops_at)
        return _drop_unknown(answers)
