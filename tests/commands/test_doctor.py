"""What `manage doctor` finds in the database: each thing good, and wrong; by the rights of the
application, and without writing anything.
"""

import json
import os
from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import DatabaseError, OperationalError, connection
from django.db.migrations.recorder import MigrationRecorder

from ppims.core import clock, keys
from ppims.db import (
    append_only,
    clock_guard,
    durability,
    failed_syncs,
    looks,
    nodes,
    outages,
    suitability,
)
from ppims.maintenance.doctor import (
    clocks,
    database,
    early,
    examination,
)
from ppims.maintenance.doctor import keys as doctor_keys
from ppims.maintenance.doctor.findings import Level, approve
from ppims.models import KeyInUse, KeyRotation, Processor
from ppims.services import key_usage
from tests.commands.doctor_looks import AT, look
from tests.factories import make_check, make_customer, make_processor
from tests.web.admin_pages import make_user

# `db` by name, for only then a test has the application's rights.
pytestmark = [pytest.mark.usefixtures("db"), pytest.mark.as_the_application]

NAME, CANARY = "Padmavati Canary", "canary-of-a-password"


# The whole of it.


@pytest.fixture
def _only_the_database(monkeypatch):
    monkeypatch.setattr(early, "examine_once", lambda: (approve("early", "was fine"),))
    # The tests' own server keeps nothing safe.
    monkeypatch.setattr(durability, "list_faults", lambda: iter(()))


@pytest.mark.usefixtures("_only_the_database")
def test_a_whole_report_ends_with_1_where_anything_is_wrong_and_names_nobody():
    with pytest.raises(SystemExit) as ended:
        call_command("doctor", stdout=StringIO())  # no admin can log in
    assert ended.value.code == 1
    make_user("admin", password="x")
    make_customer(make_processor(password_at=AT), customer_name=NAME, mobile_number="919812312312")
    said = StringIO()
    call_command("doctor", "--json", stdout=said)
    found = json.loads(said.getvalue())["findings"]
    assert {each["level"] for each in found} == {"good", "warning"}
    assert [each["name"] for each in found if each["name"].startswith("doctor.")] == []
    assert [each["name"] for each in found if (each["level"] == "good") == bool(each["mend"])] == []
    own = [os.fspath(key.secret.hex()) for ring in key_usage.list_rings().values() for key in ring]
    assert [each for each in (NAME, "9812312312", *own) if each in said.getvalue()] == []
    with pytest.raises(SystemExit):
        call_command("doctor", "--strict", stdout=StringIO())


def test_a_look_can_write_nothing_and_spoils_nothing():
    make_processor("ENT")
    with pytest.raises(DatabaseError), looks.look_only():
        Processor.objects.update(name="changed")
    assert Processor.objects.get().name == "ENT"
    Processor.objects.update(name="changed")  # the block alone may not


def test_a_database_that_is_away_or_read_only_is_wrong_and_nothing_more_is_asked(monkeypatch):
    def fail():
        raise OperationalError("connection failed: refused")

    monkeypatch.setattr(outages, "is_read_only", fail)
    found = list(examination.examine())
    assert (found[-1].name, found[-1].level) == ("database.there", Level.WRONG)
    assert found[-1].text == "can't be used: connection failed: refused"
    monkeypatch.setattr(outages, "is_read_only", lambda: True)
    assert list(examination.examine())[-1].text == "it is read-only"


def test_a_database_file_that_is_not_there_is_not_made(monkeypatch, tmp_path):
    monkeypatch.setattr(examination.alias, "find_file", lambda: tmp_path / "ppims.sqlite3")
    assert list(examination.examine())[-1].text.startswith("there is no database")
    assert list(tmp_path.iterdir()) == []


# The database.


def test_migrations_older_or_newer_than_the_program(monkeypatch):
    assert look(database.check_migrations) == {"database.migrations": Level.GOOD}
    monkeypatch.setattr(database.health, "is_migrated", lambda: False)
    assert look(database.check_migrations) == {"database.migrations": Level.WRONG}
    monkeypatch.setattr(database.health, "is_migrated", lambda: True)
    applied = MigrationRecorder.applied_migrations
    newer = {("limits", "9999_from_tomorrow"): None, ("gone_app", "0001_initial"): None}
    monkeypatch.setattr(
        MigrationRecorder, "applied_migrations", lambda self: {**applied(self), **newer}
    )
    (found, *_) = list(examination._look(database.check_migrations))
    assert found.text == "the database is newer than this program: limits.9999_from_tomorrow"
    last = list(examination.examine())[-1]  # whose tables these are, nobody knows
    assert (last.name, last.level) == ("database.tables", Level.WARNING)


def test_triggers_that_are_missing_are_wrong(monkeypatch):
    assert look(database.check_triggers) == {"database.triggers": Level.GOOD}
    monkeypatch.setattr(append_only, "list_missing", lambda: ["limits_seal_only_grows_rows"])
    monkeypatch.setattr(nodes, "list_problems", lambda: ["the machine db1:5432"])
    found = look(database.check_triggers)
    assert found == {"database.triggers": Level.WRONG, "database.machines": Level.WRONG}


@pytest.mark.only_on("sqlite", "pragmas are SQLite's")
def test_a_pragma_that_is_otherwise_is_wrong():
    assert look(database.check_durability) == {"database.durable": Level.GOOD}
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA recursive_triggers = OFF")
        try:
            assert look(database.check_durability) == {"database.durable": Level.WRONG}
        finally:
            cursor.execute("PRAGMA recursive_triggers = ON")


@pytest.mark.only_on("sqlite", "PostgreSQL sees to its own syncs")
def test_a_disk_that_failed_is_wrong_until_a_start_has_mended_the_log(tmp_path, monkeypatch):
    file = tmp_path / "ppims.sqlite3"
    turn = tmp_path / "ppims.sqlite3-turn"
    monkeypatch.setitem(connection.settings_dict, "NAME", str(file))
    monkeypatch.setattr(failed_syncs.connections, "close_all", lambda: None)
    turn.write_bytes(b"")
    assert look(database.check_durability) == {"database.durable": Level.GOOD}
    turn.write_bytes(b"an fsync failed\n")
    assert look(database.check_durability)["database.disk"] == Level.WRONG
    failed_syncs.write_log_anew(file)
    assert look(database.check_durability) == {"database.durable": Level.GOOD}


@pytest.mark.only_on("postgresql", "a server's settings are PostgreSQL's")
def test_a_server_that_may_forget_is_wrong():
    with connection.cursor() as cursor:  # the tests' own server has fsync off
        cursor.execute("SHOW fsync")
        level = Level.GOOD if cursor.fetchone() == ("on",) else Level.WRONG
        assert look(database.check_durability)["database.durable"] == level
        cursor.execute("SET LOCAL synchronous_commit = off")
    assert look(database.check_durability)["database.durable"] == Level.WRONG


@pytest.mark.parametrize(
    ("name", "value", "fault"),
    [
        ("fsync", "on", None),
        ("fsync", "off", "durable"),
        ("full_page_writes", "off", "durable"),
        ("synchronous_commit", "remote_apply", None),
        ("synchronous_commit", "remote_write", "durable"),
        ("server_version_num", "140001", None),
        ("server_version_num", "130020", "version"),
        ("data_checksums", "on", None),
        ("data_checksums", "off", "checksums"),
        ("default_transaction_isolation", "serializable", None),
        ("default_transaction_isolation", "repeatable read", "isolation"),
    ],
)
def test_each_setting_of_a_server_is_judged(name, value, fault):
    found = durability.find_fault(name, value)
    assert (found.name if found else None) == fault


def test_an_encoding_that_holds_not_every_name_is_wrong(monkeypatch):
    monkeypatch.setattr(suitability, "explain_unsuitable", lambda _: "LATIN1")
    assert look(database.check_durability)["database.encoding"] == Level.WRONG


def test_connections_are_enough_for_all_threads(monkeypatch, settings):
    settings.PPIMS_THREADS = 4
    monkeypatch.setenv("PPIMS_WORKERS", "2")  # 2 × (3 × 4 + 3) + 2
    for free, level in ((31, Level.WRONG), (32, Level.GOOD)):
        monkeypatch.setattr(durability, "count_connections", lambda free=free: free)
        assert look(database.check_connections) == {"database.connections": level}
    monkeypatch.setattr(durability, "count_connections", lambda: None)
    assert look(database.check_connections) == {}


def test_a_role_that_owns_the_ledger_is_worth_a_look_in_production(monkeypatch, settings):
    for is_bound, in_production, found in (
        (True, True, {"database.role": Level.GOOD}),
        (False, True, {"database.role": Level.WARNING}),
        (False, False, {}),
    ):
        settings.PRODUCTION = in_production
        role = durability.Role("ppims_app", is_bound)
        monkeypatch.setattr(durability, "describe_role", lambda role=role: role)
        assert look(database.check_role) == found


def test_standbys_that_commits_wait_for_are_connected(monkeypatch):
    for names, connected, level in (
        ("", 0, Level.GOOD),
        ("ANY 1 (n1)", 0, Level.WRONG),
        ("n1", 1, Level.GOOD),
    ):
        standbys = durability.Standbys(names, connected)
        monkeypatch.setattr(durability, "describe_standbys", lambda it=standbys: it)
        assert look(database.check_standbys) == {"database.standby": level}


@pytest.mark.only_on("postgresql", "roles and standbys are PostgreSQL's")
def test_the_applications_role_is_bound_and_needs_no_right_more():
    assert durability.describe_role().is_bound
    assert durability.describe_standbys().names == ""
    assert durability.count_connections() > 0
    with connection.cursor() as cursor:
        cursor.execute("RESET ROLE")
    assert not durability.describe_role().is_bound


# Keys and clocks.


def test_a_key_in_use_that_is_not_at_hand_is_wrong():
    key_usage.record_use()
    assert look(doctor_keys.check_keys) == {"keys.in_use": Level.GOOD}
    KeyInUse.objects.create(purpose="document", key_id="0badcafe", first_used_at=AT)
    assert look(doctor_keys.check_keys) == {"keys.in_use": Level.WRONG}


def test_a_rotation_that_is_half_way_or_forgotten_is_worth_a_look(settings):
    assert look(doctor_keys.check_rotations) == {"keys.rotation": Level.GOOD}
    first = settings.PPIMS_LEDGER_KEYS[0]
    settings.PPIMS_LEDGER_KEYS = (first, keys.Key("12345678", b"x" * 32, is_next=True))
    assert look(doctor_keys.check_rotations)["keys.next"] == Level.WARNING
    KeyRotation.objects.create(
        purpose="ledger", from_key_id=first.id, reason="x", maker=make_user("admin"), proposed_at=AT
    )
    assert look(doctor_keys.check_rotations) == {"keys.rotation": Level.WARNING}


def test_a_clock_that_jumped_is_wrong_and_looking_keeps_no_pair(monkeypatch, tmp_path):
    guard = clock_guard.Guard(tmp_path / "clock.json", clock_guard.get_guard().of, "this-boot")
    monkeypatch.setattr(clock_guard, "get_guard", lambda: guard)
    assert look(clocks.check_jump) == {"clock.jump": Level.GOOD}
    assert list(tmp_path.iterdir()) == []
    now = clock_guard.Pair(clock_guard.read_boottime_ns(), clock_guard.read_clock_ns())
    for behind_seconds, level in (
        (0, Level.GOOD),
        (50, Level.GOOD),
        (70, Level.WRONG),
        (-70, Level.WRONG),
    ):
        guard._pair = clock_guard.Pair(now.boottime_ns, now.clock_ns - behind_seconds * 10**9)
        guard.publish()
        assert look(clocks.check_jump) == {"clock.jump": level}


def test_a_jump_of_a_minute_is_none(monkeypatch):
    guard = clock_guard.get_guard()
    for jump_ns, level in ((60 * 10**9, Level.GOOD), (60 * 10**9 + 1, Level.WRONG)):
        monkeypatch.setattr(guard, "measure", lambda it=jump_ns: it)
        assert look(clocks.check_jump) == {"clock.jump": level}


def test_a_demos_turned_clock_is_worth_a_look(monkeypatch):
    monkeypatch.setattr(clocks.clock, "read_offset", lambda: timedelta(days=1))
    assert look(clocks.check_jump)["clock.offset"] == Level.WARNING


def test_the_clocks_of_machine_and_database_are_compared(monkeypatch):
    monkeypatch.setattr(clocks.time, "time_ns", lambda: 100 * 10**9)
    for reading, level in (
        (104, Level.GOOD),
        (106, Level.WARNING),
        (40, Level.WARNING),
        (39, Level.WRONG),
    ):
        monkeypatch.setattr(clock_guard, "read_clock_ns", lambda it=reading: it * 10**9)
        assert look(clocks.check_database_clock) == {"clock.database": level}


def test_a_row_of_a_time_to_come_is_wrong():
    with clock.freeze(AT):
        ent = make_processor()
        make_check(ent, make_customer(ent), 100)
    assert look(clocks.check_last_rows) == {"clock.rows": Level.GOOD}
    assert look(clocks.check_last_rows, AT - timedelta(seconds=60)) == {"clock.rows": Level.GOOD}
    assert look(clocks.check_last_rows, AT - timedelta(seconds=61)) == {"clock.rows": Level.WRONG}
