"""What a filtered list of transactions comes to: spends and loads apart, and not beyond a bound."""

import pytest

from ppims.reports import keyset
from ppims.reports.heads import Filters
from ppims.reports.keyset import Frame
from ppims.reports.outcomes import Outcome
from ppims.reports.totals import Sum, sum_transactions
from tests.factories import make_check, make_posting
from tests.ledger.histories import adjust

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]


@pytest.fixture
def told(ent, customer, day):
    with day():
        make_check(ent, customer, 1_000, ref_id="C1")
    with day():
        make_posting(ent, customer, 900, enquiry="C1", tran_id="T1")
    with day():
        make_posting(ent, customer, 100, kind="R", tran_id="T1")
    with day():
        make_check(ent, customer, 1_000_001)
    with day():
        make_check(ent, customer, 1_000_002)
    with day():
        make_posting(ent, customer, 70, direction="C")
    with day():
        adjust(customer, 203106, 5)
    return customer


def test_spends_and_loads_are_summed_apart_by_what_was_posted_else_checked(told, day):
    totals = sum_transactions(Filters(), day.at)
    assert totals.spent == Sum(4, 900 + 1_000_001 + 1_000_002 + 5)
    assert totals.loaded == Sum(1, 70)
    assert (totals.count, totals.is_cut) == (5, False)


@pytest.mark.parametrize(
    ("filters", "spent", "loaded"),
    [
        (Filters(outcome=Outcome.DECLINED), Sum(2, 2_000_003), Sum()),
        (Filters(reason="MONTH_LIMIT"), Sum(2, 2_000_003), Sum()),
        (Filters(reason="KYC_EXPIRED"), Sum(), Sum()),
        (Filters(outcome=Outcome.POSTED), Sum(2, 905), Sum(1, 70)),
        (Filters(outcome=Outcome.REVERSED), Sum(), Sum()),
        (Filters(direction="C"), Sum(), Sum(1, 70)),
        (Filters(flag="AMOUNT_DIFFERS"), Sum(1, 900), Sum()),
    ],
)
def test_what_is_filtered_is_summed_alone(told, day, filters, spent, loaded):
    totals = sum_transactions(filters, day.at)
    assert (totals.spent, totals.loaded) == (spent, loaded)


def test_it_is_of_the_frame(told, day):
    assert sum_transactions(Filters(frame=Frame(until=day.at)), day.at).count == 4
    assert sum_transactions(Filters(frame=Frame(since=day.at)), day.at).count == 1


@pytest.mark.parametrize(("looked_at", "is_cut"), [(4, False), (3, True)])
def test_beyond_the_bound_it_says_that_there_is_more(told, day, monkeypatch, looked_at, is_cut):
    monkeypatch.setattr(keyset, "LOOKED_AT", looked_at)
    declined = sum_transactions(Filters(), day.at)
    assert declined.is_cut == is_cut
