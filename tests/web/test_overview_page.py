"""The overview: every figure leads to the list that it is the length of."""

import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.urls import reverse

from limits.models import OverviewSnapshot
from ppims.backoffice import overview
from ppims.core import clock
from ppims.reports.overview import Day, Sum
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
LIMIT = 1_000_000


@pytest.fixture
def seen():
    client = open_browser("viewer")

    def look(at=AT):
        with clock.freeze(at):
            return client.get("/overview")

    return look


@pytest.fixture
def told(ent):
    """A day with two spends, a load, two declines and two customers of whom one is at the limit."""
    with clock.freeze(AT - MINUTE):
        one, other = make_customer(ent), make_customer(ent, kyc_flag="F", **FULL_KYC)
        for paise, direction in ((40_000, "D"), (LIMIT - 40_000, "D"), (5_000, "C")):
            make_posting(ent, one, paise, direction=direction)
        make_check(ent, one, 1)
        make_check(ent, other, 1, account_number="999900001111")
        for number in range(5):
            make_posting(ent, other, 1 + number, kind="F")
    return one, other


FULL_KYC = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F", "customer_name": "Kabir Agarwal"}


def read_figures(page):
    parts = ("today", "waiting", "customers")
    return {figure.label: figure for part in parts for figure in page.context[part]}


def test_home_leads_here(seen):
    assert open_browser("viewer").get("/")["Location"] == reverse("overview") == "/overview"


def test_the_day_is_told(seen, told):
    page = seen()
    words = read_words(page)
    assert "Today ₹10,050.00 posted" in words
    assert {label: figure.value for label, figure in read_figures(page).items()} == {
        "Postings": 3,
        "Declined": 2,
        "Over the month’s limit": 1,
        "Account not active": 1,
        "Customers on-boarded": 2,
        "Flagged postings": 3,
        "Refused reports": 0,
        "Review items": 0,
        "Proposals": 0,
        "All": 2,
        "Min KYC (Y1)": 0,
        "New Min KYC (Y2)": 1,
        "Full KYC (Y3)": 1,
        "80% of a limit used, or more": 1,
        "Limit reached": 1,
    }
    assert "Flagged postings oldest: 1 minute 3" in words.replace("\xa0", " ")


def test_every_figure_of_today_leads_to_a_list_of_so_many(seen, told):
    client = open_browser("viewer")
    page = seen()
    today = {figure.address: figure.value for figure in page.context["today"]}
    assert len(today) == 5
    today[page.context["posted"]] = 3
    for address, number in today.items():
        with clock.freeze(AT):
            assert len(client.get(address).context["lines"]) == number, address


def test_every_figure_leads_somewhere_where_its_page_is_there(seen, told):
    page = seen()
    for figure in read_figures(page).values():
        assert figure.address or figure.label in WITHOUT_A_PAGE, figure.label
    for address in re.findall(r'href="(/[^"]*)"', page.content.decode()):
        assert open_browser("viewer").get(address.replace("&amp;", "&")).status_code in {200, 302}


# Their pages are not of this file; where there is none, the figure is plain.
WITHOUT_A_PAGE = {
    "Proposals",
    *("All", "Min KYC (Y1)", "New Min KYC (Y2)", "Full KYC (Y3)"),
    *("80% of a limit used, or more", "Limit reached"),
}


def test_a_list_has_its_filters_in_its_address():
    assert overview.list_of("transactions", kind="posted") == "/transactions?kind=posted"
    assert overview.list_of("transactions") == "/transactions"


def test_how_old_the_figures_are_is_said(seen, told):
    assert "Counted less than a minute ago, at 17 Jun 2031, 12:00 PM" in read_words(seen())
    later = AT + 3 * MINUTE
    OverviewSnapshot.objects.update(claimed_until=later + timedelta(seconds=5))
    with clock.freeze(later):
        words = read_words(seen(later)).replace("\xa0", " ")
    assert "Counted 3 minutes ago, at 17 Jun 2031, 12:00 PM" in words


def test_figures_that_are_not_yet_complete_are_said_to_be_so(seen, told, monkeypatch):
    monkeypatch.setattr("ppims.reports.overview_counts.refresh", lambda: None)
    assert "too small until that is done" in read_words(seen())
    assert "There are no customers yet" not in read_words(seen())


def test_the_last_ten_transactions_and_the_top_spenders_are_there(seen, told):
    page = seen()
    kinds = [line.kind for line in page.context["lines"]]
    assert (len(kinds), kinds.count("Check"), kinds.count("Posted")) == (10, 2, 3)
    words = read_words(page)
    assert f"Meera Iyer {told[0]} ₹10,000.00" in words
    assert "Check Spend ₹0.01 Declined: account not active Kabir Agarwal ENT" in words


# The chart.


def test_the_chart_is_said_in_a_sentence_and_told_in_a_table(seen, told):
    page = seen()
    words = read_words(page)
    assert (
        "In the last 30 days ₹10,000.00 was spent and ₹50.00 loaded; most on 17 Jun 2031:"
        " ₹10,050.00."
    ) in words
    assert "17 Jun 2031 2 ₹10,000.00 1 ₹50.00 2 2 16 Jun 2031 0 ₹0.00" in words
    assert page.content.decode().count("<rect") == 60
    day = parse_qs(urlsplit(page.context["days"][0][1]).query)
    assert day == {"when": ["own"], "since": ["2031-06-17"], "until": ["2031-06-17"]}


def test_bars_are_as_high_as_their_amounts_and_seen_where_there_is_one():
    days = [
        Day(AT.date(), spent=Sum(1, spent), loaded=Sum(1, loaded), declined={}, added=0)
        for spent, loaded in ((0, 0), (1, 0), (3_000, 1_000), (4_000, 4_000))
    ]
    drawn = overview.draw_bars(days)
    assert [(bar.spent, bar.loaded) for bar in drawn] == [(0, 0), (1, 0), (37, 12), (50, 50)]
    assert (drawn[3].spent_top, drawn[3].loaded_top) == (50, 0)
    assert [bar.left for bar in drawn] == [0, 10, 20, 30]
    assert overview.draw_bars(days[:1])[0].spent == 0


def test_thirty_days_without_a_posting_are_said_so(seen, ent):
    with clock.freeze(AT):
        make_customer(ent)
    words = read_words(seen())
    assert "Nothing was posted in the last 30 days." in words
    assert "Nobody has spent anything this month." in words


# Empty.


def test_an_empty_installation_says_what_to_do_first(seen):
    words = read_words(seen())
    assert (
        "There are no customers yet. This comes first: An admin adds a payment processor" in words
    )
    assert "Done." not in words
    assert "Last transactions" not in words
    make_processor("ENT")
    assert "its password is shown once. Done. The processor adds a customer" in read_words(seen())


def test_an_admin_is_led_to_where_a_processor_is_added():
    pages = {
        role: open_browser(role).get("/overview").content.decode() for role in ("admin", "maker")
    }
    assert '"/admin/ppims/processor/add/"' in pages["admin"]
    assert '"/admin/ppims/processor/add/"' not in pages["maker"]


def test_it_takes_a_bounded_number_of_queries_and_bytes(
    seen, ent, told, django_assert_max_num_queries
):
    for _ in range(12):
        with clock.freeze(AT - MINUTE):
            make_posting(ent, make_customer(ent), 5_000)
    seen()
    with django_assert_max_num_queries(27):
        page = seen()
    assert len(page.content) < 60_000
