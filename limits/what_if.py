"""What other limit rules would have done: each check of a customer decided anew, in the order of
the ledger, on the sums as they would then be. Pure: no database, no clock, no Django.
docs/ledger.md, "What it would have done".

Instants are microseconds since 1970, as they are read from either database.
"""

from bisect import bisect_right
from collections import Counter, defaultdict, deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter
from typing import Any, NamedTuple

from limits import decision
from limits.decision import Decision, Question, Rule
from limits.known import Usage
from limits.posting import POST_KIND, find_effect_paise
from ppims.core import calendar

# A rule that counts from its approval has its instant before the COMMIT: whoever asked in between
# was judged by what was there before.
UNSEEN_MICROS = 60_000_000
BLOCKED_REASON, ACCOUNT_REASON, CARD_REASON = (
    "CUSTOMER_BLOCKED",
    "ACCOUNT_NOT_ACTIVE",
    "CARD_NOT_ACTIVE",
)
RulePlace = tuple[str, str, str]  # tier, direction, window
Place = tuple[int, str]  # month and direction


class CheckThen(NamedTuple):
    """A check as it was answered."""

    customer_id: int
    at: int
    id: int
    processor_id: int
    month: int
    direction: str
    amount_paise: int
    balance_paise: int | None
    tier: str
    is_allowed: int
    reason: str
    used_paise: int | None
    held_paise: int | None
    cumulative_paise: int
    hold_until: int | None
    unique_id_sent: int


class EntryThen(NamedTuple):
    """An entry as it was booked."""

    customer_id: int
    at: int
    id: int
    month: int
    kind: str
    direction: str
    amount_paise: int
    limit_check_id: int | None
    reverses_id: int | None
    unique_id_sent: int


class TierChange(NamedTuple):
    """When a customer's tier became another, or was told again; and since when loading counts."""

    at: int
    tier: str
    tier_since: int


class Ruling(NamedTuple):
    """The rules that were in force for a check, and those with the proposed ones in their place."""

    in_force: Sequence[Rule]
    proposed: Sequence[Rule]


class Redecided(NamedTuple):
    """A check with what would have been answered."""

    check: CheckThen
    decided: Decision

    @property
    def is_other(self) -> bool:
        return self.decided.is_allowed != bool(self.check.is_allowed)


class Rulebook:
    """All approved rules, by when they came into force; and some proposed ones, each of which takes
    its place's rule away at every instant.

    Approved ones are (id, tier, direction, window, amount, start), in the order of their starts. An
    amount of None is no limit.
    """

    def __init__(
        self, approved: Iterable[Sequence[Any]], proposed: dict[RulePlace, int | None]
    ) -> None:
        self._by_way: dict[tuple[str, str], list[Sequence[Any]]] = defaultdict(list)
        for row in approved:
            self._by_way[row[1], row[2]].append(row)
        self._proposed = proposed
        self._timelines: dict[tuple[str, str], tuple[list[int], list[Ruling]]] = {}

    def list_rulings(self, tier: str, direction: str, at: int) -> list[Ruling]:
        """List what may have been in force at an instant, the likeliest first: within a minute of a
        start also what was there before.
        """
        way = tier, direction
        if way not in self._timelines:
            self._timelines[way] = self._make_timeline(way)
        starts, rulings = self._timelines[way]
        last = bisect_right(starts, at)
        first = bisect_right(starts, at - UNSEEN_MICROS)
        return [rulings[place] for place in range(last, first - 1, -1)]

    def _make_timeline(self, way: tuple[str, str]) -> tuple[list[int], list[Ruling]]:
        rows = self._by_way[way]
        starts = sorted({row[-1] for row in rows})
        found = [decision.pick_in_force(rows, start) for start in starts]
        return starts, [self._make_ruling(way, each) for each in ([], *found)]

    def _make_ruling(self, way: tuple[str, str], rows: Iterable[Sequence[Any]]) -> Ruling:
        amounts = {row[3]: (row[0], row[4]) for row in rows}
        others = {
            window: (-number, amount)
            for number, ((*place, window), amount) in enumerate(self._proposed.items(), start=1)
            if tuple(place) == way
        }
        return Ruling(_list_limits(amounts), _list_limits(amounts | others))


class HoldThen(NamedTuple):
    """An open hold: where it counts, until when, how much, and whose it is for ever."""

    place: tuple[int, str, int]
    until: int
    paise: int
    owner: int


class Shared(NamedTuple):
    """What a course keeps by rows, whosever ledger they are in: left out ones, postings with their
    owners; checks that count as posted, with their place, amount and owner. `otherwise` is what
    that comes to, by owner: docs/ledger.md, "Merges", tells whose a row is.
    """

    left_out_checks: set[int]
    left_out_postings: dict[int, int]
    supposed: dict[int, tuple[Place, int, int]]
    otherwise: dict[int, Counter[Place]]


class Course:
    """How a customer stands in one course of events: as it was, or as it would have been.

    Of a check that was allowed and would not be, the hold, the postings that settle it and what
    gives back of them are left out. One that was declined and would be allowed counts as posted,
    until the posting comes that was booked for it all the same.

    Of several whom merges connected, each has its own sums and holds; `first` is that of one of
    them, with whom it shares the rest.
    """

    def __init__(self, first: "Course | None" = None) -> None:
        self.used: dict[Place, int] = defaultdict(int)
        self._holds: dict[int, HoldThen] = {}
        self._shared: Shared = (
            first._shared if first else Shared(set(), {}, {}, defaultdict(Counter))
        )

    def judge(
        self, check: CheckThen, rules: Sequence[Rule], tiers: Sequence[TierChange]
    ) -> Decision:
        """Decide a check by these rules as the customer now stands; a state declines it as then."""
        usage = Usage(self.used, self._sum_held(check.at))
        return decision.decide(
            Question(
                at=calendar.from_microseconds(check.at),
                amount=check.amount_paise,
                rules=rules,
                totals=usage.sum_totals(check.month, check.direction),
                balance=check.balance_paise,
                held_credit_here=usage.sum_held_credit(check.processor_id),
                stops_at=_find_stop(rules, tiers, check),
                is_blocked=check.reason == BLOCKED_REASON,
                is_account_active=check.reason != ACCOUNT_REASON,
                is_card_active=check.reason != CARD_REASON,
            )
        )

    def take_check(self, check: CheckThen, is_allowed: bool) -> None:
        """Take a check that is allowed in this course, or not."""
        place, owner = (check.month, check.direction), check.unique_id_sent
        if check.is_allowed and not is_allowed:
            self._shared.left_out_checks.add(check.id)
        elif check.is_allowed:
            held = (*place, check.processor_id)
            self._holds[check.id] = HoldThen(held, check.hold_until or 0, check.amount_paise, owner)
        elif is_allowed:
            self._shared.supposed[check.id] = place, check.amount_paise, owner
            self._add_other(owner, place, check.amount_paise)

    def take_entry(self, entry: EntryThen) -> None:
        """Take an entry, unless it is left out in this course."""
        shared, check_id = self._shared, entry.limit_check_id
        if check_id is not None:
            self._holds.pop(check_id, None)
            if entry.kind == POST_KIND and check_id in shared.supposed:
                place, paise, asker = shared.supposed.pop(check_id)
                self._add_other(asker, place, -paise)
        if effect := find_effect_paise(entry.kind, entry.amount_paise):
            place = entry.month, entry.direction
            self.used[place] += effect
            owner = self._find_left_out(entry) if shared.left_out_checks else None
            if owner is not None:
                self._add_other(owner, place, -effect)

    def _find_left_out(self, entry: EntryThen) -> int | None:
        """Find whose an entry is that is left out in this course; None: it is not."""
        shared = self._shared
        if entry.kind == POST_KIND and entry.limit_check_id in shared.left_out_checks:
            shared.left_out_postings[entry.id] = entry.unique_id_sent
            return entry.unique_id_sent
        if entry.reverses_id is None:
            return None
        return shared.left_out_postings.get(entry.reverses_id)

    def _add_other(self, owner: int, place: Place, paise: int) -> None:
        """Add what this course has otherwise than it was."""
        self.used[place] += paise
        self._shared.otherwise[owner][place] += paise

    def hand_over(self, taker: "Course", owners: Collection[int]) -> None:
        """Let another have what a merge or un-merge takes along of some Unique_Ids, besides what it
        is recorded to have moved: their holds, and what they have otherwise in this course.
        """
        for owner in owners:
            for place, paise in self._shared.otherwise[owner].items():
                self.used[place] -= paise
                taker.used[place] += paise
        for check_id in [key for key, hold in self._holds.items() if hold.owner in owners]:
            taker._holds[check_id] = self._holds.pop(check_id)

    def _sum_held(self, at: int) -> dict[tuple[int, str, int], int]:
        held: dict[tuple[int, str, int], int] = {}
        for check_id, (place, until, paise, _) in [*self._holds.items()]:
            if until > at:
                held[place] = held.get(place, 0) + paise
            else:  # instants only rise: it counts nowhere any more
                del self._holds[check_id]
        return held


class Replay:
    """One customer's rows, taken one after another: those before `since` count for sums alone.

    `first` is the replay of one with whom merges connected the customer: `limits.side_by_side`.
    """

    def __init__(
        self,
        rulebook: Rulebook,
        since: int,
        tiers: Sequence[TierChange],
        first: "Replay | None" = None,
    ) -> None:
        self._rulebook, self._since, self._tiers = rulebook, since, tiers
        self._then: Course = Course(first._then if first else None)
        self._now: Course = Course(first._now if first else None)

    def take(self, rows: Iterable[CheckThen | EntryThen]) -> Iterator[Redecided]:
        """Take rows in the order of their instants, checks before entries; yield each check since
        the beginning with what would have been answered.
        """
        for _at, same in groupby(rows, itemgetter(1)):
            checks: list[CheckThen] = []
            entries: deque[EntryThen] = deque()
            for row in same:
                if isinstance(row, CheckThen):
                    checks.append(row)
                else:
                    entries.append(row)
            yield from self._take_instant(checks, entries)

    def hand_over(self, taker: "Replay", owners: Collection[int]) -> None:
        """Let another have what goes along of some Unique_Ids, in both courses."""
        self._then.hand_over(taker._then, owners)
        self._now.hand_over(taker._now, owners)

    def _take_instant(
        self, checks: Sequence[CheckThen], entries: deque[EntryThen]
    ) -> Iterator[Redecided]:
        """Take all rows of one instant. What came first, a check or an entry, only the figures of
        the check tell: it comes as soon as they are what it was answered with.
        """
        for check in checks:
            is_counted = check.at >= self._since
            while is_counted and entries and not self._find_fitting(check):
                yield from self._take_entry(entries.popleft())
            if is_counted:
                yield self._decide(check)
            else:
                self._take_check(check, bool(check.is_allowed))
        while entries:
            yield from self._take_entry(entries.popleft())

    def _decide(self, check: CheckThen) -> Redecided:
        rulings = self._rulebook.list_rulings(check.tier, check.direction, check.at)
        ruling = rulings[0]
        if len(rulings) > 1:
            ruling = self._find_fitting(check) or ruling
        decided = self._now.judge(check, ruling.proposed, self._tiers)
        self._take_check(check, decided.is_allowed)
        return Redecided(check, decided)

    def _find_fitting(self, check: CheckThen) -> Ruling | None:
        """Find the rules by which the check was answered as it was, as the customer then stood."""
        told = (check.reason, check.cumulative_paise, check.used_paise, check.held_paise)
        for ruling in self._rulebook.list_rulings(check.tier, check.direction, check.at):
            decided = self._then.judge(check, ruling.in_force, self._tiers)
            if told == (decided.reason, decided.figures.cumulative, decided.used, decided.held):
                return ruling
        return None

    def _take_check(self, check: CheckThen, is_allowed: bool) -> None:
        self._then.take_check(check, bool(check.is_allowed))
        self._now.take_check(check, is_allowed)

    def _take_entry(self, entry: EntryThen) -> Iterable[Any]:
        self._then.take_entry(entry)
        self._now.take_entry(entry)
        return ()  # nothing to wait for


def _list_limits(amounts: dict[str, tuple[int, int | None]]) -> list[Rule]:
    return [
        Rule(rule_id, window, amount)
        for window, (rule_id, amount) in amounts.items()
        if amount is not None
    ]


def _find_stop(rules: Sequence[Rule], tiers: Sequence[TierChange], check: CheckThen) -> Any:
    """Find when loading stopped at the check's tier, by the last change to it until then."""
    if not any(rule.window == decision.CREDIT_STOP for rule in rules):
        return None
    since = None
    for change in tiers:
        if change.tier == check.tier and (since is None or change.at <= check.at):
            since = change.tier_since
    if since is None:
        return None
    return decision.find_loading_stop(rules, calendar.from_microseconds(since))
