"""What an explanation says of limits and months, where it would be easy to say too much."""

from datetime import UTC, datetime, timedelta

import pytest

from limits.models import LimitCheck
from ppims.backoffice.explanation import explain_in_words, write_text
from ppims.core import clock
from tests.factories import make_check, make_customer, make_posting, make_rule

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 25, 10, 47, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def customer(ent, cbs):
    with clock.freeze(AT - timedelta(days=40)):
        return make_customer(ent, cbs)


def freeze_after(minutes):
    return clock.freeze(AT + minutes * MINUTE)


def write_of(row):
    is_check = isinstance(row, LimitCheck)
    sheet = explain_in_words(is_check=is_check, customer_id=row.customer_id, row_id=row.pk)
    return " ".join(" ".join(write_text(sheet)).split())


def set_load_limit(window, amount, since):
    make_rule(tier="P", direction="C", window=window, amount=amount, in_force_from=since)


def test_a_limit_that_only_lets_pass_or_could_not_be_judged_is_said_to_be_there(ent, customer):
    set_load_limit("MONTH", None, AT)
    set_load_limit("TRANSACTION", 500_000, AT)
    set_load_limit("BALANCE", 1_000_000, AT + 10 * MINUTE)
    with freeze_after(2):
        passed, _ = make_check(ent, customer, 100_000, "C")
    with freeze_after(12):
        unjudged, _ = make_check(ent, customer, 100_000, "C")
        both, _ = make_check(ent, customer, 100_000, "C", balance_paise=0)
    assert "One was in force, and it passed" in write_of(passed)
    assert "2 were in force: 1 passed, 1 could not be judged" in write_of(unjudged)
    assert "2 were in force, and all passed" in write_of(both)


@pytest.mark.parametrize("days", [1, 30.5])
def test_a_posting_in_the_month_of_its_check_is_not_said_to_be_within_30_days(ent, customer, days):
    began = datetime(2027, 1, 1, tzinfo=UTC)
    with clock.freeze(began):
        check, _ = make_check(ent, customer, 100_000)
    with clock.freeze(began + timedelta(days=days)):
        posting, _ = make_posting(ent, customer, 100_000, enquiry=check.ref_id)
    said = write_of(posting)
    assert "It came in the month of its check, and counts in it." in said
    assert "within 30 days" not in said


def test_a_balance_that_could_not_be_judged_is_not_among_what_passed(ent, customer):
    set_load_limit("BALANCE", 1_000_000, AT)
    with freeze_after(2):
        unjudged, _ = make_check(ent, customer, 100_000, "C")
        judged, _ = make_check(ent, customer, 100_000, "C", balance_paise=0)
    assert "2 were in force, and all passed;" in write_of(judged)
    assert "2 were in force, and all that could be judged passed;" in write_of(unjudged)
