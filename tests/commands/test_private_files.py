"""Every file is its owner's alone, whatever umask, folder or mode it begins with."""

import os
import stat
import subprocess
import sys
from contextlib import closing
from sqlite3 import connect

import pytest

from ppims.core import private_files
from tests.concurrency.conftest import ROOT, make_variables

# What writes a file, in one process: to start one for each command would take much longer. (Of
# demo.json: test_prepare.py.)
MAKE_EVERYTHING = """
import os, sys
os.umask(int(sys.argv[1], 8))
import django
django.setup()
from pathlib import Path
from django.core.management import call_command
from ppims.db import alias
from ppims.management.commands.prepare import make_ready
folder = Path(os.environ["PPIMS_DATA_DIR"])
make_ready()
call_command("seed", customers=2, months=1)
call_command("seal")
call_command("seal", to=folder / "elsewhere" / "seal.json")
call_command("backup", str(folder / "backup.zip"))
call_command("copy_database", to=alias.write_sqlite_url(folder / "copy.sqlite3"))
for path in sorted(folder.rglob("*")):
    print(f"{path.stat().st_mode & 0o777:o}", path.relative_to(folder))
"""
FILES = {
    *("ppims.sqlite3", "ppims.sqlite3-wal", "ppims.sqlite3-shm", "ppims.sqlite3-turn"),
    *(f"keys/{name}.key" for name in ("digest", "document", "ledger", "session")),
    *("seed.json", "backup.zip", "copy.sqlite3", "elsewhere/seal.json"),
}


def run(folder, *command, **more):
    own = {"DJANGO_SETTINGS_MODULE": "ppims.settings", **more}
    done = subprocess.run(
        [sys.executable, *command],
        cwd=ROOT,
        env=make_variables(folder, **own),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    return done.returncode, done.stdout


@pytest.mark.parametrize("umask", ["000", "777"])
def test_whatever_a_command_writes_is_its_owners_alone(tmp_path, umask):
    folder = tmp_path / "var"
    folder.mkdir()
    folder.chmod(0o777)
    code, said = run(folder, "-c", MAKE_EVERYTHING, umask)
    assert code == 0, said
    modes = [line.split(" ", 1) for line in said.splitlines() if line[:3] in {"600", "700"}]
    assert {name for mode, name in modes if mode == "600"} >= FILES, said
    left = [path for path in folder.rglob("*") if path.stat().st_mode & private_files.ANYONE_ELSE]
    assert left == []


@pytest.fixture
def installed(tmp_path):
    """Keys and an empty database, as a start that was stopped at once leaves them."""
    code, said = run(tmp_path, "manage.py", "check")
    assert code == 0, said
    return tmp_path


def test_a_database_of_before_is_taken_out_of_others_reach(installed):
    names = [f"ppims.sqlite3{suffix}" for suffix in private_files.OF_SQLITE]
    with closing(connect(installed / names[0])) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE here (id integer)")
        (installed / names[3]).touch()
        for name in names:
            (installed / name).chmod(0o664)
        assert run(installed, "manage.py", "check")[0] == 0
        modes = {name: stat.S_IMODE((installed / name).stat().st_mode) for name in names}
    assert modes == dict.fromkeys(names, 0o600)


@pytest.mark.parametrize(("name", "mode"), [("ledger", 0o640), ("session", 0o604)])
def test_a_key_file_that_others_may_read_is_refused_with_what_mends_it(installed, name, mode):
    path = installed / "keys" / f"{name}.key"
    path.chmod(mode)
    code, said = run(installed, "manage.py", "check")
    assert code != 0
    assert f"The {name} keys are no secret: others may read {path}: chmod 600 {path}" in said
    os.system(said.rpartition(": ")[2])  # the very command
    assert run(installed, "manage.py", "check")[0] == 0


@pytest.mark.parametrize(("mode", "is_refused"), [(0o644, True), (0o640, False)])
def test_of_a_file_that_is_named_its_group_may_read(installed, tmp_path, mode, is_refused):
    given = tmp_path / "given"
    given.write_bytes((installed / "keys" / "ledger.key").read_bytes())
    given.chmod(mode)
    code, said = run(installed, "manage.py", "check", PPIMS_LEDGER_KEYS_FILE=str(given))
    assert (code != 0, f"chmod 600 {given}" in said) == (is_refused, is_refused)
