"""A database of its own, and processes that work on it."""

import json
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import pytest
from django.db import connection

ROOT = Path(__file__).resolve().parent.parent.parent
AHEAD_SECONDS = 0.05
_refs = count(1)


def make_variables(folder, **more):
    own = ("PPIMS_", "DATABASE_URL")
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(own)}
    mine = {
        "DJANGO_SETTINGS_MODULE": "ppims.settings",
        "PPIMS_DATA_DIR": str(folder),
        "PYTHONPATH": str(ROOT),
    }
    return {**inherited, **mine, **more}


class Worker:
    """One process of tests/concurrency/worker.py."""

    def __init__(self, folder, **more):
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.concurrency.worker"],
            cwd=ROOT,
            env=make_variables(folder, **more),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def send(self, steps, *, start=0):
        self.process.stdin.write(json.dumps({"start": start, "steps": steps}) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        assert line, f"the worker ended: {self.process.wait()}"
        return json.loads(line)

    def ask(self, *steps):
        self.send(steps)
        return self.receive()

    def end(self):
        self.process.stdin.close()
        self.process.wait(timeout=20)
        self.process.stdout.close()


class Sqlite:
    """A database in a file of the data folder."""

    variables = {}
    holding = "BEGIN IMMEDIATE"

    def __init__(self, folder):
        self.file = folder / "ppims.sqlite3"

    def connect(self):
        return sqlite3.connect(self.file, isolation_level=None, check_same_thread=False)

    def execute(self, database, sql, *arguments):
        return database.execute(sql, arguments)

    def read_instant(self, at):
        return at.replace(tzinfo=None).isoformat(" ")

    def remove(self):
        """Leave the file to the folder."""


class Postgresql:
    """A database of its own on a PostgreSQL server."""

    holding = "BEGIN; LOCK limits_ledgerhead"

    def __init__(self, server):
        self.server = server
        self.name = self.server.make_database()
        self.variables = {"DATABASE_URL": self.server.write_url(self.name)}

    def connect(self):
        return self.server.connect(self.name)

    def execute(self, database, sql, *arguments):
        return database.execute(sql.replace("?", "%s"), arguments)

    def read_instant(self, at):
        return at

    def remove(self):
        self.server.drop_database(self.name)


class Installation:
    """A data folder, a database, and workers that are started once."""

    def __init__(self, folder, database):
        self.folder = folder
        self.database = database
        self.workers = []

    def start(self, number, **more):
        """Give that many workers, all of them up."""
        while len(self.workers) < number:
            self.workers.append(self.start_worker(**more))
        for worker in self.workers[:number]:
            worker.ask()
        return self.workers[:number]

    def start_worker(self, **more):
        return Worker(self.folder, **{**self.database.variables, **more})

    def manage(self, *command, **more):
        environment = make_variables(self.folder, **{**self.database.variables, **more})
        command = [sys.executable, "manage.py", *command]
        subprocess.run(command, cwd=ROOT, env=environment, check=True, timeout=120)

    def run_at_once(self, *lists_of_steps, ahead=AHEAD_SECONDS):
        """Let each worker do its steps, all from the same instant on."""
        workers = self.workers[: len(lists_of_steps)]
        start = time.time() + ahead
        for worker, steps in zip(workers, lists_of_steps, strict=True):
            worker.send(steps, start=start)
        return [worker.receive() for worker in workers]

    def query(self, sql, *arguments):
        """Read with a connection of our own."""
        database = self.database.connect()
        try:
            return self.database.execute(database, sql, *arguments).fetchall()
        finally:
            database.close()

    @contextmanager
    def hold_writers(self):
        """Keep every check and update waiting."""
        holder = self.database.connect()
        holder.execute(self.database.holding)
        try:
            yield
        finally:
            holder.execute("ROLLBACK")
            holder.close()

    def read_everything(self):
        """All rows of all tables that a check or an update may write."""
        tables = """ppims_replaykey limits_limitcheck limits_hold limits_ledgerentry
            limits_ledgerhead limits_monthlyusage ppims_auditentry ppims_audithead"""
        return {
            name: self.query(f"SELECT * FROM {name} ORDER BY 1, 2, 3") for name in tables.split()
        }

    def add_customer(self):
        """A New Min KYC customer of both processors: the Unique_Id."""
        mobile = f"9198{next(_refs):08d}"
        both = [["add", system_id, draw_ref(), mobile] for system_id in ("ENT", "CBS")]
        (_, one), (_, same) = self.workers[0].ask(*both)
        assert one == same
        return one


def draw_ref():
    return f"C{next(_refs):08d}"


@contextmanager
def install(folder, database):
    """Make an installation with two processors, and end its workers in the end."""
    made = Installation(folder, database)
    made.manage("migrate", "--verbosity", "0")
    try:
        made.start(1)
        made.workers[0].ask(["set_up", "ENT", "CBS"])
        yield made
    finally:
        for worker in made.workers:
            worker.end()


@pytest.fixture(scope="session")
def installation(tmp_path_factory, request):
    folder = tmp_path_factory.mktemp("ppims")
    if connection.vendor == "postgresql":
        database = Postgresql(request.getfixturevalue("postgres_server"))
    else:
        database = Sqlite(folder)
    with install(folder, database) as made:
        yield made
    database.remove()
