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
from ppims.reports.waiting import Waiting, read_waiting
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
    """A day with two spends, a load, a reversal, two declines and two customers of whom one is near
    the limit.
    """
    with clock.freeze(AT - MINUTE):
        one, other = make_customer(ent), make_customer(ent, kyc_flag="F", **FULL_KYC)
        for paise, direction in ((40_000, "D"), (LIMIT - 40_000, "D"), (5_000, "C")):
            make_posting(ent, one, paise, direction=direction, tran_id=f"T{paise}")
        make_posting(ent, one, 15_000, kind="R", tran_id="T40000")
        make_check(ent, one, LIMIT)
        make_check(ent, other, 1, account_number="999900001111")
        for number in range(5):
            make_posting(ent, other, 1 + number, kind="F")
    return one, other


FULL_KYC = {"ovid_type": "PAN", "ovid_value": "ABCPE1234F", "customer_name": "Kabir Agarwal"}


def read_figures(page):
    return {figure.label: figure for part in ("waiting", "today") for figure in page.context[part]}


def test_home_leads_here(seen):
    assert open_browser("viewer").get("/")["Location"] == reverse("overview") == "/overview"


def test_what_waits_is_told_with_its_age_and_leads_there(seen, told):
    page = seen()
    waiting = {figure.label: figure for figure in page.context["waiting"]}
    assert {label: figure.value for label, figure in waiting.items()} == {"Flagged postings": 3}
    assert waiting["Flagged postings"].address == f"{reverse('flagged')}?oldest=1"
    words = read_words(page).replace("\xa0", " ")
    assert "Waiting for staff Flagged postings 3 oldest 1 minute Today" in words


def test_what_waits_comes_in_the_order_of_the_menu():
    found = {name: Waiting(1, AT) for name in overview.QUEUE_LABELS}
    shown = overview.list_waiting(found, AT + timedelta(hours=3))
    assert [figure.label for figure in shown] == [
        *("Flagged postings", "Reviews", "Approvals", "Refused reports", "Notices"),
    ]
    assert {figure.notes[0][0].replace("\xa0", " ") for figure in shown} == {"oldest 3 hours"}
    assert list(read_waiting()) == list(overview.QUEUE_LABELS)


def test_where_nothing_waits_that_is_said(seen, ent):
    with clock.freeze(AT):
        make_customer(ent)
    words = read_words(seen())
    assert "Waiting for staff Nothing waits. Today Spent ₹0.00 0 spends" in words


def test_the_day_is_told_spent_loaded_and_declined_apart(seen, told):
    words = read_words(seen())
    assert (
        "Today Spent ₹10,000.00 2 spends ₹150.00 reversed Loaded ₹50.00 1 load"
        " Declined 2 Account not active: 1 Over the month’s limit: 1 Near or over a limit"
    ) in words


def test_a_very_large_amount_is_written_smaller_and_so_on_one_line(seen, ent, told):
    assert 'class="figure long"' not in seen().content.decode()
    with clock.freeze(AT + 2 * MINUTE):
        make_posting(ent, told[0], 10**12)
    page = seen(AT + 4 * MINUTE).content.decode()
    assert re.findall(r'class="figure long"[^>]*>([^<]+)<', page) == ["₹10,00,00,10,000.00"]


def test_declines_lead_to_lists_of_so_many(seen, told):
    client = open_browser("viewer")
    declined = read_figures(seen())["Declined"]
    assert len(declined.notes) == 2
    for address, number in ((declined.address, 2), *((each, 1) for _, each in declined.notes)):
        with clock.freeze(AT):
            days = client.get(address).context["days"]
        assert sum(len(lines) for _, lines in days) == number, address


def test_sums_lead_to_the_records_that_they_are_the_sums_of(seen, told):
    figures = read_figures(seen())
    asked = [
        *(figures["Spent"].address, figures["Spent"].notes[1][1]),
        figures["Loaded"].address,
    ]
    assert [parse_qs(urlsplit(address).query) for address in asked] == [
        {"when": ["today"], "every": ["posted"], "type": ["spend"]},
        {"when": ["today"], "every": ["reversed"], "type": ["spend"]},
        {"when": ["today"], "every": ["posted"], "type": ["load"]},
    ]
    client = open_browser("viewer")
    for address, number in zip(asked, (2, 1, 1), strict=True):
        with clock.freeze(AT):
            days = client.get(address).context["days"]
        assert sum(len(lines) for _, lines in days) == number, address


def test_every_address_leads_somewhere(seen, told):
    page = seen()
    for address in re.findall(r'href="(/[^"]*)"', page.content.decode()):
        assert open_browser("viewer").get(address.replace("&amp;", "&")).status_code in {200, 302}


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


# Near a limit.


def test_the_nearest_are_there_with_a_meter_and_all_are_a_list(seen, ent, told):
    with clock.freeze(AT):
        over = make_customer(ent, customer_name="Om Das")
        make_posting(ent, over, LIMIT * 11 // 10)
    page = seen()
    assert "Near or over a limit 2 customers Om Das over the limit · 110%" in read_words(page)
    assert "Meera Iyer 98.5%" in read_words(page)
    html = page.content.decode()
    assert re.findall(r'class="meter (\w+)"', html) == ["reached", "near"]
    assert re.findall(r'class="used" width="([^"]+)"', html) == ["100%", "98.5%"]
    with clock.freeze(AT):
        listed = open_browser("viewer").get(page.context["near_address"])
    assert [row.unique_id for row, _ in listed.context["rows"]] == [over, told[0]]


# The chart.


def test_each_day_of_the_chart_has_its_values_and_a_line_of_the_table(seen, told):
    page = seen()
    words = read_words(page)
    assert "17 Jun 2031: ₹10,000.00 spent, ₹50.00 loaded" in words
    assert "19 May 2031: ₹0.00 spent, ₹0.00 loaded" in words
    assert "17 Jun 2031 2 ₹10,000.00 1 ₹50.00 2 2 16 Jun 2031 0 ₹0.00" in words
    html = page.content.decode()
    assert len(re.findall(r'<input type="radio" name="day"', html)) == 30
    assert re.findall(r'name="day" class="unseen"( checked)?', html)[-2:] == ["", " checked"]
    day = parse_qs(urlsplit(page.context["days"][0][1]).query)
    assert day == {"when": ["own"], "since": ["2031-06-17"], "until": ["2031-06-17"]}


def test_bars_are_as_high_as_their_amounts_and_seen_where_there_is_one():
    days = [
        Day(AT.date(), spent=Sum(1, spent), loaded=Sum(1, loaded))
        for spent, loaded in ((0, 0), (1, 0), (3_000, 1_000), (4_000, 4_000))
    ]
    drawn = overview.draw_bars(days)
    assert [(bar.spent, bar.loaded) for bar in drawn] == [(0, 0), (1, 0), (37, 12), (50, 50)]
    assert (drawn[3].spent_top, drawn[3].loaded_top) == (50, 0)
    assert overview.draw_bars(days[:1])[0].spent == 0


def test_where_nothing_was_posted_and_nobody_is_near_that_is_said(seen, ent):
    with clock.freeze(AT):
        make_customer(ent)
    words = read_words(seen())
    assert "17 Jun 2031: ₹0.00 spent, ₹0.00 loaded" in words
    assert "Nobody is near a limit this month." in words


# Empty.


def test_an_empty_installation_says_what_to_do_first(seen):
    words = read_words(seen())
    assert (
        "There are no customers yet. This comes first: An admin adds a payment processor" in words
    )
    assert "Done." not in words
    assert "Today" not in words
    make_processor("ENT")
    assert "its password is shown once. Done. The processor adds a customer" in read_words(seen())


def test_an_empty_installation_says_how_existing_customers_come(seen):
    said = "A maker brings a file of the customers that the processor already has."
    assert said in read_words(seen())
    page = open_browser("maker").get("/overview").content.decode()
    assert f'<a href="/customers/imports/new">{said}</a>' in page
    page = open_browser("auditor").get("/overview").content.decode()
    assert said in page
    assert "/customers/imports/new" not in page


def test_an_admin_is_led_to_where_a_processor_is_added():
    pages = {
        role: open_browser(role).get("/overview").content.decode() for role in ("admin", "maker")
    }
    assert '"/settings/processors/new"' in pages["admin"]
    assert '"/settings/processors/new"' not in pages["maker"]


def test_it_takes_a_bounded_number_of_queries_and_bytes(
    seen, ent, told, django_assert_max_num_queries
):
    for _ in range(12):
        with clock.freeze(AT - MINUTE):
            make_posting(ent, make_customer(ent), 5_000)
    seen()
    with django_assert_max_num_queries(15):
        page = seen()
    assert len(page.content) < 60_000
