"""A month's figures, taken away from the first page after the log-in: counted."""

import csv
import re

import pytest
from playwright.sync_api import expect

from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import find_violations
from tests.browser.test_pages import FIND_SIDEWAYS, SHARP_PHONE, WIDE_SCREEN

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False])


@BOTH_WAYS
def test_last_months_figures_are_a_file_in_two_actions(visit, scripted):
    page = visit("auditor", "/", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.click("link", "Reports", exact=True)
    digest = page.locator("code.digest").inner_text()
    page.reload()
    with page.expect_download() as download:
        acts.click("button", "CSV", exact=True)
    path = download.value.path()
    rows = list(csv.reader(path.read_text("utf-8-sig").splitlines()))
    assert ["Digest", digest] in [row[1:] for row in rows]
    expect(page.get_by_role("heading", level=1)).to_contain_text("Figures of")
    assert acts.count <= 2


def test_on_paper_there_are_figures_and_nothing_to_press(visit):
    page = visit("auditor", "/reports")
    page.emulate_media(media="print")
    for name in ("CSV", "Earlier", "Today"):
        expect(page.get_by_text(name, exact=True)).to_be_hidden()
    expect(page.get_by_text("On paper: the browser’s own Print.")).to_be_hidden()
    expect(page.locator("code.digest")).to_be_visible()
    expect(page.get_by_text("printed by")).to_be_visible()


LIST_ADDRESSES = "() => [...document.querySelectorAll('main table a')].map((each) => each.href)"
OF_WHAT = re.compile(r"(?:what|every|action)=[\w-]+|/customers")


@pytest.mark.parametrize(
    "look", [{**WIDE_SCREEN, "color_scheme": "dark"}, SHARP_PHONE], ids=["dark", "phone"]
)
def test_the_lists_of_a_months_figures_are_accessible_and_nothing_is_sideways(visit, look):
    page = visit("auditor", "/reports", **look)
    found = {OF_WHAT.findall(each)[-1]: each for each in page.evaluate(LIST_ADDRESSES)}
    assert len(found) >= 8
    for address in found.values():
        page.goto(address)
        faults = find_violations(page)
        assert [(rule["id"], rule["nodes"][0]["html"]) for rule in faults] == [], address
        assert page.evaluate(FIND_SIDEWAYS) == [], address


@BOTH_WAYS
def test_a_months_list_goes_on_to_another_of_the_month(visit, scripted):
    page = visit("auditor", "/reports", java_script_enabled=scripted)
    page.get_by_role("link", name="At the month’s end", exact=True).click()
    expect(page.get_by_text("Customers at the end of")).to_be_visible()
    page.get_by_label("What").select_option("On-boarded")
    page.get_by_label("KYC then").select_option("New Min KYC")
    if not scripted:
        page.get_by_role("button", name="Show").click()
    expect(page.get_by_text(re.compile(r"On-boarded in \w+ \d+, New Min\b"))).to_be_visible()
