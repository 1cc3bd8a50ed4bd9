"""Staff answer a caller: who is it, why was the payment declined, what is left to spend. With
scripts and without; back and reload in the middle; nothing personal in an address.
"""

import re

import pytest
from playwright.sync_api import expect

from customers.models import Card, Customer
from limits.models import LimitCheck, MonthlyUsage
from ppims.core import calendar, clock
from ppims.core.formats import inr, write_month
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import find_violations

SEARCH = "Search customers and transactions"
BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False], ids=["scripts", "no scripts"])


@pytest.fixture
def declined(site):
    """Someone whose last payment was declined for the month's limit."""
    reason = {"is_allowed": False, "reason": "MONTH_LIMIT"}
    check = LimitCheck.objects.filter(**reason).order_by("-at").first()
    return Customer.objects.get(pk=check.customer_id)


@pytest.fixture
def two_of_a_name(site):
    """A family name that several have."""
    first, last = "Harish", "Verma"
    assert Customer.objects.filter(name__endswith=last).count() > 1
    return first, last


def read_last_four(customer):
    return Card.objects.filter(customer=customer).first().last_four


def assert_nothing_personal(page, customer, addresses):
    words = [*customer.name.split(), customer.mobile, customer.mobile[2:]]
    return [a for a in (*addresses, page.url) for word in words if word.lower() in a.lower()] == []


@pytest.fixture
def asked(visit):
    """Open a browser, and note every address that it asks for."""

    def open_page(role, address, scripted):
        page, addresses = visit(role, address, java_script_enabled=scripted), []
        page.on("request", lambda request: addresses.append(request.url))
        return page, addresses

    return open_page


@BOTH_WAYS
def test_last_four_and_surname_to_why_the_last_payment_was_declined_in_3(asked, declined, scripted):
    page, addresses = asked("viewer", "/settings/limits", scripted)
    acts = ActionCounter(page)
    acts.fill(SEARCH, f"{read_last_four(declined)} {declined.name.split()[-1]}")
    acts.submit()
    expect(page.get_by_role("heading", level=1)).to_contain_text(declined.name)
    why = page.get_by_role("region", name="Last declined: over the month’s limit")
    expect(why).to_contain_text("was used in the calendar month")
    expect(why).to_contain_text(re.compile(r"resets on 1 \w+ \d{4}|would have passed"))
    assert acts.count <= 3
    assert assert_nothing_personal(page, declined, addresses)


@BOTH_WAYS
def test_mobile_to_what_is_left_and_when_it_resets_in_2(asked, declined, scripted):
    page, addresses = asked("viewer", "/settings/limits", scripted)
    acts = ActionCounter(page)
    acts.fill(SEARCH, declined.mobile[2:])
    acts.submit()
    spend = page.locator("section", has=page.get_by_role("heading", name="Left to spend"))
    expect(spend.locator(".figure")).to_have_text(re.compile(r"^₹[\d,]+\.\d\d$"))
    expect(spend).to_contain_text(re.compile(r"resets on 1 \w+ \d{4}"))
    assert acts.count == 2
    assert assert_nothing_personal(page, declined, addresses)


@BOTH_WAYS
def test_a_name_to_what_was_spent_in_september_in_3(asked, scripted):
    month = find_last_september()
    most = MonthlyUsage.objects.filter(month=month).order_by("-debit_paise").first()
    page, addresses = asked("viewer", "/limits", scripted)
    acts = ActionCounter(page)
    customer = Customer.objects.get(pk=most.customer_id)
    acts.fill(SEARCH, customer.name)
    acts.submit()
    hits = page.get_by_role("region", name="Hits").get_by_role("link")
    if hits.count():  # several have the name
        acts.press(page.locator(f'a[href="/customers/{customer.pk}"]').first)
    rows = page.get_by_role("table", name="Past months").get_by_role("row")
    expect(rows.filter(has_text=write_month(month))).to_contain_text(inr(most.debit_paise))
    assert acts.count <= 3
    assert assert_nothing_personal(page, customer, addresses)


def find_last_september():
    month = calendar.number_ist_month(clock.now())
    while month % 100 != 9:
        month = calendar.number_month_before(month)
    return month


@pytest.mark.parametrize(("width", "is_beside"), [(1280, True), (1100, True), (1099, False)])
def test_who_stands_beside_what_is_left_where_there_is_room(visit, declined, width, is_beside):
    size = {"viewport": {"width": width, "height": 800}}
    page = visit("viewer", f"/customers/{declined.pk}", **size)

    def find_box(name):
        return page.get_by_role("heading", name=name, exact=True).bounding_box()

    left, who, happened = map(find_box, ("Left to spend this month", "Who", "Activity"))
    assert (who["x"] > left["x"] + 400) == is_beside
    assert (who["y"] < left["y"] + 100) == is_beside
    assert happened["x"] == left["x"]
    assert (happened["y"] > find_box("Past months")["y"]) == (not is_beside)


@BOTH_WAYS
def test_a_filter_that_acts_at_once_needs_no_button_but_for_the_keyboard(asked, declined, scripted):
    page, _ = asked("viewer", f"/customers/{declined.pk}", scripted)
    button = page.get_by_role("button", name="Show")
    assert (button.bounding_box()["width"] > 1) == (not scripted)
    page.get_by_label("When").focus()
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.bounding_box()["width"] > 30


@BOTH_WAYS
def test_back_and_reload_keep_the_hits_and_the_customer(asked, two_of_a_name, scripted):
    _, last = two_of_a_name
    page, addresses = asked("viewer", "/customers", scripted)
    acts = ActionCounter(page)
    acts.fill(SEARCH, last)
    acts.submit()
    hits = page.get_by_role("table", name="Hits").get_by_role("link")
    count = hits.count()
    assert count > 1
    page.reload()
    expect(hits).to_have_count(count)
    name = hits.first.inner_text()
    acts.press(hits.first)
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_contain_text(name)
    page.reload()
    expect(heading).to_contain_text(name)
    page.go_back()
    expect(hits).to_have_count(count)
    page.go_back()
    expect(page.get_by_role("heading", name="Customers")).to_be_visible()
    assert not any(last.lower() in address.lower() for address in addresses)


def test_hits_come_as_one_types_and_go_with_the_focus(asked, two_of_a_name):
    _, last = two_of_a_name
    page, addresses = asked("viewer", "/settings/limits", scripted=True)
    page.keyboard.press("/")
    page.keyboard.type(last.lower(), delay=20)
    hits = page.locator("#hits").get_by_role("link")
    expect(hits.first).to_contain_text(last)
    expect(hits.first).to_contain_text("name")
    assert find_violations(page) == []
    assert len([address for address in addresses if address.endswith("/search")]) <= 2
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    expect(hits.first).to_be_focused()
    page.locator("h1").click()
    expect(hits.first).to_be_hidden()
    page.get_by_label(SEARCH).click()
    hits.first.click()
    expect(page.get_by_role("heading", name="Left to spend this month")).to_be_visible()


def test_arrows_lead_into_the_hits_and_enter_opens_one(asked, two_of_a_name):
    _, last = two_of_a_name
    page, _ = asked("viewer", "/limits", scripted=True)
    field, hits = page.get_by_label(SEARCH), page.locator("#hits").get_by_role("link")
    field.press_sequentially(last.lower())
    expect(hits.first).to_contain_text(last)
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    for key, place in (("ArrowDown", 0), ("ArrowDown", 1), ("End", -1), ("Home", 0)):
        page.keyboard.press(key)
        stop = hits.nth(place) if place >= 0 else page.locator("#hits :is(a, button)").last
        expect(stop).to_be_focused()
    page.keyboard.press("ArrowUp")
    expect(field).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Escape")
    expect(field).to_be_focused()
    expect(field).to_have_value(last.lower())
    expect(hits).to_have_count(0)
    page.keyboard.press("Backspace")
    expect(hits.first).to_contain_text(last)
    page.keyboard.press("ArrowDown")
    name = hits.first.locator("span").first.inner_text().split(last)[0]
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


@BOTH_WAYS
def test_a_misspelt_surname_is_found_in_3_as_one_that_is_alike(asked, two_of_a_name, scripted):
    first, last = two_of_a_name
    page, _ = asked("viewer", "/limits", scripted)
    acts = ActionCounter(page)
    acts.fill(SEARCH, f"{first} {last[0]}x{last[2:]}")
    acts.submit()
    expect(page.get_by_text("No exact match for")).to_be_visible()
    acts.press(page.get_by_role("table", name="Hits").get_by_role("link").first)
    expect(page.get_by_role("heading", level=1)).to_contain_text(f"{first} {last}")
    assert acts.count == 3


def test_a_filter_of_the_list_acts_at_once_and_back_takes_it_away(asked):
    page, _ = asked("viewer", "/customers", scripted=True)
    rows = page.locator("tbody tr")
    everybody = rows.count()
    page.get_by_label("Status").select_option(label="Blocked by us")
    expect(page).to_have_url(re.compile("status=BLOCKED"))
    expect(rows).not_to_have_count(everybody)
    page.reload()
    expect(page.get_by_label("Status")).to_have_value("BLOCKED")
    page.go_back()
    expect(rows).to_have_count(everybody)


@BOTH_WAYS
def test_more_of_the_list_follows(asked, scripted):
    page, _ = asked("viewer", "/customers", scripted)
    rows = page.locator("tbody tr:not(.more)")
    first = rows.first.inner_text()
    page.get_by_role("link", name="Load more").click()
    if scripted:
        expect(rows).to_have_count(100)
        assert rows.first.inner_text() == first
    else:
        expect(page.get_by_role("link", name="Back to the newest")).to_be_visible()
        expect(rows).to_have_count(50)
        assert rows.first.inner_text() != first


@BOTH_WAYS
def test_what_is_revealed_is_masked_again_by_a_reload(asked, declined, scripted):
    page, _ = asked("maker", f"/customers/{declined.pk}", scripted)
    acts = ActionCounter(page)
    acts.click("link", "Reveal")
    acts.fill("Reason", "asked by phone")
    acts.submit()
    expect(page.locator("main")).to_contain_text(declined.mobile)
    page.reload()
    expect(page.get_by_role("heading", name="Who")).to_be_visible()
    expect(page.locator("main")).not_to_contain_text(declined.mobile)
    page.go_back()
    expect(page.locator("main")).not_to_contain_text(declined.mobile)


@BOTH_WAYS
def test_a_row_of_the_activity_opens_and_says_why(asked, declined, scripted):
    page, _ = asked("viewer", f"/customers/{declined.pk}", scripted)
    row = page.locator("#activity tr.declined").first
    row.get_by_role("link").click()
    expect(page.locator(".timeline dl.facts", has_text="Rule")).to_contain_text("Calendar month")
    if scripted:
        expect(page).to_have_url(re.compile(rf"/customers/{declined.pk}$"))
        row.get_by_role("link").click()
        expect(page.locator("#activity .timeline")).to_have_count(0)


def test_an_auditor_takes_a_statement_along(asked, declined):
    page, _ = asked("auditor", f"/customers/{declined.pk}?when=month", scripted=True)
    with page.expect_download() as download:
        page.get_by_role("button", name="Statement (CSV)").click()
    assert download.value.suggested_filename.startswith(f"statement-{declined.pk}-")


def test_a_page_for_paper_has_no_menu_and_no_buttons(asked, declined):
    page, _ = asked("maker", f"/customers/{declined.pk}", scripted=True)
    page.emulate_media(media="print")
    expect(page.get_by_role("heading", name="Left to spend this month")).to_be_visible()
    for gone in ("Main", "Reveal", "Show", "Load more"):
        for role in ("navigation", "link", "button"):
            expect(page.get_by_role(role, name=gone, exact=True)).to_have_count(0)
