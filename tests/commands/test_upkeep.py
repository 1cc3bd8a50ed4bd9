"""The daily watch: which checks nobody answered, and what was not made as it should be."""

from datetime import UTC, date, datetime, timedelta

import pytest

from limits.models import Notice
from limits.services import notices, seals, verifications
from ppims.core import clock
from ppims.maintenance import upkeep, watch
from ppims.models import AuditEntry, Job, Processor
from ppims.reports.processors import read_figures
from ppims.services import audit, backups, jobs
from tests.commands.watching import AT, TODAY, add_person, look, read_open
from tests.factories import make_check, make_customer, make_posting, make_processor
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


# Checks that were never answered.


def test_yesterdays_checks_that_nobody_answered_are_one_notice_a_processor(ent):
    cbs = make_processor("CBS")
    with clock.freeze(AT - timedelta(days=1)):
        person = make_customer(ent, cbs)
        make_check(ent, person, 100)
        make_check(ent, person, 200)
        make_check(cbs, person, 300)
        make_check(ent, person, 400, ref_id="C1")
        make_posting(ent, person, 400, enquiry="C1")
        make_check(ent, person, 10**8)  # declined
    with clock.freeze(AT - timedelta(minutes=20)):
        make_check(ent, person, 500)  # today's
    found = look()
    assert found == watch.Watched(2, 0, {"UNANSWERED": 2})
    rows = Notice.objects.order_by("count").values_list("processor__system_id", "day", "count")
    assert list(rows) == [("CBS", date(2031, 6, 16), 1), ("ENT", date(2031, 6, 16), 2)]
    with clock.freeze(AT):
        day = read_figures().find(ent.pk).days[-2]
    assert day.unanswered == 2  # one truth
    assert look(hours=1) == watch.Watched(0, 0, {"UNANSWERED": 2})


def test_what_is_answered_late_is_counted_off_and_the_last_closes_it(ent):
    person = add_person(ent, date(2031, 1, 1))
    with clock.freeze(AT - timedelta(days=1)):
        for ref_id in ("C1", "C2"):
            make_check(ent, person, 100, ref_id=ref_id)
    look()
    with clock.freeze(AT + timedelta(minutes=5)):
        make_posting(ent, person, 100, enquiry="C1", tran_id="T1")
    assert look(minutes=10).closed == 0
    assert read_open(KIND.UNANSWERED) == [(date(2031, 6, 16), 0, 1)]
    with clock.freeze(AT + timedelta(minutes=15)):
        make_posting(ent, person, 100, enquiry="C2", kind="F")
    assert look(minutes=20).closed == 1


def test_a_day_is_looked_back_at_for_three_days_and_then_left_as_it_is(ent):
    person = add_person(ent, date(2031, 1, 1))
    with clock.freeze(AT):
        make_check(ent, person, 100)
    found = []
    for days in (4, 3, 4, 13, 40):  # after 14 nobody counts that day any more
        look(days=days)
        found.append(read_open(KIND.UNANSWERED))
    assert found == [[], *[[(TODAY, 0, 1)]] * 4]


# Seals, verifications, backups.


def verify_all(count=0):
    found = verifications.Found(10, count, ["Entry 1: its signature is wrong"] * count)
    verifications.keep_verification(found, began_at=clock.now(), is_cut_short=False)


def test_a_new_installation_hears_nothing_in_its_first_days(settings):
    settings.PRODUCTION = True
    assert look(days=2) == watch.Watched(0, 0, {})
    assert look(days=2, seconds=1).waiting == {"SEAL": 1, "BACKUP": 1}
    assert look(days=8) == watch.Watched(0, 0, {"SEAL": 1, "BACKUP": 1})
    assert look(days=8, seconds=1).waiting == {"SEAL": 1, "BACKUP": 1, "VERIFICATION": 1}
    assert read_open(KIND.SEAL) == [(TODAY, 0, 0)]


def test_a_seal_that_was_missed_is_told_until_there_is_one(maker, settings):
    settings.PPIMS_VERIFICATION_DAYS = 0
    with clock.freeze(AT):
        seals.make()
    assert look(days=2).opened == 0
    assert look(days=2, seconds=1).opened == 1
    (notice,) = Notice.objects.all()
    with clock.freeze(AT + timedelta(days=3)):
        notices.close(notice.pk, note="Its timer is repaired", user=maker)
    assert look(days=8, hours=23).opened == 0
    assert look(days=9).opened == 1  # and a week later again
    with clock.freeze(AT + timedelta(days=9, hours=1)):
        seals.make()
    assert look(days=9, hours=2).closed == 1


def test_a_demo_is_not_nagged_for_backups_and_nobody_where_days_are_0(settings):
    assert "BACKUP" not in look(days=30).waiting
    settings.PRODUCTION = True
    settings.PPIMS_BACKUP_DAYS = settings.PPIMS_SEAL_DAYS = settings.PPIMS_VERIFICATION_DAYS = 0
    assert look(days=31).waiting == {}


def fail_job(kind):
    jobs.ask(kind, owner=make_user("auditor"))
    jobs.fail(jobs.claim_next("1-one"), "a fault")


def test_a_seal_that_failed_is_told_until_one_is_made():
    with clock.freeze(AT):
        fail_job(Job.Kind.SEAL)
    assert look(minutes=1).waiting == {"SEAL": 1}
    (notice,) = Notice.objects.all()
    assert (notice.has_failed, notice.day) == (True, TODAY)
    with clock.freeze(AT + timedelta(minutes=2)):
        seals.make()
    assert look(minutes=3) == watch.Watched(0, 1, {})


def test_a_verification_that_failed_or_found_something_is_told_until_one_finds_nothing(maker):
    with clock.freeze(AT):
        fail_job(Job.Kind.VERIFY)
    assert look(minutes=1).opened == 1
    with clock.freeze(AT + timedelta(minutes=2)):
        verify_all(3)
    assert look(minutes=3) == watch.Watched(1, 1, {"VERIFICATION": 1})
    assert read_open(KIND.VERIFICATION) == [(TODAY, 0, 3)]
    with clock.freeze(AT + timedelta(minutes=4)):
        notices.close(Notice.objects.get(state="OPEN").pk, note="Looking into it", user=maker)
        assert watch.watch().opened == 0
        verify_all(3)  # found again: told again
    assert look(minutes=5).waiting == {"VERIFICATION": 1}
    with clock.freeze(AT + timedelta(minutes=6)):
        verify_all()
    assert look(minutes=7) == watch.Watched(0, 1, {})


def test_a_backup_is_on_record_made_or_failed_and_the_watch_reads_it(settings):
    settings.PRODUCTION = True
    with clock.freeze(AT):
        seals.make()
        backups.record_failed(OSError(28, "No space left on device"))
    assert look(minutes=1).waiting == {"BACKUP": 1}
    assert Notice.objects.get().has_failed
    with clock.freeze(AT + timedelta(minutes=2)):
        backups.record_made(seal=1)
    assert look(minutes=3) == watch.Watched(0, 1, {})
    failed, made = AuditEntry.objects.filter(action__startswith="backup ").order_by("number")
    assert audit.read_detail(failed)["reason"] == "[Errno 28] No space left on device"
    assert audit.read_detail(made)["seal"] == 1
    settings.PPIMS_SEAL_DAYS = 0
    assert look(days=2, minutes=2).opened == 0
    assert look(days=2, minutes=2, seconds=1).opened == 1


def test_the_day_on_which_the_watch_came_is_known(monkeypatch):
    monkeypatch.undo()
    assert datetime.now(UTC) - upkeep._find_first_day() < timedelta(days=1)


# Passwords of processors.


def make_password(processor, days):
    made_at = AT - timedelta(days=days)
    Processor.objects.filter(pk=processor.pk).update(password_at=made_at)
    return made_at.date()


def test_a_password_over_its_time_is_one_notice_until_a_new_one_is_made(ent):
    cbs = make_processor("CBS")
    make_password(cbs, 365)
    day = make_password(ent, 366)
    assert look() == watch.Watched(1, 0, {"PASSWORD": 1})
    assert look() == watch.Watched(0, 0, {"PASSWORD": 1})
    assert read_open(KIND.PASSWORD) == [(day, 0, 0)]
    make_password(ent, 0)
    make_password(cbs, 0)
    assert look() == watch.Watched(0, 1, {})


def test_one_that_somebody_closed_comes_again_after_a_month_more(ent):
    admin = make_user("admin")
    make_password(ent, 366)
    look()
    with clock.freeze(AT):
        notices.close(Notice.objects.get().pk, note="In spring", user=admin)
    look(days=28)
    assert read_open(KIND.PASSWORD) == []
    look(days=29)
    assert [step for _, step, _ in read_open(KIND.PASSWORD)] == [1]


@pytest.mark.parametrize("change", [{"state": "DISABLED"}, {"password_at": None}])
def test_of_who_can_not_call_and_of_an_unknown_age_there_is_none(ent, change):
    make_password(ent, 366)
    look()
    Processor.objects.update(**change)
    assert look() == watch.Watched(0, 1, {})


def test_with_0_days_a_password_may_have_any_age(ent, settings):
    settings.PPIMS_PASSWORD_DAYS = 0
    make_password(ent, 9_999)
    assert look() == watch.Watched(0, 0, {})
