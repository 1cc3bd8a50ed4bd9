"""The queue of refused reports: what was refused beside what is posted, and what was found."""

from datetime import UTC, datetime

import pytest

from limits.models import ReportFinding
from ppims.core import clock
from ppims.models import AuditEntry
from tests.factories import make_posting, refuse
from tests.web.admin_pages import open_browser, read_words
from tests.web.users import find_user

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
HTMX = {"HX-Request": "true"}
ROW = "Spend posted already with ₹100.00 ₹150.00 Meera Iyer ENT 17 Jun 2031, 12:00 PM"


@pytest.fixture
def posting(ent, customer):
    with clock.freeze(AT):
        return make_posting(ent, customer, 10_000, tran_id="T1")[0]


@pytest.fixture
def report(ent, customer, posting):
    with clock.freeze(AT):
        return refuse(ent, customer, 15_000, "T1")


def find_page(report):
    return f"/work/refused/{report.pk}"


def send_note(client, report, finding="ANOTHER", note="A second purchase; corrected"):
    return client.post(find_page(report), {"finding": finding, "note": note})


def test_the_queue_sets_what_was_refused_beside_what_is_posted(report, maker):
    assert ROW in read_words(maker.get("/work/refused"))


def test_the_overview_counts_what_waits_and_leads_there(report, maker):
    with clock.freeze(AT):
        page = maker.get("/overview")
    (figure,) = [each for each in page.context["waiting"] if each.label == "Refused reports"]
    assert (figure.value, figure.address) == (1, "/work/refused?oldest=1")
    assert figure.notes == [("oldest less than a minute", "")]


def test_its_page_says_what_happened_and_what_to_do(report, maker):
    said = read_words(maker.get(find_page(report)))
    assert (
        "ENT reported ₹150.00 by a transaction number under which ₹100.00 was posted on"
        " 17 Jun 2031, 12:00 PM." in said
    )
    assert "Compare with ENT" in said
    assert "have a correction of it proposed" in said
    assert f"Ref_Id {report.ref_id} Tran_Id T1" in said


def test_the_posting_and_what_happened_to_the_customer_lead_to_it(report, posting, maker):
    detail = maker.get(f"/transactions/entry/{posting.pk}")
    addresses = [fact.address for fact in detail.context["steps"][0].facts]
    assert find_page(report) in addresses
    entry = AuditEntry.objects.get(action="report refused")
    detail = open_browser("viewer").get(f"/transactions/audit/{entry.pk}")
    assert {fact.value: fact.address for fact in detail.context["steps"][0].facts}["₹150.00"] == (
        find_page(report)
    )
    happened = read_words(maker.get(f"/customers/{report.customer_id}"))
    assert "Report refused" in happened


def test_a_note_is_kept_and_it_goes_on_waiting(report, maker):
    answer = maker.post(find_page(report), {"note": "asked ENT", "only_note": "1"})
    assert answer["Location"] == find_page(report)
    page = read_words(maker.get(find_page(report)))
    assert "The note is kept." in page
    assert f"asked ENT Note, {find_user(maker)}," in page
    assert "₹150.00" in read_words(maker.get("/work/refused"))


@pytest.mark.parametrize("finding", ReportFinding.Finding)
def test_a_finding_closes_it(report, maker, finding):
    with clock.freeze(AT):
        answer = send_note(maker, report, finding.value)
    assert answer["Location"] == "/work/refused"
    queue = read_words(maker.get("/work/refused"))
    assert f"Closed: {finding.label.lower()}." in queue
    assert "Nothing waits." in queue
    closed = read_words(maker.get("/work/refused?done=1"))
    assert f"{finding.label} ₹150.00 Meera Iyer {find_user(maker)} 17 Jun 2031, 12:00 PM" in closed
    kept = AuditEntry.objects.get(action="refused report closed")
    assert (kept.subject, kept.user) == (report.customer_id, find_user(maker))
    page = maker.get(find_page(report)).content.decode()
    assert 'value="ANOTHER"' not in page
    assert "Add the note" in page


@pytest.mark.parametrize(
    ("finding", "note", "said"),
    [
        ("ANOTHER", "", "Write what you found out."),
        ("", "  ", "Write what you found out."),
        ("", "asked", "Choose what it is."),
        ("GENUINE", "asked", "Choose what it is."),
    ],
)
def test_what_is_not_whole_closes_nothing(report, maker, finding, note, said):
    answer = send_note(maker, report, finding, note)
    assert answer.status_code == 422
    assert said in read_words(answer)
    assert not ReportFinding.objects.exists()


def test_what_another_has_closed_meanwhile_stays_closed(report, maker):
    send_note(maker, report)
    again = send_note(open_browser("maker"), report, "REPORTED")
    assert again.status_code == 422
    assert "was closed before" in read_words(again)
    assert [kept.finding for kept in ReportFinding.objects.all()] == ["ANOTHER"]


@pytest.mark.parametrize("role", ["viewer", "checker", "auditor", "admin"])
def test_who_may_not_close_it_sees_what_happened_and_no_form(report, role):
    page = open_browser(role).get(find_page(report))
    assert "A maker closes it." in read_words(page)
    assert "<textarea" not in page.content.decode()
    assert send_note(open_browser(role), report).status_code == 403


@pytest.mark.parametrize("query", ["/0", f"/{10**30}", "?after=x", "?done=1&after=x"])
def test_what_is_not_there_is_404(maker, query):
    assert maker.get(f"/work/refused{query}").status_code == 404


@pytest.mark.parametrize("done", ["", "?done=1"])
def test_the_queue_takes_a_bounded_number_of_queries_and_htmx_gets_its_rows(
    ent, customer, posting, maker, done, django_assert_max_num_queries
):
    for paise in range(1, 7):
        with clock.freeze(AT):
            report = refuse(ent, customer, paise, "T1")
        if done:
            send_note(maker, report)
    maker.get("/work/refused")  # counts what waits, once a minute
    with django_assert_max_num_queries(16):
        page = maker.get(f"/work/refused{done}")
    assert len(page.context["rows"]) == 6
    rows = maker.get(f"/work/refused{done}", headers=HTMX).content.decode()
    assert (rows.count("<tr"), rows.count("<table")) == (6, 0)
    with django_assert_max_num_queries(21):
        assert maker.get(find_page(report)).status_code == 200
