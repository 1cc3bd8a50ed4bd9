"""Two admins and a limit: proposed with its effect in sight, and approved."""

import re

import pytest
from playwright.sync_api import expect

from limits.models import LimitRule, RuleSet
from ppims.maintenance.jobs import run_next
from ppims.services import jobs
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import run_in_thread

BOTH_WAYS = pytest.mark.parametrize(("scripted", "rupees"), [(True, "3000"), (False, "2999")])
MOST_TO_PROPOSE, MOST_TO_APPROVE = 8, 3


@BOTH_WAYS
def test_new_min_and_min_spend_change_from_next_month_with_the_effect_in_sight(
    visit, scripted, rupees
):
    page = visit("nandini", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "Settings")
    acts.click("link", "Change a limit")
    for box in ("Min KYC", "New Min KYC", "Spend"):
        acts.press(page.get_by_label(box, exact=True))
    acts.fill("Limit", rupees)
    acts.fill("Source", "Board, 27 Nov 2026")
    acts.click("button", "Propose")
    effect = page.get_by_role("region", name="What it would have done")
    expect(effect).to_contain_text("Waiting")
    run_in_thread(lambda: run_next(jobs.name_runner()))
    if not scripted:
        page.reload()
    expect(effect).to_contain_text("checks decided anew")
    expect(effect.get_by_role("row", name=re.compile("Newly declined"))).not_to_have_count(0)
    assert acts.count <= MOST_TO_PROPOSE
    proposed = run_in_thread(lambda: RuleSet.objects.latest("pk").pk)

    page = visit("imran", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "Settings")
    said = rf"Min and New Min, spend, month: .*₹{int(rupees):,}"
    acts.press(page.get_by_role("link", name=re.compile(said)))
    expect(page.get_by_role("region", name="What it would have done")).to_contain_text(
        "Newly declined"
    )
    acts.click("button", "Approve")
    expect(page.get_by_text("Approved.", exact=True)).to_be_visible()
    assert acts.count <= MOST_TO_APPROVE
    states = run_in_thread(
        lambda: {*LimitRule.objects.filter(rule_set=proposed).values_list("state", flat=True)}
    )
    assert states == {"APPROVED"}
