"""Who is near a limit, and who spent most: through reversals, months, rules and tiers."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.details import CustomerDetails
from customers.services import customers
from limits.models import NearLimit
from limits.services import rules
from limits.services.rules import Proposal
from ppims.core import clock
from ppims.models import FourEyes, Operation, User
from ppims.reports import near_limit, overview_counts
from ppims.reports.overview import Sum, read_overview
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting
from tests.ledger.histories import adjust
from tests.reports.conftest import MINUTE, NOON, read_overview_at, spend

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
LIMIT = 1_000_000  # paise a month, of Min and New Min KYC, either way
INSTANT = timedelta(microseconds=1)


# Near a limit.


@pytest.mark.parametrize(
    ("paise", "near", "at_limit"),
    [
        (LIMIT * 8 // 10 - 1, 0, 0),
        (LIMIT * 8 // 10, 1, 0),
        (LIMIT - 1, 1, 0),
        (LIMIT, 0, 1),
        (LIMIT * 3, 0, 1),
    ],
)
@pytest.mark.parametrize("direction", ["D", "C"])
def test_near_is_from_four_fifths_of_a_limit_on(ent, customer, paise, near, at_limit, direction):
    spend(ent, customer, paise, NOON + MINUTE, direction=direction)
    details = read_overview_at(NOON + MINUTE)
    assert (details.near, details.at_limit) == (near, at_limit)


def test_what_is_held_is_not_used(ent, customer, day):
    with day():
        make_check(ent, customer, LIMIT)
    assert read_overview_at(day.at).at_limit == 0


def test_a_reversal_or_an_adjustment_lets_go_again(ent, customer, day):
    spend(ent, customer, LIMIT, NOON + MINUTE, tran_id="T1")
    assert read_overview_at(NOON + MINUTE).at_limit == 1
    spend(ent, customer, LIMIT // 10, NOON + MINUTE, kind="R", tran_id="T1")
    details = read_overview_at(NOON + MINUTE)
    assert (details.near, details.at_limit) == (1, 0)
    with clock.freeze(NOON + MINUTE):
        adjust(customer, 203106, LIMIT // 10)
    assert read_overview_at(NOON + MINUTE).at_limit == 1


def test_a_new_month_begins_with_nobody_near_and_keeps_no_old_rows(ent, customer):
    end = datetime(2031, 6, 30, 18, 30, tzinfo=UTC)
    spend(ent, customer, LIMIT, end - INSTANT)
    assert read_overview_at(end - INSTANT).at_limit == 1
    details = read_overview_at(end)
    assert (details.at_limit, details.top_spenders, details.is_complete) == (0, [], True)
    assert not NearLimit.objects.exists()


def test_a_new_month_is_told_of_before_it_is_counted(ent, customer, monkeypatch):
    end = datetime(2031, 6, 30, 18, 30, tzinfo=UTC)
    spend(ent, customer, LIMIT, end - INSTANT)
    read_overview_at(end - INSTANT)
    monkeypatch.setattr(overview_counts, "refresh", lambda: None)
    with clock.freeze(end):
        details = read_overview()
    assert (details.at_limit, details.top_spenders, details.today.posted) == (0, [], Sum())


def add_rule(amount, window="MONTH", start=None, tier="P"):
    admins = [User.objects.get_or_create(username=name)[0] for name in ("nandini", "imran")]
    proposal = Proposal(tier, "D", window, amount, "a test", start)
    (rule,) = rules.propose(proposals=[proposal], user=admins[0])
    rules.decide(proposal_id=rule.pk, state=FourEyes.State.APPROVED, user=admins[1])


def test_other_rules_are_followed_as_soon_as_they_are_in_force(ent, customer, day):
    spend(ent, customer, LIMIT // 2, NOON + MINUTE)
    assert read_overview_at(NOON + MINUTE).at_limit == 0
    start = NOON + 5 * MINUTE
    with clock.freeze(NOON + MINUTE):
        add_rule(LIMIT // 2, start=start)
    assert read_overview_at(start - INSTANT).at_limit == 0
    assert read_overview_at(start).at_limit == 1
    with clock.freeze(start + MINUTE):
        add_rule(None)
    assert read_overview_at(start + MINUTE).at_limit == 0


def test_a_financial_year_is_summed_up_to_now_and_no_further_back(ent, customer):
    with clock.freeze(NOON):
        add_rule(LIMIT, window="FINANCIAL_YEAR")
    spend(ent, customer, LIMIT // 2, datetime(2032, 3, 31, 18, 29, tzinfo=UTC))
    spend(ent, customer, LIMIT // 2, datetime(2032, 3, 31, 18, 31, tzinfo=UTC))
    assert read_overview_at(datetime(2032, 4, 1, tzinfo=UTC)).at_limit == 0
    spend(ent, customer, LIMIT // 2, datetime(2032, 9, 1, tzinfo=UTC))
    assert read_overview_at(datetime(2032, 9, 1, tzinfo=UTC)).at_limit == 1
    assert read_overview_at(datetime(2033, 3, 31, 18, 29, tzinfo=UTC)).at_limit == 1
    assert read_overview_at(datetime(2033, 3, 31, 18, 30, tzinfo=UTC)).at_limit == 0


def test_who_rises_to_a_tier_without_limits_is_near_none(ent, customer, day):
    spend(ent, customer, LIMIT, NOON + MINUTE)
    assert read_overview_at(NOON + MINUTE).at_limit == 1
    with clock.freeze(NOON + MINUTE):
        call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
        full = {"kyc_flag": "F", "ovid_type": "PAN", "ovid_value": "ABCPE9999F"}
        customers.update_customer(call=call, details=CustomerDetails(unique_id=customer, **full))
    details = read_overview_at(NOON + MINUTE)
    assert (details.near, details.at_limit) == (0, 0)
    assert [spender.customer_id for spender in details.top_spenders] == [customer]


# Top spenders.


def list_spenders(details):
    return [spender.debit_paise for spender in details.top_spenders]


def test_the_ten_who_spent_most_this_month_are_told_of(ent, day):
    for number in range(12):
        with day():
            make_posting(ent, make_customer(ent), 1_000 + number)
            make_posting(ent, make_customer(ent), 5_000, direction="C")
    details = read_overview_at(day.at)
    assert list_spenders(details) == [1_011 - place for place in range(10)]
    assert details.top_spenders[0].name == "Meera Iyer"
    assert "Meera" not in repr(details)


def test_few_are_watched_and_the_ten_are_right_all_the_same(ent, day, monkeypatch):
    monkeypatch.setattr(near_limit, "KEPT_SPENDERS", 12)
    made = []
    for number in range(30):
        with day():
            made.append(make_customer(ent))
            make_posting(ent, made[-1], 1_000 + number, tran_id="T1")
    assert list_spenders(read_overview_at(day.at)) == [1_029 - place for place in range(10)]
    assert NearLimit.objects.count() == 13
    for place in range(10):  # so many that those who are left are not the next
        with day():
            make_posting(ent, made[29 - place], 1_000, kind="R", tran_id="T1")
    details = read_overview_at(day.at)
    if not details.is_complete:
        details = read_overview_at(day.at)
    assert list_spenders(details) == [1_019 - place for place in range(10)]
