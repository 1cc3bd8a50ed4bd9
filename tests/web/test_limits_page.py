"""The Limits page: in force, coming, past, proposed; as rows say, at this instant."""

from datetime import UTC, datetime, timedelta

import pytest

from limits.models import LimitRule
from limits.queries import list_in_force
from ppims.core import clock
from ppims.models import FourEyes
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2026, 11, 25, 10, 47, tzinfo=UTC)


def add_rule(amount, start, *, tier="N", direction="D", window="MONTH", state="APPROVED", **more):
    fields = {"proposed_at": AT, "source": f"for {amount}", "in_force_from": start, **more}
    if state == "APPROVED":
        fields["decided_at"] = AT
    return LimitRule.objects.create(
        tier=tier, direction=direction, window=window, amount=amount, state=state, **fields
    )


@pytest.fixture
def shown():
    def fetch(at=AT):
        with clock.freeze(at):
            return open_browser("viewer").get("/settings/limits")

    LimitRule.objects.all().delete()
    return fetch


def list_amounts(page, part):
    return [span.rule.amount for span in page.context[part]]


def test_a_rule_is_past_from_the_instant_at_which_its_successor_starts(shown):
    add_rule(100, AT - timedelta(days=9))
    add_rule(200, AT)
    before, on = shown(AT - timedelta(microseconds=1)), shown(AT)
    assert (list_amounts(before, "past"), list_amounts(before, "in_force")) == ([], [100])
    assert list_amounts(before, "coming") == [200]
    assert (list_amounts(on, "past"), list_amounts(on, "in_force"), list_amounts(on, "coming")) == (
        [100],
        [200],
        [],
    )


def test_what_is_in_force_is_what_decides(shown):
    add_rule(100, AT - timedelta(days=9))
    add_rule(150, AT - timedelta(days=3))
    add_rule(200, AT + timedelta(days=1))
    add_rule(None, AT - timedelta(days=1), direction="C")
    add_rule(300, AT - timedelta(days=1), state="PROPOSED")
    add_rule(24, AT - timedelta(days=1), direction="C", window="CREDIT_STOP", tier="P")
    shown = {span.rule.pk for span in shown().context["in_force"]}
    assert shown == {rule.pk for rule in list_in_force(AT)}


def test_one_that_another_replaced_at_its_very_start_was_never_in_force(shown):
    for amount in (100, 200):
        add_rule(amount, AT - timedelta(days=1))
    response = shown()
    assert (list_amounts(response, "past"), list_amounts(response, "in_force")) == ([], [200])


def test_a_row_says_for_whom_what_how_much_since_when_and_why(shown):
    admin = make_user("admin")
    add_rule(
        123_456_789,
        datetime(2026, 3, 31, 18, 30, tzinfo=UTC),
        window="FINANCIAL_YEAR",
        maker=make_user("admin"),
        checker=admin,
    )
    words = read_words(shown())
    assert f"Min Spend ₹12,34,567.89 Financial year 1 Apr 2026 for 123456789 {admin}" in words


def test_a_start_within_a_day_has_its_time_and_the_installations_own_says_so(shown):
    add_rule(100, AT)
    assert "₹1.00 Calendar month 25 Nov 2026, 4:17 PM for 100 First start" in read_words(shown())


@pytest.mark.parametrize(
    ("amount", "window", "said"),
    [(None, "MONTH", "No limit"), (1, "CREDIT_STOP", "1 month"), (24, "CREDIT_STOP", "24 months")],
)
def test_an_amount_that_is_no_money_is_said_in_words(shown, amount, window, said):
    add_rule(amount, AT, window=window, direction="C")
    assert shown().context["in_force"][0].rule.amount_text == said


def test_it_says_of_which_tier_and_direction_there_is_no_rule(shown):
    add_rule(100, AT)
    add_rule(None, AT, tier="F")
    without = [(str(tier.label), str(way.label)) for tier, way in shown().context["without"]]
    assert without == [
        ("Min KYC", "Load"),
        ("New Min KYC", "Spend"),
        ("New Min KYC", "Load"),
        ("Full KYC", "Load"),
    ]


def test_it_says_how_many_wait_and_that_they_count_for_nothing(shown):
    add_rule(100, AT)
    assert "wait" not in read_words(shown())
    add_rule(200, None, state=FourEyes.State.PROPOSED)
    assert "1 proposed rule waits for another admin." in read_words(shown())
    add_rule(300, None, state=FourEyes.State.PROPOSED)
    add_rule(
        400,
        None,
        state=FourEyes.State.REJECTED,
        maker=make_user("admin"),
        checker=make_user("admin"),
        decided_at=AT,
    )
    assert "2 proposed rules wait for another admin." in read_words(shown())


def test_it_takes_a_bounded_number_of_queries(shown, django_assert_max_num_queries):
    for day in range(30):
        add_rule(
            day + 1, AT - timedelta(days=day), maker=make_user("admin"), checker=make_user("admin")
        )
    client = open_browser("viewer")
    with django_assert_max_num_queries(8):
        assert client.get("/settings/limits").status_code == 200
