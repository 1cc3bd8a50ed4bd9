"""What the database says for /metrics, read by few statements however much there is."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from limits.models import Hold
from limits.services import seals
from ppims.core import clock
from ppims.metrics import readings
from ppims.models import Job, Processor, User
from ppims.services import backups, jobs
from tests.factories import make_check, make_customer, make_posting, make_processor

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]


@pytest.fixture(autouse=True)
def _a_new_process(monkeypatch):
    monkeypatch.setattr(readings, "BACKUP_TRIES", readings.BackupTries())


def read():
    return {(sample.name, *sample.labels): sample.value for sample in readings.read_samples()}


def test_a_new_installation_has_the_day_it_began_where_nothing_was_done_yet():
    values = read()
    first = {values[f"ppims_last_{what}_timestamp_seconds",] for what in ("verification", "backup")}
    assert len(first) == 1
    assert 0 < first.pop() <= clock.now().timestamp()
    assert ("ppims_last_verification_clean",) not in values
    assert values["ppims_last_backup_failed",] == values["ppims_jobs_unattended",] == 0
    assert values["ppims_database_size_bytes",] > 100_000
    assert (("ppims_database_log_bytes",) in values) == (connection.vendor == "sqlite")
    assert values["ppims_work_waiting", "jobs"] == 0
    assert ("ppims_work_oldest_timestamp_seconds", "jobs") not in values


def test_a_hold_is_open_up_to_its_end_and_not_at_it():
    ent = make_processor("ENT")
    customer = make_customer(ent)
    at = clock.now().replace(microsecond=0)
    with clock.freeze(at):
        make_check(ent, customer, 100)
    ends = Hold.objects.get().expires_at
    for moment, is_open in ((ends - timedelta(microseconds=1), 1), (ends, 0)):
        with clock.freeze(moment):
            assert read()["ppims_holds_open",] == is_open


def test_no_more_holds_are_looked_at_than_so_many(monkeypatch):
    ent = make_processor("ENT")
    customer = make_customer(ent)
    for _ in range(3):
        make_check(ent, customer, 100)
    monkeypatch.setattr(readings, "HOLDS_LOOKED_AT", 2)
    assert read()["ppims_holds_open",] == 2


def test_the_last_seal_and_verification_are_told_and_whether_it_found_something():
    at = clock.now()
    seal = seals.make_patiently()
    jobs.record_done(Job.Kind.VERIFY, began_at=at, arguments={}, result={"findings": 0})
    values = read()
    assert values["ppims_last_seal_timestamp_seconds",] == seal.at.timestamp()
    assert values["ppims_last_verification_timestamp_seconds",] >= at.timestamp()
    assert values["ppims_last_verification_clean",] == 1
    jobs.record_done(Job.Kind.VERIFY, began_at=at, arguments={}, result={"findings": 1})
    assert read()["ppims_last_verification_clean",] == 0


def test_backups_are_found_as_they_come_without_reading_all_again():
    first = backups.record_made(seal=1)
    assert read()["ppims_last_backup_timestamp_seconds",] == first.at.timestamp()
    backups.record_failed(OSError("full"))
    values = read()
    assert values["ppims_last_backup_failed",] == 1
    assert values["ppims_last_backup_timestamp_seconds",] == first.at.timestamp()
    later = backups.record_made(seal=2)
    values = read()
    assert values["ppims_last_backup_failed",] == 0
    assert values["ppims_last_backup_timestamp_seconds",] == later.at.timestamp()
    assert readings.BACKUP_TRIES._number == later.number
    readings.BACKUP_TRIES._number += 1_000  # as of a database that was there before
    assert read()["ppims_last_backup_timestamp_seconds",] == later.at.timestamp()


def test_rows_ahead_of_the_clock_are_seen():
    ent = make_processor("ENT")
    customer = make_customer(ent)
    at = clock.now()
    with clock.freeze(at + timedelta(hours=1)):
        make_posting(ent, customer, 100)
    with clock.freeze(at):
        assert read()["ppims_clock_behind_seconds",] == 3600
    with clock.freeze(at + timedelta(hours=2)):
        assert read()["ppims_clock_behind_seconds",] == 0


def test_work_is_told_by_kind_and_since_when_it_waits():
    job = jobs.ask(Job.Kind.SEAL, owner=User.objects.create(username="asha"))
    values = read()
    assert values["ppims_work_waiting", "jobs"] == 1
    assert values["ppims_work_oldest_timestamp_seconds", "jobs"] == job.asked_at.timestamp()
    assert values["ppims_jobs_unattended",] == 0
    with clock.freeze(job.asked_at + timedelta(minutes=1, seconds=1)):
        assert read()["ppims_jobs_unattended",] == 1


def test_a_password_is_told_of_who_may_call():
    ent, old = make_processor("ENT"), make_processor("OLD", state=Processor.State.DISABLED)
    made_at = clock.now()
    Processor.objects.filter(pk__in=[ent.pk, old.pk]).update(password_at=made_at)
    values = read()
    assert values["ppims_password_timestamp_seconds", "ENT"] == made_at.timestamp()
    assert ("ppims_password_timestamp_seconds", "OLD") not in values
    assert values["ppims_keys_missing",] == 0


def test_it_takes_as_many_statements_however_much_there_is():
    ent = make_processor("ENT")
    read()
    with CaptureQueriesContext(connection) as few:
        read()
    for _ in range(3):
        customer = make_customer(ent)
        make_check(ent, customer, 100)
        make_posting(ent, customer, 100)
    for number in range(3):
        make_processor(f"P{number}")
    with CaptureQueriesContext(connection) as many:
        read()
    assert len(many) <= len(few) + 1 <= 26
