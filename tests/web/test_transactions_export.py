"""Transactions as a file: all that the filters let through, masked; audited before it leaves."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from ppims.backoffice import transaction_export
from ppims.core import clock
from ppims.models import AuditEntry
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India


@pytest.fixture
def told(ent):
    """A posting of which some was given back, and a declined check; a day before, an unchecked
    posting whose Tran_Id is a formula.
    """
    with clock.freeze(AT - timedelta(days=1)):
        customer = make_customer(ent)
        make_posting(ent, customer, 700, direction="C", tran_id="=1+1")
    with clock.freeze(AT):
        make_check(ent, customer, 150_050, ref_id="C1")
        make_posting(ent, customer, 150_050, enquiry="C1", tran_id="T1")
        make_posting(ent, customer, 50, kind="R", tran_id="T1")
    with clock.freeze(AT + timedelta(seconds=1)):
        make_check(ent, customer, 1_000_001, ref_id="C2")
    return customer


def export(asked=None, role="auditor"):
    with clock.freeze(AT + timedelta(minutes=1)):
        response = open_browser(role).post(reverse("transactions-export"), asked or {})
        if response.status_code == 200:
            response.text_sent = b"".join(response.streaming_content).decode("utf-8-sig")
    return response


def read(response):
    return list(csv.reader(io.StringIO(response.text_sent)))


def test_a_file_has_a_row_for_each_transaction_with_plain_names(told):
    response = export()
    disposition = 'attachment; filename="transactions-17-06-2031.csv"'
    assert response.headers["Content-Disposition"] == disposition
    assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
    head, *rows = read(response)
    assert head == [
        *("Time (India)", "Type", "Amount (₹)", "Outcome", "Details", "Given back (₹)"),
        *("Unique id", "From", "Reference", "Transaction id"),
    ]
    declined, posted, unchecked = ([*row[:6], *row[8:]] for row in rows)
    at, over = "17-06-2031 12:00:01", "over the month’s limit"
    assert declined == [at, "Spend", "10000.01", "Declined", over, "", "C2", ""]
    at, back = "17-06-2031 12:00:00", "₹0.50 given back"
    assert posted == [at, "Spend", "1500.50", "Posted", back, "0.50", "C1", "T1"]
    at, flag = "16-06-2031 12:00:00", "without a check"
    assert unchecked[:6] == [at, "Load", "7.00", "Posted", flag, ""]
    assert unchecked[-1] == "'=1+1"  # no formula
    assert {tuple(row[6:8]) for row in rows} == {(str(told), "ENT")}


def test_lines_of_json_have_the_same_by_name(told):
    response = export({"form": "json-lines", "outcome": "declined"})
    assert response.headers["Content-Disposition"].endswith('"transactions-17-06-2031.jsonl"')
    assert response.headers["Content-Type"] == "application/x-ndjson"
    (declined,) = map(json.loads, response.text_sent.splitlines())
    assert list(declined) == list(transaction_export.COLUMN_HEADS)
    assert (declined["amount"], declined["unique_id"]) == ("10000.01", str(told))
    unchecked = export({"form": "json-lines", "when": "yesterday"}).text_sent
    assert json.loads(unchecked)["transaction_id"] == "=1+1"  # no spreadsheet reads it


def test_a_file_names_no_customer(told):
    assert "Meera" not in export().text_sent


@pytest.mark.parametrize(
    ("asked", "outcomes"),
    [
        ({"outcome": "declined"}, ["Declined"]),
        ({"when": "yesterday"}, ["Posted"]),
        ({"type": "spend", "processor": "ENT"}, ["Declined", "Posted"]),
        ({"every": "all"}, ["Declined", "Reversed", "Posted", "Check", "Posted"]),
        ({"every": "check"}, ["Declined", "Check"]),
        ({"flag": "LATE"}, []),
    ],
)
def test_a_file_is_of_what_the_filters_let_through(told, asked, outcomes):
    assert [row[3] for row in read(export(asked))[1:]] == outcomes


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_file_is_made_page_by_page(told, monkeypatch, rows):
    whole = read(export())
    monkeypatch.setattr(transaction_export, "ROWS_AT_ONCE", rows)
    assert read(export()) == whole


def test_it_is_audited_with_its_filters_before_it_leaves(told):
    with clock.freeze(AT):
        asked = {"when": "today", "outcome": "declined", "processor": "ENT", "flag": ""}
        response = open_browser("auditor").post(reverse("transactions-export"), asked)
    entry = AuditEntry.objects.get(action="transactions exported")  # nothing of it was read yet
    assert (entry.subject, entry.at) == (audit.NO_CUSTOMER, AT)
    assert entry.user == response.wsgi_request.user
    assert audit.read_detail(entry) == {
        "since": "2031-06-17 00:00:00+05:30",
        "until": "2031-06-18 00:00:00+05:30",
        "asked": {"when": "today", "outcome": "declined", "processor": "ENT"},
        "source": "127.0.0.1",
        "outcome": "done",
    }


@pytest.mark.parametrize("asked", [{"when": "x"}, {"processor": "CBS"}, {"outcome": "x"}])
def test_what_does_not_fit_is_not_exported(told, asked):
    with clock.freeze(AT):
        page = open_browser("auditor").post(reverse("transactions-export"), asked, follow=True)
    assert "These filters don’t fit: nothing was exported." in read_words(page)
    assert not AuditEntry.objects.filter(action="transactions exported").exists()


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_auditors_alone_are_offered_it(told, role):
    page = open_browser(role).get("/transactions?type=spend")
    assert (reverse("transactions-export") in page.content.decode()) == (role == "auditor")
    assert export(role=role).status_code == (200 if role == "auditor" else 403)
