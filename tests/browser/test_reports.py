"""A month's figures, taken away from the first page after the log-in: counted."""

import csv

import pytest
from playwright.sync_api import expect

from tests.browser.action_counter import ActionCounter

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
