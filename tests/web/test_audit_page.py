"""The audit's page: who did what, about whom, in words; filtered, opened, taken away as a file."""

import csv
import io
import json
import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.urls import reverse

from customers.details import CustomerDetails
from customers.services import blocking, customers
from limits.services import seals
from ppims.backoffice import audit as page_of_audit
from ppims.core import clock
from ppims.models import AuditEntry
from ppims.reports import keyset
from ppims.reports.audit import list_audit
from ppims.services import audit
from tests.factories import make_customer
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)  # noon in India
HTMX = {"HX-Request": "true"}
MOBILE, NEW_MOBILE, EMAIL = "919812345678", "919876501234", "meera.iyer@example.in"


@pytest.fixture(autouse=True)
def _then():
    with clock.freeze(AT):
        yield


@pytest.fixture
def auditor():
    return open_browser("auditor")


@pytest.fixture
def customer(ent):
    return make_customer(ent, customer_name="Meera Iyer", mobile_number=MOBILE)


def record(action, number, *, user=None, processor=None, subject=0, **ago):
    """Record what has happened, `number` telling it from others."""
    return audit.record(
        action,
        at=AT - timedelta(**ago),
        subject=subject,
        user=user,
        processor=processor,
        detail={"seal": number, "username": f"u{number}"},
    )


def edit(customer, user, **changes):
    customers.edit_customer(
        customer_id=customer,
        details=CustomerDetails(**changes),
        accounts={},
        cards={},
        user=user,
    )


def list_lines(page):
    return [(line.said, line.customer, line.who) for line in page.context["lines"]]


def list_keys(page):
    return re.findall(r'<tbody id="audit-(\d+)"', page.content.decode())


def read_more(page):
    """Give the query of the rows that follow."""
    found = re.search(r'hx-get="(\?.*?)"', page.content.decode())
    return unescape(found[1]) if found else ""


def ask(client, **query):
    return client.get(reverse("audit"), query)


# What a row says.


def test_a_row_says_what_was_done_about_whom_and_who_did_it(auditor, customer):
    user = make_user("maker")
    edit(customer, user, mobile_number=NEW_MOBILE, email_id=EMAIL)
    blocking.block(customer_id=customer, reason="Card stolen", user=user)
    seals.make(user=None)
    lines = list_lines(ask(auditor))
    assert lines[:4] == [
        ("Made seal 1", "", "PPIMS"),
        ("Blocked the customer", "Meera Iyer", user.username),
        ("Changed email and mobile", "Meera Iyer", user.username),
        ("Added the customer", "Meera Iyer", "ENT"),
    ]
    assert f"12:00 PM Blocked the customer Meera Iyer {user.username}" in read_words(ask(auditor))


def test_who_did_it_at_the_machine_is_said(auditor):
    audit.record("clock accepted", at=AT, detail={"seconds": 61, "of": "x", "operator": "root"})
    said = ("Accepted the clock, which had jumped by 61 seconds", "", "root, at the machine")
    assert list_lines(ask(auditor))[0] == said


def test_days_in_india_are_headings_and_none_is_said_twice(auditor, monkeypatch):
    monkeypatch.setitem(list_audit.__kwdefaults__, "rows", 2)
    for number, minutes in enumerate((0, 1, 2, 12 * 60, 12 * 60 + 1)):
        record("sealed", number, minutes=minutes)
    page, days = ask(auditor), []
    while True:
        days += re.findall(r'scope="rowgroup">(.*?)<', page.content.decode())
        if len(days) > 2 or not read_more(page):
            break
        page = auditor.get(reverse("audit") + read_more(page), headers=HTMX)
    assert days[:2] == ["Tue, 17 Jun 2031", "Mon, 16 Jun 2031"]


def test_a_row_opens_with_all_that_is_kept_and_nothing_personal(auditor, customer):
    user = make_user("maker")
    edit(customer, user, mobile_number=NEW_MOBILE, email_id=EMAIL, address_line1="14 Temple Street")
    blocking.block(customer_id=customer, reason="Card stolen", user=user)
    blocked, edited = AuditEntry.objects.order_by("-pk")[:2]
    words = read_words(auditor.get(reverse("audit-entry", args=[blocked.pk])))
    assert "Reason Card stolen" in words
    page = auditor.get(reverse("audit-entry", args=[edited.pk]), headers=HTMX)
    words = read_words(page)
    assert "Changed address, email" in words
    assert "Changed mobile: ••••5678 → ••••1234" in words
    assert f"Action customer updated Unique_Id {customer}" in words
    hidden = (MOBILE, NEW_MOBILE, MOBILE[2:], EMAIL, "Temple")
    assert [each for each in hidden if each in page.content.decode()] == []
    closed = auditor.get(reverse("audit-entry", args=[edited.pk]), {"closed": ""}, headers=HTMX)
    assert "••••1234" not in read_words(closed)


def test_long_numbers_are_masked_and_instants_are_written_for_people(auditor):
    detail = {"n": [919812345678, 1234567], "until": "2031-06-16 00:00:00+05:30"}
    entry = audit.record("of another time", at=AT, detail=detail)
    words = read_words(auditor.get(reverse("audit-entry", args=[entry.pk])))
    assert "n [••••5678, 1234567] until 16 Jun 2031, 00:00:00 IST" in words


@pytest.mark.parametrize("changes", [["x"], {"accounts": "x"}, {"kyc_flag": ["N", "?"]}])
def test_a_detail_of_another_version_takes_no_page_down(auditor, changes):
    entry = audit.record("customer updated", at=AT, detail={"changes": changes})
    assert ask(auditor).status_code == 200
    assert auditor.get(reverse("audit-entry", args=[entry.pk])).status_code == 200


@pytest.mark.parametrize("number", [0, 10**6, 2**63, 10**30])
def test_an_entry_that_is_not_there_is_404(auditor, number):
    assert auditor.get(reverse("audit-entry", args=[number])).status_code == 404


# Filters.


def test_entries_are_found_by_person_action_customer_processor_and_period(auditor, ent, cbs):
    """Also of staff who did something for a processor, and each filter beside the others."""
    one, other = make_user("maker"), make_user("maker")
    customer, another = make_customer(ent), make_customer(cbs)
    record("customer updated", 1, user=one, subject=customer, days=3)
    record("customer added", 2, user=one, processor=ent, subject=another, days=2)
    record("customer blocked", 3, user=other, subject=customer, days=1)
    record("user added", 4, user=other)

    def find(**query):
        return sorted(line.entry.pk for line in ask(auditor, **query).context["lines"])

    def find_all(**wanted):
        return sorted(AuditEntry.objects.filter(**wanted).values_list("pk", flat=True))

    assert find(person=one.pk) == find_all(user=one) != []
    assert find(person=one.pk, processor="ENT") == find_all(user=one, processor=ent) != []
    assert find(action="customer-added") == find_all(action="customer added")
    assert find(action="user-added") == find_all(action="user added") != []
    assert find(action="customer-added", person=one.pk) == find_all(
        action="customer added", user=one
    )
    assert find(customer=customer) == find_all(subject=customer)
    assert find(customer=customer, person=other.pk) == find_all(subject=customer, user=other)
    assert find(customer=customer, action="customer-blocked", when="yesterday") == find_all(
        subject=customer, action="customer blocked"
    )
    assert find(processor="CBS") == find_all(processor=cbs) != []
    assert find(when="today", person=other.pk) == find_all(action="user added")
    assert find(when="own", since="14-06-2031", until="15-06-2031", person=one.pk) == find_all(
        user=one
    )
    assert find(customer="100000000000009") == []


@pytest.mark.parametrize(
    "query",
    [
        {"person": "nobody"},
        {"person": "999999"},
        {"action": "nothing"},
        {"processor": "NOBODY"},
        {"customer": "Meera"},
        {"customer": "12345678901234"},
        {"customer": "0" * 15},
        {"when": "own", "since": "soon"},
    ],
)
def test_what_can_not_be_looked_for_is_said_beside_its_field(auditor, query):
    page = ask(auditor, **query)
    assert page.status_code == 422
    assert page.context["form"].errors
    assert "lines" not in page.context


@pytest.mark.parametrize("cursor", ["x", "1-1", "-1-0-1"])
def test_what_is_no_cursor_is_404(auditor, cursor):
    assert ask(auditor, after=cursor).status_code == 404


@pytest.mark.parametrize("rows", [1, 2, 5])
@pytest.mark.parametrize("asked", ["", "customer={}", "person={}", "action=customer-blocked"])
def test_pages_of_any_size_give_each_entry_once(auditor, customer, monkeypatch, rows, asked):
    user = make_user("maker")
    for number in range(5):  # two of each instant
        record("customer blocked", number, user=user, subject=customer, seconds=number // 2)
    address = reverse("audit")
    query = asked.format(user.pk if "person" in asked else customer)
    found = list_keys(auditor.get(f"{address}?{query}"))
    monkeypatch.setitem(list_audit.__kwdefaults__, "rows", rows)
    page = auditor.get(f"{address}?{query}")
    pages = list_keys(page)
    while read_more(page):
        page = auditor.get(address + read_more(page), headers=HTMX)
        pages += list_keys(page)
    assert pages == found
    assert len(found) >= 5


def test_where_few_fit_looking_goes_on_further_back(auditor, monkeypatch):
    monkeypatch.setattr(keyset, "LOOKED_AT", 3)
    user = make_user("maker")
    first = record("user added", 1, user=user, days=9)
    for number in range(5):
        record("sealed", number)
    page = ask(auditor, person=user.pk)
    assert "Look further back" in read_words(page)
    found = list_keys(page)
    while read_more(page):
        page = auditor.get(reverse("audit") + read_more(page), headers=HTMX)
        found += list_keys(page)
    assert found == [str(first.pk)]


def test_nobodys_name_or_number_stands_in_an_address(auditor, customer):
    edit(customer, make_user("maker", first_name="Zubin"), mobile_number=NEW_MOBILE)
    addresses = re.findall(r'(?:href|hx-get|action)="(.*?)"', ask(auditor).content.decode())
    assert addresses
    said = " ".join(addresses)
    assert [each for each in ("Meera", "Iyer", "Zubin", NEW_MOBILE[2:]) if each in said] == []


def test_it_takes_a_bounded_number_of_queries_and_bytes(
    auditor, ent, django_assert_max_num_queries
):
    for number in range(60):
        customer = make_customer(ent) if number % 5 == 0 else 0
        record("user added", number, user=make_user("maker"), subject=customer)
    with django_assert_max_num_queries(19):
        page = ask(auditor)
    assert len(list_keys(page)) == keyset.PAGE_ROWS
    rows = auditor.get(reverse("audit"), {"after": keyset.FIRST_POSITION.write_cursor()})
    assert len(rows.content) < 60_000


# As a file.


def read_file(response):
    assert response.status_code == 200
    text = b"".join(response.streaming_content).decode()
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text.removeprefix("\ufeff"))))


def test_a_file_has_all_entries_masked_and_is_on_record(auditor, customer, monkeypatch):
    monkeypatch.setattr(page_of_audit, "ROWS_AT_ONCE", 2)
    user = make_user("maker")
    edit(customer, user, mobile_number=NEW_MOBILE, email_id=EMAIL)
    blocking.block(customer_id=customer, reason="=HYPERLINK", user=user)
    entries = AuditEntry.objects.count()
    sent = auditor.post(reverse("audit-export"), {"when": ""})
    assert 'filename="audit-17-06-2031.csv"' in sent["Content-Disposition"]
    head, *rows = read_file(sent)
    assert head == ["Time (India)", "Event", "Who", "Unique id", "Reason", "Reference"]
    assert len(rows) == entries + 1  # and that it is taken
    said = ["Blocked the customer", user.username, str(customer), "'=HYPERLINK"]
    assert rows[1][1:5] == said
    assert rows[2][1:4] == ["Changed email and mobile", user.username, str(customer)]
    assert [each for each in (NEW_MOBILE[2:], EMAIL, "Meera") if each in str(rows)] == []
    assert rows[0][1] == "Exported the audit, of all time"


def test_a_file_has_what_the_filters_let_through_and_the_record_says_which(auditor, customer):
    user = make_user("maker")
    blocking.block(customer_id=customer, reason="Card stolen", user=user)
    asked = {"customer": customer, "action": "customer-blocked", "person": user.pk, "when": "today"}
    page = ask(auditor, **asked)
    form = page.content.decode().split(f'action="{reverse("audit-export")}"')[1]
    sent = dict(re.findall(r'type="hidden" name="(\w+)" value="(.*?)"', form.split("</form>")[0]))
    sent.pop("csrfmiddlewaretoken", None)
    assert sent == {name: str(value) for name, value in asked.items()}
    _, *rows = read_file(auditor.post(reverse("audit-export"), sent))
    assert [row[1] for row in rows] == ["Blocked the customer"]
    kept = AuditEntry.objects.latest("pk")
    assert (kept.action, kept.subject) == ("audit exported", customer)
    detail = json.loads(kept.detail)
    assert detail["asked"] == sent
    assert detail["since"].startswith("2031-06-1")


def test_filters_that_do_not_fit_export_nothing(auditor):
    entries = AuditEntry.objects.count()
    sent = auditor.post(reverse("audit-export"), {"customer": "Meera"}, follow=True)
    assert "nothing was exported" in read_words(sent)
    assert AuditEntry.objects.count() == entries


def test_who_may_not_export_sees_no_button():
    assert reverse("audit-export") not in ask(open_browser("admin")).content.decode()
    assert reverse("audit-export") in ask(open_browser("auditor")).content.decode()


def test_a_customers_page_leads_to_the_audit_of_that_customer(auditor, customer):
    address = f"{reverse('audit')}?customer={customer}"
    page = reverse("customer", args=[customer])
    assert f'href="{address}"' in auditor.get(page).content.decode()
    assert f'href="{address}"' not in open_browser("maker").get(page).content.decode()
    assert "Customer added" in read_words(auditor.get(address))
