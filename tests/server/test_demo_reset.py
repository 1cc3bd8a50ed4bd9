"""The demo put back to its start: what goes, what stays, and what can't get across."""

import json
import shutil
import sqlite3
import stat
import threading
import time
from contextlib import closing
from pathlib import Path

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.test import Client

from customers.models import Customer
from limits.models import LedgerEntry, LimitCheck, OverviewSnapshot, RuleSet, Seal
from limits.services import overview, seals
from limits.verify import verify
from ppims.core import clock, keys
from ppims.core.errors import Conflict, Unavailable
from ppims.db import alias, put_back
from ppims.db.write_lock import hold_write_lock
from ppims.demo import load, next_answers, reset, traffic_place
from ppims.demo.next_answers import Answer, NextAnswer
from ppims.maintenance import jobs as runner
from ppims.models import AuditEntry, Job, KeptCall, Processor, StaffSession, User
from ppims.reports import overview_counts
from ppims.services import call_buffer, jobs, key_usage
from tests.factories import make_check, make_posting
from tests.server.conftest import use_file

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "PostgreSQL has no demo that is put back"),
]


@pytest.fixture
def demo(demo_folder, tmp_path, settings, django_db_blocker):
    """A demo of this test's own: its folder."""
    folder = tmp_path / "demo"
    shutil.copytree(demo_folder, folder)
    settings.PPIMS_DATA_DIR, settings.PPIMS_CLOCK_OFFSET_FILE = folder, str(folder / "offset")
    with django_db_blocker.unblock(), use_file(folder / "ppims.sqlite3"):
        yield folder


@pytest.fixture
def ent(demo):
    return Processor.objects.get(system_id="ENT")


def count_rows():
    return [model.objects.count() for model in (Customer, LedgerEntry, LimitCheck, RuleSet, User)]


def list_findings():
    return [str(finding) for finding in verify()]


def test_the_start_is_kept_for_its_owner_alone_and_not_kept_again(demo):
    start = demo / reset.START_FILE
    assert stat.S_IMODE(start.stat().st_mode) == 0o600
    kept = start.read_bytes()
    call_command("prepare", url="http://127.0.0.1:8000")
    assert start.read_bytes() == kept


def test_what_was_done_since_is_gone_and_the_ledger_is_whole(demo, ent):
    before = count_rows()
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)
    make_check(ent, load.SAMPLE_CUSTOMER, 100)
    User.objects.create(username="newcomer")
    Processor.objects.filter(pk=ent.pk).update(password="another")
    assert count_rows() != before
    reset.put_back_to_start(processor=ent)
    assert count_rows() == before
    assert LedgerEntry.objects.filter(customer_id=load.SAMPLE_CUSTOMER).count() == 0
    assert Processor.objects.get(pk=ent.pk).password != "another"
    assert list_findings() == []
    entry = AuditEntry.objects.get(action="demo put back to its start")
    assert entry.processor_id == ent.pk
    assert not list(demo.glob(".reset-*"))


def test_data_that_are_no_demos_by_now_are_not_taken_away(demo, ent):
    """As where a backup of another installation was restored into a demo's folder."""
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)
    before = count_rows()
    (demo / load.ACCESS_FILE).unlink()
    with pytest.raises(Conflict):
        reset.put_back_to_start(processor=ent)
    assert count_rows() == before


def test_a_damaged_start_keeps_no_server_from_starting_and_is_made_anew(demo, ent, monkeypatch):
    start = demo / reset.START_FILE
    start.write_bytes(b"x" * 5_000)
    with pytest.raises(Conflict):
        reset.put_back_to_start(processor=ent)
    made = []
    monkeypatch.setattr(reset, "_load_beside", made.append)
    reset.ensure_start(url="http://127.0.0.1:8000", is_new=False)
    assert made == ["http://127.0.0.1:8000"]


def test_where_it_fails_the_clock_and_the_next_answers_are_as_they_were(demo, ent, monkeypatch):
    Path(settings.PPIMS_CLOCK_OFFSET_FILE).write_text("86400.0")
    clock.wait_for_offset()
    next_answers.set_next(ent, NextAnswer("check-customer-limit", Answer.BUSY, is_done=False))
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)

    def fail(_):
        raise sqlite3.OperationalError("database or disk is full")

    monkeypatch.setattr(reset.alias, "put_back_pages", fail)
    with pytest.raises(sqlite3.OperationalError):
        reset.put_back_to_start(processor=ent)
    assert clock.read_offset().total_seconds() == 86400
    assert len(next_answers.list_next(ent)) == 1
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)  # not earlier than what is booked
    assert list_findings() == []


def test_it_may_be_put_back_again_and_again(demo, ent):
    for times in (1, 2, 3):
        reset.put_back_to_start()
        assert put_back.read_count() == times
        make_posting(ent, load.SAMPLE_CUSTOMER, 100)
    assert list_findings() == []


def test_whoever_is_logged_in_stays_so_and_the_passwords_are_those_that_are_told(demo):
    user = User.objects.get(username="asha")
    browser = Client()
    browser.force_login(user, backend="django.contrib.auth.backends.ModelBackend")
    session = browser.session
    session["seen"] = session["began"] = int(time.time())  # as a log-in leaves it
    session.save()
    reset.put_back_to_start(user=user)
    assert StaffSession.objects.count() == 1
    assert browser.get("/overview").status_code == 200
    told = {each["username"]: each["password"] for each in read_access(demo)["users"]}
    assert all(User.objects.get(username=name).check_password(told[name]) for name in told)


def test_whoever_came_later_is_gone_and_so_is_their_session(demo):
    later = User.objects.create(username="later", is_staff=True)
    Client().force_login(later, backend="django.contrib.auth.backends.ModelBackend")
    assert StaffSession.objects.filter(user=later).exists()
    reset.put_back_to_start()
    assert not User.objects.filter(username="later").exists()
    assert not StaffSession.objects.exists()


def read_access(folder):
    return json.loads((folder / "demo.json").read_text())


def test_the_clock_is_the_real_one_again_before_anything_is_written(demo, settings):
    offset = demo / "offset"
    offset.write_text("86400")
    clock._read_offset.cache_clear()
    reset.put_back_to_start()
    assert not offset.exists()
    assert not clock.read_offset()
    entry = AuditEntry.objects.get(action="demo put back to its start")
    assert abs((clock.now() - entry.at).total_seconds()) < 60


def test_whoever_has_the_turn_to_write_is_waited_for_and_no_longer_than_for_a_page(demo, settings):
    settings.PPIMS_BUSY_SECONDS = 0
    count = put_back.read_count()
    with hold_write_lock(), pytest.raises(Unavailable):
        reset.put_back_to_start()
    assert put_back.read_count() == count


def test_what_was_set_for_the_next_answers_goes(demo, ent):
    asked = next_answers.NextAnswer("check-customer-limit", next_answers.Answer.BUSY, is_done=False)
    next_answers.set_next(ent, asked)
    reset.put_back_to_start()
    assert next_answers.list_next(ent) == []


@pytest.mark.parametrize("is_empty", [True, False])
def test_a_clock_that_was_turned_is_forgotten_where_a_demo_is_loaded_and_else_kept(
    demo, monkeypatch, is_empty
):
    monkeypatch.setattr(load, "load", lambda: False)  # it takes a second
    (demo / "offset").write_text("86400")
    clock._read_offset.cache_clear()
    if is_empty:
        connection.close()
        shutil.copy(demo / "empty.sqlite3", demo / "ppims.sqlite3")
    call_command("prepare", url="http://127.0.0.1:8000")
    assert (demo / "offset").exists() is not is_empty
    assert bool(clock.read_offset()) is not is_empty


# What read before, and would write after.


def put_back_elsewhere():
    """Put it back as another process would."""

    def work():
        reset.put_back_to_start()
        connection.close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()


def test_a_seal_of_what_is_gone_is_not_kept(demo, ent, monkeypatch):
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)
    draft = seals._draft_seal

    def draft_and_put_back():
        seal = draft()
        put_back_elsewhere()
        return seal

    monkeypatch.setattr(seals, "_draft_seal", draft_and_put_back)
    with pytest.raises(Conflict, match="conflicts"):
        seals.make()
    assert not Seal.objects.exists()
    monkeypatch.undo()
    seals.make()
    assert list_findings() == []


def test_a_job_at_work_writes_nothing_into_what_was_put_back(demo, monkeypatch):
    user = User.objects.get(username="thomas")
    job = jobs.ask(Job.Kind.VERIFY, owner=user)

    def work(job, progress):
        put_back_elsewhere()
        found = runner.ledger_work.verifications.Found(1)
        runner.ledger_work.verifications.record_verification(found, user=job.owner)
        return {}

    monkeypatch.setitem(runner.WORK_BY_KIND, Job.Kind.VERIFY, work)
    assert runner.run_next("a runner").pk == job.pk
    assert not Job.objects.exists()
    assert not AuditEntry.objects.filter(action="ledger verified").exists()


def test_figures_that_were_being_counted_are_not_kept(demo, ent):
    at = clock.now()
    assert overview_counts.refresh(seconds=5)
    OverviewSnapshot.objects.update(claimed_until=at, state="{}")
    claimed = overview.claim_figures(at=clock.now())
    reset.put_back_to_start()
    looked = overview.Looked(202611, [], [], None)
    overview.keep_figures(
        claimed=claimed, at=at, state={"days": "gone"}, by_processor={}, looked=looked
    )
    assert not OverviewSnapshot.objects.filter(state__contains="gone").exists()
    assert overview_counts.refresh(seconds=5)


def test_calls_that_waited_to_be_kept_are_dropped_and_later_ones_kept(demo, ent, monkeypatch):
    buffer = call_buffer.CallBuffer()

    def note(ref_id):
        said = {"operation": "add-customer", "code": "400", "fields": ()}
        buffer.note(processor_id=ent.pk, ref_id=ref_id, **said)

    before = KeptCall.objects.count()
    note("before")
    reset.put_back_to_start()
    note("after")
    assert buffer.write()
    assert KeptCall.objects.count() == before + 1
    assert KeptCall.objects.latest("pk").ref_id == "after"
    write = call_buffer.write
    monkeypatch.setattr(call_buffer, "write", lambda calls: (put_back_elsewhere(), write(calls)))
    note("meanwhile")
    with pytest.raises(Conflict):
        buffer.write()
    assert not KeptCall.objects.filter(ref_id="meanwhile").exists()


# Where there is no start.


def test_without_a_start_it_says_what_to_do_and_changes_nothing(demo):
    (demo / reset.START_FILE).unlink()
    with pytest.raises(Conflict) as refused:
        reset.put_back_to_start()
    assert refused.value.errors == [("", reset.NO_START_MESSAGE)]


def test_a_start_of_another_version_is_not_used(demo):
    forget_a_migration(demo / reset.START_FILE)
    with pytest.raises(Conflict):
        reset.put_back_to_start()


@pytest.mark.parametrize("ring", ["document", "digest"])
def test_a_start_by_keys_of_before_is_not_used(demo, settings, ring):
    with alias.use_file_as_own(demo / reset.START_FILE):
        key_usage.record_use()  # as the start of a server does
    name = f"PPIMS_{ring.upper()}_KEYS"
    setattr(settings, name, (keys.Key.from_base64("Q" * 43 + "="), *getattr(settings, name)))
    if ring == "document":  # whose old keys may go
        settings.PPIMS_DOCUMENT_KEYS = settings.PPIMS_DOCUMENT_KEYS[:1]
    with pytest.raises(Conflict):
        reset.put_back_to_start()


def forget_a_migration(file):
    with closing(sqlite3.connect(file)) as database, database:
        database.execute("DELETE FROM django_migrations WHERE app = 'axes'")


@pytest.mark.parametrize("is_older", [True, False])
def test_the_next_start_of_a_demo_without_a_fit_one_makes_it_anew(demo, ent, monkeypatch, is_older):
    start = demo / reset.START_FILE
    forget_a_migration(start) if is_older else start.unlink()
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)
    began = []
    monkeypatch.setattr(reset, "_load_beside", began.append)
    call_command("prepare", url="http://127.0.0.1:8000")
    assert began == ["http://127.0.0.1:8000"]
    assert LedgerEntry.objects.filter(customer_id=load.SAMPLE_CUSTOMER).exists()


def test_a_start_made_anew_has_the_same_passwords_and_keys(demo, ent):
    make_posting(ent, load.SAMPLE_CUSTOMER, 100)
    told = read_access(demo)["users"]
    (demo / reset.START_FILE).unlink()
    reset.ensure_start(url="http://127.0.0.1:8000", is_new=False)
    reset.put_back_to_start()
    assert list_findings() == []
    assert not LedgerEntry.objects.filter(customer_id=load.SAMPLE_CUSTOMER).exists()
    assert read_access(demo)["users"] == told
    assert User.objects.get(username="asha").check_password(told[0]["password"])
    assert not list(demo.glob(".start-*"))


def test_data_that_are_no_demos_are_never_put_back(demo):
    (demo / reset.START_FILE).unlink()
    (demo / "demo.json").unlink()
    call_command("prepare", url="http://127.0.0.1:8000")
    assert not (demo / reset.START_FILE).exists()


# The place for traffic.


def test_traffic_has_one_place_which_is_free_once_its_holder_is_gone(demo):
    assert traffic_place.find_running() is None
    place = traffic_place.take_place()
    place.write_what_runs(rate=7, seconds=60, pid=0)
    assert traffic_place.find_running().rate == 7
    with pytest.raises(Conflict):
        traffic_place.take_place()
    place.leave()
    assert traffic_place.find_running() is None
