"""Customers as a file: all whom the filters let through, masked; audited before it leaves."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta

import pytest
from django.urls import reverse

from customers.services import blocking
from ppims.core import calendar, clock
from ppims.models import AuditEntry
from ppims.reports import exported_customers
from ppims.services import audit
from tests.factories import make_customer
from tests.two_people import merge_customers
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.private_customer import NEVER_SHOWN, PRIVATE_WORDS, make_meera

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
FORMULA = "=cmd|'/c calc'!A1"


@pytest.fixture
def people(ent, cbs):
    with clock.freeze(AT):
        made = [make_meera(ent, cbs)]
    with clock.freeze(AT + timedelta(seconds=1)):
        made.append(make_customer(cbs, customer_name="Om Das", kyc_flag="N"))
        blocking.block(customer_id=made[1], reason="asked for", user=make_user("maker"))
    return made


def export(role="auditor", **asked):
    with clock.freeze(AT):
        response = open_browser(role).post(reverse("customers-export"), asked)
        if response.status_code == 200:
            response.text_sent = b"".join(response.streaming_content).decode("utf-8-sig")
    return response


def read(response):
    return list(csv.DictReader(io.StringIO(response.text_sent)))


def read_lines(response):
    return [json.loads(line) for line in response.text_sent.splitlines()]


def test_a_file_has_a_row_for_each_customer_masked(people):
    response = export()
    named = 'attachment; filename="customers-17-06-2031.csv"'
    assert response.headers["Content-Disposition"] == named
    om, meera = read(response)
    assert meera == {
        "Unique id": str(people[0]),
        "Name": "Meera Verma",
        "Mobile": "••••5678",
        "Date of birth": "•• ••• 1991",
        "Email": "m••••@example.in",
        "Address": "••••, Chennai, Tamil Nadu, ••••",
        "KYC": "P",
        "KYC since": "17-06-2031 12:00:00",
        "KYC updated": "17-06-2031 12:00:00",
        "KYC channel": "PGO",
        "Status": "ACTIVE",
        "Added": "17-06-2031 12:00:00",
        "Merged into": "",
        "Documents": "PAN ••••234F",
        "Known through": "ENT ••••0077 ••••0042; CBS ••••0077 ••••0042",
        "Accounts": "ENT ••••6655 A; CBS ••••6655 A",
        "Cards": "ENT ••••4321 A; CBS ••••4321 A",
    }
    assert (om["Name"], om["KYC"], om["Status"]) == ("Om Das", "N", "BLOCKED")


@pytest.mark.parametrize("form", ["csv", "json-lines"])
def test_nothing_private_is_in_it(people, form):
    sent = export(form=form).text_sent
    assert [text for text in (*PRIVATE_WORDS, *NEVER_SHOWN) if text in sent] == []


def test_lines_of_json_have_the_same_by_name(people):
    response = export(form="json-lines", tier="P")
    assert response.headers["Content-Type"] == "application/x-ndjson"
    assert response.headers["Content-Disposition"].endswith('-17-06-2031.jsonl"')
    (meera,) = read_lines(response)
    assert list(meera) == list(exported_customers.COLUMN_HEADS)
    assert (meera["unique_id"], meera["added"]) == (people[0], "2031-06-17T06:30:00+00:00")
    assert meera["documents"] == [{"kind": "PAN", "number": "••••234F"}]


@pytest.mark.parametrize(
    ("asked", "names"),
    [
        ({"tier": "N"}, ["Om Das"]),
        ({"processor": "ENT"}, ["Meera Verma"]),
        ({"status": "BLOCKED", "tier": "P"}, []),
        ({"month": "203106"}, ["Om Das", "Meera Verma"]),
        ({"month": "203105"}, []),
    ],
)
def test_a_file_is_of_whom_the_filters_let_through(people, asked, names):
    assert [row["Name"] for row in read(export(**asked))] == names


def test_a_months_list_says_what_it_was_before_and_when(people, ent):
    month = str(calendar.number_ist_month(AT))
    (om,) = read(export(month=month, what="blocked"))
    assert (om["Name"], om["KYC"], om["Changed"]) == ("Om Das", "N", "17-06-2031 12:00:01")


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_a_file_is_made_page_by_page(people, ent, cbs, monkeypatch, rows):
    with clock.freeze(AT):
        merge_customers(people[0], make_customer(ent))
    whole = read(export())
    assert len(whole) == 2
    monkeypatch.setattr(exported_customers, "ROWS_AT_ONCE", rows)
    assert read(export()) == whole


def test_a_name_that_is_a_formula_is_none_in_a_spreadsheet(ent):
    with clock.freeze(AT):
        make_customer(ent, customer_name=FORMULA)
    assert read(export())[0]["Name"] == f"'{FORMULA}"
    assert read_lines(export(form="json-lines"))[0]["name"] == FORMULA


def test_it_is_audited_with_its_filters_before_it_leaves(people):
    with clock.freeze(AT):
        response = open_browser("auditor").post(
            reverse("customers-export"), {"tier": "N", "status": "", "form": "json-lines"}
        )
    entry = AuditEntry.objects.get(action="customers exported")  # nothing of it was read yet
    assert (entry.subject, entry.at) == (audit.NO_CUSTOMER, AT)
    assert entry.user == response.wsgi_request.user
    assert audit.read_detail(entry) == {
        "asked": {"tier": "N"},
        "source": "127.0.0.1",
        "outcome": "done",
    }


def test_what_can_not_be_audited_does_not_leave(people, monkeypatch):
    def fail(*_, **__):
        raise OSError("no audit")

    monkeypatch.setattr("customers.services.disclosures.audit.record", fail)
    with pytest.raises(OSError, match="no audit"):
        export()


@pytest.mark.parametrize("asked", [{"tier": "x"}, {"processor": "ZZZ"}, {"month": "203113"}])
def test_what_does_not_fit_is_not_exported(people, asked):
    with clock.freeze(AT):
        page = open_browser("auditor").post(reverse("customers-export"), asked, follow=True)
    assert "These filters don’t fit: nothing was exported." in read_words(page)
    assert not AuditEntry.objects.filter(action="customers exported").exists()


def test_more_customers_take_no_more_queries(people, ent, django_assert_num_queries):
    with clock.freeze(AT):
        ids = [make_customer(ent) for _ in range(4)]
    for some in (ids[:1], ids):
        with django_assert_num_queries(6):
            assert len(exported_customers.read_rows(some)) == len(some)


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor", "admin"])
def test_auditors_alone_are_offered_it(people, role):
    page = open_browser(role).get("/customers?tier=N").content.decode()
    assert (reverse("customers-export") in page) == (role == "auditor")
    assert ('name="tier" value="N"' in page) == (role == "auditor")
    assert export(role).status_code == (200 if role == "auditor" else 403)
