"""From the overview, or a Tran_Id, to what somebody paid: pages of money and of people."""

import re

import pytest
from playwright.sync_api import expect

from customers.models import Customer
from limits.models import LedgerEntry, NearLimit
from ppims.core.formats import inr
from ppims.models import Processor
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import run_in_thread
from tests.factories import make_check, make_customer, make_posting

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False])
SEARCH = "Search customers and transactions"


@BOTH_WAYS
def test_the_last_spend_of_who_is_nearest_a_limit_is_two_actions_from_the_overview(visit, scripted):
    page = visit("viewer", "/overview", java_script_enabled=scripted)
    top = NearLimit.objects.latest("permille", "customer_id").customer_id
    last = LedgerEntry.objects.filter(customer_id=top, kind="S", direction="D").latest("number")
    acts = ActionCounter(page)
    nearest = page.get_by_role("list", name="Near or over a limit")
    acts.press(nearest.get_by_role("link").first)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(Customer.objects.get(pk=top).name)
    page.go_back()
    expect(nearest).to_be_visible()
    page.go_forward()
    page.reload()
    expect(heading).to_contain_text(Customer.objects.get(pk=top).name)
    spends = page.get_by_role("region", name="Activity").locator("tr", has_text="Spend")
    spend = spends.filter(has_text="Posted").first
    expect(spend).to_contain_text(inr(last.amount_paise))
    acts.press(spend.get_by_role("link").first)
    expect(page.get_by_text(last.tran_id, exact=True)).to_be_visible()
    assert acts.count == 2


@BOTH_WAYS
def test_a_tran_id_tells_in_three_actions_if_it_was_posted_reversed_and_flagged(
    visit, site, scripted
):
    ent = Processor.objects.get(system_id="ENT")
    number = f"TASK{LedgerEntry.objects.count()}"

    def work():
        customer = make_customer(ent)
        asked, _ = make_check(ent, customer, 50_000)
        make_posting(ent, customer, 40_000, tran_id=number, enquiry=asked.ref_id)
        make_posting(ent, customer, 10_000, kind="R", tran_id=number)

    run_in_thread(work)
    page = visit("viewer", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.fill(SEARCH, number)
    acts.submit()
    expect(page).not_to_have_url(re.compile("/overview$"))
    page.go_back()
    expect(page).to_have_url(re.compile("/overview$"))
    page.go_forward()
    page.reload()
    facts = page.locator("dl.facts", has_text=number)
    if not facts.count():
        acts.press(page.get_by_role("row", name=re.compile("Posted")).get_by_role("link").first)
    expect(facts.first).to_contain_text("₹400.00 was posted, where ₹500.00 was checked.")
    expect(page.locator(".timeline li", has_text="Reversed")).to_contain_text("₹100.00")
    assert acts.count <= 3
