"""What `manage doctor` finds without settings or a database: each thing good, and wrong."""

import os
import subprocess
from types import SimpleNamespace

import pytest

from ppims.maintenance.doctor import early, files, machine, programs
from ppims.maintenance.doctor.findings import Level
from tests.unit.doctor_folder import find_in, look, make_folder

GIB = 1024**3


@pytest.fixture
def folder(tmp_path):
    return make_folder(tmp_path)


@pytest.fixture
def place(folder):
    return find_in(folder)


# Files.


def test_a_data_folder_of_its_owner_alone_is_good(place):
    checks = (files.check_folder, files.check_key_files, files.check_other_files)
    found = [each for check in checks for each in check(place)]
    assert {each.level for each in found} == {Level.GOOD}
    assert [each.name for each in found] == [
        *("files.folder", "keys.files", "keys.mode"),
        *("files.database", "files.others", "files.owner"),
    ]


def test_a_folder_that_is_not_there_is_wrong_and_is_not_made(tmp_path):
    gone = tmp_path / "gone"
    found = {each.name: each.level for each in early.examine(find_in(gone))}
    assert found["files.folder"] == found["settings.read"] == Level.WRONG
    assert not gone.exists()


def test_a_missing_key_is_wrong_and_is_not_made(place, folder):
    (folder / "keys" / "ledger.key").unlink()
    found = {each.name: each.level for each in early.examine(place)}
    assert found["keys.files"] == found["settings.read"] == Level.WRONG
    assert not (folder / "keys" / "ledger.key").exists()


def test_keys_that_come_from_elsewhere_are_no_missing_files(folder):
    (folder / "keys" / "ledger.key").unlink()
    for variables in (
        {"PPIMS_LEDGER_KEYS": "x"},
        {"PPIMS_LEDGER_KEYS_FILE": "/x"},
        {"PPIMS_KEY_COMMAND": "/bin/read-keys"},
    ):
        found = look(files.check_key_files, find_in(folder, **variables))
        assert found["keys.files"] == Level.GOOD


@pytest.mark.parametrize(
    ("path", "name", "level"),
    [
        ("keys", "keys.mode", Level.WRONG),
        ("keys/digest.key", "keys.mode", Level.WRONG),
        ("ppims.sqlite3", "files.database", Level.WRONG),
        ("ppims.sqlite3-wal", "files.database", Level.WRONG),
        ("seals/seal-000001.json", "files.others", Level.WARNING),
    ],
)
def test_what_others_may_read_is_named_with_the_command_that_mends_it(
    place, folder, path, name, level
):
    it = folder / path
    it.parent.mkdir(mode=0o700, exist_ok=True)
    if not it.exists():
        it.touch(mode=0o600)
    it.chmod(it.stat().st_mode | 0o040)
    checks = (files.check_key_files, files.check_other_files)
    bad = [each for check in checks for each in check(place) if each.level != Level.GOOD]
    assert [(each.name, each.level) for each in bad] == [(name, level)]
    subprocess.run(bad[0].mend, shell=True, check=True)
    again = [each for check in checks for each in check(place) if each.level != Level.GOOD]
    assert again == []


def test_a_folder_that_others_may_look_into_is_worth_a_look(place, folder):
    folder.chmod(0o750)
    assert look(files.check_folder, place) == {"files.folder": Level.WARNING}


def test_a_folder_of_another_user_or_that_cant_be_written_is_found(place, monkeypatch):
    monkeypatch.setattr(os, "geteuid", lambda: 12_345)
    assert look(files.check_folder, place) == {"files.folder": Level.WARNING}
    monkeypatch.setattr(os, "access", lambda *_: False)
    assert look(files.check_folder, place) == {"files.folder": Level.WRONG}


def test_a_file_that_another_user_left_there_is_wrong(place, folder, monkeypatch):
    (folder / "static").mkdir()
    (folder / "static" / "app.css").touch()  # collected, and nobody's secret
    own = folder.stat().st_uid
    monkeypatch.setattr(files, "_find_owner", lambda path: own + (path.name == "app.css"))
    assert look(files.check_other_files, place)["files.owner"] == Level.GOOD
    monkeypatch.setattr(files, "_find_owner", lambda path: own + (path.name == "ledger.key"))
    assert look(files.check_other_files, place)["files.owner"] == Level.WRONG


# The machine.


@pytest.mark.parametrize(
    ("free", "whole", "database", "level"),
    [
        (256 * 1024**2 - 1, GIB, 0, Level.WRONG),
        (256 * 1024**2, GIB, 0, Level.GOOD),
        (2 * GIB - 1, 10 * GIB, GIB, Level.WARNING),  # a backup needs twice the database
        (2 * GIB, 10 * GIB, GIB, Level.GOOD),
        (5 * GIB - 1, 100 * GIB, 0, Level.WARNING),
        (5 * GIB, 100 * GIB, 0, Level.GOOD),
    ],
)
def test_room_on_the_disk(place, monkeypatch, free, whole, database, level):
    room = SimpleNamespace(f_frsize=1, f_bavail=free, f_blocks=whole, f_files=100, f_favail=5)
    monkeypatch.setattr(os, "statvfs", lambda _: room)
    os.truncate(place.database, database)  # a hole: it takes no room
    assert look(machine.check_room, place) == {"disk.free": level, "disk.inodes": Level.GOOD}
    room.f_favail = 4
    assert look(machine.check_room, place)["disk.inodes"] == Level.WARNING
    room.f_files = 0  # a file system that has as many as fit
    assert "disk.inodes" not in look(machine.check_room, place)


@pytest.mark.parametrize(
    ("kind", "in_production", "in_a_demo"),
    [
        ("ext4", Level.GOOD, Level.GOOD),
        ("nfs4", Level.WRONG, Level.WRONG),
        ("tmpfs", Level.WARNING, Level.GOOD),
        ("overlay", Level.WARNING, Level.GOOD),
    ],
)
def test_the_kind_of_disk(folder, tmp_path, monkeypatch, kind, in_production, in_a_demo):
    mounts = tmp_path / "mountinfo"
    lines = [("/", "ext4"), (str(tmp_path), "xfs"), (str(tmp_path), kind), (f"{tmp_path}/v", "nfs")]
    mounts.write_text("".join(f"1 2 0:1 / {path} rw shared:1 - {fs} x rw\n" for path, fs in lines))
    monkeypatch.setattr(machine, "MOUNTS_FILE", mounts)
    production = find_in(folder, PPIMS_ENV="production")
    assert look(machine.check_disk, production)["disk.kind"] == in_production
    assert look(machine.check_disk, find_in(folder)) == {"disk.kind": in_a_demo}
    elsewhere = find_in(folder, DATABASE_URL="postgres://ppims_app@db/ppims")
    assert look(machine.check_disk, elsewhere)["disk.kind"] == Level.GOOD


def test_encryption_is_seen_through_what_lies_between(folder, tmp_path, monkeypatch):
    number = folder.stat().st_dev
    device = tmp_path / "block" / f"{os.major(number)}:{os.minor(number)}"
    monkeypatch.setattr(machine, "DEVICES_FOLDER", tmp_path / "block")
    production = find_in(folder, PPIMS_ENV="production")

    def find():
        return next(e for e in machine.check_disk(production) if e.name == "disk.encrypted")

    assert (find().level, find().text[:10]) == (Level.WARNING, "can't tell")
    (device / "dm").mkdir(parents=True)
    (device / "dm" / "uuid").write_text("LVM-abc")
    assert (find().level, find().text[:13]) == (Level.WARNING, "no encryption")
    (device / "slaves" / "dm-0" / "dm").mkdir(parents=True)
    (device / "slaves" / "dm-0" / "dm" / "uuid").write_text("CRYPT-LUKS2-abc")
    assert find().level == Level.GOOD


def test_workers_memory_and_open_files(folder, tmp_path, monkeypatch):
    memory = tmp_path / "meminfo"
    memory.write_text("MemTotal: 2097152 kB\nMemAvailable: 262144 kB\n")
    monkeypatch.setattr(machine, "MEMORY_FILE", memory)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1})
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (512, 1024))
    good = dict.fromkeys(("machine.workers", "machine.memory", "machine.files"), Level.GOOD)
    assert look(machine.check_memory, find_in(folder, PPIMS_WORKERS="4")) == good
    memory.write_text("MemTotal: 2097152 kB\nMemAvailable: 262143 kB\n")
    monkeypatch.setattr(machine.resource, "getrlimit", lambda _: (512, 1023))
    found = look(machine.check_memory, find_in(folder, PPIMS_WORKERS="5"))
    assert found == dict.fromkeys(good, Level.WARNING)
    memory.write_text("MemTotal: 614399 kB\nMemAvailable: 600000 kB\n")
    found = look(machine.check_memory, find_in(folder, PPIMS_WORKERS="3"))
    assert found["machine.memory"] == Level.WARNING
    memory.write_text("MemTotal: 614400 kB\nMemAvailable: 600000 kB\n")
    found = look(machine.check_memory, find_in(folder, PPIMS_WORKERS="3"))
    assert found["machine.memory"] == Level.GOOD
    memory.unlink()
    assert "machine.memory" not in look(machine.check_memory, find_in(folder))


@pytest.mark.parametrize(
    ("said", "in_production", "in_a_demo"),
    [
        ("yes", {"clock.service": Level.GOOD}, {"clock.service": Level.GOOD}),
        ("no", {"clock.service": Level.WARNING}, {"clock.service": Level.WARNING}),
        ("", {"clock.service": Level.WARNING}, {}),
    ],
)
def test_what_keeps_the_clock_right(folder, tmp_path, monkeypatch, said, in_production, in_a_demo):
    program = tmp_path / "timedatectl"
    program.write_text(f"#!/bin/sh\necho {said}\n")
    program.chmod(0o700)
    monkeypatch.setattr(machine.shutil, "which", lambda _: str(program))
    production = find_in(folder, PPIMS_ENV="production")
    assert look(machine.check_time_service, production) == in_production
    assert look(machine.check_time_service, find_in(folder)) == in_a_demo


# Programs.


def test_versions(place, folder, monkeypatch):
    good = {"programs.python": Level.GOOD, "programs.sqlite": Level.GOOD}
    assert look(programs.check_versions, place) == good
    monkeypatch.setattr(programs, "OLDEST_PYTHON", (99, 0))
    monkeypatch.setattr(programs, "OLDEST_SQLITE", (99, 0))
    assert look(programs.check_versions, place) == dict.fromkeys(good, Level.WRONG)
    elsewhere = find_in(folder, DATABASE_URL="postgres://ppims_app@db/ppims")
    assert "programs.sqlite" not in look(programs.check_versions, elsewhere)


def test_packages_are_those_of_the_lock(place, tmp_path):
    own = SimpleNamespace(root=tmp_path, is_on_postgresql=False)
    django = programs.metadata.version("django")
    lock = tmp_path / "requirements.lock"
    assert look(programs.check_packages, own) == {"programs.packages": Level.WARNING}
    lock.write_text(
        f"# by uv\ndjango=={django} \\\n    --hash=x\ncolorama==9 ; sys_platform == 'w' \\\n"
    )
    assert look(programs.check_packages, own) == {"programs.packages": Level.GOOD}
    for other in ("django==1.0 \\\n", "no-such-package==1.0 \\\n"):
        lock.write_text(other)
        assert look(programs.check_packages, own) == {"programs.packages": Level.WARNING}
    assert look(programs.check_packages, place) == {"programs.packages": Level.GOOD}
