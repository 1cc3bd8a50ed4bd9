"""The drill: back up, restore elsewhere and move, while others write. What arrives is what was at
one instant, all of it, and goes on.
"""

import json
import subprocess
import sys
import zipfile
from shutil import copytree

import pytest

from tests.concurrency.conftest import (
    ROOT,
    Installation,
    Postgresql,
    Sqlite,
    draw_ref,
    make_variables,
)

STEPS = 90
CHAIN = "SELECT customer_id, entry_count, last_digest FROM limits_ledgerhead"
LINK = "SELECT digest FROM limits_ledgerentry WHERE customer_id = ? AND number = ?"
AUDIT_CHAIN = "SELECT subject, entry_count, last_mac FROM ppims_audithead"
AUDIT_LINK = "SELECT mac FROM ppims_auditentry WHERE subject = ? AND number = ?"
USAGE = "SELECT customer_id, month, debit_paise, credit_paise FROM limits_monthlyusage"
# What the entries until then come to, in one month and direction.
SUMS = """
    SELECT CAST(COALESCE(SUM(CASE kind WHEN 'F' THEN 0 WHEN 'R' THEN -amount_paise
                             ELSE amount_paise END), 0) AS bigint)
    FROM limits_ledgerentry
    WHERE customer_id = ? AND number <= ? AND month = ? AND direction = ?
"""


@pytest.fixture
def writers(installation):
    installation.start(2)
    customers = [installation.add_customer() for _ in range(3)]
    return Writers(installation, customers)


class Writers:
    """Two processes that check, post and undo, all the time that a block takes."""

    def __init__(self, installation, customers):
        self.installation, self.customers = installation, customers
        self.workers = installation.workers[:2]

    def __enter__(self):
        for number, worker in enumerate(self.workers):
            steps = []
            for n in range(STEPS):
                what = ("check_and_post", "undo", "check")[n % 3]
                customer = self.customers[(n + number) % len(self.customers)]
                steps.append([what, ("ENT", "CBS")[number], draw_ref(), customer, 100 + n])
            worker.send(steps)
        return self

    def __exit__(self, *_):
        self.answers = [answer for worker in self.workers for answer in worker.receive()]


def manage(installation, *arguments):
    """Run a command on an installation: what it said, and its exit code must be 0."""
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env=make_variables(installation.folder, **installation.database.variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


@pytest.fixture
def elsewhere(installation, tmp_path):
    """Another installation of the same kind, and one of a SQLite file: the same keys, no data."""
    databases = {"sqlite": Sqlite(tmp_path / "sqlite")}
    if isinstance(installation.database, Postgresql):
        databases["same"] = Postgresql(installation.database.server)
    made = {}
    for name, database in databases.items():
        copytree(installation.folder / "keys", tmp_path / name / "keys")
        made[name] = Installation(tmp_path / name, database)
    yield list(made.values())
    for one in made.values():
        one.database.remove()


def assert_one_instant(copy, live):
    """Each chain of the copy ends in a link that the living one has had; each sum is of then."""
    for chain, link in ((CHAIN, LINK), (AUDIT_CHAIN, AUDIT_LINK)):
        for owner, count, digest in copy.query(chain):
            if count:
                ((was,),) = live.query(link, owner, count)
                assert bytes(was) == bytes(digest)
    counts = {customer: count for customer, count, _ in copy.query(CHAIN)}
    usage = copy.query(USAGE)
    assert usage
    for customer, month, debit, credit in usage:
        for direction, paise in (("D", debit), ("C", credit)):
            asked = customer, counts[customer], month, direction
            assert live.query(SUMS, *asked) == [(paise,)]


def test_a_backup_under_load_is_of_one_instant_and_goes_on_elsewhere(
    installation, writers, elsewhere, tmp_path
):
    file, seal = tmp_path / "backup.zip", tmp_path / "seal.json"
    with writers:
        manage(installation, "backup", str(file))
    with zipfile.ZipFile(file) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    seal.write_text(json.dumps(manifest["seal"]))
    assert len(writers.answers) == 2 * STEPS
    for restored in elsewhere:
        manage(restored, "restore", str(file))
        assert_one_instant(restored, installation)
        for table, count in manifest["counts"].items():
            assert restored.query(f"SELECT COUNT(*) FROM {table}") == [(count,)]
        manage(restored, "verify_ledger", "--seal", str(seal))
        manage(restored, "prepare", "--url", "http://127.0.0.1:8000")
        # it goes on: a new customer, and one it knows
        (worker,) = restored.start(1)
        try:
            customer = restored.add_customer()
            for one in (customer, writers.customers[0]):
                ((answer, *_),) = worker.ask(["check_and_post", "ENT", draw_ref(), one, 100])
                assert answer == "T"
            assert worker.ask(["verify"]) == [[]]
        finally:
            worker.end()


def test_a_move_under_load_loses_nothing_that_was_written_before_it(
    installation, writers, elsewhere
):
    manage(installation, "verify_ledger")
    *_, target = elsewhere
    url = target.database.variables.get("DATABASE_URL") or f"sqlite:///{target.database.file}"
    ((before,),) = installation.query("SELECT COALESCE(MAX(id), 0) FROM limits_ledgerentry")
    with writers:
        said = manage(installation, "copy_database", "--to", url)
    assert "proved equal" in said
    # whoever was told 503 meanwhile has asked again, and was served
    assert len(writers.answers) == 2 * STEPS
    assert_one_instant(target, installation)
    ids = "SELECT id FROM limits_ledgerentry WHERE id <= ? ORDER BY id"
    ((newest,),) = target.query("SELECT MAX(id) FROM limits_ledgerentry")
    assert newest >= before
    assert target.query(ids, newest) == installation.query(ids, newest)
    manage(target, "verify_ledger")
