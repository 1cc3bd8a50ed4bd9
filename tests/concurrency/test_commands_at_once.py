"""Two commands at the same moment: each does its work, or says in words why not."""

import subprocess
import sys

import pytest
from django.db import connection

from tests.concurrency.conftest import ROOT, Postgresql, Sqlite, draw_ref, make_variables

COUNT_SEALED = "SELECT COUNT(*) FROM ppims_auditentry WHERE action = 'sealed'"
FIRST_COUNTS = {
    "rules": "SELECT COUNT(*) FROM limits_limitrule WHERE state = 'APPROVED'",
    "loaded": "SELECT COUNT(*) FROM ppims_auditentry WHERE action = 'first limit rules loaded'",
}
# Without the demo, whose loading would take most of the time.
EMPTY = {"PPIMS_ENV": "production", "PPIMS_ALLOWED_HOSTS": "ppims.example.in"}
TIMES = 6


def test_two_seals_at_once_wait_for_each_other(installation):
    installation.start(2)
    customer = installation.add_customer()
    before = len(installation.query("SELECT number FROM limits_seal"))
    said = installation.run_at_once(*[[["sealed"]] * TIMES for _ in range(2)])
    installation.workers[0].ask(["post", "ENT", draw_ref(), customer, 100])
    numbers = sorted(number for one in said for number in one)
    assert numbers == list(range(before + 1, before + 1 + 2 * TIMES))
    assert installation.query(COUNT_SEALED) == [(before + 2 * TIMES,)]
    installation.manage("verify_ledger")


@pytest.mark.parametrize(
    "pair",
    [
        (["backup", "{folder}/{name}-one.zip"], ["backup", "{folder}/{name}-other.zip"]),
        (["backup", "{folder}/{name}-three.zip"], ["seal", "--to", "{folder}/{name}-seal.json"]),
        (["count_figures", "--anew"], ["count_figures", "--anew"]),
        (["rebuild_usage"], ["rebuild_usage"]),
        (["rebuild_usage"], ["verify_ledger"]),
    ],
    ids=lambda pair: " and ".join(command[0] for command in pair),
)
def test_two_commands_at_once_do_their_work(installation, pair):
    installation.start(2)
    customer = installation.add_customer()
    for _ in range(5):
        installation.workers[0].ask(["post", "ENT", draw_ref(), customer, 100])
    known = {"folder": installation.folder, "name": draw_ref()}
    steps = [[["command", *[word.format(**known) for word in command]]] for command in pair]
    assert installation.run_at_once(*steps) == [["done"], ["done"]]


@pytest.fixture
def unmade(tmp_path, request, installation):
    """An installation whose tables nobody has made yet."""
    if connection.vendor == "postgresql":
        database = Postgresql(request.getfixturevalue("postgres_server"))
    else:
        database = Sqlite(tmp_path)
    yield tmp_path, database
    database.remove()


def test_two_starts_at_once_make_one_installation(unmade):
    folder, database = unmade
    command = [sys.executable, "manage.py", "prepare", "--url", "http://127.0.0.1"]
    environment = make_variables(folder, **database.variables, **EMPTY)
    starts = [
        subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    said = [start.communicate(timeout=240)[1] for start in starts]
    assert [start.returncode for start in starts] == [0, 0], said
    with database.connect() as reading:
        counts = {
            name: database.execute(reading, sql).fetchone()[0] for name, sql in FIRST_COUNTS.items()
        }
    assert counts == {"rules": 4, "loaded": 1}
