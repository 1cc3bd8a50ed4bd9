"""The list of customers: filters in the address, pages that follow, parts for htmx."""

import re
from urllib.parse import parse_qs, urlsplit

import pytest

from customers.models import Customer
from customers.services import blocking
from limits.models import NearLimit
from ppims.core import calendar, clock
from ppims.core.formats import ist, ist_date, write_month
from ppims.reports import keyset
from tests.factories import make_customer, make_posting, make_processor, set_tier
from tests.two_people import merge_customers
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.private_customer import list_unmasked, make_meera

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}


@pytest.fixture
def ent(db):
    return make_processor("ENT", name="Cards")


@pytest.fixture
def people(ent):
    """Five customers: the first Min KYC and blocked, the second also of CBS, the third near."""
    cbs = make_processor("CBS")
    made = [make_customer(ent, customer_name="Arun Rao", kyc_flag="N")]
    made.append(make_customer(ent, cbs, customer_name="Om Das"))
    made += [make_customer(ent, customer_name=f"Isha {word}") for word in ("Jain", "Khan", "Lal")]
    blocking.block(customer_id=made[0], reason="asked for", user=make_user("maker"))
    third = Customer.objects.get(pk=made[2])
    NearLimit.objects.create(
        customer=third,
        created_at=third.created_at,
        month=calendar.number_ist_month(clock.now()),
        level=NearLimit.Level.NEAR,
        permille=855,
    )
    return made


def list_names(page):
    return re.findall(
        r'<td class="main"><a href="/customers/\d{15}">([^<]+)</a>', page.content.decode()
    )


def read_more(page):
    found = re.search(r'<a href="(\?[^"]+)" hx-get="\1"', page.content.decode())
    return found and found[1].replace("&amp;", "&")


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("", ["Isha Lal", "Isha Khan", "Isha Jain", "Om Das", "Arun Rao"]),
        ("?tier=&status=&processor=&limit=", 5),
        ("?tier=N", ["Arun Rao"]),
        ("?tier=P", 4),
        ("?tier=F", []),
        ("?status=BLOCKED", ["Arun Rao"]),
        ("?status=ACTIVE&tier=N", []),
        ("?processor=CBS", ["Om Das"]),
        ("?limit=near", ["Isha Jain"]),
        ("?limit=reached", []),
        (f"?month={calendar.number_ist_month(clock.now())}", 5),
        (f"?month={calendar.number_month_before(calendar.number_ist_month(clock.now()))}", []),
        ("?month=202001", []),
    ],
)
def test_the_address_says_who_is_wanted(people, query, wanted):
    page = open_browser("viewer").get(f"/customers{query}")
    assert (
        list_names(page) == wanted if isinstance(wanted, list) else len(list_names(page)) == wanted
    )
    assert ("No match. Show all customers" in read_words(page)) == (wanted == [])


@pytest.mark.parametrize(
    "query", ["tier=X", "status=x", "processor=1", "limit=90", "month=209901", "month=202013"]
)
def test_a_filter_that_there_is_not_is_said_so(people, query):
    page = open_browser("viewer").get(f"/customers?{query}")
    assert page.status_code == 422
    assert "There is no such filter. Choose from the lists." in read_words(page)
    assert list_names(page) == []


def test_a_row_says_who_how_known_how_near_and_since_when(people):
    page = open_browser("viewer").get("/customers")
    words = read_words(page)
    assert f"Isha Jain {people[2]} New Min Active 85% used" in words
    assert f"Arun Rao {people[0]} Min Blocked by us {ist_date(clock.now())}" in words
    html = page.content.decode()
    assert html.count('<span class="pill good">Active</span>') == 4
    assert html.count('<span class="pill bad">Blocked by us</span>') == 1
    assert html.count('<td class="num"></td>') == 4  # a phone leaves out what is empty


def test_on_a_phone_a_row_is_two_lines_and_what_is_seen_first_is_who(people):
    page = open_browser("viewer").get("/customers").content.decode()
    assert '<table class="rows"' in page
    assert page.count('<td class="main">') == 5


def test_the_filters_that_were_chosen_are_shown_as_chosen(people):
    page = open_browser("viewer").get("/customers?tier=N&processor=ENT").content.decode()
    assert re.findall(r'<option value="(\w+)" selected', page) == ["N", "ENT"]
    assert "ENT · Cards" in page


@pytest.mark.parametrize("query", ["", "?status=ACTIVE"])
def test_pages_follow_one_another_with_the_same_filters(people, monkeypatch, query):
    client = open_browser("viewer")
    all_of_them = list_names(client.get(f"/customers{query}"))
    monkeypatch.setattr("ppims.backoffice.customers.PAGE_ROWS", 2)
    found, address = [], query
    while address is not None:
        page = client.get(f"/customers{address}")
        found += list_names(page)
        address = read_more(page)
        if address and query:
            assert parse_qs(urlsplit(address).query)["status"] == ["ACTIVE"]
    assert found == all_of_them


def test_htmx_gets_the_list_or_the_rows_that_follow_and_no_more(people, monkeypatch):
    monkeypatch.setattr("ppims.backoffice.customers.PAGE_ROWS", 2)
    client = open_browser("viewer")
    first = client.get("/customers", headers=HTMX)
    rows = client.get(f"/customers{read_more(first)}", headers=HTMX)
    assert first.content.decode().strip().startswith("<table")
    assert rows.content.decode().strip().startswith("<tr")
    assert "<table" not in rows.content.decode()
    assert list_names(first) + list_names(rows) == ["Isha Lal", "Isha Khan", "Isha Jain", "Om Das"]


def test_a_page_from_the_middle_leads_back_to_the_newest(people, monkeypatch):
    monkeypatch.setattr("ppims.backoffice.customers.PAGE_ROWS", 2)
    client = open_browser("viewer")
    later = client.get(f"/customers{read_more(client.get('/customers?tier=P'))}").content.decode()
    assert '<a href="?tier=P">Back to the newest</a>' in later


def test_a_cursor_of_another_list_leads_nowhere(people):
    assert open_browser("viewer").get("/customers?after=x").status_code == 404


def test_where_few_fit_it_says_that_it_stopped_looking(people, monkeypatch):
    monkeypatch.setattr(keyset, "LOOKED_AT", 2)
    page = open_browser("viewer").get("/customers?tier=N")
    assert list_names(page) == []
    assert "Few match: more may follow further back." in read_words(page)
    assert read_more(page)


THIS_MONTH = calendar.number_ist_month(clock.now())


@pytest.mark.parametrize(
    ("query", "names", "said"),
    [
        ("", 5, "On-boarded in"),
        ("&then=N", ["Arun Rao"], "On-boarded in"),
        ("&what=raised", ["Arun Rao"], "KYC raised in"),
        ("&what=raised&then=P", [], "KYC raised in"),
        ("&what=lowered&then=N", ["Om Das"], "KYC lowered in"),
        ("&what=end&then=P", 3, "Customers at the end of"),
        ("&what=end", 5, "Customers at the end of"),
        ("&what=over-load", [], "Over the load limit at the end of"),
        ("&what=over-spend", ["Isha Lal"], "Over the spend limit at the end of"),
    ],
)
def test_a_months_lists_say_whom_they_are_of(people, ent, query, names, said):
    set_tier(people[0], "F")
    set_tier(people[1], "N")
    make_posting(ent, people[4], 1_000_001)
    page = open_browser("viewer").get(f"/customers?month={THIS_MONTH}{query}")
    found = list_names(page)
    assert (found if isinstance(names, list) else len(found)) == names
    assert f"{said} {write_month(THIS_MONTH)}" in read_words(page)


def test_a_change_of_kyc_says_from_what_to_what_and_when(people):
    set_tier(people[0], "F")
    words = read_words(open_browser("viewer").get(f"/customers?month={THIS_MONTH}&what=raised"))
    assert "Min → Full KYC" in words
    assert f"Blocked by us {ist(clock.now())[:11]}" in words


@pytest.mark.parametrize("query", ["what=x", "what=raised&then=X", "then=X"])
def test_what_there_is_not_of_a_month_is_said_so(people, query):
    page = open_browser("viewer").get(f"/customers?month={THIS_MONTH}&{query}")
    assert page.status_code == 422


def test_what_is_of_a_month_counts_beside_a_month_alone(people):
    page = open_browser("viewer").get("/customers?what=raised&then=F")
    assert len(list_names(page)) == 5
    html = open_browser("viewer").get(f"/customers?month={THIS_MONTH}&what=end&tier=N&limit=near")
    assert len(list_names(html)) == 5
    assert re.findall(r'<select name="(\w+)"', html.content.decode()) == ["month", "what", "then"]


def test_one_who_was_merged_since_is_listed_in_the_month_and_so_named(people):
    merge_customers(people[3], people[4])
    client = open_browser("viewer")
    page = client.get(f"/customers?month={THIS_MONTH}")
    assert len(list_names(page)) == 5
    assert read_words(page).count("Merged since") == 1
    assert len(list_names(client.get("/customers"))) == 4


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_who_may_on_board_is_led_there(role):
    page = open_browser(role).get("/customers").content.decode()
    assert ('href="/onboard"' in page) == (role == "maker")


def test_an_empty_installation_says_what_comes_first():
    assert "There are no customers yet." in read_words(open_browser("viewer").get("/customers"))


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_it_says_nothing_private(ent, role):
    make_meera(ent)
    assert list_unmasked(open_browser(role).get("/customers")) == []


def test_a_page_is_small_and_takes_a_bounded_number_of_queries(ent, django_assert_max_num_queries):
    for _ in range(keyset.PAGE_ROWS + 1):
        make_customer(ent, customer_name="Venkatanarasimharajuvaripeta Balasubramaniam")
    client = open_browser("viewer")
    for query in ("", "?tier=P&processor=ENT", "?limit=near"):
        with django_assert_max_num_queries(13):
            page = client.get(f"/customers{query}")
        assert len(page.content) < 60_000
