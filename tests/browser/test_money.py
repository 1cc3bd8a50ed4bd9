"""Money in a browser: the tasks of a day at the overview, in transactions and in the queues."""

import csv
import re
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from django.utils.dateformat import format as dated
from playwright.sync_api import expect

from customers.models import Customer, DuplicateReview
from limits.models import LedgerEntry
from limits.services.findings import find_closing
from ppims.core import calendar, clock
from ppims.models import Processor
from tests.browser.action_counter import ActionCounter
from tests.browser.conftest import REFUSED_MESSAGE, find_violations, run_in_thread
from tests.factories import make_check, make_customer

BOTH_WAYS = pytest.mark.parametrize("scripted", [True, False])
A_LAKH_AND_MORE = 12_345_678  # paise: over every limit


def find_noon(*, days_ago):
    today = clock.now().astimezone(calendar.IST).date()
    return datetime.combine(today - timedelta(days=days_ago), datetime.min.time(), calendar.IST) + (
        timedelta(hours=12)
    )


@pytest.fixture
def ent(site):
    return Processor.objects.get(system_id="ENT")


@pytest.fixture
def declined_yesterday(ent):
    """A customer who was declined at noon of yesterday, at ENT, and today at CBS."""
    cbs, name = Processor.objects.get(system_id="CBS"), f"Leela {Customer.objects.count()}"

    def work():
        with clock.freeze(find_noon(days_ago=30)):
            customer = make_customer(ent, cbs, customer_name=name)
        with clock.freeze(find_noon(days_ago=1)):
            make_check(ent, customer, A_LAKH_AND_MORE)
        make_check(cbs, customer, A_LAKH_AND_MORE + 1)

    run_in_thread(work)
    return name


def read_figure(page, label):
    return page.get_by_role("link", name=re.compile(f"^{label}: "))


def read_rows(page):
    return page.get_by_role("table", name="Transactions").locator("tbody tr:not(.day)")


@BOTH_WAYS
def test_yesterdays_declines_at_one_processor_counted_and_exported_take_five_actions(
    visit, declined_yesterday, scripted
):
    page = visit("auditor", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.press(read_figure(page, "Declined"))
    acts.fill("Processor", "ENT")
    if scripted:
        expect(page).to_have_url(re.compile("processor=ENT"))
    acts.fill("When", "Yesterday")
    if not scripted:
        acts.click("button", "Show")
    expect(page).to_have_url(re.compile(r"\?when=yesterday&processor=ENT&outcome=declined$"))
    assert_seen(page, declined_yesterday)
    rows = read_rows(page)
    count = rows.count()
    expect(page.get_by_text(re.compile(rf"^\s*{count} transactions?\s"))).to_contain_text("Spend ₹")
    with page.expect_download() as downloaded:
        acts.click("button", "Export")
    assert acts.count <= 5
    with Path(downloaded.value.path()).open(encoding="utf-8-sig", newline="") as file:
        _, *exported = csv.reader(file)
    assert len(exported) == count
    assert {(row[3], row[7]) for row in exported} == {("Declined", "ENT")}
    assert "123456.78" in [row[2] for row in exported]
    page.get_by_role("link", name="Settings").click()
    page.go_back()
    assert_seen(page, declined_yesterday)
    page.reload()
    assert_seen(page, declined_yesterday)
    expect(page.get_by_label("When")).to_have_value("yesterday")


def assert_seen(page, name):
    """See that each row is a decline of yesterday at ENT, and that ours is there."""
    day = dated(find_noon(days_ago=1).date(), "D, j M Y")
    expect(page.locator("tr.day")).to_have_text([day])
    expect(read_rows(page).filter(has_text=name)).to_have_count(1)
    expect(read_rows(page).filter(has_text=name)).to_contain_text("₹1,23,456.78")
    texts = read_rows(page).all_inner_texts()
    assert [text for text in texts if not ("ENT" in text and "Declined" in text)] == []


def test_back_goes_through_the_filters_that_were_chosen(visit, declined_yesterday):
    page = visit("viewer", "/transactions?outcome=declined")
    page.get_by_label("Processor").select_option("CBS")
    expect(page).to_have_url(re.compile("processor=CBS"))
    expect(read_rows(page).filter(has_text=declined_yesterday)).to_have_count(1)
    page.go_back()
    expect(page).to_have_url(re.compile(r"\?outcome=declined$"))
    expect(page.get_by_label("Processor")).to_have_value("")
    expect(read_rows(page).filter(has_text=declined_yesterday)).to_have_count(2)


def test_a_choice_keeps_the_focus(visit):
    page = visit("viewer", "/transactions")
    page.get_by_label("When").focus()
    page.get_by_label("When").select_option("own")
    expect(page.get_by_label("From")).to_be_visible()
    expect(page.get_by_label("When")).to_be_focused()


@BOTH_WAYS
def test_own_dates_are_asked_for_when_they_are_wanted(visit, declined_yesterday, scripted):
    page = visit("viewer", "/transactions?outcome=declined", java_script_enabled=scripted)
    expect(page.get_by_label("From")).to_have_count(0)
    page.get_by_label("When").select_option("own")
    if not scripted:
        page.get_by_role("button", name="Show").click()
    day = find_noon(days_ago=1).date().isoformat()
    page.get_by_label("To", exact=True).fill(day)
    page.get_by_label("To", exact=True).press("Enter")
    expect(page).to_have_url(re.compile(f"when=own&until={day}&outcome=declined$"))
    expect(read_rows(page).filter(has_text=declined_yesterday)).to_have_count(1)


@BOTH_WAYS
def test_a_row_opens_in_its_place_or_without_scripts_on_its_page(
    visit, declined_yesterday, scripted
):
    page = visit("viewer", "/transactions?outcome=declined", java_script_enabled=scripted)
    row = read_rows(page).filter(has_text="₹1,23,456.78").first
    number = read_rows(page).count()
    row.get_by_role("link").first.click()
    expect(page.get_by_text("MONTH_LIMIT", exact=True)).to_be_visible()
    if not scripted:
        page.go_back()
        expect(read_rows(page)).to_have_count(number)
        return
    assert find_violations(page) == []
    expect(read_rows(page)).to_have_count(number + 1)
    opener = row.get_by_role("link").first
    expect(opener).to_be_focused()
    expect(opener).to_have_attribute("aria-expanded", "true")
    page.keyboard.press("Enter")
    expect(read_rows(page)).to_have_count(number)
    expect(opener).to_have_attribute("aria-expanded", "false")


@BOTH_WAYS
def test_more_is_appended_or_without_scripts_the_next_page(visit, scripted):
    page = visit("viewer", "/transactions", java_script_enabled=scripted)
    expect(read_rows(page)).to_have_count(51)
    first = read_rows(page).first.inner_text()
    page.get_by_role("link", name="Load more").click()
    if scripted:
        expect(read_rows(page)).to_have_count(101)
        assert read_rows(page).first.inner_text() == first
        days = page.locator("tr.day").all_inner_texts()
        assert len(set(days)) == len(days)
    else:
        expect(page).to_have_url(re.compile("after="))
        expect(read_rows(page)).to_have_count(51)
        assert read_rows(page).first.inner_text() != first


@BOTH_WAYS
def test_a_flagged_posting_is_closed_from_the_overview_in_four_actions(visit, scripted):
    page = visit("maker", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.press(read_figure(page, "Flagged( postings)?"))
    expect(page.get_by_text(re.compile("^1 of "))).to_be_visible()
    if scripted:
        assert find_violations(page) == []
    entry = LedgerEntry.objects.get(pk=int(page.url.rsplit("/", 1)[1]))
    acts.press(page.get_by_label("Happened as posted"))
    acts.fill("Note", "ENT confirms it")
    acts.click("button", "Close")
    expect(page.get_by_text("Closed: happened as posted.")).to_be_visible()
    assert acts.count == 4
    assert find_closing(entry).note == "ENT confirms it"
    expect(page).to_have_url(re.compile(f"/work/flagged/(?!{entry.pk}$)"))  # the next
    expect(page.get_by_text(re.compile("^1 of "))).to_be_visible()
    page.get_by_role("link", name="All that wait").click()
    expect(page.get_by_role("heading", name="Flagged postings")).to_be_visible()
    expect(page.locator(f"a[href$='/flagged/{entry.pk}']")).to_have_count(0)


@BOTH_WAYS
def test_a_review_item_is_decided_from_the_overview_in_four_actions(visit, scripted):
    page = visit("maker", "/overview", java_script_enabled=scripted)
    acts = ActionCounter(page)
    acts.press(read_figure(page, "Review(s| items)"))
    expect(page.get_by_role("cell", name="Differs").first).to_be_visible()
    number = int(page.url.rsplit("/", 1)[1])
    acts.press(page.get_by_label("Different people"))
    acts.fill("Note", "Both were called")
    acts.click("button", "Decide")
    expect(page.get_by_text("Decided: different people.")).to_be_visible()
    assert DuplicateReview.objects.get(pk=number).reason == "Both were called"
    assert acts.count == 4


@BOTH_WAYS
def test_what_is_missing_is_said_and_nothing_typed_is_lost(visit, scripted):
    page = visit(
        *("maker", "/work/flagged?oldest=1"),
        java_script_enabled=scripted,
        expected=(f"{REFUSED_MESSAGE}422",),
    )
    page.get_by_label("Note", exact=True).fill("asked ENT")
    page.get_by_role("button", name="Close").click()
    summary = page.get_by_role("alert")
    expect(summary).to_contain_text("Choose what it is.")
    expect(summary).to_be_focused()
    expect(page.get_by_label("Note", exact=True)).to_have_value("asked ENT")
    summary.get_by_role("link").click()
    expect(page.get_by_label("Happened as posted")).to_be_focused()
