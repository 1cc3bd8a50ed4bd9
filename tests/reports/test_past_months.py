"""What a customer spent and loaded in past months: to the instant, and by the limits of then."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Customer
from limits.models import MonthlyUsage
from ppims.core import clock
from ppims.reports import past_months
from ppims.reports.past_months import list_past_months
from tests.factories import make_check, make_customer, make_posting, make_rule, set_tier
from tests.ledger.histories import adjust
from tests.reports.conftest import NOON, spend

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
SECOND = timedelta(seconds=1)
LONG_AGO = datetime(2029, 1, 15, tzinfo=UTC)
JUNE, MAY, APRIL, MARCH = 203106, 203105, 203104, 203103
# When months begin in India.
JUNE_BEGINS, MAY_BEGINS, APRIL_BEGINS = (
    datetime(2031, month, day, 18, 30, tzinfo=UTC) for month, day in ((5, 31), (4, 30), (3, 31))
)


@pytest.fixture
def old(ent):
    """Someone who has been on record for more than a year."""
    with clock.freeze(LONG_AGO):
        return make_customer(ent)


def read_months(customer, at=NOON):
    return {each.month: each for each in list_past_months(Customer.objects.get(pk=customer), at)}


def test_it_is_this_month_and_the_twelve_before_it_newest_first(old):
    months = list(read_months(old))
    assert months[0] == JUNE
    assert months[-1] == 203006
    assert months == sorted(months, reverse=True)
    assert len(months) == 13


@pytest.mark.parametrize(
    ("at", "month"),
    [(MAY_BEGINS - SECOND, APRIL), (MAY_BEGINS, MAY), (JUNE_BEGINS - SECOND, MAY)],
)
def test_a_month_begins_and_ends_at_midnight_in_india(old, ent, at, month):
    spend(ent, old, 700, at)
    spent = {number: each.spent for number, each in read_months(old).items() if each.spent}
    assert spent == {month: 700}


def test_spent_and_loaded_are_apart_and_less_what_was_reversed(old, ent):
    spend(ent, old, 900, MAY_BEGINS, tran_id="T1")
    spend(ent, old, 50, MAY_BEGINS, direction="C")
    spend(ent, old, 300, NOON, kind="R", tran_id="T1")  # in June, of a spend in May
    with clock.freeze(NOON):
        make_check(ent, old, 77)  # a hold is not spent
    months = read_months(old)
    assert (months[MAY].spent, months[MAY].loaded) == (600, 50)
    assert (months[JUNE].spent, months[JUNE].loaded) == (0, 0)


def test_a_correction_counts_in_the_month_that_it_corrects(old, ent):
    spend(ent, old, 900, MAY_BEGINS)
    with clock.freeze(NOON):
        adjust(old, MAY, -200)
        adjust(old, APRIL, 70, "C")
    months = read_months(old)
    assert months[MAY].spent == 700
    assert months[APRIL].loaded == 70


def test_a_month_without_a_row_in_the_cache_is_summed(old, ent):
    spend(ent, old, 900, MAY_BEGINS)
    spend(ent, old, 100, NOON)
    before = read_months(old)
    MonthlyUsage.objects.filter(customer=old).delete()
    assert read_months(old) == before
    assert before[MAY].spent == 900


# The limits of then.


def list_limits(months):
    return {number: (each.tier, each.spend_limit) for number, each in months.items()}


def test_a_month_has_the_limit_that_was_in_force_at_its_end(old):
    make_rule(tier="P", direction="D", window="MONTH", amount=12_000_00, in_force_from=MAY_BEGINS)
    limits = list_limits(read_months(old))
    assert limits[APRIL] == ("P", 10_000_00)
    assert limits[MAY] == ("P", 12_000_00)


def test_a_rule_of_the_last_second_counts_for_the_month_and_one_to_come_does_not(old):
    place = {"tier": "P", "direction": "C", "window": "MONTH"}
    make_rule(**place, amount=11_00, in_force_from=MAY_BEGINS - SECOND)
    make_rule(**place, amount=12_00, in_force_from=NOON + SECOND)
    months = read_months(old)
    assert [months[number].load_limit for number in (MARCH, APRIL, MAY, JUNE)] == [
        *(10_000_00, 11_00, 11_00, 11_00)
    ]
    assert read_months(old, NOON + SECOND)[JUNE].load_limit == 12_00


def test_where_a_rule_ended_the_limit_or_none_ever_was_there_is_none(old):
    make_rule(tier="P", direction="D", window="MONTH", amount=None, in_force_from=MAY_BEGINS)
    limits = list_limits(read_months(old))
    assert limits[APRIL] == ("P", 10_000_00)
    assert limits[MAY] == ("P", None)


def test_a_limit_of_the_financial_year_is_no_month_s(old, ent):
    year = {"tier": "P", "direction": "D", "window": "FINANCIAL_YEAR"}
    make_rule(**year, amount=5_00, in_force_from=LONG_AGO)
    spend(ent, old, 300, APRIL_BEGINS - SECOND)
    spend(ent, old, 400, APRIL_BEGINS)
    months = read_months(old)
    assert (months[MARCH].spent, months[APRIL].spent) == (300, 400)
    assert {limit for _, limit in list_limits(months).values()} == {10_000_00}


def test_a_month_has_the_tier_of_its_end(old):
    for at, tier in ((MAY_BEGINS - SECOND, "N"), (JUNE_BEGINS, "F"), (NOON + SECOND, "N")):
        with clock.freeze(at):
            set_tier(old, tier)
    limits = list_limits(read_months(old))
    assert limits[MARCH] == ("P", 10_000_00)
    assert limits[APRIL] == limits[MAY] == ("N", 10_000_00)
    assert limits[JUNE] == ("F", None)


def test_of_many_changes_the_newest_are_looked_at(old, monkeypatch):
    for at, tier in ((APRIL_BEGINS, "N"), (MAY_BEGINS, "F"), (JUNE_BEGINS, "N")):
        with clock.freeze(at):
            set_tier(old, tier)
    whole = list_limits(read_months(old))
    monkeypatch.setattr(past_months, "CHANGES_LOOKED_AT", 2)
    cut = list_limits(read_months(old))
    assert [whole[number][0] for number in (MARCH, APRIL, MAY, JUNE)] == ["P", "N", "F", "N"]
    assert [cut[number][0] for number in (MARCH, APRIL, MAY, JUNE)] == ["N", "N", "F", "N"]


# Who came later.


def test_before_one_was_on_record_no_month_is_listed_but_one_in_which_money_moved(ent):
    with clock.freeze(MAY_BEGINS):
        new = make_customer(ent)
    assert list(read_months(new)) == [JUNE, MAY]
    with clock.freeze(NOON):
        adjust(new, MARCH, 5)
    assert list(read_months(new)) == [JUNE, MAY, MARCH]


def test_it_takes_three_queries_however_much_there_is(old, ent, django_assert_num_queries):
    customer = Customer.objects.get(pk=old)
    for days in range(0, 200, 20):
        spend(ent, old, 5, NOON - timedelta(days=200 - days))
        with clock.freeze(NOON - timedelta(days=200 - days)):
            set_tier(old, "N" if days % 40 else "F")
    with django_assert_num_queries(3):
        assert len(list_past_months(customer, NOON)) == 13


def test_what_is_booked_in_a_month_before_last_is_its_own(old, ent):
    with clock.freeze(MAY_BEGINS - SECOND):
        asked, _ = make_check(ent, old, 800)
    with clock.freeze(MAY_BEGINS + SECOND):
        make_posting(ent, old, 800, enquiry=asked.ref_id)
    months = read_months(old)
    assert (months[APRIL].spent, months[MAY].spent) == (800, 0)
