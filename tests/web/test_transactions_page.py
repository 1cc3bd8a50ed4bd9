"""Transactions: one row each, filtered by the address, in pages; each opens as a timeline of its
steps, with all that is kept of them, masked.
"""

from datetime import UTC, datetime, timedelta

import pytest

from customers.details import CustomerDetails
from customers.services import blocking, customers
from ppims.core import clock
from ppims.models import Operation
from ppims.reports import keyset, totals
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting, make_processor
from tests.ledger.histories import adjust
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
MIDNIGHT = datetime(2031, 6, 16, 18, 30, tzinfo=UTC)  # when that day began
HTMX = {"HX-Request": "true"}
LIMIT = 1_000_000
CARD = "6070800000004321"


@pytest.fixture
def seen():
    client = open_browser("viewer")

    def look(query="", at=AT, **headers):
        with clock.freeze(at):
            return client.get(f"/transactions{query}", headers=headers)

    return look


def make_customer_at(processor, at=AT, **details):
    with clock.freeze(at):
        return make_customer(processor, **details)


def ask(processor, customer, paise=LIMIT + 1, at=AT, **more):
    with clock.freeze(at):
        return make_check(processor, customer, paise, **more)[0]


def list_lines(page):
    return [line for _, lines in page.context["days"] for line in lines]


# The list.


def test_a_row_says_when_what_how_much_what_became_of_it_of_whom_and_through_whom(ent, seen):
    ask(ent, make_customer_at(ent), 1_234_567, direction="C")
    page = read_words(seen())
    assert "Tue, 17 Jun 2031 12:00 PM Load ₹12,345.67" in page
    assert "Load ₹12,345.67 Declined over the month’s limit Meera Iyer ENT" in page


def test_an_outcome_is_said_with_what_was_unusual_about_it(ent, seen):
    customer = make_customer_at(ent)
    full = {"kyc_flag": "F", "ovid_type": "PAN", "ovid_value": "ABCPE1234F"}
    with clock.freeze(AT):
        make_check(ent, customer, 500, ref_id="C1")
        make_posting(ent, customer, 500, kind="F", enquiry="C1")
        make_posting(ent, customer, 20_000, tran_id="T1", direction="C")
        make_posting(ent, customer, 19_999, kind="R", tran_id="T1", direction="C")
        make_posting(ent, customer, LIMIT + 1, tran_id="T2")
        make_posting(ent, customer, LIMIT + 1, kind="R", tran_id="T2")
        adjust(customer, 203106, 1_000)
        make_check(ent, customer, 700)
    page = read_words(seen())
    for said in (
        "Spend ₹7.00 On hold Meera Iyer ENT",
        "Spend ₹10.00 Posted by staff Meera Iyer",
        "Spend ₹10,000.01 Reversed without a check and over the limit Meera Iyer ENT",
        "Load ₹200.00 Posted without a check, ₹199.99 given back Meera Iyer ENT",
        "Spend ₹5.00 Released Meera Iyer ENT",
    ):
        assert said in page
    assert "Spend ₹7.00 Released time up" in read_words(seen(at=AT + timedelta(days=1)))
    call = Call(ent, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    with clock.freeze(AT):
        customers.update_customer(call=call, details=CustomerDetails(unique_id=customer, **full))
        blocking.block(customer_id=customer, reason="lost", user=make_user("maker"))
    assert len(list_lines(seen())) == 5  # what is no money isn't here


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("", ["posted", "released", "declined"]),
        ("?type=spend", ["released", "declined"]),
        ("?type=load", ["posted"]),
        ("?processor=CBS", []),
        ("?processor=ENT&outcome=posted", ["posted"]),
        ("?outcome=declined", ["declined"]),
        ("?outcome=MONTH_LIMIT", ["declined"]),
        ("?outcome=CARD_NOT_ACTIVE", []),
        ("?outcome=released", ["released"]),
        ("?outcome=on-hold", []),
        ("?flag=ANY", ["posted"]),
        ("?flag=UNCHECKED", ["posted"]),
        ("?flag=LATE", []),
        ("?every=all", ["posted", None, "declined"]),
        ("?every=check", [None, "declined"]),
        ("?every=posted", ["posted"]),
        ("?every=all&flag=ANY", ["posted"]),
    ],
)
def test_the_address_says_what_is_looked_for(ent, seen, query, shown):
    make_processor("CBS")
    customer = make_customer_at(ent)
    ask(ent, customer)
    ask(ent, customer, 1)
    with clock.freeze(AT):
        make_posting(ent, customer, 5, direction="C")
    lines = list_lines(seen(query, at=AT + timedelta(hours=1)))
    assert [line.outcome for line in lines] == shown


@pytest.mark.parametrize(
    ("query", "first", "last"),
    [
        ("?when=today", timedelta(), timedelta(days=1)),
        ("?when=yesterday", -timedelta(days=1), timedelta()),
        ("?when=7-days", -timedelta(days=6), timedelta(days=1)),
        ("?when=month", -timedelta(days=16), timedelta(days=1)),
        ("?when=own&since=2031-06-10&until=2031-06-12", -timedelta(days=7), -timedelta(days=4)),
        ("?when=own&until=2031-06-12", None, -timedelta(days=4)),
        ("?when=own&since=2031-06-12", -timedelta(days=5), None),
    ],
)
def test_a_time_frame_is_whole_days_of_india(ent, seen, query, first, last):
    instant = timedelta(microseconds=1)
    customer = make_customer_at(ent, AT - timedelta(days=100))
    for edge in (first, last):
        for at in (MIDNIGHT + edge - instant, MIDNIGHT + edge) if edge is not None else ():
            ask(ent, customer, at=at)
    found = [line.row.at for line in list_lines(seen(query))]
    edges = [MIDNIGHT + last - instant] if last is not None else []
    assert found == [*edges, *([MIDNIGHT + first] if first is not None else [])]


def test_an_address_is_tidied(seen):
    page = seen("?processor=&outcome=declined&flag=&when=today&since=2031-06-12")
    assert (page.status_code, page["Location"]) == (
        302,
        "/transactions?outcome=declined&when=today",
    )
    page = seen("?outcome=declined&every=check")
    assert page["Location"] == "/transactions?every=check"


def test_a_filter_of_some_records_counts_among_them_alone(seen):
    for query, tidied in (
        ("every=check&declined=MONTH_LIMIT&correction=added", "every=check&declined=MONTH_LIMIT"),
        ("every=adjusted&declined=MONTH_LIMIT&correction=taken", "every=adjusted&correction=taken"),
        ("declined=MONTH_LIMIT&correction=taken&type=load", "type=load"),
    ):
        assert seen(f"?{query}")["Location"] == f"/transactions?{tidied}"
        assert seen(f"?{tidied}").status_code == 200
    for query in ("every=check&declined=HOLD_CLOSED", "every=adjusted&correction=x"):
        assert seen(f"?{query}").status_code == 422


def test_corrections_are_listed_by_what_they_did(ent, seen):
    customer = make_customer_at(ent, AT)
    with clock.freeze(AT):
        for paise in (700, -300, 900):
            adjust(customer, 203106, paise)
    listed = {
        way: len(list_lines(seen(f"?every=adjusted&correction={way}")))
        for way in ("added", "taken")
    }
    assert listed == {"added": 2, "taken": 1}
    assert len(list_lines(seen("?every=adjusted"))) == 3


def test_every_declined_check_is_listed_also_where_it_was_posted_afterwards(ent, seen):
    customer = make_customer_at(ent, AT)
    with clock.freeze(AT):
        check, _ = make_check(ent, customer, 10**9)
        make_check(ent, customer, 10**9)
        make_check(ent, customer, 100)
        make_posting(ent, customer, 10**9, enquiry=check.ref_id)
    assert len(list_lines(seen("?every=check&declined=MONTH_LIMIT"))) == 2
    assert len(list_lines(seen("?outcome=MONTH_LIMIT"))) == 1


@pytest.mark.parametrize(
    "query",
    ["?every=nothing", "?processor=CBS", "?when=own&since=soon", "?outcome=HOLD_CLOSED"],
)
def test_a_filter_that_is_none_is_said_so_and_nothing_is_listed(seen, query):
    page = seen(query)
    assert page.status_code == 422
    assert "error" in page.content.decode()
    assert "<table" not in page.content.decode()


def test_a_last_day_before_the_first_is_said_so(seen):
    page = seen("?when=own&since=2031-06-12&until=2031-06-11")
    assert page.status_code == 422
    assert "This is before the first day." in read_words(page)
    assert seen("?when=own&since=2031-06-12&until=2031-06-12").status_code == 200


def test_the_next_page_follows_where_this_one_ends_whatever_came_between(ent, seen, monkeypatch):
    monkeypatch.setattr(keyset, "PAGE_ROWS", 3)
    customer = make_customer_at(ent)
    made = [ask(ent, customer, 1 + n, AT + timedelta(seconds=n)).pk for n in range(5)]
    page = seen()
    assert [line.row.id for line in list_lines(page)] == made[:1:-1]
    ask(ent, customer, 9, AT + timedelta(seconds=9))
    more = seen(f"?{page.context['more']}")
    assert [line.row.id for line in list_lines(more)] == made[1::-1]
    assert more.context["more"] == ""
    fragment = seen(f"?{page.context['more']}", **HTMX).content.decode()
    assert fragment.count("<tbody") == 2
    assert "<table" not in fragment


def test_a_day_has_one_heading_also_where_more_of_it_is_loaded(ent, seen, monkeypatch):
    monkeypatch.setattr(keyset, "PAGE_ROWS", 2)
    customer = make_customer_at(ent, AT - timedelta(days=9))
    for at in (MIDNIGHT - timedelta(microseconds=1), MIDNIGHT, AT, AT):
        ask(ent, customer, at=at)
    page = seen(at=AT + timedelta(days=1))
    assert page.content.decode().count('scope="rowgroup"') == 1
    more = f"?{page.context['more']}"
    fragment = seen(more, **HTMX).content.decode()
    assert fragment.count('scope="rowgroup"') == 1
    assert "Mon, 16 Jun 2031" in fragment
    assert "Tue, 17 Jun 2031" not in fragment
    whole = seen(more).content.decode()  # a page of its own, without scripts
    assert whole.count('scope="rowgroup"') == 2


def test_htmx_gets_the_filters_and_the_list_without_the_frame(ent, seen):
    ask(ent, make_customer_at(ent))
    fragment = seen("?outcome=declined", **HTMX).content.decode()
    assert "<select" in fragment
    assert "<table" in fragment
    assert "<h1" not in fragment


def test_an_empty_list_says_whether_it_is_the_filters(seen):
    words = read_words(seen("?outcome=posted"))
    assert "Nothing fits. Show all" in words


@pytest.mark.parametrize("address", ["?after=x", "/check/1", "/nothing/1", f"/check/{10**30}"])
def test_what_is_not_there_is_404(seen, address):
    assert seen(address).status_code == 404


def test_a_page_takes_a_bounded_number_of_queries_and_bytes(
    ent, seen, django_assert_max_num_queries
):
    for number in range(60):
        customer = make_customer_at(ent, customer_name=f"Venkatanarasimharajuvaripeta {number}")
        ask(ent, customer, ref_id=f"R{number:031d}")
    with django_assert_max_num_queries(17):
        page = seen()
    assert len(list_lines(page)) == 50
    assert len(page.content) < 60_000


# What a list comes to.


def test_a_filtered_list_says_how_many_there_are_and_what_they_come_to(ent, seen):
    customer = make_customer_at(ent)
    for paise, direction in ((LIMIT + 1, "D"), (LIMIT + 2, "D"), (LIMIT + 3, "C")):
        ask(ent, customer, paise, direction=direction)
    ask(ent, customer, 5)
    words = read_words(seen("?outcome=declined"))
    assert "3 transactions Spend ₹20,000.03 Load ₹10,000.03" in words
    assert "1 transaction Spend ₹0.05 " in read_words(seen("?outcome=on-hold"))
    for query in ("", "?every=all"):
        assert "totals" not in seen(query).context


def test_what_takes_long_to_count_is_counted_after_the_list_or_when_asked_for(
    ent, seen, monkeypatch
):
    monkeypatch.setattr(totals, "SUMMED_QUICKLY", 2)
    customer = make_customer_at(ent)
    for _ in range(2):
        ask(ent, customer)
    page = seen("?outcome=declined")
    assert "2 transactions" not in read_words(page)
    assert 'hx-get="?outcome=declined&amp;sum=1" hx-trigger="load"' in page.content.decode()
    fragment = seen("?outcome=declined&sum=1", **HTMX)
    assert read_words(fragment).strip() == "2 transactions Spend ₹20,000.02"
    assert "2 transactions Spend ₹20,000.02" in read_words(seen("?outcome=declined&sum=1"))


def test_beyond_what_is_looked_at_it_says_more_than(ent, seen, monkeypatch):
    customer = make_customer_at(ent)
    for _ in range(3):
        ask(ent, customer)
    monkeypatch.setattr(keyset, "LOOKED_AT", 2)
    assert "More than 2 transactions Spend ₹20,000.02" in read_words(seen("?outcome=declined"))
