"""The audit by a person in front of it: who changed a customer's mobile, in how many actions."""

import re
from itertools import count

import pytest
from playwright.sync_api import expect

from customers.details import CustomerDetails
from customers.models import Customer
from customers.services import customers
from ppims.models import User
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import ONE_OF_EACH, PHONE, find_violations, run_in_thread

new_mobiles = map(str, count(919_870_000_001))


def change_mobile():
    """Change a customer's mobile as a maker does: the customer, and who that was."""
    maker = User.objects.get(username=ONE_OF_EACH["maker"])
    customer = Customer.objects.filter(status="ACTIVE").exclude(mobile="").latest("created_at")
    customers.edit_customer(
        customer_id=customer.pk,
        details=CustomerDetails(mobile_number=next(new_mobiles)),
        accounts={},
        cards={},
        user=maker,
    )
    return customer.pk, maker.username


@pytest.mark.parametrize("scripted", [True, False])
@pytest.mark.parametrize("role", ["auditor", "admin"])
def test_who_changed_a_customers_mobile_takes_four_actions(visit, scripted, role):
    customer, maker = run_in_thread(change_mobile)
    page = visit(role, "/customers", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "Settings")
    acts.click("link", "Audit")
    acts.fill("Customer’s Unique id", str(customer))
    acts.submit()
    page.wait_for_url(f"**/settings/audit?*customer={customer}*")
    row = page.get_by_role("row").filter(has_text="Changed mobile").first
    expect(row).to_contain_text(maker)
    assert acts.count <= 4


@pytest.mark.parametrize("look", [{}, PHONE], ids=["wide", "phone"])
def test_a_row_opens_in_its_place_and_closes_by_keyboard(visit, look):
    page = visit("auditor", "/settings/audit", **look)
    row = page.locator("tbody[id^=audit-]").first
    row.get_by_role("link").first.focus()
    page.keyboard.press("Enter")
    expect(row.locator(".facts")).to_contain_text("Number in its chain")
    expect(row.get_by_role("link").first).to_have_attribute("aria-expanded", "true")
    assert find_violations(page) == []
    expect(row.get_by_role("link").first).to_be_focused()
    page.keyboard.press("Enter")
    expect(row.locator(".facts")).to_have_count(0)


def test_more_rows_come_below_and_no_day_is_said_twice(visit):
    page = visit("auditor", "/settings/audit")
    page.get_by_role("link", name="Load more").click()
    expect(page.locator("tbody[id^=audit-]")).to_have_count(100)
    days = page.locator("tr.day").all_inner_texts()
    assert len(days) == len(set(days)) > 0


@pytest.mark.parametrize("scripted", [True, False])
def test_what_is_filtered_is_exported(visit, scripted):
    page = visit("auditor", "/settings/audit?when=today", java_script_enabled=scripted)
    with page.expect_download() as download:
        page.get_by_role("button", name="Export").click()
    assert re.fullmatch(r"audit-\d\d-\d\d-\d{4}\.csv", download.value.suggested_filename)
    head, *rows = download.value.path().read_text("utf-8-sig").splitlines()
    assert head.startswith("Time (India),Event,Who,Unique id")
    assert rows
