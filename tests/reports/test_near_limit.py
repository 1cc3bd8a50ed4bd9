"""Who is near a limit, and nearest: through reversals, months, rules and tiers."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.details import CustomerDetails
from customers.services import customers
from limits.models import NearLimit
from limits.services import rules
from limits.services.rules import Proposal
from ppims.core import clock
from ppims.models import FourEyes, Operation, User
from ppims.reports import overview_counts
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
    ("paise", "known"),
    [
        (LIMIT * 8 // 10 - 1, []),
        (LIMIT * 8 // 10, [("near", 800, 800)]),
        (LIMIT - 1, [("near", 999, 999)]),
        (LIMIT, [("reached", 1_000, 1_000)]),
        (LIMIT * 3, [("reached", 3_000, 1_000)]),
    ],
)
@pytest.mark.parametrize("direction", ["D", "C"])
def test_near_is_from_four_fifths_of_a_limit_on(ent, customer, paise, known, direction):
    spend(ent, customer, paise, NOON + MINUTE, direction=direction)
    details = read_overview_at(NOON + MINUTE)
    assert details.near == len(known)
    assert [(e.level.slug, e.permille, e.used_permille) for e in details.nearest] == known
    assert [each.is_over for each in details.nearest] == [paise > LIMIT for _ in known]


def test_what_is_held_is_not_used(ent, customer, day):
    with day():
        make_check(ent, customer, LIMIT)
    assert read_overview_at(day.at).near == 0


def list_permille(details):
    return [each.permille for each in details.nearest]


def test_a_reversal_or_an_adjustment_lets_go_again(ent, customer, day):
    spend(ent, customer, LIMIT, NOON + MINUTE, tran_id="T1")
    assert list_permille(read_overview_at(NOON + MINUTE)) == [1_000]
    spend(ent, customer, LIMIT // 10, NOON + MINUTE, kind="R", tran_id="T1")
    assert list_permille(read_overview_at(NOON + MINUTE)) == [900]
    with clock.freeze(NOON + MINUTE):
        adjust(customer, 203106, LIMIT // 10)
    assert list_permille(read_overview_at(NOON + MINUTE)) == [1_000]
    spend(ent, customer, LIMIT * 9 // 10, NOON + MINUTE, kind="R", tran_id="T1")
    details = read_overview_at(NOON + MINUTE)
    assert (details.near, details.nearest) == (0, [])
    assert not NearLimit.objects.exists()


def test_a_new_month_begins_with_nobody_near_and_keeps_no_old_rows(ent, customer):
    end = datetime(2031, 6, 30, 18, 30, tzinfo=UTC)
    spend(ent, customer, LIMIT, end - INSTANT)
    assert read_overview_at(end - INSTANT).near == 1
    details = read_overview_at(end)
    assert (details.near, details.nearest, details.is_complete) == (0, [], True)
    assert not NearLimit.objects.exists()


def test_a_new_month_is_told_of_before_it_is_counted(ent, customer, monkeypatch):
    end = datetime(2031, 6, 30, 18, 30, tzinfo=UTC)
    spend(ent, customer, LIMIT, end - INSTANT)
    read_overview_at(end - INSTANT)
    monkeypatch.setattr(overview_counts, "refresh", lambda: None)
    with clock.freeze(end):
        details = read_overview()
    assert (details.near, details.nearest, details.today.spent) == (0, [], Sum())


def add_rule(amount, window="MONTH", start=None, tier="P"):
    admins = [User.objects.get_or_create(username=name)[0] for name in ("nandini", "imran")]
    proposal = Proposal(tier, "D", window, amount, "a test", start)
    proposed = rules.propose(proposals=[proposal], user=admins[0])
    rules.decide(proposal_id=proposed.pk, state=FourEyes.State.APPROVED, user=admins[1])


def test_other_rules_are_followed_as_soon_as_they_are_in_force(ent, customer, day):
    spend(ent, customer, LIMIT // 2, NOON + MINUTE)
    assert read_overview_at(NOON + MINUTE).near == 0
    start = NOON + 5 * MINUTE
    with clock.freeze(NOON + MINUTE):
        add_rule(LIMIT // 2, start=start)
    assert read_overview_at(start - INSTANT).near == 0
    assert read_overview_at(start).near == 1
    with clock.freeze(start + MINUTE):
        add_rule(None)
    assert read_overview_at(start + MINUTE).near == 0


def test_a_financial_year_is_summed_up_to_now_and_no_further_back(ent, customer):
    with clock.freeze(NOON):
        add_rule(LIMIT, window="FINANCIAL_YEAR")
    spend(ent, customer, LIMIT // 2, datetime(2032, 3, 31, 18, 29, tzinfo=UTC))
    spend(ent, customer, LIMIT // 2, datetime(2032, 3, 31, 18, 31, tzinfo=UTC))
    assert read_overview_at(datetime(2032, 4, 1, tzinfo=UTC)).near == 0
    spend(ent, customer, LIMIT // 2, datetime(2032, 9, 1, tzinfo=UTC))
    assert read_overview_at(datetime(2032, 9, 1, tzinfo=UTC)).near == 1
    assert read_overview_at(datetime(2033, 3, 31, 18, 29, tzinfo=UTC)).near == 1
    assert read_overview_at(datetime(2033, 3, 31, 18, 30, tzinfo=UTC)).near == 0


def test_who_rises_to_a_tier_without_limits_is_near_none(ent, customer, day):
    spend(ent, customer, LIMIT, NOON + MINUTE)
    assert read_overview_at(NOON + MINUTE).near == 1
    with clock.freeze(NOON + MINUTE):
        call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
        full = {"kyc_flag": "F", "ovid_type": "PAN", "ovid_value": "ABCPE9999F"}
        customers.update_customer(call=call, details=CustomerDetails(unique_id=customer, **full))
    assert read_overview_at(NOON + MINUTE).near == 0


# The nearest.


def test_the_five_who_have_used_most_of_a_limit_are_told_of(ent, day):
    made = []
    for number in range(7):
        with day():
            made.append(make_customer(ent))
            make_posting(ent, made[-1], LIMIT * (80 + number) // 100)
    details = read_overview_at(day.at)
    assert [each.customer_id for each in details.nearest] == made[:1:-1]
    assert (list_permille(details), details.near) == ([860, 850, 840, 830, 820], 7)
    assert details.nearest[0].name == "Meera Iyer"
    assert "Meera" not in repr(details)
