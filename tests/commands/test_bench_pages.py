"""`python3 -m ppims bench --pages`: which pages it finds, and what it tells of them."""

import json

import pytest

from tests.bench.page_list import ExitReader, name_page
from tests.bench.pages import PageCost, write_table
from tests.commands.test_bench import run_bench

FORM = """
    <form method="post"><select name="role"><option value="maker">Maker</select></form>
    <form action="/here">
      <select name="tier"><option value="">All<option value="P">Min<option value="F">Full</select>
      <select name="status"><option value="BLOCKED">Blocked</select>
    </form>
"""


def list_exits(page, *choices):
    reader = ExitReader(*choices)
    reader.feed(page)
    return reader.exits


def test_a_link_is_followed_but_not_one_within_the_page():
    assert list_exits('<a href="#content">Skip</a><a href="?done=1">Done</a><a>Here</a>') == [
        ("?done=1", "")
    ]


def test_each_choice_of_a_filter_is_tried_then_all_at_once_and_nothing_is_sent():
    assert list_exits(FORM) == [
        ("/here?tier=P", "tier=P"),
        ("/here?tier=F", "tier=F"),
        ("/here?status=BLOCKED", "status=BLOCKED"),
        ("/here?tier=F&status=BLOCKED", "all filters at once"),
    ]


def test_of_each_filter_as_many_choices_are_tried_as_are_asked_for():
    assert list_exits(FORM, 1) == [
        ("/here?tier=P", "tier=P"),
        ("/here?status=BLOCKED", "status=BLOCKED"),
        ("/here?tier=P&status=BLOCKED", "all filters at once"),
    ]


@pytest.mark.parametrize(
    ("address", "chosen", "name"),
    [
        ("/customers/482915307264158", "", "customer"),
        ("/customers?after=1&tier=P", "", "customers: after tier"),
        ("/customers?tier=P", "tier=P", "customers: tier=P"),
        ("/admin/ppims/user/?o=1", "", ""),
        ("/admin/ppims/user/", "", "admin:ppims_user_changelist"),
        ("/api/PPIM/v1/docs", "", ""),
        ("/nothing-here", "", ""),
        ("https://example.in/customers", "", ""),
    ],
)
def test_a_page_is_named_without_whom_it_shows(address, chosen, name):
    assert name_page(address, chosen) == name


def test_what_takes_too_long_or_is_too_large_stands_out():
    costs = [PageCost("quick", "maker", 10, 20, 5, 7), PageCost("slow", "maker", 10, 300, 60, 7)]
    *_, quick, slow = write_table(costs).splitlines()
    assert quick == "| quick | 10 | 20 | 5 | 7 |"
    assert slow == "| slow | 10 | **300** | **60** | 7 |"


@pytest.mark.only_on("sqlite", "it brings its own databases")
def test_every_kind_of_page_is_measured_and_nobody_is_told_of(tmp_path):
    told = tmp_path / "told.json"
    size = "--customers 20 --months 1 --rounds 1 --choices 1".split()
    done = run_bench(tmp_path / "own", "--pages", *size, "--json", str(told))
    assert done.returncode == 0, done.stderr[-2000:]
    [costs] = json.loads(told.read_text())["pages"].values()
    names = {cost["name"] for cost in costs}
    lists = {"approvals", "customers", "flagged", "overview", "refused-reports", "transactions"}
    assert names >= lists | {"approval", "customer", "customer-edit", "flagged-posting", "review"}
    assert names >= {"login", "search-results", "search, typed: a last name", "transaction"}
    assert all(cost["median_ms"] > 0 for cost in costs)
    assert "sessionid" not in told.read_text() + done.stdout
    assert list((tmp_path / "own").iterdir()) == []
