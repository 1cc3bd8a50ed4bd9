"""A database in a file, whose writes go in groups: the writer's thread is this process's."""

import fcntl
import shutil
import time
from contextlib import contextmanager
from functools import partial

import pytest
from django.conf import settings as configured
from django.contrib.auth.hashers import make_password
from django.db import connection, connections
from django.test import Client, override_settings

from limits.stores.carry_out import SQLITE_STORE, carry_out
from ppims.db import group_commit, statements
from ppims.demo import load, reset
from ppims.models import Processor
from tests.conftest import Caller
from tests.factories import make_check, make_customer, make_posting, make_processor
from tests.server.running_server import PASSWORDS, PATIENCE_SECONDS


class Grouped:
    """Two processors, a customer of both, and the queue to the writer."""

    store = SQLITE_STORE

    def __init__(self, file):
        self.line = file.with_name(f"{file.name}-turn")
        self.ent, self.cbs = make_processor("ENT"), make_processor("CBS")
        self.customer = make_customer(self.ent, self.cbs)
        self.caller = Caller(self.ent, Client())
        self.statements = []
        listen = lambda: connection.connection.set_trace_callback(self.statements.append)  # noqa: E731
        self.ask(listen).result(PATIENCE_SECONDS)

    def ask(self, work):
        return group_commit._get_writer().ask(work)

    def put(self, request, run_group=carry_out):
        """Queue a request that goes in a group."""
        write = group_commit.PendingWrite(request, run_group)
        group_commit._get_writer().put(write)
        return write

    def make_check(self, paise=100, **more):
        return partial(make_check, self.ent, self.customer, paise, **more)

    def make_posting(self, paise=100, **more):
        return partial(make_posting, self.ent, self.customer, paise, **more)

    def ask_together(self, *works):
        """Queue works while the writer waits for its turn: they are one group."""
        with self.hold_turn():
            return [self.ask(work) for work in works]

    @contextmanager
    def hold_turn(self):
        """Have the turn: what is asked waits in the queue."""
        with self.line.open("w") as line:
            fcntl.flock(line, fcntl.LOCK_EX)
            yield

    def count(self, statement):
        return self.statements.count(statement)

    def read_rows(self, sql):
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


@contextmanager
def use_file(file):
    """Let all threads find the database in this file."""
    before, settings = connections["default"], connections.settings["default"]
    del connections["default"]
    vars(statements._threads).clear()
    # A copy: threads of a test that goes on for a moment keep to the file.
    connections.settings["default"] = {**settings, "NAME": str(file)}
    try:
        yield file
    finally:
        connections["default"].close()
        connections["default"], connections.settings["default"] = before, settings
        vars(statements._threads).clear()


@pytest.fixture(scope="session")
def prepared(tmp_path_factory, migrated_file, django_db_blocker):
    """A data folder: keys, the demo's processors and its sample customer, and one processor more
    that is winding down.
    """
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(configured.PPIMS_DATA_DIR / "keys", folder / "keys")
    shutil.copy(migrated_file, folder / "ppims.sqlite3")
    with django_db_blocker.unblock(), use_file(folder / "ppims.sqlite3"):
        load._load_processors()
        load._load_sample_customer()
        password = make_password(PASSWORDS["OLD"])
        make_processor("OLD", state=Processor.State.WINDING_DOWN, password=password)
    (folder / "ppims.sqlite3-turn").unlink(missing_ok=True)
    return folder


@pytest.fixture(scope="session")
def demo_folder(tmp_path_factory, migrated_file, django_db_blocker):
    """A data folder as the first start of a demo leaves it."""
    folder = tmp_path_factory.mktemp("demo")
    shutil.copytree(configured.PPIMS_DATA_DIR / "keys", folder / "keys")
    for name in ("empty.sqlite3", "ppims.sqlite3"):
        shutil.copy(migrated_file, folder / name)
    with (
        django_db_blocker.unblock(),
        use_file(folder / "ppims.sqlite3"),
        override_settings(PPIMS_DATA_DIR=folder),
    ):
        assert load.load()
        load.write_access(url="http://127.0.0.1:8000")
        reset.ensure_start(url="http://127.0.0.1:8000", is_new=True)
    return folder


@pytest.fixture
def file_database(tmp_path, migrated_file, django_db_blocker):
    shutil.copy(migrated_file, tmp_path / "ppims.sqlite3")
    with django_db_blocker.unblock(), use_file(tmp_path / "ppims.sqlite3") as file:
        yield file


@pytest.fixture
def grouped(file_database, settings):
    settings.PPIMS_GROUP_COMMIT = True
    group_commit._make_writer.cache_clear()
    made = Grouped(file_database)
    yield made
    made.close()
    group_commit._make_writer.cache_clear()


def wait_until(holds, seconds=PATIENCE_SECONDS):
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, holds
        time.sleep(0.005)
