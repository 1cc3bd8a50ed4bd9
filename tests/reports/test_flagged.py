"""Flagged entries: what staff note and find, how many wait and since when, and the queue."""

import json
import random
from datetime import timedelta

import pytest
from django.http import Http404

from limits.models import LedgerEntry, OverviewSnapshot, PostingFinding
from limits.services.findings import find_closing, note
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed
from ppims.models import AuditEntry, User
from ppims.reports import flagged, keyset, overview_counts
from ppims.reports.keyset import Position
from ppims.reports.overview import read_overview
from ppims.reports.waiting import Waiting
from ppims.services import audit
from tests.factories import make_customer, make_posting
from tests.ledger.histories import History
from tests.reports.conftest import read_overview_at

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
START = Position(0, 0, 0)


@pytest.fixture
def maker(db):
    return User.objects.create(username="farhan")


@pytest.fixture
def entries(ent, customer, day):
    """Five flagged entries, a second apart, and one that is not."""
    made = []
    for paise in range(1, 6):
        with day():
            made.append(make_posting(ent, customer, paise)[0])
    with day():
        make_posting(ent, customer, 1, kind="F")
    return made


def close(entry, user, finding="GENUINE"):
    return note(entry, finding=finding, note="as the processor says", user=user)


# The service.


def test_a_note_leaves_it_open_and_a_finding_closes_it(entries, maker):
    note(entries[0], finding="", note=" asked ENT ", user=maker)
    assert find_closing(entries[0]) is None
    kept = close(entries[0], maker, "REPORTED")
    assert find_closing(entries[0]) == kept
    found = PostingFinding.objects.order_by("pk").values_list("note", "finding", "customer_id")
    customer = entries[0].customer_id
    assert list(found) == [
        ("asked ENT", "", customer),
        ("as the processor says", "REPORTED", customer),
    ]


def test_it_is_audited_with_the_customer_and_why(entries, maker):
    note(entries[0], finding="", note="asked ENT", user=maker)
    close(entries[0], maker)
    told = AuditEntry.objects.filter(subject=entries[0].customer_id, user=maker).order_by("pk")
    assert [(row.action, audit.read_detail(row)) for row in told] == [
        (
            "flagged posting noted",
            {"entry": entries[0].pk, "finding": "", "reason": "asked ENT"},
        ),
        (
            "flagged posting closed",
            {"entry": entries[0].pk, "finding": "GENUINE", "reason": "as the processor says"},
        ),
    ]


def test_it_is_closed_once_and_may_be_noted_ever_after(entries, maker):
    close(entries[0], maker)
    with pytest.raises(Conflict, match="conflicts"):
        close(entries[0], maker, "REPORTED")
    note(entries[0], finding="", note="and the holder was told", user=maker)
    assert PostingFinding.objects.count() == 2
    assert find_closing(entries[0]).finding == "GENUINE"
    assert AuditEntry.objects.filter(action__startswith="flagged").count() == 2


def test_without_a_note_nothing_is_kept(entries, maker):
    with pytest.raises(Malformed):
        note(entries[0], finding="GENUINE", note="  ", user=maker)
    assert not PostingFinding.objects.exists()


def test_what_is_not_flagged_is_not_closed(entries, maker):
    with pytest.raises(Conflict):
        close(LedgerEntry.objects.get(flags=""), maker)


# How many wait.


def test_those_that_are_closed_wait_no_longer(entries, maker, day):
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(5, entries[0].at)
    close(entries[2], maker)
    note(entries[0], finding="", note="asked ENT", user=maker)
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(4, entries[0].at)
    close(entries[0], maker)
    close(entries[1], maker)
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(2, entries[3].at)
    close(entries[3], maker)
    close(entries[4], maker)
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(0, None)


def test_what_is_flagged_after_all_were_closed_waits(entries, maker, ent, customer, day):
    for entry in entries:
        close(entry, maker)
    read_overview_at(day.at)
    with day():
        new, _ = make_posting(ent, customer, 9)
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(1, new.at)


def test_one_that_is_closed_within_the_minute_is_counted_as_both(ent, customer, maker, day):
    read_overview_at(day.at)
    with day():
        close(make_posting(ent, customer, 9)[0], maker)
        new, _ = make_posting(ent, customer, 9)
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(1, new.at)


def test_an_entry_of_earlier_that_comes_late_is_the_oldest(ent, cbs, day):
    first, second = make_customer(ent), make_customer(cbs)
    with day(minutes=5):
        make_posting(ent, first, 1)
    assert read_overview_at(day.at).waiting["flagged"].count == 1
    with clock.freeze(day.at - timedelta(minutes=1)):
        late, _ = make_posting(cbs, second, 1)
    assert read_overview_at(day.at).waiting["flagged"] == Waiting(2, late.at)


def test_looks_as_short_as_can_be_come_to_the_same(entries, maker, day, monkeypatch):
    for entry in entries[:4]:
        close(entry, maker)
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
            read_overview().waiting["flagged"]
            == whole.waiting["flagged"]
            == Waiting(1, entries[4].at)
        )


def test_figures_are_those_of_a_straight_count(ent, cbs, maker):
    drawn, chance = History(random.Random(7), ent, cbs), random.Random(8)
    for _ in range(60):
        drawn.step()
        waiting = [e for e in LedgerEntry.objects.exclude(flags="") if find_closing(e) is None]
        if waiting and chance.random() < 0.2:
            close(chance.choice(waiting), maker)
        if chance.random() < 0.2:
            read_overview_at(drawn.at)
    there = [e for e in LedgerEntry.objects.exclude(flags="") if find_closing(e) is None]
    assert len(there) > 3
    assert PostingFinding.objects.count() > 3
    assert read_overview_at(drawn.at).waiting["flagged"] == Waiting(
        len(there), min(entry.at for entry in there)
    )


# The queue.


def list_ids(page):
    return [row.pk for row in page.rows]


def test_the_oldest_that_waits_comes_first(entries, maker):
    close(entries[1], maker)
    assert list_ids(flagged.list_waiting(START)) == [entries[place].pk for place in (0, 2, 3, 4)]


def test_it_begins_where_the_figures_say_that_the_first_waits(entries, maker, day):
    close(entries[0], maker)
    read_overview_at(day.at)
    since = overview_counts.find_flagged_position()
    assert since.at == calendar.to_microseconds(entries[1].at)
    assert list_ids(flagged.list_waiting(since)) == [entry.pk for entry in entries[1:]]


def test_there_is_a_beginning_before_anything_was_counted(db):
    assert overview_counts.find_flagged_position() == START


@pytest.mark.parametrize("rows", [1, 2, 3, 4, 5])
def test_pages_of_any_size_give_each_row_once(entries, maker, rows):
    close(entries[2], maker)
    page = flagged.list_waiting(START, rows=rows)
    found = list_ids(page)
    while page.next:
        page = flagged.list_waiting(START, cursor=page.next, rows=rows)
        assert not page.is_cut_short
        found += list_ids(page)
    assert found == [entries[place].pk for place in (0, 1, 3, 4)]


def test_rows_of_one_instant_are_each_on_one_page(ent, customer, day):
    with day():
        made = [make_posting(ent, customer, 1)[0].pk for _ in range(4)]
    page = flagged.list_waiting(START, rows=1)
    found = list_ids(page)
    while page.next:
        page = flagged.list_waiting(START, cursor=page.next, rows=1)
        found += list_ids(page)
    assert found == made


def test_where_many_are_closed_it_is_cut_short_and_goes_on_from_there(entries, maker, monkeypatch):
    for entry in entries[:4]:
        close(entry, maker)
    monkeypatch.setattr(keyset, "LOOKED_AT", 3)
    page = flagged.list_waiting(START)
    assert (list_ids(page), page.is_cut_short) == ([], True)
    assert list_ids(flagged.list_waiting(START, cursor=page.next)) == [entries[4].pk]


def test_those_that_were_closed_are_listed_the_last_first(entries, maker):
    kept = [close(entry, maker).pk for entry in entries[:3]]
    note(entries[4], finding="", note="asked ENT", user=maker)
    page = flagged.list_closed(rows=2)
    assert [finding.pk for finding in page.rows] == kept[:0:-1]
    last = flagged.list_closed(cursor=page.next, rows=2)
    assert ([finding.pk for finding in last.rows], last.next) == ([kept[0]], "")
    assert flagged.list_closed(rows=3).next == ""


@pytest.mark.parametrize(
    "listed", [lambda cursor: flagged.list_waiting(START, cursor=cursor), flagged.list_closed]
)
def test_what_is_no_cursor_is_not_found(db, listed):
    with pytest.raises(Http404):
        listed(cursor="x")
