"""What happened to a customer: on the page, by time frame and in pages; and as a statement."""

import csv
import io
import re
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from customers.services import blocking, notes
from ppims.backoffice.customer import activity, statement
from ppims.core import clock
from ppims.models import AuditEntry, User
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.private_customer import list_unmasked, make_meera

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
MIDNIGHT = datetime(2031, 6, 16, 18, 30, tzinfo=UTC)  # when that day began
HTMX = {"HX-Request": "true"}
ANY_TIME = {"when": ""}
ALL_EVENTS = [
    *("Blocked the customer", "Added a note about the customer"),
    *("Posted", "Declined", "Customer added"),
]


@pytest.fixture
def meera(ent):
    with clock.freeze(MIDNIGHT - timedelta(days=2)):
        customer = make_meera(ent)
    with clock.freeze(MIDNIGHT - timedelta(seconds=1)):
        make_check(ent, customer, 20_000_00, ref_id="=1+1")
    with clock.freeze(MIDNIGHT):
        make_posting(ent, customer, 1_500_50, ref_id="REF7", tran_id="TRAN7")
    with clock.freeze(AT):
        user = make_user("maker")
        notes.add_note(customer_id=customer, text="Called.", user=user)
        blocking.block(customer_id=customer, reason="lost", user=user)
    return customer


def look(customer, query="", role="viewer", **headers):
    with clock.freeze(AT):
        address = reverse("customer", args=[customer])
        return open_browser(role).get(f"{address}{query}", headers=headers)


def list_happened(page):
    return [line.outcome_label for _, lines in page.context["days"] for line in lines]


def test_it_lists_money_kyc_and_staff_last_first_and_by_day(meera):
    page = look(meera)
    assert list_happened(page) == ALL_EVENTS
    words = read_words(page).split(" Activity ")[1]
    assert "Time Type Amount Outcome From Tue, 17 Jun 2031 12:00 PM Blocked the customer" in words
    assert "12:00 AM Spend ₹1,500.50 Posted without a check ENT Mon, 16 Jun 2031 11:59 PM" in words
    assert "11:59 PM Spend ₹20,000.00 Declined over the month’s limit ENT" in words
    assert "Sat, 14 Jun 2031" not in words
    assert "Sun, 15 Jun 2031 12:00 AM Customer added ENT" in words


def test_a_transaction_is_one_row_whatever_came_of_it(ent):
    with clock.freeze(AT):
        customer = make_customer(ent)
        asked, _ = make_check(ent, customer, 700_00)
        make_posting(ent, customer, 700_00, tran_id="T9", enquiry=asked.ref_id)
        make_posting(ent, customer, 200_00, kind="R", tran_id="T9")
        make_check(ent, customer, 40_00)
    page = look(customer)
    assert list_happened(page) == ["On hold", "Posted", "Customer added"]
    words = read_words(page)
    assert "Spend ₹700.00 Posted ₹200.00 given back ENT" in words
    assert "Spend ₹40.00 On hold ENT" in words


@pytest.mark.parametrize(
    ("query", "wanted"),
    [
        ("?when=today", ALL_EVENTS[:3]),
        ("?when=yesterday", ["Declined"]),
        ("?when=own&since=2031-06-16&until=2031-06-16", ["Declined"]),
        ("?when=own&until=2031-06-15", ["Customer added"]),
        ("?when=own&since=2031-06-18", []),
    ],
)
def test_a_time_frame_stands_in_the_address(meera, query, wanted):
    page = look(meera, query)
    assert list_happened(page) == wanted
    assert ("Nothing happened then." in read_words(page)) == (not wanted)


def test_what_is_no_time_frame_is_said_beside_it(meera):
    page = look(meera, "?when=own&since=2031-06-18&until=2031-06-17")
    assert page.status_code == 422
    assert "This is before the first day." in read_words(page)
    assert "Left to spend this month" in read_words(page)


def test_what_is_empty_in_the_address_goes(meera):
    assert look(meera, "?when=&since=").headers["Location"] == f"/customers/{meera}?"


def test_a_row_is_a_link_that_htmx_opens_in_its_place(meera):
    page = look(meera).content.decode()
    address = re.search(r'hx-get="(/transactions/check/\d+\?open&amp;theirs)"', page)[1]
    row = open_browser("viewer").get(address.replace("&amp;", "&"), headers=HTMX)
    words = read_words(row)
    assert row.content.decode().strip().startswith("<tbody")
    assert "Up to ₹10,000.00 would have passed." in words
    assert "Meera Verma" not in words
    assert f'hx-get="{address.replace("?open", "?closed")}"' in row.content.decode()


@pytest.mark.parametrize("rows", [1, 2, 4])
def test_pages_follow_one_another_in_the_time_frame(meera, monkeypatch, rows):
    monkeypatch.setattr(activity, "PAGE_ROWS", rows)
    found, query = [], "?when=month"
    while query:
        page = look(meera, query)
        found += list_happened(page)
        query = page.context["more"] and f"?{page.context['more']}"
    assert found == ALL_EVENTS
    is_later = f'href="/customers/{meera}?when=month#activity">Back to the newest' in (
        page.content.decode()
    )
    assert is_later


def test_htmx_gets_the_activity_or_the_rows_that_follow(meera, monkeypatch):
    monkeypatch.setattr(activity, "PAGE_ROWS", 2)
    part = look(meera, "?when=month", **HTMX)
    assert part.content.decode().strip().startswith('<section id="activity" ')
    more = re.search(r'<a href="([^"]+)" hx-get="\1" hx-target="#more"', part.content.decode())[1]
    rows = look(meera, more.replace("&amp;", "&"), **HTMX)
    assert rows.content.decode().strip().startswith("<tbody")
    assert "<section" not in rows.content.decode()
    # The day's heading is on the page already: it would stand there twice.
    assert "Tue, 17 Jun 2031" in read_words(part)
    assert "Tue, 17 Jun 2031" not in read_words(rows)
    assert "Mon, 16 Jun 2031" in read_words(rows)


def test_a_cursor_of_another_list_leads_nowhere(meera):
    assert look(meera, "?after=x").status_code == 404


# The statement.


def export(customer, frame=ANY_TIME, role="auditor"):
    with clock.freeze(AT):
        address = reverse("customer-statement", args=[customer])
        return open_browser(role).post(address, frame)


def read(response):
    text = response.content.decode()
    assert text[0] == "\ufeff"
    return list(csv.reader(io.StringIO(text[1:])))


def test_a_statement_has_every_record_in_plain_words(meera, ent):
    with clock.freeze(AT):
        make_posting(ent, meera, 500_00, kind="R", tran_id="TRAN7", ref_id="REF8")
    response = export(meera)
    disposition = f'attachment; filename="statement-{meera}-17-06-2031.csv"'
    assert response.headers["Content-Disposition"] == disposition
    head, *rows = read(response)
    assert head == [
        *("Time (India)", "Event", "Type", "Amount (₹)", "Outcome", "From", "Who"),
        *("Reference", "Transaction id"),
    ]
    events = ["Reversed", *ALL_EVENTS[:3], "Check", "Customer added"]
    assert [row[1] for row in rows] == events
    posted = ["17-06-2031 00:00:00", "Posted", "Spend", "1500.50", "Without a check", "ENT", ""]
    assert rows[3] == [*posted, "REF7", "TRAN7"]
    assert rows[4][1:6] == ["Check", "Spend", "20000.00", "Declined, over the month’s limit", "ENT"]
    deed, username = rows[1], User.objects.get(username__startswith="maker").username
    assert deed[2:] == ["", "", "", "", username, "", ""]


def test_a_statement_is_masked_and_holds_no_formula(meera):
    response = export(meera)
    assert list_unmasked(response) == []
    assert "Meera" not in response.content.decode()
    assert read(response)[4][7] == "'=1+1"


def test_a_statement_is_of_the_time_frame_and_audited_before_it_leaves(meera):
    response = export(meera, {"when": "yesterday"})
    assert [row[1] for row in read(response)[1:]] == ["Check"]
    entry = AuditEntry.objects.get(action="statement exported")
    assert (entry.subject, entry.at, entry.user.username) == (
        meera,
        AT,
        response.wsgi_request.user.username,
    )
    assert audit.read_detail(entry) == {
        "since": "2031-06-16 00:00:00+05:30",
        "until": "2031-06-17 00:00:00+05:30",
        "rows": 1,
        "source": "127.0.0.1",
        "outcome": "done",
    }


@pytest.mark.parametrize("frame", [{"when": "x"}, {"when": "own", "since": "yesterday"}])
def test_what_is_no_time_frame_is_not_exported(meera, frame):
    with clock.freeze(AT):
        address = reverse("customer-statement", args=[meera])
        page = open_browser("auditor").post(address, frame, follow=True)
    assert "That is no time frame: nothing was exported." in read_words(page)
    assert not AuditEntry.objects.filter(action="statement exported").exists()


@pytest.mark.parametrize(("most", "is_sent"), [(4, False), (5, True)])
def test_too_much_for_a_statement_is_said_so(meera, monkeypatch, most, is_sent):
    monkeypatch.setattr(statement, "MOST_ROWS", most)
    monkeypatch.setattr(statement, "ROWS_AT_ONCE", 2)
    response = export(meera)
    assert (response.status_code == 200) == is_sent
    assert AuditEntry.objects.filter(action="statement exported").exists() == is_sent


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_auditors_alone_are_offered_a_statement(meera, role):
    assert ("Statement (CSV)" in read_words(look(meera, role=role))) == (role == "auditor")


def test_nobody_has_no_statement(ent):
    assert export(make_customer(ent) + 1).status_code == 404
