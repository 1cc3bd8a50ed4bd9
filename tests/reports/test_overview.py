"""The overview's figures: what a straight count gives, at most a minute late."""

import json
import random
from collections import Counter
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection

from customers.choices import Tier
from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview
from customers.services import blocking, customers, reviews
from limits.models import LedgerEntry, LimitCheck, NearLimit, OverviewSnapshot
from limits.services import merges, rules
from limits.services.rules import Proposal
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.models import Operation, User
from ppims.reports import near_limit, overview_counts
from ppims.reports.customers import Filters, list_customers
from ppims.reports.month_figures import People, Section, read_month_figures
from ppims.reports.month_span import make_span
from ppims.reports.overview import Sum, read_overview
from ppims.reports.waiting import Waiting
from ppims.services.idempotency import Call
from tests.factories import (
    draw_mobile,
    draw_ref,
    make_check,
    make_customer,
    make_posting,
    make_processor,
)
from tests.ledger.histories import History
from tests.reports.conftest import MINUTE, NOON, read_overview_at, spend
from tests.two_people import merge_customers, unmerge_customer

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
LIMIT = 1_000_000  # paise a month, of Min and New Min KYC, either way
MIDNIGHT = datetime(2031, 6, 17, 18, 30, tzinfo=UTC)  # in India, after NOON
INSTANT = timedelta(microseconds=1)


# The day.


def test_who_was_merged_since_was_on_boarded_on_that_day_as_a_months_figures_say(ent, day):
    with day():
        two = sorted([make_customer(ent), make_customer(ent)])  # of one instant the first survives

    def count_onboarded():
        of_month = read_month_figures(calendar.number_ist_month(day.at)).list_of(Section.CUSTOMERS)
        told = {each.of: each.count for each in of_month}
        came = Filters(frame=make_span(calendar.number_ist_month(day.at)).frame)
        listed = list_customers(came).rows
        return (
            sum(each.added for each in read_overview_at(day.at).days),
            sum(told[People.ONBOARDED, tier] for tier in Tier.values),
            len(listed),
            sum(told[People.AT_END, tier] for tier in Tier.values),
        )

    assert count_onboarded() == (2, 2, 2, 2)
    with day():
        merge_customers(*two)
    assert count_onboarded() == (2, 2, 2, 1)
    with day():
        unmerge_customer(two[1])
    assert count_onboarded() == (2, 2, 2, 2)


def test_an_empty_installation_has_nothing_to_tell(ent):
    details = read_overview_at(NOON)
    assert (details.is_complete, details.as_of) == (True, NOON)
    assert (details.near, details.nearest) == (0, [])
    assert set(details.waiting.values()) == {Waiting(0, None)}
    assert [day.day for day in details.days] == [
        date(2031, 6, 17) - timedelta(days=ago) for ago in range(29, -1, -1)
    ]
    assert {(day.spent, day.loaded, day.spent_reversed) for day in details.days} == {(Sum(),) * 3}


def test_a_day_begins_at_midnight_in_india(ent, customer):
    spend(ent, customer, 100, MIDNIGHT - INSTANT)
    spend(ent, customer, 20, MIDNIGHT)
    spend(ent, customer, 3, MIDNIGHT, direction="C")
    spend(ent, customer, 50, MIDNIGHT, kind="F")
    with clock.freeze(MIDNIGHT):
        make_check(ent, customer, LIMIT)
        make_check(ent, customer, LIMIT + 1)
        make_check(ent, customer, 1, direction="C", account_number="9")
        make_customer(ent, kyc_flag="N")
    *_, yesterday, today = read_overview_at(MIDNIGHT).days
    assert (yesterday.spent, yesterday.loaded, yesterday.added) == (Sum(1, 100), Sum(), 1)
    assert (today.spent, today.loaded, today.posted_paise) == (Sum(1, 20), Sum(1, 3), 23)
    assert today.declined == {"MONTH_LIMIT": 2, "ACCOUNT_NOT_ACTIVE": 1}
    assert (today.declines, today.added, yesterday.declines) == (3, 1, 0)


def test_thirty_days_are_told_and_no_more(ent, customer):
    for ago in (31, 30, 29):
        with clock.freeze(MIDNIGHT - timedelta(days=ago, microseconds=1)):
            new = make_customer(ent)
            make_posting(ent, new, 1 + ago)
    assert read_overview_at(MIDNIGHT - INSTANT).days[0].spent == Sum(1, 30)
    assert sum(day.spent.count for day in read_overview_at(MIDNIGHT - INSTANT).days) == 1
    assert read_overview_at(MIDNIGHT).days[0].spent == Sum(0, 0)


def test_a_reversal_is_told_by_itself_on_its_own_day(ent, customer):
    spend(ent, customer, 100, MIDNIGHT - INSTANT, tran_id="T1")
    spend(ent, customer, 30, MIDNIGHT - INSTANT, tran_id="T2", direction="C")
    spend(ent, customer, 100, MIDNIGHT, kind="R", tran_id="T1")
    spend(ent, customer, 20, MIDNIGHT, kind="R", tran_id="T2", direction="C")
    spend(ent, customer, 10, MIDNIGHT, kind="R", tran_id="T2", direction="C")
    *_, yesterday, today = read_overview_at(MIDNIGHT).days
    assert (yesterday.spent, yesterday.loaded) == (Sum(1, 100), Sum(1, 30))
    assert (yesterday.spent_reversed, yesterday.loaded_reversed) == (Sum(), Sum())
    assert (today.spent, today.loaded) == (Sum(), Sum())
    assert (today.spent_reversed, today.loaded_reversed) == (Sum(1, 100), Sum(2, 30))


# How old.


def test_figures_are_a_minute_old_at_most(ent, customer):
    with clock.freeze(NOON + MINUTE):
        assert read_overview().today.added == 1
        make_customer(ent)
    for later, added in ((59.999999, 1), (60, 2)):
        with clock.freeze(NOON + MINUTE + timedelta(seconds=later)):
            details = read_overview()
            assert details.today.added == added
    assert details.as_of == NOON + 2 * MINUTE


def test_looking_at_fresh_figures_writes_nothing(ent, customer):
    read_overview_at(NOON)
    heard = []

    def hear(execute, sql, params, many, context):
        heard.append(sql)
        return execute(sql, params, many, context)

    with clock.freeze(NOON + MINUTE - INSTANT), connection.execute_wrapper(hear):
        read_overview()
    assert 3 < len(heard) < 10
    assert [sql for sql in heard if not sql.lstrip("( \n").startswith("SELECT")] == []


def test_whoever_looks_while_somebody_counts_sees_the_old_figures(ent, customer):
    read_overview_at(NOON)
    later = NOON + 2 * MINUTE
    OverviewSnapshot.objects.update(claimed_until=later + INSTANT)
    with clock.freeze(later):
        make_customer(ent)
        assert read_overview().as_of == NOON
    with clock.freeze(later + INSTANT):
        assert read_overview().today.added == 2


def test_of_two_who_counted_the_first_counts(ent, customer, monkeypatch):
    read_overview_at(NOON)
    run = overview_counts.Work.run

    def let_another_be_first(work, seconds):
        run(work, seconds)
        OverviewSnapshot.objects.update(version=99)

    monkeypatch.setattr(overview_counts.Work, "run", let_another_be_first)
    with clock.freeze(NOON + MINUTE):
        make_customer(ent)
        assert read_overview().today.added == 1


def test_a_clock_set_back_is_no_reason_to_wait(ent, customer):
    read_overview_at(NOON + timedelta(days=3))
    with clock.freeze(NOON):
        make_customer(ent)
        details = read_overview()
    assert (details.as_of, details.today.added) == (NOON, 2)


def test_counting_takes_as_many_looks_as_it_needs_and_none_counts_twice(ent, cbs, day, monkeypatch):
    drawn = History(random.Random(5), ent, cbs)
    for _ in range(40):
        drawn.step()
    for _ in range(4):
        with day(days=1):
            spend(ent, make_customer(cbs, ent), 900_000, day.at)
    whole = read_overview_at(day.at)
    assert whole.is_complete
    OverviewSnapshot.objects.update(state="{}")
    NearLimit.objects.all().delete()
    monkeypatch.setattr(overview_counts, "ROWS_AT_ONCE", 3)
    monkeypatch.setattr(near_limit, "CUSTOMERS_AT_ONCE", 2)
    looks, is_complete = 0, False
    while not is_complete:
        with clock.freeze(day.at):
            overview_counts.refresh(seconds=0)
        is_complete = json.loads(OverviewSnapshot.objects.get(pk=1).state)["is_complete"]
        looks += 1
        assert looks < 200
    assert looks > 10
    with clock.freeze(day.at):
        assert read_overview() == whole


def count_straight(first_day):
    count = Counter()
    for entry in LedgerEntry.objects.filter(kind__in="SR"):
        told = (entry.at.astimezone(calendar.IST).date(), f"{entry.kind}{entry.direction}")
        count[told] += entry.amount_paise
    for asked in LimitCheck.objects.filter(is_allowed=False):
        count[asked.at.astimezone(calendar.IST).date(), asked.reason] += 1
    return {what: number for what, number in count.items() if what[0] >= first_day}


def list_counted(details):
    count = Counter()
    for day in details.days:
        count[day.day, "SD"], count[day.day, "SC"] = day.spent.paise, day.loaded.paise
        count[day.day, "RD"] = day.spent_reversed.paise
        count[day.day, "RC"] = day.loaded_reversed.paise
        count.update({(day.day, reason): number for reason, number in day.declined.items()})
    return dict(+count)


def test_figures_are_those_of_a_straight_count(ent, cbs, day):
    drawn = [History(random.Random(seed), ent, cbs) for seed in range(3)]
    for number in range(60):
        drawn[number % 3].step()
        if number % 20 == 7:
            read_overview_at(max(history.at for history in drawn))
    last = max(history.at for history in drawn)
    details = read_overview_at(last)
    assert list_counted(details) == count_straight(details.days[0].day)
    flagged = LedgerEntry.objects.exclude(flags="")
    assert details.waiting["flagged"] == Waiting(flagged.count(), flagged.earliest("at").at)
    assert flagged.count() > 3


# What waits.


def test_what_waits_for_staff_is_counted_with_the_age_of_the_oldest(ent, cbs, day):
    mobile = draw_mobile()
    with day():
        customer = make_customer(ent, mobile_number=mobile)
    with day(), pytest.raises(Conflict):
        make_customer(cbs, mobile_number=mobile, date_of_birth=date(1960, 1, 1))
    reviewed_at = day.at
    maker, checker = (User.objects.create(username=name) for name in ("farhan", "gurpreet"))
    with day():
        blocking.block(customer_id=customer, reason="–", user=maker)
        proposal = blocking.propose_unblocking(customer_id=customer, reason="–", user=maker)
    proposed_at = day.at
    with day():
        new_rule_proposed = Proposal("N", "D", "MONTH", 5, "a test", None)
        rules.propose(proposals=[new_rule_proposed], user=maker)
        make_posting(ent, customer, 5)
    details = read_overview_at(day.at)
    assert details.waiting["reviews"] == Waiting(1, reviewed_at)
    assert details.waiting["approvals"] == Waiting(2, proposed_at)
    assert details.waiting["flagged"] == Waiting(1, day.at)
    with day():
        reviews.decide(
            review_id=DuplicateReview.objects.get().pk,
            outcome="DIFFERENT_PEOPLE",
            reason="–",
            user=checker,
        )
        blocking.UNBLOCKING_PROPOSALS.decide(
            proposal_id=proposal.pk, state="APPROVED", user=checker
        )
    details = read_overview_at(day.at)
    assert details.waiting["reviews"] == Waiting(0, None)
    assert details.waiting["approvals"].count == 1


def test_a_review_of_two_records_of_one_person_waits_on(ent, cbs, day):
    mobile = draw_mobile()
    with day():
        make_customer(ent, mobile_number=mobile)
        other = make_customer(ent)
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    with day(), pytest.raises(Conflict):
        customers.update_customer(
            call=call, details=CustomerDetails(unique_id=other, mobile_number=mobile)
        )
    review = DuplicateReview.objects.get()
    with day():
        merges.propose_merge(
            unique_id=review.customer_id,
            other_id=other,
            reason="–",
            user=User.objects.create(username="farhan"),
            review_id=review.pk,
        )
    assert DuplicateReview.objects.get().is_open
    assert read_overview_at(day.at).waiting["reviews"].count == 1


# Others who write.


@pytest.mark.only_on("postgresql", "SQLite has one writer at a time")
@pytest.mark.django_db(transaction=True)
def test_rows_that_others_have_not_yet_committed_are_counted_later_and_not_lost():
    ent = make_processor("ENT")
    with clock.freeze(NOON):
        first = Customer.objects.get(pk=make_customer(ent))
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(
                "INSERT INTO customers_kycchange (customer_id, at, channel, updated_on, from_tier,"
                " to_tier, tier_since) SELECT customer_id, at, channel, updated_on, from_tier,"
                " to_tier, tier_since FROM customers_kycchange WHERE customer_id = %s",
                [first.pk],
            )
        with clock.freeze(NOON):
            make_customer(ent)
            assert read_overview().today.added == 0
        with other.cursor() as cursor:
            cursor.execute("COMMIT")
        with clock.freeze(NOON + MINUTE):
            assert read_overview().today.added == 3
    finally:
        other.close()
