"""No page's first screen has more figures, links and buttons together than it had when this was
counted: a meter beside a decision may take the place of links, not come on top of them.

first_screens.json has what was counted. A page that has come since has no line there; the line of a
page that goes is deleted with it. What each has now is printed: `-s` shows it.
"""

import json
from pathlib import Path

import pytest

from tests.browser.first_screen import FirstScreen, count_first_screen, list_figures
from tests.browser.test_pages import PAGES, WIDE_SCREEN, open_shown

COUNTS_FILE = Path(__file__).with_name("first_screens.json")
COUNTS_BEFORE = {
    name: FirstScreen(**counts) for name, counts in json.loads(COUNTS_FILE.read_text()).items()
}
# How many figures more there may be by the day of the month: the demo is told up to today, and who
# is near a limit is said beside a name.
FIGURES_BY_THE_DAY = {"customers": 2}
# Keys, beside the other tabs of an admin; and Import, beside On-board.
TABS_SINCE = {"limits": 1, "customers": 1}
PLACES_OF_A_DEMO = 1  # of the menu: a bank's own has no page Demo
ADD_ONE_OF_EACH = """(top) => {
  const added = document.querySelector('main').appendChild(document.createElement('p'));
  added.innerHTML = '<a href="/search">Search</a> <button>Show</button> ₹1,23,456.78 12%';
  added.style.cssText = `position: absolute; top: ${top}; left: 300px`;
}"""


@pytest.mark.parametrize("name", COUNTS_BEFORE)
def test_a_first_screen_has_no_more_than_before(visit, name):
    shown = {shown.name: shown for shown in PAGES}[name]
    now, before = (
        count_first_screen(open_shown(visit, shown, **WIDE_SCREEN)),
        COUNTS_BEFORE[name],
    )
    print(name, now, "before:", before)
    own = now.total - (PLACES_OF_A_DEMO if shown.role else 0)
    more = FIGURES_BY_THE_DAY.get(name, 0) + TABS_SINCE.get(name, 0)
    assert own <= before.total + more


@pytest.mark.parametrize(("top", "more"), [("700px", (2, 1, 1)), ("900px", (0, 0, 0))])
def test_what_is_in_sight_is_counted_and_nothing_else(visit, top, more):
    page = open_shown(visit, PAGES[0], **WIDE_SCREEN)
    before = count_first_screen(page)
    page.evaluate(ADD_ONE_OF_EACH, top)
    figures, links, buttons = more
    assert count_first_screen(page) == FirstScreen(
        before.figures + figures, before.links + links, before.buttons + buttons
    )


@pytest.mark.parametrize(
    ("text", "figures"),
    [
        ("₹8,360.00 of ₹10,000 was used", ["₹8,360.00", "₹10,000"]),
        ("87.3% used by 105 customers; ₹0.00 on hold", ["87.3%", "105", "₹0.00"]),
        ("oldest: 5 hours", ["5"]),
        ("28 Nov 2026, 1:30 AM", []),
        ("from 1 April, each Nov 2026 and in 2026-27", []),
        ("••••4321, •• ••• 1995", []),
        ("482915307264158", []),
        ("DEMO-CALL-6, T17, PAN ••••001F", []),
    ],
)
def test_a_figure_is_an_amount_a_count_or_a_percentage(text, figures):
    assert list_figures(text) == figures
