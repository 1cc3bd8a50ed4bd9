"""A month's end walked through in a demo of its own: by the pages alone."""

import shutil
import sqlite3
import time
from contextlib import closing

import pytest
from django.conf import settings as configured
from django.db import connection
from playwright.sync_api import expect

from ppims.core import calendar, clock
from tests.browser.action_counter import ActionCounter
from tests.server.running_server import RunningServer

SECONDS_TO_MIDNIGHT = 15


@pytest.fixture
def copy_of_demo(site, tmp_path):
    """Serve a copy of the demo as it is now, whose clock nobody else goes by."""
    made = RunningServer(tmp_path)

    def serve():
        shutil.copytree(configured.PPIMS_DATA_DIR / "keys", tmp_path / "keys")
        name = connection.settings_dict["NAME"]
        with closing(sqlite3.connect(name)) as database:
            database.execute("VACUUM INTO ?", [str(tmp_path / "ppims.sqlite3")])
        made.start()
        made.wait_until_ready()
        return made

    yield serve
    made.kill()


def let_seconds_pass(server, seconds):
    """Turn the clock by the seconds that a person would wait."""
    offset = server.folder / "clock-offset"
    offset.write_text(repr(float(offset.read_text()) + seconds))
    time.sleep(2 * clock.OFFSET_READ_SECONDS)


def test_a_months_end_takes_ten_actions_at_most(visit, copy_of_demo):
    page = visit("maker")
    server = copy_of_demo()  # with the session that was made just now
    page.goto(f"http://127.0.0.1:{server.port}/overview")
    acts = ActionCounter(page)
    acts.click("link", "Demo", exact=True)
    acts.click("button", "The month’s end")
    expect(page.locator(".clock")).to_contain_text("23:59:5")
    acts.click("link", "Send a call")
    acts.press(page.locator("main ol").get_by_role("link", name="Check customer limit"))
    acts.click("button", "Send")
    answer = page.locator("#answer")
    expect(answer).to_contain_text('"Allow_Customer": "T"')

    let_seconds_pass(server, SECONDS_TO_MIDNIGHT)
    acts.click("link", "Update customer limit")
    acts.click("button", "Send")
    month = calendar.find_ist_day(clock.now())
    expect(answer).to_contain_text(f'"Month": "{month:%m-%Y}"')
    acts.fill("Search customers and transactions", "Meera Iyer")
    acts.press(page.locator("#hits a").first)
    next_month = calendar.find_first_day_after_month(calendar.number_ist_month(clock.now()))
    expect(page.locator(".clock")).to_contain_text(f"{next_month:%d %b %Y}, 00:00")
    expect(page.locator("main")).to_contain_text("Left to spend")
    expect(page.locator("main")).to_contain_text("₹10,000.00")
    assert acts.count <= 10
