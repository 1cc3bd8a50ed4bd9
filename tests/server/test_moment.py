"""What those who come together read, they read as of one moment; who comes later, as of a later
one.
"""

import asyncio
import sqlite3
from contextlib import closing

import pytest
from django.db import OperationalError, connection

from ppims.db import shared_snapshot, statements
from ppims.models import Processor
from tests.factories import make_processor

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "operations run in threads there, each by itself"),
]

STATES = "SELECT system_id, state FROM ppims_processor ORDER BY system_id"


@pytest.fixture
def disable(file_database):
    """Disable a processor, from another connection."""
    make_processor("ENT")
    make_processor("CBS")

    def do(system_id):
        with closing(sqlite3.connect(file_database, isolation_level=None)) as other:
            other.execute(
                "UPDATE ppims_processor SET state = ? WHERE system_id = ?",
                (Processor.State.DISABLED, system_id),
            )

    return do


@pytest.fixture(autouse=True)
def heard(file_database, monkeypatch):
    """Hear the statements of this thread's one connection, as an event loop has it."""
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    statements.keep_connection()
    connection.ensure_connection()
    database = connection.connection
    said = []
    database.set_trace_callback(said.append)
    yield said
    assert not database.in_transaction


def list_disabled():
    return [
        name
        for name, state in shared_snapshot.read_rows(STATES, ())
        if state == Processor.State.DISABLED
    ]


def test_what_is_asked_alike_is_read_once_and_all_else_in_the_same_snapshot(disable, heard):
    async def read_twice():
        shared_snapshot.begin()
        assert list_disabled() == []
        disable("ENT")
        shared_snapshot.begin()  # the next request of the turn
        assert list_disabled() == []
        assert {state for _, state in statements.read_rows(STATES, ())} == {Processor.State.ACTIVE}
        await asyncio.sleep(0)
        return list_disabled()

    heard.clear()
    assert asyncio.run(read_twice()) == ["ENT"]
    assert heard == ["BEGIN", STATES, STATES, "COMMIT", STATES]


def test_it_ends_where_more_comes_in(disable):
    async def read_twice():
        shared_snapshot.begin()
        assert list_disabled() == []
        disable("ENT")
        shared_snapshot.end()
        shared_snapshot.begin()
        assert list_disabled() == ["ENT"]
        await asyncio.sleep(0)

    asyncio.run(read_twice())


def test_without_one_each_reads_for_itself(disable):
    assert list_disabled() == []
    disable("CBS")
    assert list_disabled() == ["CBS"]
    shared_snapshot.end()  # of no effect


def test_one_that_sqlite_has_ended_is_no_fault(disable):
    async def read_twice():
        shared_snapshot.begin()
        assert list_disabled() == []
        statements.run("ROLLBACK", ())
        disable("ENT")
        await asyncio.sleep(0)
        return list_disabled()

    assert asyncio.run(read_twice()) == ["ENT"]


def test_of_a_database_that_can_not_be_opened_who_reads_is_told(disable, monkeypatch):
    def fail(*_):
        raise OperationalError

    async def read_once():
        with monkeypatch.context() as patched:
            patched.setattr(statements, "run", fail)
            shared_snapshot.begin()
        disable("ENT")
        return list_disabled()

    assert asyncio.run(read_once()) == ["ENT"]
