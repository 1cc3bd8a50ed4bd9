"""A database in a file, whose writes go in groups: the writer's thread is this process's."""

import fcntl
import time
from contextlib import contextmanager
from functools import partial

import pytest
from django.db import connection, connections
from django.test import Client

from ppims import writer
from tests.conftest import Caller
from tests.factories import check, make_customer, make_processor, post

PATIENCE_SECONDS = 20


class Grouped:
    """Two processors, a customer of both, and the queue to the writer."""

    def __init__(self, file):
        self.line = file.with_name(f"{file.name}-turn")
        self.ent, self.cbs = make_processor("ENT"), make_processor("CBS")
        self.customer = make_customer(self.ent, self.cbs)
        self.caller = Caller(self.ent, Client())
        self.statements = []
        listen = lambda: connection.connection.set_trace_callback(self.statements.append)  # noqa: E731
        self.ask(listen).result(PATIENCE_SECONDS)

    def ask(self, work):
        return writer._writer().ask(work)

    def checking(self, paise=100, **more):
        return partial(check, self.ent, self.customer, paise, **more)

    def posting(self, paise=100, **more):
        return partial(post, self.ent, self.customer, paise, **more)

    def ask_together(self, *works):
        """Queue works while the writer waits for its turn: they are one group."""
        with self.held():
            return [self.ask(work) for work in works]

    @contextmanager
    def held(self):
        """Have the turn: what is asked waits in the queue."""
        with self.line.open("w") as line:
            fcntl.flock(line, fcntl.LOCK_EX)
            yield

    def count(self, statement):
        return self.statements.count(statement)

    def rows(self, sql):
        with connection.cursor() as cursor:
            return cursor.execute(sql).fetchall()

    def close(self):
        self.ask(close).exception(PATIENCE_SECONDS)


def close():
    """Close the connection of whichever thread runs this."""
    connection.close()


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory, django_db_setup, django_db_blocker):
    """The tests' database, empty but for the rules, in a file."""
    file = tmp_path_factory.mktemp("migrated") / "ppims.sqlite3"
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("VACUUM INTO %s", [str(file)])
    return file


@pytest.fixture
def file_database(tmp_path, migrated_file, django_db_blocker, monkeypatch):
    """Let this test's threads find a database of its own, in a file."""
    file = tmp_path / "ppims.sqlite3"
    file.write_bytes(migrated_file.read_bytes())
    before = connections["default"]
    del connections["default"]
    monkeypatch.setitem(connections.settings["default"], "NAME", str(file))
    with django_db_blocker.unblock():
        yield file
        connections["default"].close()
    connections["default"] = before


@pytest.fixture
def grouped(file_database, settings):
    settings.PPIMS_GROUP_COMMIT = True
    writer._made.cache_clear()
    made = Grouped(file_database)
    yield made
    made.close()
    writer._made.cache_clear()


def wait_until(holds, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, holds
        time.sleep(0.005)
