"""On PostgreSQL an event loop waits for no read: threads do, and who comes together shares a look,
but nobody is told what a look has read that began before they asked.
"""

import asyncio
import threading
from collections import defaultdict

import pytest

from ppims.core.coroutines import run_to_end
from ppims.db import reads

PATIENCE_SECONDS = 20
BY_USERNAME = "SELECT 1 FROM ppims_processor WHERE username = %s"


class Database:
    """A server that reads when a test lets it: by what was asked, how often and by which thread."""

    def __init__(self):
        self.read, self.threads, self.rows = defaultdict(int), set(), [(1,)]
        self.has_begun, self.may_end = threading.Event(), threading.Event()
        self.may_end.set()

    def read_rows(self, _sql, values):
        self.read[values] += 1
        self.threads.add(threading.current_thread().name)
        found = self.rows
        self.has_begun.set()
        assert self.may_end.wait(PATIENCE_SECONDS)
        if isinstance(found, Exception):
            raise found
        return found

    async def wait_until_it_reads(self):
        await asyncio.to_thread(self.has_begun.wait, PATIENCE_SECONDS)
        self.has_begun.clear()


@pytest.fixture
def database(monkeypatch, settings):
    settings.SQLITE = False
    made = Database()
    monkeypatch.setattr(reads.statements, "read_rows", made.read_rows)
    monkeypatch.setattr("ppims.db.threads.close_old_connections", lambda: None)
    monkeypatch.setattr("ppims.db.threads.outages.drop_connection_after", lambda _: None)
    return made


def ask(name="PPIM_ENT"):
    return reads.look_up(BY_USERNAME, name)


def test_those_who_come_together_share_one_look(database):
    async def ask_together():
        return await asyncio.gather(ask(), ask(), ask("PPIM_CBS"))

    assert asyncio.run(ask_together()) == [[(1,)]] * 3
    assert database.read == {("PPIM_ENT",): 1, ("PPIM_CBS",): 1}
    assert len(database.threads) == 1
    assert next(iter(database.threads)).startswith("looks")


def test_who_comes_while_a_look_goes_on_gets_the_next_one(database):
    async def ask_meanwhile():
        database.may_end.clear()
        first = asyncio.create_task(ask())
        await database.wait_until_it_reads()
        database.rows = [(2,)]  # it has changed, after that look has read
        later = [asyncio.create_task(ask()) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert sum(database.read.values()) == 1
        database.may_end.set()
        return await asyncio.gather(first, *later)

    assert asyncio.run(ask_meanwhile()) == [[(1,)], [(2,)], [(2,)], [(2,)]]
    assert database.read == {("PPIM_ENT",): 2}


def test_who_hangs_up_takes_nothing_away_from_the_others(database):
    async def hang_up():
        database.may_end.clear()
        leaving, staying = asyncio.create_task(ask()), asyncio.create_task(ask())
        await database.wait_until_it_reads()
        leaving.cancel()
        database.may_end.set()
        return await staying, (await asyncio.gather(leaving, return_exceptions=True))[0]

    rows, left = asyncio.run(hang_up())
    assert rows == [(1,)]
    assert isinstance(left, asyncio.CancelledError)


def test_a_look_that_fails_is_told_to_all_and_the_next_one_is_made(database):
    async def ask_twice():
        database.rows = OSError("away")
        failed = await asyncio.gather(ask(), ask("PPIM_CBS"), return_exceptions=True)
        database.rows = [(3,)]
        return failed, await ask()

    failed, rows = asyncio.run(ask_twice())
    assert {type(error) for error in failed} == {OSError}
    assert rows == [(3,)]


def test_a_loop_that_ends_in_the_midst_of_a_look_leaves_nothing_behind(database):
    async def leave():
        task = asyncio.create_task(ask())
        await asyncio.sleep(0)
        task.cancel()

    asyncio.run(leave())
    assert asyncio.run(ask()) == [(1,)]


def test_a_use_case_that_reads_runs_beside_the_loop(database):
    name = asyncio.run(reads.run_read(lambda: threading.current_thread().name))
    assert name.startswith("reads")


def test_without_a_loop_the_thread_that_asks_reads(database):
    assert run_to_end(ask()) == [(1,)]
    run_to_end(reads.run_read(lambda: database.read_rows("", ())))
    assert database.threads == {threading.current_thread().name}


def test_sqlite_is_read_at_once(database, settings):
    settings.SQLITE = True

    async def read():
        await ask()
        return await reads.run_read(lambda: threading.current_thread().name)

    assert asyncio.run(read()) == threading.current_thread().name
    assert database.threads == {threading.current_thread().name}
