"""A part of a page that fails: what was there stays, it says so where it failed, a retry works."""

import re

import pytest
from django.template.loader import render_to_string
from playwright.sync_api import expect

from tests.browser.conftest import REFUSED_MESSAGE, find_violations

BUSY_MESSAGE = "The database is busy"
WORDS = {
    "403": "Your role doesn’t open this",
    "404": "nothing at this address",
    "500": "a fault of ours",
    "503": BUSY_MESSAGE,
}


@pytest.fixture
def failing(visit):
    """Open a page whose parts fail, until it is told to let them through."""

    def open_page(role, address, *, status="503"):
        page = visit(role, address, expected=(f"{REFUSED_MESSAGE}{status}",))
        body = render_to_string(f"{status}.html#said")

        def fail(route):
            if route.request.headers.get("hx-request"):
                route.fulfill(status=int(status), content_type="text/html", body=body)
            else:
                route.continue_()

        page.route("**/*", fail)
        return page

    return open_page


def assert_said(page, words=BUSY_MESSAGE):
    """See that it is said once, by an alert that can be seen, and nothing invalid came of it."""
    alert = page.get_by_role("alert").filter(has_text=words)
    expect(alert).to_have_count(1)
    expect(alert).to_be_visible()
    expect(page.locator("tbody > p, tr > p, table > p")).to_have_count(0)
    assert alert.evaluate("alert => alert.scrollWidth <= alert.clientWidth")
    assert find_violations(page) == []
    return alert


@pytest.mark.parametrize("status", WORDS)
def test_a_row_that_does_not_open_stays_and_says_why_below_it(failing, status):
    page = failing("viewer", "/transactions", status=status)
    rows = page.locator("tbody tr:not(.day)")
    first, number = rows.first.inner_text(), rows.count()
    opener = rows.first.get_by_role("link").first
    for _ in range(2):  # the second says it anew, and not twice
        opener.click()
        expect(rows.nth(1).get_by_role("alert")).to_contain_text(WORDS[status])
        assert_said(page, WORDS[status])
        expect(rows).to_have_count(number + 1)
        expect(opener).to_be_focused()
    assert rows.first.inner_text() == first
    page.unroute_all()
    opener.click()
    expect(rows.nth(1).locator("dl.facts").first).to_be_visible()
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize("address", ["/transactions?every=check", "/customers"])
def test_more_that_does_not_come_is_said_below_and_may_be_asked_for_again(failing, address):
    page = failing("viewer", address)
    rows = page.locator("tbody tr:not(.day)")
    expect(rows).to_have_count(51)
    more = page.get_by_role("link", name="Load more")
    more.click()
    assert_said(page)
    expect(rows.last.get_by_role("alert")).to_be_visible()
    page.unroute_all()
    more.click()
    expect(rows).to_have_count(101)
    expect(page.get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize(
    ("address", "label", "value", "found"),
    [
        ("/transactions", "Processor", "ENT", "#found"),
        ("/customers", "Status", "BLOCKED", "#list"),
    ],
)
def test_a_filter_that_fails_leaves_the_list_and_its_address(failing, address, label, value, found):
    page = failing("viewer", address)
    rows = page.locator("tbody tr")
    texts = rows.all_inner_texts()
    choice = page.locator("form.filters").get_by_label(label)
    choice.select_option(value)
    expect(page.locator(found).get_by_role("alert")).to_be_visible()
    assert_said(page)
    assert rows.all_inner_texts() == texts
    expect(page).to_have_url(re.compile(f"{address}$"))
    page.unroute_all()
    show = page.get_by_role("button", name="Show")
    show.focus()  # for the keyboard it is there
    show.press("Enter")
    expect(page).to_have_url(re.compile(f"={value}"))
    expect(page.get_by_role("alert")).to_have_count(0)
    assert rows.all_inner_texts() != texts


def test_a_search_that_fails_while_one_types_says_so_instead_of_old_hits(failing):
    page = failing("viewer", "/settings/limits")
    search = page.get_by_label("Search customers and transactions")
    search.press_sequentially("verma")
    expect(page.locator("#hits").get_by_role("alert")).to_contain_text(BUSY_MESSAGE)
    page.unroute_all()
    search.press_sequentially(" ")
    expect(page.locator("#hits").get_by_role("link").first).to_contain_text("Verma")
    expect(page.locator("#hits").get_by_role("alert")).to_have_count(0)


@pytest.mark.parametrize(
    ("address", "label"), [("/onboard", "Name"), ("edit", "E-mail"), ("kyc", "KYC done on")]
)
def test_a_field_that_could_not_be_looked_at_says_so_below_it(failing, address, label):
    if not address.startswith("/"):
        row = failing("viewer", "/customers").locator("tbody a").first
        address = f"{row.get_attribute('href')}/{address}"
    page = failing("maker", address)
    for _ in range(2):
        page.get_by_label(label, exact=True).fill("m@")
        page.get_by_label(label, exact=True).press("Tab")
        assert_said(page)
        page.get_by_label(label, exact=True).fill("")
    expect(page.locator(".field", has_text=label).get_by_role("alert").first).to_be_visible()
    page.unroute_all()
    page.get_by_label(label, exact=True).fill("mm")
    page.get_by_label(label, exact=True).press("Tab")
    expect(page.get_by_text(BUSY_MESSAGE)).to_have_count(0)


def test_an_answer_that_is_not_ours_does_no_harm_either(visit):
    page = visit("viewer", "/transactions", expected=(f"{REFUSED_MESSAGE}502",))
    page.route("**/transactions/**", lambda route: route.fulfill(status=502, body="<h1>proxy</h1>"))
    page.locator("tbody tr:not(.day)").first.get_by_role("link").first.click()
    assert_said(page, "can’t be reached")
    expect(page.get_by_text("proxy")).to_have_count(0)
