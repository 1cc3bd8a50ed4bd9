"""The overview's chart in a browser: a day's values, by mouse, keyboard and finger, without scripts
too.
"""

import re
from datetime import timedelta

import pytest
from playwright.sync_api import expect

from ppims.core import clock
from ppims.core.formats import ist_date
from tests.browser.conftest import PHONE

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False])
FIND_SHOWN = """
    bars => [...bars.querySelectorAll("span")].filter(
        each => getComputedStyle(each).opacity == 1).map(each => each.textContent)
"""


def read_shown(page):
    """Give what stands above the chart: each day's values are in the page, one is to be seen."""
    return page.locator(".bars").evaluate(FIND_SHOWN)


def find_day(*, days_ago):
    return ist_date(clock.today() - timedelta(days=days_ago))


@BOTH_WAYS
def test_a_days_values_are_seen_where_the_mouse_is_and_else_of_today(visit, scripted):
    page = visit("viewer", "/overview", java_script_enabled=scripted)
    days = page.locator(".bars label")
    expect(days).to_have_count(30)
    (today,) = read_shown(page)
    assert re.fullmatch(rf"{find_day(days_ago=0)}: ₹[\d,.]+ spent, ₹[\d,.]+ loaded", today)
    days.nth(26).hover()
    (pointed_at,) = read_shown(page)
    assert pointed_at.startswith(f"{find_day(days_ago=3)}: ")
    page.get_by_role("heading", level=1).hover()
    assert read_shown(page) == [today]


@BOTH_WAYS
def test_the_keyboard_stops_once_at_the_chart_and_goes_from_day_to_day(visit, scripted):
    page = visit("viewer", "/overview", java_script_enabled=scripted)
    page.get_by_role("list", name="Near or over a limit").get_by_role("link").last.focus()
    page.keyboard.press("Tab")
    for days_ago in (0, 1, 2):
        expect(page.get_by_role("radio", name=f"{find_day(days_ago=days_ago)}: ")).to_be_focused()
        (shown,) = read_shown(page)
        assert shown.startswith(f"{find_day(days_ago=days_ago)}: ")
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Tab")
    expect(page.get_by_text("The same as a table")).to_be_focused()


def test_a_finger_chooses_a_day(visit):
    page = visit("viewer", "/overview", **PHONE)
    page.locator(".bars label").nth(19).tap()
    expect(page.get_by_role("radio", name=f"{find_day(days_ago=10)}: ")).to_be_checked()
    (shown,) = read_shown(page)
    assert shown.startswith(f"{find_day(days_ago=10)}: ")
