"""What a proposal would have done to customers whom merges connected: their ledgers are followed
side by side, through merges and un-merges.
"""

import random
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Customer
from customers.survivors import find_root
from limits.models import Hold, LedgerEntry, LimitCheck
from limits.services import what_if
from ppims.core import clock
from tests.factories import (
    make_check,
    make_customer,
    make_posting,
    make_rule,
    set_blocked,
    set_tier,
)
from tests.ledger import histories
from tests.ledger.test_what_if import (
    SPEND,
    list_changed,
    replay_tables_by_hand,
    sum_up,
    work_out,
)
from tests.property.merging import expect_parted
from tests.property.test_what_if import PLACES
from tests.two_people import merge_customers, unmerge_customer

pytestmark = pytest.mark.django_db
START = datetime(2026, 6, 10, 6, 30, tzinfo=UTC)


@pytest.fixture
def story(ent):
    return Story(ent)


class Story:
    """Two customers, the first one older. Each thing happens an hour after the one before."""

    def __init__(self, ent):
        self.ent, self.at = ent, START - timedelta(days=1)
        self.older, self.younger = (self.let(make_customer, ent, kyc_flag="N") for _ in "12")

    def let(self, do, *what, **more):
        self.at += timedelta(hours=1)
        with clock.freeze(self.at):
            return do(*what, **more)

    def ask(self, customer, paise):
        return self.let(make_check, self.ent, customer, paise)[0]

    def spend(self, customer, paise, **more):
        check = self.ask(customer, paise)
        self.let(make_posting, self.ent, customer, paise, enquiry=check.ref_id, **more)
        return check

    def merge(self):
        self.let(merge_customers, self.older, self.younger)

    def part(self):
        self.let(unmerge_customer, self.younger)


def test_what_is_newly_declined_before_a_merge_leaves_room_after_it(story):
    declined = story.spend(story.younger, 400_000)
    story.spend(story.older, 300_000)
    story.merge()
    last = story.spend(story.older, 90_000)
    assert list_changed(work_out({SPEND: 400_000})) == [(last.pk, False)]
    # Without what the younger one was declined, all else fits, to the paisa.
    assert list_changed(work_out({SPEND: 390_000})) == [(declined.pk, False)]
    assert list_changed(work_out({SPEND: 389_999})) == [(declined.pk, False), (last.pk, False)]


def test_what_is_newly_declined_before_a_merge_is_not_left_over_at_an_un_merge(story):
    declined = story.spend(story.younger, 400_000)
    story.merge()
    story.spend(story.older, 100_000)
    story.part()
    again = story.spend(story.younger, 350_000)
    assert list_changed(work_out({SPEND: 350_000})) == [(declined.pk, False)]
    found = list_changed(work_out({SPEND: 349_999}))
    assert found == [(declined.pk, False), (again.pk, False)]


def test_what_is_newly_let_through_goes_along_with_a_merge_and_back(story):
    story.spend(story.younger, 900_000)
    let_through = story.ask(story.younger, 200_000)
    story.merge()
    full = story.ask(story.older, 50_000)
    story.part()
    of_younger, of_older = story.ask(story.younger, 50_001), story.spend(story.older, 999_000)
    assert [full.is_allowed, of_younger.is_allowed, of_older.is_allowed] == [True, True, True]
    found = work_out({SPEND: 1_149_999})
    assert list_changed(found) == [
        (let_through.pk, True),
        (of_younger.pk, False),
        (full.pk, False),
    ]
    assert list_changed(work_out({SPEND: 1_150_001})) == [(let_through.pk, True)]


def test_a_posting_and_its_reversal_in_the_others_ledger_are_left_out(story):
    declined = story.ask(story.younger, 500_000)
    story.let(make_posting, story.ent, story.older, 200_000)
    story.merge()
    refs = {"enquiry": declined.ref_id, "tran_id": "T1"}
    story.let(make_posting, story.ent, story.younger, 500_000, **refs)  # in the older one's ledger
    joint = story.ask(story.older, 250_000)
    story.part()
    story.let(make_posting, story.ent, story.younger, 450_000, "R", tran_id="T1")
    last = story.ask(story.younger, 450_000)
    assert LedgerEntry.objects.get(kind="R").customer_id == story.younger
    assert list_changed(work_out({SPEND: 450_000})) == [(declined.pk, False)]
    assert list_changed(work_out({SPEND: 449_999})) == [
        (declined.pk, False),
        (last.pk, False),
        (joint.pk, False),
    ]


def test_an_open_hold_goes_along_unless_it_was_newly_declined(story):
    asked = story.ask(story.younger, 500_000)
    story.at += timedelta(minutes=2) - timedelta(hours=1)
    story.merge()
    story.at += timedelta(minutes=2) - timedelta(hours=1)
    again = story.ask(story.older, 400_000)
    story.at += timedelta(minutes=2) - timedelta(hours=1)
    story.part()
    story.at += timedelta(minutes=2) - timedelta(hours=1)
    over = story.ask(story.younger, 500_001)
    assert Hold.objects.get(limit_check=asked).customer_id == story.younger
    assert (again.is_allowed, over.is_allowed) == (True, False)
    assert list_changed(work_out({SPEND: 1_000_000})) == []
    assert list_changed(work_out({SPEND: 1_000_001})) == [(over.pk, True)]
    assert list_changed(work_out({SPEND: 899_999})) == [(again.pk, False)]
    assert list_changed(work_out({SPEND: 499_999})) == [(asked.pk, False)]


def test_merges_and_all_else_of_one_instant_give_the_recorded_decisions(story):
    ent, older, younger = story.ent, story.older, story.younger
    story.at += timedelta(hours=1)
    with clock.freeze(story.at):
        make_check(ent, younger, 300_000)
        asked, _ = make_check(ent, older, 200_000)
        merge_customers(older, younger)
        make_check(ent, younger, 300_000)
        make_posting(ent, younger, 200_000, enquiry=asked.ref_id)
        assert not make_check(ent, older, 200_001)[0].is_allowed
        unmerge_customer(younger)
    story.ask(younger, 900_000)
    found = work_out({})
    assert (found["checks"], list_changed(found)) == (5, [])
    assert work_out({SPEND: None})["let_through"]["checks"] == 2


def test_a_merge_that_is_not_read_yet_has_not_been(story):
    story.spend(story.younger, 300_000)
    until = story.at
    story.merge()
    story.spend(story.older, 300_000)
    assert work_out({SPEND: 1}, until=until)["declined"]["checks"] == 1
    assert work_out({SPEND: 1})["declined"] == {"checks": 2, "customers": 1, "paise": 600_000}


def write_merging_histories(seed):
    """Write histories of customers who are merged, in chains too, and parted again and again."""
    written, draw, seen = (
        histories.write(seed, customers=5, steps=4),
        random.Random(seed),
        Counter(),
    )
    at = max(history.at for history in written)
    make_rule(tier="P", direction="D", window="MONTH", amount=500_000, in_force_from=at)
    for history in written:
        history.at, history.together = at, written  # one clock
        history.passing_seconds = [1, 60, 600, 86_400]
    customers = [each.customer for each in written]
    for _ in range(150):
        draw.choice(written).step()
        if draw.random() < 0.35:
            written[0].at = max(history.at for history in written) + timedelta(seconds=1)
            with clock.freeze(written[0].at):
                change = draw.choice([merge_or_part, change_tier, block_or_unblock])
                seen[change(customers, draw)] += 1
    assert min(seen[each] for each in ("merged", "parted", "tier", "blocked", "unblocked")) >= 3
    return max(history.at for history in written)


def merge_or_part(customers, draw):
    merged = [each for each in customers if find_root(each) != each]
    if len(merged) > 2 or (merged and draw.random() < 0.5):
        return expect_parted(draw.choice(merged))
    merge_customers(*draw.sample([each for each in customers if each not in merged], 2))
    return "merged"


def change_tier(customers, draw):
    set_tier(draw.choice(customers), draw.choice("NPF"))
    return "tier"


def block_or_unblock(customers, draw):
    customer = Customer.objects.get(pk=find_root(draw.choice(customers)))
    set_blocked(customer.pk, blocked=not customer.is_blocked)
    return "unblocked" if customer.is_blocked else "blocked"


@pytest.mark.parametrize("seed", [3, 106])
def test_histories_of_merges_come_to_what_a_model_of_dictionaries_does(seed):
    until = write_merging_histories(seed)
    since = what_if.make_frame(12, until).since
    found = work_out({}, months=12, until=until)
    assert found["checks"] == LimitCheck.objects.filter(at__gte=since).count() > 25
    assert (found["declined"]["checks"], found["let_through"]["checks"]) == (0, 0)
    draw, seen = random.Random(seed), {True: 0, False: 0}
    for _ in range(12):
        places = draw.sample(PLACES, 4)
        proposed = {
            place: 3 if place[2] == "CREDIT_STOP" else draw.choice([None, None, 150_000, 1_400_000])
            for place in places
        }
        months = draw.choice([1, 3, 12])
        found = work_out(proposed, months=months, until=until)
        others = replay_tables_by_hand(proposed, what_if.make_frame(months, until).since)
        for name, is_allowed in (("declined", False), ("let_through", True)):
            rows = [row for row, allowed in others.items() if allowed == is_allowed]
            assert found[name] == sum_up(rows)
            seen[is_allowed] += len(rows)
    assert min(seen.values()) > 5
