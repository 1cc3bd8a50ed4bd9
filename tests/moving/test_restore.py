"""Restoring into a SQLite file, by the commands, as an operator does."""

import json
import os
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import closing, nullcontext
from shutil import copytree

import pytest

from ppims.db import alias
from ppims.maintenance import restore
from tests.concurrency.conftest import ROOT, Worker, make_variables
from tests.moving.older_databases import make_older, record_first_release

FAST_SETTINGS = {"PPIMS_BUSY_SECONDS": "1"}


def manage(folder, *arguments, **more):
    """Run a command: its exit code, and all it said."""
    command = [sys.executable, "manage.py", *arguments]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env=make_variables(folder, **{**FAST_SETTINGS, **more}),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout


def read_contents(folder):
    """Give every file's bytes; what SQLite keeps beside a file only while it is open left out."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in files
        if not path.name.endswith(("-shm", "-wal"))
    }


def read_rows(file):
    with closing(sqlite3.connect(file)) as database:
        return list(database.iterdump())


def read_rows_backed_up(file):
    """Read all rows but the audit's: that a backup was made is on record once it is."""
    audit = 'INSERT INTO "ppims_auditentry"', 'INSERT INTO "ppims_audithead"'
    return [line for line in read_rows(file) if not line.startswith(audit)]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A demo, and a backup of it."""
    folder = tmp_path_factory.mktemp("made") / "var"
    for command in (["migrate"], ["prepare", "--url", "http://127.0.0.1:8000"]):
        code, said = manage(folder, *command)
        assert code == 0, said
    code, said = manage(folder, "backup", str(folder.parent / "backup.zip"))
    assert code == 0, said
    return folder


@pytest.fixture
def older(made, tmp_path, transactional_db, django_db_blocker):
    """A data folder whose database was made by the migrations that the first release replaces."""
    folder = tmp_path / "older" / "var"
    copytree(made / "keys", folder / "keys")
    url = alias.write_sqlite_url(folder / "ppims.sqlite3")
    with django_db_blocker.unblock(), alias.open_database(url) as using:
        make_older(using)
        record_first_release(using)
    return folder


@pytest.fixture
def backup(made):
    return str(made.parent / "backup.zip")


@pytest.fixture
def elsewhere(made, tmp_path):
    """Another data folder, with the same keys and nothing else."""
    copytree(made / "keys", tmp_path / "var" / "keys")
    return tmp_path / "var"


def test_the_demo_is_restored_elsewhere_and_goes_on_there(made, backup, elsewhere, tmp_path):
    code, said = manage(elsewhere, "restore", backup)
    assert code == 0, said
    assert sorted(path.name for path in elsewhere.iterdir()) == ["keys", "ppims.sqlite3"]
    assert (elsewhere / "ppims.sqlite3").stat().st_mode & 0o777 == 0o600
    assert read_rows_backed_up(elsewhere / "ppims.sqlite3") == read_rows_backed_up(
        made / "ppims.sqlite3"
    )
    seal = tmp_path / "seal.json"
    with zipfile.ZipFile(backup) as archive:
        seal.write_text(json.dumps(json.loads(archive.read("manifest.json"))["seal"]))
    code, said = manage(elsewhere, "verify_ledger", "--seal", str(seal))
    assert code == 0, said
    code, said = manage(elsewhere, "prepare", "--url", "http://127.0.0.1:8000")
    assert code == 0, said


@pytest.mark.only_on("sqlite", "it is the same migrations")
def test_one_made_before_the_first_release_goes_on_and_so_does_its_backup(older, elsewhere):
    for command in (
        ["prepare", "--url", "http://127.0.0.1:8000"],
        ["backup", str(older.parent / "backup.zip")],
    ):
        code, said = manage(older, *command)
        assert code == 0, said
    code, said = manage(elsewhere, "restore", str(older.parent / "backup.zip"))
    assert code == 0, said
    code, said = manage(elsewhere, "verify_ledger")
    assert code == 0, said


def test_without_the_keys_nothing_is_left_in_the_way_of_the_right_ones(made, backup, tmp_path):
    folder = tmp_path / "var"
    code, said = manage(folder, "restore", backup)
    assert code == 1
    assert "needs keys that are not here: digest" in said
    assert f"Put the key files that belong to it into {folder / 'keys'}" in said
    assert read_contents(folder) == {}
    for key in sorted((made / "keys").iterdir()):
        os.link(key, folder / "keys" / key.name)
    code, said = manage(folder, "restore", backup)
    assert code == 0, said


def test_one_missing_key_is_named_and_those_that_were_there_stay(made, backup, elsewhere):
    ledger = elsewhere / "keys" / "ledger.key"
    ledger.unlink()
    before = read_contents(elsewhere)
    code, said = manage(elsewhere, "restore", backup)
    assert code == 1
    with zipfile.ZipFile(backup) as archive:
        names = json.loads(archive.read("manifest.json"))["keys"]
    (named,) = (name for name in names if name.startswith("ledger "))
    assert f"not here: {named}. Put" in said
    assert read_contents(elsewhere) == before


def test_data_are_replaced_only_when_told_and_then_kept(made, backup, elsewhere):
    assert manage(elsewhere, "restore", backup)[0] == 0
    assert manage(elsewhere, "seal")[0] == 0
    before, held = read_contents(elsewhere), read_rows(elsewhere / "ppims.sqlite3")
    code, said = manage(elsewhere, "restore", backup)
    assert code == 1
    assert "holds data (auth_group, " in said
    assert read_contents(elsewhere) == before
    code, said = manage(elsewhere, "restore", backup, "--replace")
    assert code == 0, said
    (kept,) = elsewhere.glob("*.replaced-*")
    assert str(kept) in said
    assert read_rows(kept) == held
    assert read_rows_backed_up(elsewhere / "ppims.sqlite3") == read_rows_backed_up(
        made / "ppims.sqlite3"
    )
    assert read_rows(elsewhere / "ppims.sqlite3") != held
    assert not list(elsewhere.glob("*-wal")) + list(elsewhere.glob(".restoring-*"))


def test_a_broken_backup_changes_nothing(backup, elsewhere, tmp_path):
    assert manage(elsewhere, "restore", backup)[0] == 0
    before = read_contents(elsewhere)
    with open(backup, "rb") as file:
        content = bytearray(file.read())
    content[len(content) // 2] ^= 1
    broken = tmp_path / "broken.zip"
    for written in (bytes(content), bytes(content[: len(content) // 2])):
        broken.write_bytes(written)
        code, said = manage(elsewhere, "restore", str(broken), "--replace")
        assert code == 1
        assert "Nothing is restored, nothing is changed" in said
        assert "is damaged" in said
        assert read_contents(elsewhere) == before


def test_nothing_is_restored_beneath_a_server_that_has_it_open(backup, elsewhere):
    assert manage(elsewhere, "restore", backup)[0] == 0
    with closing(sqlite3.connect(elsewhere / "ppims.sqlite3")) as database:
        database.execute("PRAGMA journal_mode = WAL")
    before = read_contents(elsewhere)
    server = Worker(elsewhere)  # whose connection stays open, as a server's does
    try:
        server.ask(["once", "", 0, "check", "ENT", "R1", 482915307264158, 100])
        code, said = manage(elsewhere, "restore", backup, "--replace")
        assert code == 1
        assert "is in use: stop the server first" in said
        server.ask(["once", "", 0, "check", "ENT", "R2", 482915307264158, 100])
        assert list(elsewhere.glob("*.replaced-*")) == []
        assert before["ppims.sqlite3"][:16] == b"SQLite format 3\0"
    finally:
        server.end()
    code, said = manage(elsewhere, "restore", backup, "--replace")
    assert code == 0, said


def test_a_database_that_can_not_be_read_any_more_is_replaced_and_kept(made, backup, elsewhere):
    file = elsewhere / "ppims.sqlite3"
    file.write_bytes(b"no database " * 1000)
    code, said = manage(elsewhere, "restore", backup)
    assert code == 1
    assert "holds data (unreadable)" in said
    code, said = manage(elsewhere, "restore", backup, "--replace")
    assert code == 0, said
    (kept,) = elsewhere.glob("*.replaced-*")
    assert kept.read_bytes() == b"no database " * 1000
    assert read_rows_backed_up(file) == read_rows_backed_up(made / "ppims.sqlite3")


def test_pages_that_sqlite_left_beside_the_old_file_never_meet_the_new_one(tmp_path, monkeypatch):
    monkeypatch.setattr(restore, "_keep_others_out", lambda own, for_good: nullcontext())
    own, copy = tmp_path / "ppims.sqlite3", tmp_path / "copy.sqlite3"
    files = {own: b"old", copy: b"new", tmp_path / "ppims.sqlite3-wal": b"its newest pages"}
    for file, content in {**files, tmp_path / "ppims.sqlite3-shm": b"an index of them"}.items():
        file.write_bytes(content)
    kept = restore._swap(copy, own, keep=True)
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    newest = {f"{kept.name}-wal": b"its newest pages"}
    assert left == {"ppims.sqlite3": b"new", kept.name: b"old", **newest}


def test_who_opens_the_old_file_while_it_is_replaced_never_writes_beside_the_new_one(
    made, backup, elsewhere
):
    assert manage(elsewhere, "restore", backup)[0] == 0
    file = elsewhere / "ppims.sqlite3"
    restoring = subprocess.Popen(
        [sys.executable, "manage.py", "restore", backup, "--replace"],
        cwd=ROOT,
        env=make_variables(elsewhere, **FAST_SETTINGS),
        stdout=subprocess.DEVNULL,
    )
    old, opened = file.stat().st_ino, 0
    deadline = time.monotonic() + 120
    while file.stat().st_ino == old and time.monotonic() < deadline:
        handle = os.open(file, os.O_RDONLY)  # as who opens it does, before he asks for a lock
        opened += 1
        os.close(handle)
    late = subprocess.run(
        [sys.executable, "-c", WRITE_LATE, str(next(elsewhere.glob("*.replaced-*")))],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert restoring.wait(timeout=60) == 0
    assert opened
    assert late.stdout.strip() == "database is locked"
    assert read_rows_backed_up(file) == read_rows_backed_up(made / "ppims.sqlite3")


WRITE_LATE = """
import sqlite3, sys
database = sqlite3.connect(sys.argv[1], timeout=0.2)
try:
    database.execute("PRAGMA journal_mode = WAL")
except sqlite3.OperationalError as error:
    print(error)
"""
