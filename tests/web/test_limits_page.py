"""The Limits page: in force with what comes beside it, proposed, past; at this instant."""

from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from limits.models import LimitRule
from limits.queries import list_in_force
from limits.services import rules
from limits.services.rules import Proposal
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
    """List the amounts of the rules there; of what is in force None where there is no rule."""
    if part == "past":
        return [span.rule.amount for span in page.context["past"]]
    return [row.span and row.span.rule.amount for row in page.context["in_force"] if row.window]


def list_texts(page):
    """List the limits of the first tier and direction, as they are said."""
    rows = page.context["in_force"]
    return [row.limit_text for row in rows if (row.tier, row.direction) == ("N", "D")]


def test_a_rule_is_past_from_the_instant_at_which_its_successor_starts(shown):
    add_rule(100, AT - timedelta(days=9))
    add_rule(200, AT)
    before, on = shown(AT - timedelta(microseconds=1)), shown(AT)
    assert (list_amounts(before, "past"), list_amounts(before, "in_force")) == ([], [100])
    assert list_texts(before) == ["₹1 → ₹2 on 25 Nov, 4:17 PM"]
    assert (list_amounts(on, "past"), list_amounts(on, "in_force")) == ([100], [200])
    assert list_texts(on) == ["₹2"]


def test_what_comes_stands_beside_what_it_takes_the_place_of(shown):
    add_rule(1_000_000, AT - timedelta(days=9), source="Board, May")
    add_rule(
        1_200_050,
        datetime(2026, 11, 30, 18, 30, tzinfo=UTC),
        source="Board, November",
        maker=make_user("admin"),
        checker=make_user("admin"),
    )
    add_rule(None, datetime(2027, 3, 31, 18, 30, tzinfo=UTC), source="Board, November")
    page = shown()
    assert list_texts(page) == ["₹10,000 → ₹12,000.50 on 1 Dec → No limit on 1 Apr 2027"]
    words = read_words(page)
    assert "Board, May → Board, November " in words
    assert words.count("Board, November") == 1
    assert "First start → admin" in words


def test_what_comes_where_there_is_no_limit_yet_has_its_row(shown):
    add_rule(5_000_000, AT + timedelta(days=40), tier="F", source="Board")
    rows = [row for row in shown().context["in_force"] if (row.tier, row.direction) == ("F", "D")]
    assert [row.limit_text for row in rows] == ["No limit → ₹50,000 on 4 Jan 2027, 4:17 PM"]


def test_what_is_in_force_is_what_decides(shown):
    add_rule(100, AT - timedelta(days=9))
    add_rule(150, AT - timedelta(days=3))
    add_rule(200, AT + timedelta(days=1))
    add_rule(None, AT - timedelta(days=1), direction="C")
    add_rule(300, AT - timedelta(days=1), state="PROPOSED")
    add_rule(24, AT - timedelta(days=1), direction="C", window="CREDIT_STOP", tier="P")
    shown = {row.span.rule.pk for row in shown().context["in_force"] if row.span}
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
    assert "₹1 Calendar month 25 Nov 2026, 4:17 PM for 100 First start" in read_words(shown())


@pytest.mark.parametrize(
    ("amount", "window", "said"),
    [(None, "MONTH", "No limit"), (1, "CREDIT_STOP", "1 month"), (24, "CREDIT_STOP", "24 months")],
)
def test_an_amount_that_is_no_money_is_said_in_words(shown, amount, window, said):
    add_rule(amount, AT, window=window, direction="C")
    rows = [row for row in shown().context["in_force"] if row.span]
    assert [row.limit_text for row in rows] == [said]


def test_it_says_of_which_tier_and_direction_there_is_no_rule(shown):
    add_rule(100, AT)
    add_rule(None, AT, tier="F")
    rows = [row for row in shown().context["in_force"] if not row.span]
    assert [(str(row.tier.label), str(row.direction.label), row.limit_text) for row in rows] == [
        ("Min KYC", "Load", "No limit"),
        ("New Min KYC", "Spend", "No limit"),
        ("New Min KYC", "Load", "No limit"),
        ("Full KYC", "Load", "No limit"),
    ]


def test_proposals_stand_apart_in_words_and_lead_to_where_they_are_decided(shown):
    add_rule(1_000_000, AT)
    assert "Proposed" not in read_words(shown())
    maker, other = make_user("admin"), make_user("admin")
    start = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    one = add_rule(1_200_000, start, state=FourEyes.State.PROPOSED, maker=maker)
    add_rule(*(None, None), tier="F", direction="C", state=FourEyes.State.PROPOSED, maker=maker)
    add_rule(
        400,
        None,
        state=FourEyes.State.REJECTED,
        maker=maker,
        checker=other,
        decided_at=AT,
    )
    page = shown()
    assert [each.said for each in page.context["proposed"]] == [
        "Min, spend, month: ₹10,000 → ₹12,000 from 1 Dec 2026",
        "Full KYC, load, month: no limit from its approval",
    ]
    assert f"Proposed by {maker}. Waits for another admin." in read_words(page)
    assert reverse("approval", args=["limit-rule", one.pk]) in page.content.decode()
    assert list_texts(page) == ["₹10,000"]


def test_a_change_of_several_limits_waits_as_one(shown):
    add_rule(1_000_000, AT)
    start = datetime(2026, 11, 30, 18, 30, tzinfo=UTC)
    asked = [Proposal(tier, "D", "MONTH", 1_200_000, "Board", start) for tier in "NP"]
    proposed = rules.propose(proposals=asked, user=make_user("admin"))
    page = shown()
    (each,) = page.context["proposed"]
    assert each.said == (
        "Min, spend, month: ₹10,000 → ₹12,000 from 1 Dec 2026;"
        " New Min, spend, month: ₹12,000 from 1 Dec 2026"
    )
    assert each.address == reverse("approval", args=["limit-change", proposed.pk])


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_only_an_admin_has_the_button_that_changes_one(role):
    page = read_words(open_browser(role).get("/settings/limits"))
    assert ("Change a limit" in page) == (role == "admin")


def test_it_takes_a_bounded_number_of_queries(shown, django_assert_max_num_queries):
    for day in range(30):
        add_rule(
            day + 1, AT - timedelta(days=day), maker=make_user("admin"), checker=make_user("admin")
        )
    client = open_browser("viewer")
    with django_assert_max_num_queries(8):
        assert client.get(reverse("limits")).status_code == 200
