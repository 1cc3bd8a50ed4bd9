"""Limit rules in the admin: proposed by one admin, approved by another."""

import pytest

from limits.models import LimitRule
from limits.queries import list_in_force
from ppims.core import clock
from tests.web.admin_pages import (
    open_browser,
    read_words,
    run_action,
    write_add_url,
    write_change_url,
    write_list_url,
)

pytestmark = pytest.mark.django_db
RULE = {
    "tier": "P",
    "direction": "D",
    "window": "MONTH",
    "amount": "123456",
    "in_force_from_0": "",
    "in_force_from_1": "",
    "source": "Board, 3 March",
}


def propose(client, **changes):
    return client.post(write_add_url("limits_limitrule"), {**RULE, **changes})


def find_newest():
    return LimitRule.objects.latest("pk")


def list_in_force_now():
    return list_in_force(clock.now())


def test_a_rule_is_in_force_once_another_admin_approves_it():
    maker, other = open_browser("admin"), open_browser("admin")
    assert propose(maker).status_code == 302
    rule = find_newest()
    assert (rule.amount, rule.state) == (12_345_600, "PROPOSED")
    refused = run_action(maker, rule, "approve", follow=True)
    assert "checker is another person than the maker" in read_words(refused)
    assert rule not in list_in_force_now()
    run_action(other, rule, "approve")
    assert rule in list_in_force_now()


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor"])
def test_no_other_role_proposes_or_decides_a_rule(role):
    propose(open_browser("admin"))
    client = open_browser(role)
    assert propose(client).status_code == 403
    for name in ("approve", "reject", "withdraw"):
        run_action(client, find_newest(), name)
    assert find_newest().state == "PROPOSED"


def test_another_rejects_and_the_maker_withdraws():
    maker, other = open_browser("admin"), open_browser("admin")
    for name, client, state in (("reject", other, "REJECTED"), ("withdraw", maker, "WITHDRAWN")):
        propose(maker)
        if name == "reject":
            assert run_action(client, find_newest(), name, reason=" ").status_code == 422
        run_action(client, find_newest(), name, reason="Not agreed by the board")
        assert find_newest().state == state


def test_a_rule_that_is_decided_stays_decided():
    maker, other = open_browser("admin"), open_browser("admin")
    propose(maker)
    run_action(other, find_newest(), "reject", reason="No")
    assert "was decided before" in read_words(
        run_action(other, find_newest(), "approve", follow=True)
    )
    assert find_newest().state == "REJECTED"


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"amount": ""}, None),
        ({"amount": "0.01"}, 1),
        ({"amount": "999999999999.99"}, 99_999_999_999_999),
        ({"window": "CREDIT_STOP", "direction": "C", "amount": "24"}, 24),
    ],
)
def test_an_amount_is_rupees_or_months_or_no_limit(changes, amount):
    assert propose(open_browser("admin"), **changes).status_code == 302
    assert find_newest().amount == amount


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"amount": "0"}, "amount"),
        ({"amount": "1,000"}, "amount"),
        ({"amount": "1.005"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"window": "CREDIT_STOP", "direction": "C", "amount": "24.00"}, "amount"),
        ({"window": "CREDIT_STOP", "direction": "C", "amount": "0"}, "amount"),
        ({"window": "BALANCE"}, "direction"),
        ({"source": ""}, "source"),
        ({"in_force_from_0": "soon", "in_force_from_1": ""}, "in_force_from"),
    ],
)
def test_a_wrong_field_of_a_rule_is_named(changes, field):
    before = LimitRule.objects.count()
    page = propose(open_browser("admin"), **changes)
    assert list(page.context["adminform"].form.errors) == [field]
    assert LimitRule.objects.count() == before


def test_a_start_is_indias_time():
    propose(open_browser("admin"), in_force_from_0="2031-04-01", in_force_from_1="00:00")
    assert find_newest().in_force_from.isoformat() == "2031-03-31T18:30:00+00:00"
    page = read_words(open_browser("viewer").get(write_change_url(find_newest())))
    assert "01 Apr 2031, 00:00:00 IST" in page


def test_the_list_says_amounts_as_people_do():
    admin = open_browser("admin")
    propose(admin)
    propose(admin, amount="")
    propose(admin, window="CREDIT_STOP", direction="C", amount="24")
    page = read_words(open_browser("viewer").get(write_list_url("limits_limitrule")))
    assert "₹1,23,456.00" in page
    assert "No limit" in page
    assert "24 months" in page


def test_the_list_of_rules_asks_no_more_for_more_rules(django_assert_max_num_queries):
    for _ in range(5):
        propose(open_browser("admin"))
    client = open_browser("admin")
    with django_assert_max_num_queries(8):
        client.get(write_list_url("limits_limitrule"))
