"""What other rules would have done: under the rules that were in force, what was answered; under
others, what a model of dictionaries comes to that knows nothing of the code.
"""

from collections import Counter
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import chain
from operator import itemgetter

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from limits.what_if import CheckThen, EntryThen, Replay, Rulebook, TierChange
from ppims.core import calendar
from ppims.core.keys import make_plain
from tests.property.drawn_groups import (
    CHANGES,
    MOVES,
    PEOPLE,
    REQUESTS,
    Group,
    draw_stories,
)
from tests.property.model import find_stop, number_year
from tests.property.test_plan_against_a_model import Story

SHORT_STORIES, STEADY_STORIES, PROPOSALS_OF_A_STORY = 12, 30, 16
STATE_REASONS = {"CUSTOMER_BLOCKED", "ACCOUNT_NOT_ACTIVE", "CARD_NOT_ACTIVE"}
FEWEST_CHECKS, FEWEST_OTHER = 500, 40
LONG_STORIES = st.lists(
    st.builds(Group, MOVES, CHANGES, st.lists(REQUESTS, min_size=1, max_size=1)),
    min_size=60,
    max_size=120,
).map(lambda groups: [groups])
PLACES = [
    (tier, direction, window)
    for tier in "NPF"
    for direction in "DC"
    for window in ("MONTH", "FINANCIAL_YEAR", "TRANSACTION", "BALANCE", "CREDIT_STOP")
    if direction == "C" or window not in {"BALANCE", "CREDIT_STOP"}
]
AMOUNTS = st.sampled_from([None, 1, 99_999, 250_000, 600_000, 999_999, 1_000_001, 5_000_000])
MONTHS = st.sampled_from([None, 1, 2, 12])
PROPOSED_AMOUNTS = st.lists(st.sampled_from(PLACES), min_size=1, max_size=6, unique=True).flatmap(
    lambda places: st.fixed_dictionaries(
        {place: MONTHS if place[2] == "CREDIT_STOP" else AMOUNTS for place in places}
    )
)


class RecordedStory(Story):
    """A story that keeps when each tier began. `is_steady`: no two groups have one instant."""

    def __init__(self, start, *, is_steady=False):
        self.tiers, self.is_steady = {}, is_steady
        super().__init__(start, Counter())

    def tell_stores(self, person):
        state = self.model.people[person]
        since = calendar.to_microseconds(state["since"])
        change = TierChange(calendar.to_microseconds(self.now), state["tier"], since)
        self.tiers.setdefault(person, []).append(change)
        super().tell_stores(person)

    def move(self, move):
        before = self.now
        super().move(move)
        if self.is_steady:
            self.now = max(self.now, before + timedelta(microseconds=1))

    def list_rows(self, person):
        """List a person's rows as a replay takes them."""
        checks = [_take(CheckThen, row) for row in self.store.checks.values()]
        entries = [_take(EntryThen, row) for row in self.store.entries.values()]
        own = [[row for row in rows if row.customer_id == person] for rows in (checks, entries)]
        return merge(*own, key=itemgetter(1))

    def list_approved(self):
        return [(*row[:-1], make_plain(row[-1])) for row in self.store.rules]

    def replay(self, person, proposed, since=0):
        book = Rulebook(self.list_approved(), proposed)
        replay = Replay(book, since, self.tiers[person])
        redecided = [*replay.take(self.list_rows(person))]
        return redecided, {place: paise for place, paise in replay._now.used.items() if paise}

    def replay_by_hand(self, person, proposed, since):
        rows = [*self.list_rows(person)]
        return replay_by_hand(rows, self.tiers, self.list_approved(), proposed, since)


def _take(kind, row):
    return kind._make(make_plain(getattr(row, name)) for name in kind._fields)


def tell(size, chapters, *, is_steady, then):
    """Tell some stories of groups of so many requests, every time the same ones."""

    @seed(size)
    @settings(
        max_examples=STEADY_STORIES if is_steady else SHORT_STORIES,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(chapters=chapters, data=st.data())
    def run(chapters, data):
        story = RecordedStory(
            datetime(2026, 1 + size % 12, 27, 12, tzinfo=UTC), is_steady=is_steady
        )
        for group in chain.from_iterable(chapters):
            story.go(group)
        then(story, data)

    run()


def test_under_the_rules_that_were_in_force_every_check_is_answered_as_it_was():
    seen = Counter()

    def compare(story, _):
        for person in PEOPLE:
            for check, decided in story.replay(person, {})[0]:
                told = decided.reason, decided.figures.cumulative, decided.used, decided.held
                assert told == (*check[10:11], check[13], *check[11:13])
                assert decided.is_allowed == bool(check.is_allowed)
                seen[check.reason] += 1

    for size in (1, 2, 7, 30):
        tell(size, draw_stories(size), is_steady=False, then=compare)
    assert seen.total() >= FEWEST_CHECKS
    assert {"WITHIN_LIMITS", "KYC_EXPIRED", "BALANCE_LIMIT", "FINANCIAL_YEAR_LIMIT"} <= {*seen}


def test_under_other_rules_it_comes_to_what_a_model_of_dictionaries_does():
    seen = Counter()

    def compare(story, data):
        instants = sorted(calendar.to_microseconds(c.at) for c in story.store.checks.values())
        for _ in range(PROPOSALS_OF_A_STORY):
            proposed = data.draw(PROPOSED_AMOUNTS)
            since = data.draw(st.sampled_from([0, *instants[len(instants) // 2 :][:1]]))
            for person in PEOPLE:
                redecided, used = story.replay(person, proposed, since)
                found = {check.id: decided.is_allowed for check, decided in redecided}
                assert (found, used) == story.replay_by_hand(person, proposed, since)
                seen.update(each.decided.is_allowed for each in redecided if each.is_other)

    tell(1, LONG_STORIES, is_steady=True, then=compare)
    assert min(seen[True], seen[False]) >= FEWEST_OTHER


# The model: what counts is a list, added up anew for each check.


def replay_by_hand(rows, tiers, approved, proposed, since, changes=None):
    """Answer each check since an instant, of one person's rows in their order; and what is used at
    their end. Of several whom merges connected, `changes` says of each move's entries who means
    whom from then on; what counts is what their own rows come to, so the moves themselves don't.
    """
    counted, holds, answers, then, gone, above = [], {}, {}, {}, {}, {}
    for row in rows:
        if isinstance(row, CheckThen):
            check = row._asdict() | {"owner": row.unique_id_sent}
            then[row.id] = allowed = bool(row.is_allowed)
            if row.at >= since and row.reason not in STATE_REASONS:
                rules = _find_rules_by_hand(check, approved, proposed)
                own = [_keep_own(all_, check, above) for all_ in (counted, holds.values())]
                allowed = _judge_by_hand(check, rules, tiers[row.customer_id], *own)
            if row.at >= since:
                answers[row.id] = allowed
            if allowed and then[row.id]:
                holds[row.id] = check
            elif allowed:
                counted.append({**check, "paise": row.amount_paise, "supposed": row.id})
        elif row.kind == "M":
            above.update([changes[row.id]])
        else:
            _book_by_hand(row, counted, holds, answers, then, gone)
    return answers, _sum_by_hand(counted)


def _sum_by_hand(counted):
    used = Counter()
    for each in counted:
        used[each["month"], each["direction"]] += each["paise"]
    return {place: paise for place, paise in used.items() if paise}


def _keep_own(all_, check, above):
    """Keep what counts for a check: whose owner means its customer."""

    def find_root(owner):
        return find_root(above[owner]) if above.get(owner, owner) != owner else owner

    return [each for each in all_ if find_root(each["owner"]) == check["customer_id"]]


def _book_by_hand(row, counted, holds, answers, then, gone):
    entry = row._asdict() | {"owner": row.unique_id_sent}
    of, given_back = entry["limit_check_id"], entry["reverses_id"]
    holds.pop(of, None)
    if entry["kind"] == "S" and of is not None:
        if then.get(of) and answers.get(of) is False:
            gone[entry["id"]] = entry
            return
        counted[:] = [each for each in counted if each.get("supposed") != of]
    if given_back in gone:
        return
    for posting in counted:
        if given_back is not None and posting.get("kind") == "S" and posting["id"] == given_back:
            entry["owner"] = posting["owner"]
    sign = {"S": 1, "R": -1, "F": 0, "A": 1}[entry["kind"]]
    counted.append({**entry, "paise": sign * entry["amount_paise"]})


def _find_rules_by_hand(check, approved, proposed):
    """Find the amounts in force at a check, by window."""
    way = check["tier"], check["direction"]
    found = {row[3]: row[4] for row in approved if row[1:3] == way and row[5] <= check["at"]}
    found |= {place[2]: amount for place, amount in proposed.items() if place[:2] == way}
    return {window: amount for window, amount in found.items() if amount is not None}


def _judge_by_hand(check, rules, tiers, counted, holds):
    held = [hold for hold in holds if hold["hold_until"] > check["at"]]

    def add_up(is_in):
        own = [each["paise"] for each in counted if is_in(each)]
        own += [each["amount_paise"] for each in held if is_in(each)]
        return sum(own)

    def is_alike(each):
        return each["direction"] == check["direction"]

    here = [h for h in held if h["direction"] == "C" and h["processor_id"] == check["processor_id"]]
    before = {
        "MONTH": add_up(lambda each: is_alike(each) and each["month"] == check["month"]),
        "FINANCIAL_YEAR": add_up(
            lambda each: (
                is_alike(each) and number_year(each["month"]) == number_year(check["month"])
            )
        ),
        "TRANSACTION": 0,
        "BALANCE": (check["balance_paise"] or 0) + sum(hold["amount_paise"] for hold in here),
    }
    if check["balance_paise"] is None:
        del before["BALANCE"]
    if "CREDIT_STOP" in rules:
        alike = [each for each in tiers if each.tier == check["tier"]]
        own = [each for each in alike if each.at <= check["at"]] or alike[:1]
        stop = find_stop(calendar.from_microseconds(own[-1].tier_since), rules["CREDIT_STOP"])
        if calendar.from_microseconds(check["at"]) >= stop:
            return False
    return all(before[w] + check["amount_paise"] <= rules[w] for w in before if w in rules)
