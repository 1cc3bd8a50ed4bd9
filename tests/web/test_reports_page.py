"""A month's figures: as a page, and as a file that says the same."""

import csv
import io
from collections import Counter
from datetime import UTC, datetime, timedelta

import pytest

from limits.models import LedgerEntry
from limits.services import findings, seals
from ppims.core import calendar, clock
from ppims.models import AuditEntry
from ppims.reports import keyset
from ppims.reports.month_figures import Section, read_month_figures
from ppims.services import audit
from tests.factories import make_check, make_customer, make_posting, set_blocked, set_tier
from tests.ledger import histories
from tests.ledger.histories import adjust
from tests.web.admin_pages import open_browser, read_words
from tests.web.users import find_user

pytestmark = pytest.mark.django_db
THEN_AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
JUNE, JULY = 203106, 203107
NOW = THEN_AT + timedelta(days=20)  # in July


@pytest.fixture
def story(ent, cbs, maker):
    """Some of everything in June: the customer."""
    with clock.freeze(THEN_AT):
        customer = make_customer(ent, cbs, kyc_flag="P")
        make_check(ent, customer, 10**9)
        make_posting(ent, customer, 50_000, tran_id="T1")
        make_posting(cbs, customer, 123_456_789, direction="C")
        make_posting(ent, customer, 10_000, kind="R", tran_id="T1")
        flagged, _ = make_posting(ent, customer, 70_000)
        adjust(customer, JUNE, -500)
        adjust(customer, JUNE, 900)
        set_blocked(customer, blocked=True)
    with clock.freeze(THEN_AT + timedelta(seconds=1)):
        set_tier(customer, "F")
        findings.note(flagged, finding="GENUINE", note="so it is", user=find_user(maker))
    with clock.freeze(NOW):
        yield customer


@pytest.fixture(params=["maker", "checker", "auditor", "admin"])
def reader(request, story):
    return open_browser(request.param)


def list_links(page):
    return {
        (section.name, cell.label): cell.address
        for section in page.context["sections"]
        for row in section.rows
        for cell in row.cells
        if cell.address
    }


def read_file(client, month=JUNE):
    answer = client.post("/reports/export", {"month": month})
    assert answer["Content-Disposition"] == f'attachment; filename="figures-{month}.csv"'
    return list(csv.reader(io.StringIO(answer.content.decode("utf-8-sig"))))


def test_last_month_is_shown_first(reader):
    words = read_words(reader.get("/reports"))
    assert "Figures of Jun 2031" in words
    assert "The month is not over" not in words
    for said in (
        "On-boarded 0 1 0",
        "KYC raised 0 0 1",
        "Blocked 0 1 0",
        "At the month’s end 0 0 1",
        "Spend, New Min, ENT 2 ₹1,200.00",
        "Load, New Min, CBS 1 ₹12,34,567.89",
        "Spend 1 ₹100.00",
        "Over the month’s limit 1",
        "Without a check 2 1 0 0",
        "Added 1 ₹9.00",
        "Taken away 1 ₹5.00",
        "There is no seal yet.",
        read_month_figures(JUNE).digest,
    ):
        assert said in words


def test_who_only_looks_has_no_reports_and_no_tabs(story):
    viewer = open_browser("viewer")
    assert viewer.get("/reports").status_code == 403
    assert "Reports" not in read_words(viewer.get("/overview"))
    assert "Today Reports" in read_words(open_browser("checker").get("/overview"))


def test_months_lead_to_each_other_and_none_to_what_is_to_come(maker, story):
    page = maker.get(f"/reports?month={JULY}")
    assert "The month is not over" in read_words(page)
    assert 'href="?month=203106"' in page.content.decode()
    assert 'href="?month=203108"' not in page.content.decode()
    first = maker.get("/reports?month=202001").content.decode()
    assert 'href="?month=202002"' in first
    assert "Earlier" not in first
    last_of_year = maker.get("/reports?month=203012").content.decode()
    assert 'href="?month=203101"' in last_of_year
    assert 'href="?month=203011"' in last_of_year


@pytest.mark.parametrize("month", ["", "2031", "203113", "203100", "x", "2031-06", "٢٠٣١٠٦"])
def test_no_month_is_said_to_be_none(maker, story, month):
    answer = maker.get("/reports", {"month": month})
    assert answer.status_code == 422
    assert "write it as 202610" in read_words(answer)
    assert maker.post("/reports/export", {"month": month}).status_code == 404


@pytest.mark.parametrize("month", [JULY + 1, 201912])
def test_a_month_to_come_or_of_long_ago_is_not_found(maker, story, month):
    assert maker.get(f"/reports?month={month}").status_code == 404
    assert maker.post("/reports/export", {"month": month}).status_code == 404


def count_rows(client, address):
    """Count the rows of a list to its end, whichever list it is."""
    count = 0
    while address:
        page = client.get(address)
        assert page.status_code == 200, address
        if "days" in page.context:
            count += sum(len(lines) for _, lines in page.context["days"])
        else:
            count += len(page.context["rows"] if "rows" in page.context else page.context["lines"])
        more = page.context.get("more")
        address = more and f"{address.partition('?')[0]}?{more}"
    return count


@pytest.mark.parametrize("rows_a_page", [1, 50])
def test_each_figure_opens_a_list_of_as_many(story, ent, cbs, monkeypatch, rows_a_page):
    monkeypatch.setattr("ppims.backoffice.customers.PAGE_ROWS", rows_a_page)
    monkeypatch.setattr(keyset, "PAGE_ROWS", rows_a_page)
    with clock.freeze(THEN_AT + timedelta(seconds=2)):
        check, _ = make_check(ent, story, 10**9)
        make_posting(ent, story, 10**9, enquiry=check.ref_id)
        lowered = make_customer(ent, cbs, kyc_flag="F")
        set_tier(lowered, "N")
        make_posting(cbs, lowered, 10**7, direction="C")
    client = open_browser("auditor")
    page = client.get("/reports")
    links = list_links(page)
    listed = {
        (name, label): count_rows(client, address) for (name, label), address in links.items()
    }
    assert listed == {(name, label): int(label.rpartition(": ")[2]) for name, label in links}
    assert {name for name, _ in links} == {section.name for section in page.context["sections"]}
    figures = read_month_figures(JUNE).figures
    assert len(links) == sum(bool(each.count) for each in figures)
    for row in page.context["sections"][0].rows:
        number = sum(cell.count for cell in row.cells)
        assert number, row.title
        assert count_rows(client, row.address) == number


def test_lists_of_a_whole_history_are_as_long_as_its_figures(db):
    """With merges, un-merges, corrections, blocks, KYC raised and lowered, over some months."""
    with clock.freeze(histories.START):
        written = histories.write(2, customers=5, steps=7)
    histories.add_all_kinds(written)
    histories.merge_some(written)
    for history in written:
        history.step()
    at = max(history.at for history in written) + timedelta(hours=1)
    with clock.freeze(at):
        for number, history in enumerate(written[:3]):  # those who were never merged
            set_tier(history.customer, "FNP"[number])
        set_blocked(written[1].customer, blocked=True)
    seen = Counter()
    with clock.freeze(at + timedelta(days=1)):
        client = open_browser("auditor")
        for month in sorted({*list_months_of_entries(), calendar.number_ist_month(at)}):
            page = client.get("/reports", {"month": month})
            for (name, label), address in list_links(page).items():
                number = int(label.rpartition(": ")[2])
                assert count_rows(client, address) == number, (month, label)
                seen[name, label.partition(":")[0].partition(",")[0]] += number
            for row in page.context["sections"][0].rows:
                number = sum(cell.count for cell in row.cells)
                assert count_rows(client, row.address) == number, (month, row.title)
    assert {name for name, _ in seen} == {*Section} - {Section.OPENINGS}  # nobody was imported
    people = {"On-boarded", "KYC raised", "KYC lowered", "Blocked", "At the month’s end"}
    assert people == {what for name, what in seen if name == Section.CUSTOMERS}


def list_months_of_entries():
    return {calendar.number_ist_month(entry.at) for entry in LedgerEntry.objects.all()}


def test_who_is_blocked_is_listed_with_the_kyc_and_the_instant_of_then(story):
    """By a role that may not read the audit, too."""
    client = open_browser("checker")
    links = list_links(client.get("/reports"))
    words = read_words(client.get(links["customers", "Blocked, New Min: 1"]))
    assert "Blocked in Jun 2031, New Min." in words
    assert "New Min Blocked by us 17 Jun 2031, 12:00 PM" in words


def test_the_file_says_what_the_page_says(maker, story):
    with clock.freeze(NOW):
        seals.make(user=find_user(maker))
    found = read_month_figures(JUNE)
    head, *rows = read_file(maker)
    assert head[-2:] == ["Number", "Amount (₹)"]
    figures, named = rows[:-3], dict(row[1:] for row in rows[-3:])
    assert named == {"Newest seal": "1", "Digest": found.digest, "Read on": "07-07-2031"}
    assert [(int(row[6]), row[7]) for row in figures] == [
        (each.count, "" if each.paise is None else f"{each.paise // 100}.{each.paise % 100:02d}")
        for each in found.figures
    ]
    assert ["Jun 2031", "Posted", "Spend", "New Min", "ENT", "", "2", "1200.00"] in figures
    assert ["Jun 2031", "Flagged", "Any of them", "", "", "Happened", "1", ""] in figures
    words = read_words(maker.get("/reports"))
    assert "Newest seal: 1." in words
    assert found.digest in words


def test_the_digest_is_another_once_a_figure_is(maker, ent, story):
    _, *rows = read_file(maker)
    with clock.freeze(THEN_AT + timedelta(seconds=1)):
        make_posting(ent, story, 1)
    _, *later = read_file(maker)
    assert rows[-2][2] != later[-2][2]
    assert later[-2][2] == read_month_figures(JUNE).digest


def test_who_takes_the_file_away_is_on_record_once(reader):
    read_file(reader)
    (entry,) = AuditEntry.objects.filter(action="month's figures exported")
    assert entry.user == find_user(reader)
    expected = {"month": JUNE, "digest": read_month_figures(JUNE).digest}
    expected |= {"source": "127.0.0.1", "outcome": "done"}
    assert audit.read_detail(entry) == expected


def test_what_cannot_be_put_on_record_is_not_sent(maker, story, monkeypatch):
    def fail(*_args, **_more):
        raise RuntimeError

    maker.raise_request_exception = False
    monkeypatch.setattr("customers.services.disclosures.audit.record", fail)
    answer = maker.post("/reports/export", {"month": JUNE})
    assert answer.status_code == 500
    assert b"1200.00" not in answer.content


def test_it_takes_a_bounded_number_of_queries(maker, ent, story, django_assert_max_num_queries):
    for _ in range(5):
        make_posting(ent, make_customer(ent), 700)
    maker.get("/reports")
    with django_assert_max_num_queries(30):
        maker.get("/reports")
