"""Refused reports: what staff note and find, how many wait and since when, and the queue."""

import json

import pytest
from django.http import Http404

from limits.models import OverviewSnapshot, ReportFinding
from limits.services.findings import find_closing, list_notes, note
from limits.services.refused_reports import list_reports
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import AuditEntry, User
from ppims.reports import keyset, overview_counts, refused_reports
from ppims.reports.activity import list_activity
from ppims.reports.overview import read_overview
from ppims.reports.records import Kind, Row
from ppims.reports.waiting import Waiting
from tests.factories import make_posting, refuse
from tests.reports.conftest import read_overview_at

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]


@pytest.fixture
def maker(db):
    return User.objects.create(username="farhan")


@pytest.fixture
def posting(ent, customer, day):
    with day():
        return make_posting(ent, customer, 100, tran_id="T1")[0]


@pytest.fixture
def reports(ent, customer, posting, day):
    """Five refused reports, a second apart."""
    made = []
    for paise in range(1, 6):
        with day():
            made.append(refuse(ent, customer, paise, "T1"))
    return made


def close(report, user, finding="REPEAT"):
    return note(report, finding=finding, note="as ENT says", user=user)


def list_ids(page):
    return [row.pk for row in page.rows]


# The service.


def test_a_note_leaves_it_open_and_a_finding_closes_it_once(reports, maker):
    first = note(reports[0], finding="", note=" asked ENT ", user=maker)
    assert (first.note, find_closing(reports[0])) == ("asked ENT", None)
    kept = close(reports[0], maker, "ANOTHER")
    with pytest.raises(Conflict):
        close(reports[0], maker, "REPORTED")
    last = note(reports[0], finding="", note="and corrected", user=maker)
    assert find_closing(reports[0]) == kept
    assert list_notes(reports[0]) == [first, kept, last]
    told = AuditEntry.objects.filter(subject=reports[0].customer_id, user=maker).order_by("pk")
    actions = [f"refused report {what}" for what in ("noted", "closed", "noted")]
    assert [row.action for row in told] == actions
    said = {"report": reports[0].pk, "finding": "ANOTHER", "reason": "as ENT says"}
    assert json.loads(told[1].detail).items() >= said.items()


def test_without_a_note_nothing_is_kept(reports, maker):
    with pytest.raises(Malformed):
        note(reports[0], finding="REPEAT", note="  ", user=maker)
    assert not ReportFinding.objects.exists()


def test_a_posting_knows_what_was_refused_for_it(ent, customer, posting, reports, day):
    with day():
        other, _ = make_posting(ent, customer, 9, tran_id="T1", direction="C")
    assert list_reports(posting) == reports
    assert list_reports(other) == []


def test_it_is_among_what_happened(reports):
    found = list_activity([reports[4].customer_id], clock.now()).rows
    newest = next(row for row in found if isinstance(row, Row) and row.kind == Kind.REFUSED)
    assert (newest.what, newest.at) == ("report refused", reports[4].at)
    assert newest.customer_id == reports[4].customer_id


# How many wait.


def test_those_that_are_closed_wait_no_longer(reports, maker, day):
    assert read_overview_at(day.at).waiting["refused-reports"] == Waiting(5, reports[0].at)
    close(reports[2], maker)
    note(reports[0], finding="", note="asked ENT", user=maker)
    assert read_overview_at(day.at).waiting["refused-reports"] == Waiting(4, reports[0].at)
    close(reports[0], maker)
    close(reports[1], maker)
    assert read_overview_at(day.at).waiting["refused-reports"] == Waiting(2, reports[3].at)
    close(reports[3], maker)
    close(reports[4], maker)
    assert read_overview_at(day.at).waiting["refused-reports"] == Waiting(0, None)


def test_what_is_refused_after_all_were_closed_waits(reports, maker, ent, customer, day):
    for report in reports:
        close(report, maker)
    read_overview_at(day.at)
    with day():
        new = refuse(ent, customer, 9, "T1")
    assert read_overview_at(day.at).waiting["refused-reports"] == Waiting(1, new.at)


def test_looks_as_short_as_can_be_come_to_the_same(reports, maker, day, monkeypatch):
    for report in reports[:4]:
        close(report, maker)
    whole = read_overview_at(day.at)
    OverviewSnapshot.objects.update(state="{}")
    monkeypatch.setattr(keyset, "LOOKED_AT", 2)
    monkeypatch.setattr(overview_counts, "ROWS_AT_ONCE", 1)
    is_complete = False
    while not is_complete:
        with clock.freeze(day.at):
            overview_counts.refresh(seconds=0)
        is_complete = json.loads(OverviewSnapshot.objects.get(pk=1).state)["is_complete"]
    with clock.freeze(day.at):
        assert (
            read_overview().waiting["refused-reports"]
            == whole.waiting["refused-reports"]
            == Waiting(1, reports[4].at)
        )


def test_figures_of_before_there_were_any_are_counted_on(ent, customer, day, maker):
    with day():
        make_posting(ent, customer, 100, tran_id="T1")
    known = read_overview_at(day.at)
    state = json.loads(OverviewSnapshot.objects.get(pk=1).state)
    counted = {name: upto for name, upto in state["counted"].items() if "report" not in name}
    old = {name: value for name, value in state.items() if not name.startswith("refused")}
    OverviewSnapshot.objects.update(state=json.dumps({**old, "counted": counted}))
    with day():
        close(refuse(ent, customer, 5, "T1"), maker)
        waits = refuse(ent, customer, 5, "T1")
    now = read_overview_at(day.at)
    assert (now.waiting["refused-reports"], now.days[-1]) == (Waiting(1, waits.at), known.days[-1])
    assert now.is_complete


# The queue.


def test_the_oldest_that_waits_comes_first(reports, maker):
    close(reports[1], maker)
    assert list_ids(refused_reports.list_waiting(0)) == [
        reports[place].pk for place in (0, 2, 3, 4)
    ]


def test_it_begins_where_the_figures_say_that_the_first_waits(reports, maker, day):
    assert overview_counts.find_refused_position() == 0
    close(reports[0], maker)
    read_overview_at(day.at)
    assert overview_counts.find_refused_position() == reports[1].pk - 1
    assert list_ids(refused_reports.list_waiting(overview_counts.find_refused_position())) == [
        each.pk for each in reports[1:]
    ]


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_pages_of_any_size_give_each_row_once(reports, maker, rows):
    close(reports[2], maker)
    page = refused_reports.list_waiting(0, rows=rows)
    found = list_ids(page)
    while page.next:
        page = refused_reports.list_waiting(0, cursor=page.next, rows=rows)
        assert not page.is_cut_short
        found += list_ids(page)
    assert found == [reports[place].pk for place in (0, 1, 3, 4)]


def test_where_many_are_closed_it_is_cut_short_and_goes_on_from_there(reports, maker, monkeypatch):
    for report in reports[:4]:
        close(report, maker)
    monkeypatch.setattr(keyset, "LOOKED_AT", 3)
    page = refused_reports.list_waiting(0)
    assert (list_ids(page), page.is_cut_short) == ([], True)
    assert list_ids(refused_reports.list_waiting(0, cursor=page.next)) == [reports[4].pk]


def test_those_that_were_closed_are_listed_the_last_first(reports, maker):
    kept = [close(report, maker).pk for report in reports[:3]]
    note(reports[4], finding="", note="asked ENT", user=maker)
    page = refused_reports.list_closed(rows=2)
    assert list_ids(page) == kept[:0:-1]
    last = refused_reports.list_closed(cursor=page.next, rows=2)
    assert (list_ids(last), last.next) == ([kept[0]], "")


@pytest.mark.parametrize(
    "listed",
    [lambda cursor: refused_reports.list_waiting(0, cursor=cursor), refused_reports.list_closed],
)
def test_what_is_no_cursor_is_not_found(db, listed):
    with pytest.raises(Http404):
        listed(cursor="x")
