"""Two records of one person become one, by two people: what each of them does is counted."""

from functools import partial

import pytest
from playwright.sync_api import expect

from customers.models import Customer, Merge
from ppims.models import Processor
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import run_in_thread
from tests.factories import make_check, make_customer, make_posting

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])


@pytest.fixture
def two(site):
    """One person twice, who has spent by both."""
    made = []
    for code, paise in (("ENT", 600_000), ("CBS", 500_000)):
        processor = Processor.objects.get(system_id=code)
        customer = run_in_thread(partial(make_customer, processor, customer_name="Lata Bose"))
        run_in_thread(partial(make_posting, processor, customer, paise))
        made.append(customer)
    return made


@BOTH_WAYS
def test_a_merge_is_five_steps_and_its_approval_two(visit, two, scripted):
    survivor, merged = two
    page = visit("maker", f"/customers/{merged}", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "Merge with…")
    acts.fill("The other customer", str(survivor))
    acts.submit()
    expect(page.get_by_text("Together they are over a limit")).to_be_visible()
    acts.fill("Reason", "Same PAN, seen at the branch")
    acts.click("button", "Propose the merge")
    expect(page.get_by_text("It is proposed: another person approves it")).to_be_visible()
    assert acts.count == 5
    assert Customer.objects.get(pk=merged).survivor_id is None

    page = visit("checker", "/work/approvals", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", f"Merge: {merged} into {survivor}")
    expect(page.get_by_text("₹0.00: over the limit of ₹10,000.00")).to_be_visible()
    acts.click("button", "Approve")
    expect(page.get_by_text("Approved.")).to_be_visible()
    assert acts.count == 2
    assert Merge.objects.get(merged_id=merged).state == "APPROVED"

    page.goto(f"/customers/{merged}")
    expect(page.get_by_text(f"{merged} was merged into this customer on")).to_be_visible()
    assert page.url.endswith(f"/customers/{survivor}")
    cbs = Processor.objects.get(system_id="CBS")
    check, _ = run_in_thread(partial(make_check, cbs, merged, 100))
    assert (check.customer_id, check.reason) == (survivor, "MONTH_LIMIT")
