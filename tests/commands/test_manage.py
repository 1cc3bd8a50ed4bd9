"""`manage` where the database is busy or away: a line that says so, and no trace."""

import runpy
import sqlite3
import sys
from contextlib import closing

import pytest
from django.core import management
from django.db import IntegrityError, OperationalError

from ppims import __main__ as start
from ppims.core.errors import Unavailable
from tests.concurrency.conftest import ROOT
from tests.moving.test_restore import manage
from tests.ports import find_free_port

pytestmark = pytest.mark.only_on("sqlite", "it brings its own database")


@pytest.mark.parametrize("command", ["seal", "migrate", "verify_ledger"])
def test_a_database_that_is_away_is_a_line_and_no_trace(tmp_path, command):
    port = find_free_port()
    url = f"postgres://ppims:no-secret-shown@127.0.0.1:{port}/ppims"
    code, said = manage(tmp_path / "var", command, DATABASE_URL=url)
    assert code == 1
    assert "Traceback" not in said
    assert "no-secret-shown" not in said
    assert "The database is busy or away: connection failed: " in said
    assert f"port {port} failed: Connection refused" in said


def test_a_start_says_so_too(tmp_path, monkeypatch):
    monkeypatch.setenv("PPIMS_DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("DATABASE_URL", f"postgres://ppims@127.0.0.1:{find_free_port()}/ppims")
    monkeypatch.setattr(start, "VENV_PYTHON", sys.executable)
    with pytest.raises(SystemExit, match=r"busy or away: connection failed: .* refused\n"):
        start.manage("prepare", "--url", "http://127.0.0.1:1")


def test_one_that_is_held_by_others_is_named_by_its_code(tmp_path):
    folder = tmp_path / "var"
    assert manage(folder, "migrate")[0] == 0
    with closing(sqlite3.connect(folder / "ppims.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        code, said = manage(folder, "seal", PPIMS_BUSY_SECONDS="1")
    assert code == 1
    assert said.splitlines()[-1] == "The database is busy or away: database is locked (SQLITE_BUSY)"


def run_failing(monkeypatch, error, *options):
    def fail(_arguments):
        raise error

    monkeypatch.setattr(management, "execute_from_command_line", fail)
    monkeypatch.setattr(sys, "argv", ["manage.py", "seal", *options])
    monkeypatch.setenv("PPIMS_STATEMENT_SECONDS", "30")  # manage.py sets it
    runpy.run_path(str(ROOT / "manage.py"), run_name="__main__")


@pytest.mark.parametrize("error", [OperationalError("away"), Unavailable()])
def test_who_asks_for_the_trace_gets_it(monkeypatch, error):
    with pytest.raises(SystemExit, match="busy or away") as ended:
        run_failing(monkeypatch, error)
    assert "Ref_Id" not in str(ended.value)
    with pytest.raises(type(error)):
        run_failing(monkeypatch, error, "--traceback")


def test_a_fault_keeps_its_trace(monkeypatch):
    with pytest.raises(IntegrityError):
        run_failing(monkeypatch, IntegrityError("UNIQUE constraint failed"))
