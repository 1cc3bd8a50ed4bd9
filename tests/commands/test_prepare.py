"""Preparing an installation: once, twice, in production; and what says whether it is ready."""

import json
import os
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from datetime import datetime, timedelta

import pytest
from django.conf import settings as real_settings
from django.core.management import CommandError, call_command
from django.test import Client

from customers.models import (
    Customer,
    CustomerNote,
    DuplicateReview,
    Identifier,
    KycProposal,
    Registration,
    Unblocking,
)
from limits.models import LedgerEntry, LimitCheck, LimitRule
from ppims.api import openapi
from ppims.core import calendar, clock
from ppims.core.errors import ClockMoved
from ppims.demo import load
from ppims.management.commands.prepare import make_ready
from ppims.models import AuditEntry, Processor, ReplayKey, User
from ppims.services import call_buffer, role_groups

ROOT = real_settings.BASE_DIR


@pytest.mark.as_the_application
@pytest.mark.django_db
def test_the_demo_is_loaded_once_and_tells_how_to_get_in(data_dir):
    call_command("prepare", url="http://127.0.0.1:8000")
    first = json.loads((data_dir / "demo.json").read_text())
    count = Customer.objects.count()
    call_command("prepare", url="http://127.0.0.1:8001")
    second = json.loads((data_dir / "demo.json").read_text())
    assert Customer.objects.count() == count
    assert second["api_url"] == "http://127.0.0.1:8001/api/PPIM/v1"
    assert second["users"] == first["users"]
    assert {p["system_id"]: p["password"] for p in first["processors"]} == load.PASSWORDS
    assert {u["role"] for u in first["users"]} == {"viewer", "maker", "checker", "auditor", "admin"}
    assert stat.S_IMODE((data_dir / "demo.json").stat().st_mode) == 0o600
    user = first["users"][0]
    assert User.objects.get(username=user["username"]).check_password(user["password"])
    assert_it_has_all_that_staff_meet()
    assert_it_has_none_of_the_samples_numbers()


def assert_it_has_all_that_staff_meet():
    assert set(Customer.objects.values_list("tier", flat=True)) == {"N", "P", "F"}
    assert Customer.objects.count() > 200
    assert Customer.objects.filter(status="BLOCKED").count() == 4  # one of them to be tried with
    assert Customer.objects.get(pk=load.SAMPLE_CUSTOMER).registrations.count() == 2
    flags = ",".join(LedgerEntry.objects.exclude(flags="").values_list("flags", flat=True))
    for flag in ("LATE", "DECLINED", "UNCHECKED", "AMOUNT_DIFFERS"):
        assert flag in flags
    assert LimitCheck.objects.filter(reason="MONTH_LIMIT").exists()
    assert DuplicateReview.objects.filter(outcome="").count() == 4
    assert LimitRule.objects.filter(state="PROPOSED").exists()


def assert_it_has_none_of_the_samples_numbers():
    samples = [request["Data"] for request in read_golden_requests()]
    add = next(data["Add_Customer"] for data in samples if "Add_Customer" in data)
    assert not Customer.objects.filter(mobile=add["Mobile_Number"]).exists()
    document = Identifier.digest_of(add["Ovid_Type"], add["Ovid_Value"])
    assert not Identifier.objects.filter(kind=add["Ovid_Type"], digest=document).exists()
    refs = [
        message["Ref_Id"] for data in samples for message in data.values() if "Ref_Id" in message
    ]
    assert refs
    assert not ReplayKey.objects.filter(ref_id__in=refs).exists()


def read_golden_requests():
    return [json.loads(file.read_text()) for file in openapi.GOLDEN_FOLDER.glob("*.request.json")]


def read_given_passwords():
    return AuditEntry.objects.filter(action="user given the demo's password")


@pytest.mark.as_the_application
@pytest.mark.django_db
def test_the_demos_passwords_are_made_once_and_audited(data_dir):
    load._load_staff()
    load.write_access(url="http://127.0.0.1:8000")
    access = json.loads((data_dir / "demo.json").read_text())
    assert {user["username"] for user in access["users"]} == {*load.STAFF}
    audited = [json.loads(entry.detail)["username"] for entry in read_given_passwords()]
    assert sorted(audited) == sorted(load.STAFF)
    assert not any(
        u["password"] in e.detail for e in read_given_passwords() for u in access["users"]
    )
    load.write_access(url="http://127.0.0.1:8000")
    assert read_given_passwords().count() == len(load.STAFF)


@pytest.mark.django_db
def test_a_demo_start_beside_a_database_in_use_makes_no_passwords(data_dir):
    load._load_processors()
    role_groups.set_up()
    for username in ("asha", "farhan", "somebody"):
        User.objects.create_user(username=username, password="their own, and long")
    call_command("prepare", url="http://127.0.0.1:8000")
    assert all(user.check_password("their own, and long") for user in User.objects.all())
    assert not read_given_passwords().exists()
    assert not (data_dir / "demo.json").exists()


@pytest.mark.django_db
def test_a_start_after_one_that_stopped_before_the_passwords_counted_goes_on(data_dir, monkeypatch):
    load._load_staff()
    monkeypatch.setattr(load, "_give_passwords", lambda *_: None)  # as if killed there
    load.write_access(url="http://127.0.0.1:8000")
    monkeypatch.undo()
    load.write_access(url="http://127.0.0.1:8000")
    users = json.loads((data_dir / "demo.json").read_text())["users"]
    assert len(users) == len(load.STAFF)
    for user in users:
        assert User.objects.get(username=user["username"]).check_password(user["password"])


@pytest.mark.django_db
def test_the_demo_tells_the_same_story_every_time():
    stories = []
    for _ in "12":
        story = load.Story(
            load.random.Random(load.RANDOM_SEED), load.clock.now(), processors=["ENT", "CBS"]
        )
        stories.append([story._make_details(number, "F") for number in range(50)])
    assert stories[0] == stories[1]


@pytest.mark.django_db
@pytest.mark.parametrize("at", ["2027-04-01T00:02", "2026-12-02T02:30"])
def test_the_demo_can_be_told_at_any_hour_and_of_the_first_minutes_of_a_year(at):
    now = datetime.fromisoformat(at).replace(tzinfo=calendar.IST)
    with clock.freeze(now):
        assert load.load()
    assert LimitCheck.objects.filter(at__gt=now).count() == 0
    assert LedgerEntry.objects.filter(at__gt=now).count() == 0
    month = calendar.number_ist_month(now)
    assert LimitCheck.objects.filter(reason="MONTH_LIMIT", month=month).exists()
    assert_it_tells_of_nobody_before_they_were_known()
    assert_it_has_declines_of_yesterday(now)


def assert_it_tells_of_nobody_before_they_were_known():
    known = {(r.customer_id, r.processor_id): r.registered_at for r in Registration.objects.all()}
    for model in (LimitCheck, LedgerEntry):
        rows = model.objects.exclude(processor=None).values_list("customer", "processor", "at")
        assert [row for row in rows if row[2] < known[row[:2]]] == []
    added = dict(Customer.objects.values_list("pk", "created_at"))
    for model, whom, when in (
        (CustomerNote, "customer", "at"),
        (AuditEntry, "subject", "at"),
        (DuplicateReview, "customer", "opened_at"),
        (KycProposal, "customer", "proposed_at"),
        (Unblocking, "customer", "proposed_at"),
    ):
        rows = model.objects.exclude(**{whom: 0}).values_list(whom, when)
        assert [row for row in rows if row[1] < added[row[0]]] == []


def assert_it_has_declines_of_yesterday(now):
    midnight = now.replace(hour=0, minute=0, second=0, microsecond=0)
    yesterday = LimitCheck.objects.filter(at__lt=midnight, at__gte=midnight - timedelta(days=1))
    declined = yesterday.filter(is_allowed=False)
    assert declined.count() >= 3
    assert declined.values("customer").distinct().count() >= 3


@pytest.mark.django_db
def test_production_refuses_the_demos_passwords(settings):
    settings.PRODUCTION = True
    call_command("prepare", url="http://127.0.0.1:8000")
    assert not Processor.objects.exists()
    load._load_processors()
    with pytest.raises(CommandError, match="ENT has the demo's password"):
        call_command("prepare", url="http://127.0.0.1:8000")


@pytest.mark.django_db
def test_ready_says_what_is_missing():
    assert Client().get("/healthz").json() == {"status": "ok"}
    assert Client().get("/readyz").status_code == 200
    LimitRule.objects.all().delete()
    reply = Client().get("/readyz")
    assert (reply.status_code, reply.json()["missing"]) == (503, ["limit rules"])


def manage(tmp_path, *command, **environment):
    done = subprocess.run(
        [sys.executable, str(ROOT / "manage.py"), *(command or ["check"])],
        env={**os.environ, "PPIMS_DATA_DIR": str(tmp_path), **environment},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"PPIMS_ENV": "staging"}, "PPIMS_ENV is demo or production"),
        ({"PPIMS_HOLD_MINUTES": "0"}, "PPIMS_HOLD_MINUTES is a whole number from 1 to 1440"),
        ({"PPIMS_DEACTIVATE_UNUSED_DAYS": "29"}, "UNUSED_DAYS is 0 or at least 30"),
        ({"PPIMS_STRICT_DOCUMENTS": "maybe"}, "PPIMS_STRICT_DOCUMENTS is 0 or 1"),
        ({"PPIMS_LEDGER_KEYS": "short"}, "ledger keys are not 32 bytes"),
        ({"PPIMS_ENV": "production", "PPIMS_CLOCK_OFFSET_FILE": "x"}, "production refuses it"),
    ],
)
def test_a_wrong_setting_is_told_by_its_name(tmp_path, environment, said):
    code, error = manage(tmp_path, **environment)
    assert code != 0
    assert said in error


def test_an_empty_folder_is_made_ready_and_stays_so(tmp_path):
    production = {"PPIMS_ENV": "production", "PPIMS_ALLOWED_HOSTS": "ppims.example.in"}
    for _ in range(2):
        done = manage(tmp_path, "prepare", "--url", "http://127.0.0.1:8000", **production)
        assert done == (0, "")
    with closing(sqlite3.connect(tmp_path / "ppims.sqlite3")) as database:
        assert database.execute("SELECT COUNT(*) FROM limits_limitrule").fetchone() == (4,)


def test_a_secret_may_be_given_as_a_file(tmp_path):
    (tmp_path / "given").write_text("A" * 43 + "=")
    code, error = manage(tmp_path, PPIMS_LEDGER_KEYS_FILE=str(tmp_path / "given"))
    assert (code, (tmp_path / "keys" / "ledger.key").exists()) == (0, False), error


def test_a_command_prints_the_keys_and_no_file_is_made(tmp_path):
    vault = tmp_path / "vault"
    vault.write_text(f"#!/bin/sh\nprintf %s {'A' * 43}=\n")
    vault.chmod(0o700)
    code, error = manage(tmp_path, PPIMS_KEY_COMMAND=str(vault))
    assert (code, (tmp_path / "keys").exists()) == (0, False), error


def test_a_command_without_keys_stops_the_start_and_is_not_quoted(tmp_path):
    code, error = manage(tmp_path, PPIMS_KEY_COMMAND="echo s3cret")
    assert code != 0
    assert "The ledger keys are not 32 bytes each" in error
    code, failed = manage(tmp_path, PPIMS_KEY_COMMAND="sh -c 'echo s3cret; exit 4'")
    assert code != 0
    assert "PPIMS_KEY_COMMAND gave no ledger keys: it ended with 4. Run it by hand" in failed
    assert "s3cret" not in error + failed


def test_data_without_their_keys_do_not_start_with_new_ones(tmp_path):
    assert manage(tmp_path)[0] == 0
    (tmp_path / "ppims.sqlite3").touch()
    (tmp_path / "keys" / "document.key").unlink()
    code, error = manage(tmp_path)
    assert code != 0
    assert "document.key is missing" in error
    assert not (tmp_path / "keys" / "document.key").exists()


@pytest.mark.django_db
def test_a_start_does_not_wait_for_refused_calls_to_be_purged(monkeypatch):
    """By a clock that has jumped nothing is purged, and it is by starting that one gets to see."""

    def note_moved(_):
        raise ClockMoved

    monkeypatch.setattr(call_buffer, "purge", note_moved)
    make_ready()
