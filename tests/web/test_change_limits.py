"""Change a limit: one form for several KYC and both directions, or a pack; proposed as one, decided
as one, and nowhere else.
"""

import json

import pytest
from django.urls import reverse

from limits.forms import list_next_months
from limits.models import LimitRule, RuleSet
from limits.queries import list_in_force
from limits.services import rules
from ppims.core import clock
from ppims.models import AuditEntry
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
ADDRESS = "/settings/limits/change"
DRAFT = "/settings/limits/packs/limit_rules_rbi_draft_2026"
CHANGE = {
    "tiers": ["N", "P"],
    "directions": ["D"],
    "window": "MONTH",
    "amount": "12000",
    "start": "approval",
    "source": "Board, 3 March",
    "months": "3",
}


def propose(client, **changes):
    return client.post(ADDRESS, {**CHANGE, **changes})


def find_newest():
    return RuleSet.objects.latest("pk")


def write_address(rule_set):
    return reverse("approval", args=["limit-change", rule_set.pk])


def decide(client, decision, note="As agreed"):
    return client.post(write_address(find_newest()), {"decision": decision, "note": note})


def list_rules(rule_set):
    fields = ("tier", "direction", "window", "amount", "state")
    return list(rule_set.rules.order_by("pk").values_list(*fields))


def test_several_limits_are_in_force_once_another_admin_approves_their_change():
    maker, other = open_browser("admin"), open_browser("admin")
    answer = propose(maker, directions=["D", "C"])
    proposed = find_newest()
    assert (answer.status_code, answer["Location"]) == (302, write_address(proposed))
    assert list_rules(proposed) == [
        (tier, way, "MONTH", 1_200_000, "PROPOSED") for tier in "NP" for way in "DC"
    ]
    assert decide(maker, "approve").status_code == 422
    assert not {*proposed.rules.all()} & {*list_in_force(clock.now())}
    assert decide(other, "approve").status_code == 302
    assert {*proposed.rules.all()} <= {*list_in_force(clock.now())}
    said = "Approved Min and New Min, spend, month: ₹10,000 → ₹12,000 from"
    assert said in read_words(other.get("/settings/audit")) or "4 limits" in read_words(
        other.get("/settings/audit")
    )


def test_the_checker_sees_each_limit_before_and_after_and_the_start_once():
    propose(open_browser("admin"))
    page = read_words(open_browser("admin").get(write_address(find_newest())))
    for tier in ("Min KYC", "New Min KYC"):
        assert f"{tier}, Spend, Calendar month ₹10,000.00 ₹12,000.00" in page
    assert page.count("When it is approved") == 1
    assert "Change of limits: Min and New Min, spend, month: ₹12,000 from its approval" in page


def test_what_was_before_is_told_after_the_approval_too():
    propose(open_browser("admin"))
    other = open_browser("admin")
    decide(other, "approve")
    page = read_words(other.get(write_address(find_newest())))
    assert "New Min KYC, Spend, Calendar month ₹10,000.00 ₹12,000.00" in page


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor"])
def test_no_other_role_proposes_or_decides_one(role):
    propose(open_browser("admin"))
    client = open_browser(role)
    assert propose(client).status_code == 403
    assert client.get(ADDRESS).status_code == 403
    assert client.post(DRAFT, {"months": "3"}).status_code == 403
    for decision in ("approve", "reject", "withdraw"):
        assert decide(client, decision).status_code == 403
    assert find_newest().state == "PROPOSED"
    assert RuleSet.objects.count() == 1


def test_another_rejects_and_the_maker_withdraws():
    maker, other = open_browser("admin"), open_browser("admin")
    for decision, client, state in (
        ("reject", other, "REJECTED"),
        ("withdraw", maker, "WITHDRAWN"),
    ):
        propose(maker)
        if decision == "reject":
            assert decide(client, decision, note=" ").status_code == 422
        assert decide(client, decision).status_code == 302
        assert {rule[-1] for rule in list_rules(find_newest())} == {state}
    assert decide(other, "approve").status_code == 422
    assert {rule.amount for rule in list_in_force(clock.now())} == {1_000_000}


def test_the_admin_is_no_way_round():
    client = open_browser("admin")
    propose(client)
    rule = find_newest().rules.first()
    admins = reverse("admin:limits_limitrule_change", args=[rule.pk])
    assert client.post(admins, {"amount": "1", "state": "APPROVED"})["Location"] == reverse(
        "limits"
    )
    assert find_newest().rules.first().amount == rule.amount
    for path in (f"/work/approvals/limit-rule/{rule.pk}", f"/work/approvals/limit-rule/{10**9}"):
        assert open_browser("admin").post(path, {"decision": "approve"}).status_code == 404


@pytest.mark.parametrize(
    ("changes", "amount"),
    [
        ({"amount": "", "is_unlimited": "on"}, None),
        ({"amount": "0.01"}, 1),
        ({"amount": "999999999999.99"}, 99_999_999_999_999),
        ({"window": "CREDIT_STOP", "directions": ["C"], "amount": "24"}, 24),
    ],
)
def test_an_amount_is_rupees_or_months_or_no_limit(changes, amount):
    assert propose(open_browser("admin"), **changes).status_code == 302
    assert {rule.amount for rule in find_newest().rules.all()} == {amount}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"tiers": []}, "tiers"),
        ({"tiers": ["X"]}, "tiers"),
        ({"directions": []}, "directions"),
        ({"amount": ""}, "amount"),
        ({"is_unlimited": "on"}, "amount"),
        ({"amount": "0"}, "amount"),
        ({"amount": "1,000"}, "amount"),
        ({"amount": "1.005"}, "amount"),
        ({"amount": "-5"}, "amount"),
        ({"window": "CREDIT_STOP", "directions": ["C"], "amount": "24.00"}, "amount"),
        ({"window": "CREDIT_STOP", "directions": ["C"], "amount": "0"}, "amount"),
        ({"window": "CREDIT_STOP", "directions": ["C"], "amount": "601"}, "amount"),
        ({"window": "BALANCE", "directions": ["D", "C"]}, "directions"),
        ({"window": "NONE"}, "window"),
        ({"source": ""}, "source"),
        ({"source": "x" * 201}, "source"),
        ({"start": "2026-12-02"}, "start"),
        ({"start": "soon"}, "start"),
        ({"months": "13"}, "months"),
        ({"amount": "10000"}, "__all__"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_proposed(changes, field):
    page = propose(open_browser("admin"), **changes)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert not RuleSet.objects.exists()


def test_only_what_differs_is_proposed():
    start = list_next_months(clock.now())[0].isoformat()
    client = open_browser("admin")
    propose(client, tiers=["N"])
    decide(open_browser("admin"), "approve")
    propose(client, start=start)
    assert [rule[0] for rule in list_rules(find_newest())] == ["P"]


def test_a_pack_is_shown_as_differences_and_proposed_and_decided_as_one():
    client = open_browser("admin")
    assert "RBI draft, April 2026" in read_words(client.get(ADDRESS))
    page = client.get(DRAFT)
    count = len(page.context["differences"])
    source = "Draft Master Direction of 22 Apr 2026, not final"
    said = f"Min KYC, Load, Balance at any time {source} No rule ₹10,000.00"
    assert said in read_words(page)
    assert f"Propose these {count} changes" in read_words(page)
    assert "it counts from the moment of approval" in read_words(page)
    assert client.post(DRAFT, {"months": "1"}).status_code == 302
    proposed = find_newest()
    assert proposed.pack == "limit_rules_rbi_draft_2026"
    assert proposed.rules.count() == count
    before = AuditEntry.objects.count()
    decide(open_browser("admin"), "approve")
    entry = AuditEntry.objects.latest("pk")
    assert (AuditEntry.objects.count(), entry.action) == (before + 1, "limit change approved")
    assert len(json.loads(entry.detail)["rules"]) == count
    assert client.get(DRAFT).context["differences"] == []
    assert client.post(DRAFT, {"months": "1"}).status_code == 422


def test_what_a_pack_has_that_is_in_force_is_left_out():
    client = open_browser("admin")
    page = client.get("/settings/limits/packs/limit_rules_rbi_2021")
    pack = rules.read_pack(rules.PACKS_FOLDER / "limit_rules_rbi_2021.json")
    assert page.context["same"] == len(pack) - len(page.context["differences"]) > 0
    assert "there is nothing to propose" in read_words(
        client.get("/settings/limits/packs/limit_rules")
    )


@pytest.mark.parametrize("name", ["demo", "no_such_pack"])
def test_there_is_no_other_pack(name):
    assert open_browser("admin").get(f"/settings/limits/packs/{name}").status_code == 404


def test_the_pages_take_a_bounded_number_of_queries(django_assert_max_num_queries):
    client = open_browser("admin")
    for _ in range(5):
        client.post(DRAFT, {"months": "1"})
    assert LimitRule.objects.count() > 30
    for address in (ADDRESS, DRAFT, "/settings/limits", write_address(find_newest())):
        with django_assert_max_num_queries(21):
            assert client.get(address).status_code == 200
