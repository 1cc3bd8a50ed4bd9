"""A failed sync: which errors are one, who ends, and what a start does about it."""

import os
import sqlite3
from contextlib import closing

import pytest
from django.core.management.base import CommandError
from django.db import OperationalError, connection

from ppims.core.errors import Unavailable
from ppims.db import failed_syncs
from ppims.db.write_lock import hold_write_lock
from ppims.management.commands import prepare

pytestmark = pytest.mark.only_on("sqlite", "PostgreSQL sees to its own syncs")


@pytest.fixture
def file(tmp_path, monkeypatch):
    """A database with a row in its log, and a process that serves from it and never really ends."""
    found = tmp_path / "ppims.sqlite3"
    with closing(sqlite3.connect(found, isolation_level=None)) as database:
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("CREATE TABLE rows AS SELECT 1 AS number")
    monkeypatch.setitem(connection.settings_dict, "NAME", str(found))
    monkeypatch.setattr(failed_syncs, "_Process", type("Process", (), {"is_ending": False}))
    failed_syncs.end_server_where_syncs_fail()
    monkeypatch.setattr(failed_syncs.threading, "Timer", ended.append_timer)
    monkeypatch.setattr(prepare.alias, "find_file", lambda _: found)
    monkeypatch.setattr(failed_syncs.connections, "close_all", lambda: None)
    ended.clear()
    with hold_write_lock():
        pass
    return found


class Ended(list):
    """The ends of processes that were asked for: after how many seconds, and with which code."""

    def append_timer(self, seconds, end, codes):
        assert end is os._exit
        self.append((seconds, *codes))
        return type("Timer", (), {"start": lambda _: None})()


ended = Ended()


def make_error(name):
    error = OperationalError("disk I/O error")
    error.__cause__ = sqlite3.OperationalError("disk I/O error")
    error.__cause__.sqlite_errorname = name
    return error


@pytest.mark.parametrize("name", ["SQLITE_FULL", "SQLITE_IOERR_WRITE", "SQLITE_BUSY", None])
def test_any_other_error_lets_all_go_on(file, name):
    failed_syncs.notice(make_error(name))
    failed_syncs.notice(Unavailable())
    with hold_write_lock():
        assert ended == []


@pytest.mark.parametrize("name", ["SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC"])
def test_after_a_failed_sync_nobody_writes_and_the_first_ends_at_once(file, name):
    failed_syncs.notice(make_error(name))
    assert ended == [(failed_syncs.ANSWERING_SECONDS, 3)]
    with pytest.raises(Unavailable), hold_write_lock():
        pass
    assert len(ended) == 1
    failed_syncs._Process.is_ending = False  # another worker
    with pytest.raises(Unavailable), hold_write_lock():
        pass
    assert ended[1][0] >= failed_syncs.OTHERS_SECONDS


def test_a_start_writes_the_log_anew_and_lets_all_write_again(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as last:
        last.execute("INSERT INTO rows VALUES (2)")
        failed_syncs.refuse_writes()
        with pytest.raises(CommandError, match="End what has"):
            prepare.heal_after_failed_sync()
        with pytest.raises(Unavailable), hold_write_lock():
            pass
    prepare.heal_after_failed_sync()
    with hold_write_lock(), closing(sqlite3.connect(file)) as database:
        assert database.execute("SELECT number FROM rows").fetchall() == [(1,), (2,)]


def test_where_no_sync_has_failed_a_start_leaves_the_log_to_others(file):
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("INSERT INTO rows VALUES (2)")
        prepare.heal_after_failed_sync()
        assert file.with_name(f"{file.name}-wal").stat().st_size > 0
