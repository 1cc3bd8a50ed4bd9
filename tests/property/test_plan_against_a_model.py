"""Ten thousand requests in groups of every size, planned as a model of dictionaries answers them
one by one; and the rows are the same however the requests are grouped.

A failure is made smaller by hypothesis, and shows the groups that led to it.
"""

import os
from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import chain

from hypothesis import HealthCheck, Phase, given, note, seed, settings

from limits.known import ApprovedRule, Ask, OtherAmount, Person, Report
from ppims.core.errors import Conflict, UnknownCustomer
from tests.property.drawn_groups import (
    ACCOUNT,
    CARD,
    MOST_REQUESTS,
    PEOPLE,
    draw_stories,
    write_group,
)
from tests.property.drawn_meanings import SIMPLEST, Meanings
from tests.property.memory_store import (
    MemoryStore,
    list_card_digests,
    make_correction,
    make_request,
)
from tests.property.model import HOLD_MINUTES, Model, Refused

OPERATIONS = int(os.environ.get("PPIMS_TEST_PLANNED", "10000"))  # a lakh in the long form
STORIES_OF_A_SIZE = max(3, OPERATIONS // 8_000)
NUMBERS = {"ENT": 1, "CBS": 2}
RULES_START = datetime(2021, 10, 1, tzinfo=UTC)
LIMIT = 1_000_000
LIMITS = {
    ("N", "D"): {"MONTH": LIMIT, "TRANSACTION": 600_000},
    ("N", "C"): {"MONTH": LIMIT, "FINANCIAL_YEAR": 2 * LIMIT, "BALANCE": LIMIT, "CREDIT_STOP": 3},
    ("P", "D"): {"MONTH": LIMIT, "FINANCIAL_YEAR": 2_500_000},
    ("P", "C"): {"MONTH": LIMIT, "BALANCE": 2 * LIMIT, "TRANSACTION": LIMIT},
    ("F", "C"): {"BALANCE": LIMIT, "CREDIT_STOP": 1},
}
LATER_DAYS = (
    (5, "P", "D", "MONTH", 700_000),
    (12, "F", "D", "TRANSACTION", 250_000),
    (33, "P", "D", "FINANCIAL_YEAR", None),
    (60, "P", "D", "MONTH", LIMIT),
)


def list_rules(start):
    rows = [(RULES_START, *place, *rule) for place, own in LIMITS.items() for rule in own.items()]
    later = [(start + timedelta(days=days), *rule) for days, *rule in LATER_DAYS]
    rules = [
        ApprovedRule(number, tier, direction, window, amount, at)
        for number, (at, tier, direction, window, amount) in enumerate([*rows, *later], 1)
    ]
    return rules, later


class Story:
    """A model, and two stores: one answers groups, the other each request alone; both at the
    group's instant.
    """

    def __init__(self, start, seen):
        self.now, self.seen = start, seen
        self.rules, later = list_rules(start)
        self.model = Model(LIMITS, later)
        self.store = MemoryStore(self.rules)
        self.one_by_one = MemoryStore(self.rules, reads_ahead=True)
        self.meanings = Meanings(self.model)
        for person, tier in zip(PEOPLE, "PPNF", strict=True):
            self.add(person, tier, [*NUMBERS] if person != 3 else ["ENT"], start)

    def add(self, person, tier, processors, at):
        accounts = {(name, ACCOUNT): True for name in processors}
        self.model.people[person] = {
            "tier": tier,
            "blocked": False,
            "at": set(processors),
            "last": None,
            "since": at,
            "accounts": accounts,
            "cards": {("ENT", CARD): True},
        }
        for store in (self.store, self.one_by_one):
            store.cif_ids |= {(person, NUMBERS[name]): name for name in processors}
        self.tell_stores(person)

    def tell_stores(self, person):
        """Let both stores have what the model knows of a person."""
        state = self.model.people[person]
        for store in (self.store, self.one_by_one):
            store.people[person] = Person(state["tier"], state["since"], state["blocked"])
            for (name, number), is_usable in state["accounts"].items():
                store.accounts[person, NUMBERS[name], number] = is_usable
            for (name, number), is_usable in state["cards"].items():
                store.cards[person, NUMBERS[name], *list_card_digests(number)] = is_usable

    def go(self, group):
        self.move(group.move)
        if group.change:
            self.change(*group.change)
        requests, expected = [], []
        for drawn in group.requests:
            sending, answer = self.ask_model(self.meanings.find(drawn, self.now))
            requests.append(make_the_request(*sending))
            expected.append(answer)
        outcomes = self.store.run(requests, self.now)
        for request, outcome, answer in zip(requests, outcomes, expected, strict=True):
            assert self.describe(request, outcome) == answer, (request.said, request.ref_id)
        alone = [self.one_by_one.run([request], self.now)[0] for request in requests]
        assert [write(each) for each in alone] == [write(each) for each in outcomes]
        assert list_state(self.one_by_one) == list_state(self.store)
        self.compare_what_stands()
        by_number = sorted(self.store.entries.values(), key=lambda entry: entry.number)
        self.meanings.entry_ids = {
            person: [entry.id for entry in by_number if entry.customer_id == person]
            for person in PEOPLE
        }
        self.seen["requests"] += len(requests)
        self.seen[len(requests)] += 1

    def move(self, move):
        if isinstance(move, str):
            ends = [c["until"] for c in self.model.checks.values() if c["until"] > self.now]
            before = timedelta(microseconds="before" in move)
            self.now = min(ends, default=self.now + before) - before
        else:
            self.now += move

    def change(self, person, what):
        state = self.model.people[person]
        if what == "usage":
            for store in (self.store, self.one_by_one):
                store.usage = {place: v for place, v in store.usage.items() if place[0] != person}
        elif what == "blocked":
            state["blocked"] = not state["blocked"]
        elif what in {"account", "card"}:
            owned = state[f"{what}s"]
            owned.update({own: not is_usable for own, is_usable in owned.items()})
        else:
            state |= {"tier": what, "since": self.now}
        self.tell_stores(person)

    # What the model answers, and the stores.

    def ask_model(self, sending):
        """Ask the model at once: what is sent, and its answer."""
        operation, by, ref, said, more = sending
        disputed = self.model.disputed[by, ref]
        ask = {"check": self.model.check, "update": self.model.update}.get(operation)
        try:
            if operation == "adjust":
                answer = self.model.adjust(*said, named=more.get("named"), now=self.now)
            else:
                answer = ask(by, ref, *said, now=self.now, **more)
        except Refused as refused:
            answer = refused.args
            if operation == "adjust" and answer[0] in {"conflict", "malformed"}:
                # It is refused before it comes to a group.
                return self.ask_model(self.meanings.find(SIMPLEST, self.now))
        self.meanings.note(sending)
        self.seen["A of a posting"] += "named" in more
        is_disputed = self.model.disputed[by, ref] > disputed
        self.count(operation, answer, said)
        self.seen["disputed"] += is_disputed
        answer = self.add_what_it_rests_on(operation, by, ref, said, answer)
        return sending, (*answer, is_disputed)

    def add_what_it_rests_on(self, operation, by, ref, said, answer):
        if isinstance(answer[0], str) or answer[-1] is True or "HOLD_" in str(answer[1]):
            return answer
        if operation == "check":
            return answer, self.model.checks[by, ref]["rests on"]
        if operation == "update":
            return answer, self.model.entries[said[0]][-1]["rests on"]
        return answer

    def describe(self, request, outcome):
        """What a store answers, as the model does."""
        given, refusal = outcome
        is_disputed = isinstance(refusal, OtherAmount)
        if given is None:
            return *describe_refusal(refusal), is_disputed
        row, is_replay = given
        figures = row.cumulative_paise, row.available_paise
        if isinstance(request.said, Ask):
            answer = row.is_allowed, row.reason, *figures, row.hold_until, is_replay
            rests_on = self.list_reasons(row)
        else:
            flags = row.flags.split(",") if row.flags else []
            if not isinstance(request.said, Report):
                return row.month, flags, is_disputed
            answer = row.month, flags, *figures, is_replay
            rests_on = row.used_after_paise, row.held_after_paise, row.limit_paise
        if is_replay or "HOLD_" in str(answer[1]):
            return *answer, is_disputed
        return answer, rests_on, is_disputed

    def list_reasons(self, check):
        windows = {rule.id: rule.window for rule in self.rules}
        return (
            *(windows.get(check.rule_id), check.limit, check.used_paise, check.held_paise),
            *(check.remaining_paise, check.resets_on, check.unjudged),
        )

    def count(self, operation, answer, said):
        what = answer[1] if isinstance(answer[1], str) else answer[0]
        self.seen["tran_type"] += answer == ("conflict", ["tran_type"])
        if operation != "check" and not isinstance(answer[0], str):
            what = said[1] if operation == "update" else "A"
            self.seen.update(answer[1])
        self.seen[what] += 1
        self.seen["replayed"] += answer[-1] is True

    # What stands.

    def compare_what_stands(self):
        for person in PEOPLE:
            at = self.model.find_instant(person, self.now)
            holds = self.model.open_holds(person, at)
            of_model = [(c["month"], c["direction"], c["amount"]) for c in holds]
            assert sorted(self.store.list_open_holds(person, at)) == sorted(of_model)
            sums = self.store.sum_entries(person)
            for direction in "DC":
                of_way = {month: paise for (month, way), paise in sums.items() if way == direction}
                assert self.model.sum_used(person, direction) == of_way
            for (owner, month), cached in self.store.usage.items():
                assert owner != person or cached == (sums[month, "D"], sums[month, "C"])


def make_the_request(operation, by, ref, said, more):
    if operation == "adjust":
        person, month, paise, direction = said
        named = more.get("named") or {}
        return make_correction(
            *(person, month, direction, paise),
            posting_id=more.get("posting_id"),
            tran_id=named.get("tran") or "",
        )
    if operation == "check":
        whom = (more.get("balance"), more.get("account"), more.get("card"))
        return make_request(Ask(*said, *whom), NUMBERS[by], ref, HOLD_MINUTES[by])
    person, kind, direction, paise, tran, enquiry = said
    report = Report(person, kind, direction, paise, tran_id=tran, enquiry_ref_id=enquiry)
    return make_request(report, NUMBERS[by], ref)


def describe_refusal(refusal):
    if isinstance(refusal, Conflict):
        return "conflict", sorted(field for field, _ in refusal.errors)
    return "unknown" if isinstance(refusal, UnknownCustomer) else "unavailable", []


def write(outcome):
    given, refusal = outcome
    return given or (type(refusal), refusal.errors)


def list_state(store):
    return {name: value for name, value in vars(store).items() if name != "reads_ahead"}


ALWAYS_SEEN = {
    *("WITHIN_LIMITS", "CUSTOMER_BLOCKED", "ACCOUNT_NOT_ACTIVE", "CARD_NOT_ACTIVE", "KYC_EXPIRED"),
    *("MONTH_LIMIT", "FINANCIAL_YEAR_LIMIT", "TRANSACTION_LIMIT", "BALANCE_LIMIT"),
    *("HOLD_CLOSED", "HOLD_EXPIRED", "S", "F", "R", "A", "disputed", "tran_type"),
    *("A of a posting", "conflict", "unknown", "unavailable", "replayed"),
    *("LATE", "DECLINED", "UNCHECKED", "AMOUNT_DIFFERS", "OVER_LIMIT", "BLOCKED"),
}


def tell_stories(size, seen):
    """Tell some stories of groups of so many requests; every time the same ones."""

    @seed(size)
    @settings(
        max_examples=STORIES_OF_A_SIZE,
        deadline=None,
        database=None,
        report_multiple_bugs=False,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=[*HealthCheck],
    )
    @given(chapters=draw_stories(size))
    def tell(chapters):
        story = Story(datetime(2026, 1 + size % 12, 27, 12, tzinfo=UTC), seen)
        for group in chain.from_iterable(chapters):
            note(write_group(group))
            story.go(group)
        assert story.store.verify() == []

    tell()


def test_a_group_is_answered_as_its_requests_are_one_by_one_and_as_the_model_does():
    seen = Counter()
    for size in range(1, MOST_REQUESTS + 1):
        tell_stories(size, seen)
    assert {size for size in seen if isinstance(size, int)} == {*range(1, MOST_REQUESTS + 1)}
    assert seen["requests"] >= OPERATIONS
    assert ALWAYS_SEEN - {what for what, times in seen.items() if times} == set()
