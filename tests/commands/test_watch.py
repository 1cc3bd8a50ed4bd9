"""The daily watch: what is kept of it, who asks for it, and what it says."""

import json
from datetime import UTC, datetime, timedelta

import pytest
from django.core.management import call_command

from limits.models import Notice
from limits.services import notices
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed, Unavailable
from ppims.maintenance import jobs as runner
from ppims.maintenance import upkeep, watch
from ppims.maintenance.jobs import DailyWork
from ppims.models import AuditEntry, Job
from ppims.reports import overview_counts
from ppims.reports.waiting import read_waiting
from ppims.services import audit, jobs
from tests.commands.watching import AT, add_near, look, make_stop, read_notice
from tests.factories import make_processor
from tests.web.admin_pages import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
KIND = Notice.Kind


@pytest.fixture(autouse=True)
def _upkeep_is_new(monkeypatch):
    """Let the watch have come just now: nothing was missed."""
    monkeypatch.setattr(upkeep, "_find_first_day", lambda: AT)


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def maker():
    return make_user("maker")


# What is kept.


def test_closing_is_audited_once_with_its_note_and_only_once(ent, maker):
    make_stop()
    person = add_near(ent, 5)
    look()
    notice = read_notice(person)
    with clock.freeze(AT + timedelta(hours=1)):
        notices.close(notice.pk, note=" Came to the branch ", user=maker)
        with pytest.raises(Conflict):
            notices.close(notice.pk, note="again", user=maker)
    (entry,) = AuditEntry.objects.filter(action="notice closed")
    assert (entry.subject, entry.user) == (person, maker)
    detail = audit.read_detail(entry)
    assert (detail["before"], detail["after"], detail["reason"]) == (
        *("OPEN", "CLOSED"),
        "Came to the branch",
    )


@pytest.mark.parametrize("note", ["", "  ", "x" * 501, "Aadhaar 2345 6789 0124"])
def test_without_a_note_that_may_be_kept_nothing_is_closed(ent, maker, note):
    make_stop()
    person = add_near(ent, 5)
    look()
    with pytest.raises(Malformed):
        notices.close(read_notice(person).pk, note=note, user=maker)
    assert read_notice(person).is_open


def test_a_failing_audit_undoes_the_closing(ent, maker, monkeypatch):
    make_stop()
    person = add_near(ent, 5)
    look()

    def fail(*_, **__):
        raise Unavailable

    monkeypatch.setattr(audit, "record", fail)
    with pytest.raises(Unavailable):
        notices.close(read_notice(person).pk, note="Came", user=maker)
    assert read_notice(person).is_open


def test_what_was_closed_long_ago_is_deleted(ent, monkeypatch):
    monkeypatch.setattr(notices, "PURGED_AT_ONCE", 2)
    make_stop()
    for _ in range(3):
        add_near(ent, 1)
    look()
    assert look(days=1).closed == 3
    stops = Notice.objects.filter(kind=KIND.LOADING_STOP)
    look(days=101)
    assert stops.count() == 3
    look(days=101, seconds=1)
    assert stops.count() == 0


def test_of_two_watches_at_once_the_second_keeps_nothing_twice(ent, monkeypatch):
    """Both have read that there is none."""
    make_stop()
    add_near(ent, 5)
    look()
    (notice,) = Notice.objects.all()
    matter = notices.Matter(notice.kind, notice.matter, notice.day, notice.unique_id, step=7)
    none_known = notices.Changes([matter], [], [])
    monkeypatch.setattr(notices, "_compare", lambda *_: none_known)
    look(minutes=1)
    assert list(Notice.objects.all()) == [notice]


# Who asks for it.


def list_watches():
    return [jobs.read_arguments(job)["day"] for job in Job.objects.filter(kind="WATCH")]


def ask_at(at, *runners):
    with clock.freeze(at):
        for each in runners:
            each.ask()


def test_two_runners_ask_once_a_day_and_a_look_costs_nothing(django_assert_num_queries):
    first, second = DailyWork(), DailyWork()
    ask_at(AT, first, second)
    assert list_watches() == ["2031-06-17"]
    with django_assert_num_queries(0):
        ask_at(AT + timedelta(hours=5), first, second)
    ask_at(AT + timedelta(days=1), second, first, DailyWork())
    assert list_watches() == ["2031-06-17", "2031-06-18"]


def test_where_both_look_before_either_has_asked_one_wins(monkeypatch):
    ask_at(AT, DailyWork())
    hidden = Job.objects.filter(pk=0)
    monkeypatch.setattr(type(Job.objects), "filter", lambda *_, **__: hidden)
    ask_at(AT, DailyWork())
    monkeypatch.undo()
    assert list_watches() == ["2031-06-17"]


@pytest.mark.parametrize(("moment", "day"), [((18, 59, 59), "16"), ((19, 0, 0), "17")])
def test_a_day_begins_half_an_hour_after_midnight_in_india(moment, day):
    ask_at(datetime(2031, 6, 16, *moment, tzinfo=UTC), DailyWork())
    assert list_watches() == [f"2031-06-{day}"]


def test_where_it_cannot_be_asked_for_now_the_next_look_asks(monkeypatch):
    def fail(*_):
        raise Unavailable

    daily = DailyWork()
    with monkeypatch.context() as patch:
        patch.setattr(jobs, "ask_of_day", fail)
        ask_at(AT, daily)
    assert list_watches() == []
    ask_at(AT, daily)
    assert list_watches() == ["2031-06-17"]


def test_the_job_says_what_it_found(ent):
    make_stop()
    add_near(ent, 5)
    with clock.freeze(AT):
        DailyWork().ask()
        runner.run_next("1-one")
    (job,) = Job.objects.all()
    assert (job.state, job.owner) == ("DONE", None)
    assert json.loads(job.result) == {"opened": 1, "closed": 0, "waiting": {"LOADING_STOP": 1}}


def test_the_menu_counts_them_as_soon_as_the_watch_has_found_them(ent):
    make_stop()
    add_near(ent, 5)
    look()
    with clock.freeze(AT):
        overview_counts.refresh()
        assert read_waiting()["notices"].count == 1


def test_the_command_watches_now_and_prints_what_it_found(ent, capsys):
    make_stop()
    add_near(ent, 5)
    for new in (1, 0):
        with clock.freeze(AT + timedelta(minutes=1 - new)):
            call_command("watch")
        said = f"{new} new, 0 closed by themselves.\nLoading stops: 1 open\n"
        assert capsys.readouterr().out == said
    assert [jobs.read_result(job)["opened"] for job in Job.objects.order_by("pk")] == [1, 0]
    ask_at(AT + timedelta(minutes=2), DailyWork())  # the day's own is done all the same
    assert Job.objects.count() == 3


def test_while_others_count_the_checks_the_rest_is_kept_and_it_is_tried_again(ent, monkeypatch):
    monkeypatch.setattr(watch, "MOST_LOOKS", 1)
    monkeypatch.setattr(watch, "PAUSE_SECONDS", 0)
    monkeypatch.setattr(watch.overview_counts, "refresh", lambda **_: False)
    make_stop()
    person = add_near(ent, 5)
    with clock.freeze(AT):
        DailyWork().ask()
        runner.run_next("1-one")
    assert read_notice(person).is_open
    assert Job.objects.get().state == "WAITING"
