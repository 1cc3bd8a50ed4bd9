"""One look at the database for all who ask: a flood costs it nothing, and nobody waits long."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import OperationalError

from ppims.metrics import look
from ppims.metrics.gauges import Sample
from ppims.metrics.look import FRESH_SECONDS, Look

SAMPLE = Sample("ppims_holds_open", 7)


class Database:
    """What is looked at, and the clock by which looks get old."""

    def __init__(self):
        self.looks, self.now, self.error = 0, 1_000.0, None
        self.answers = threading.Event()
        self.answers.set()

    def read(self):
        self.looks += 1
        self.answers.wait(10)
        if self.error:
            raise self.error
        return [SAMPLE]

    def tell(self):
        return self.now


@pytest.fixture
def database(monkeypatch):
    monkeypatch.setattr(look, "run_as_a_request", lambda work: work())
    return Database()


@pytest.fixture
def made(database):
    return Look(database.read, database.tell)


def test_a_flood_of_scrapes_is_one_look(made, database):
    with ThreadPoolExecutor(8) as threads:
        seen = list(threads.map(lambda _: made.take(), range(200)))
    assert database.looks == 1
    assert any(each.is_up and SAMPLE in each.samples for each in seen)


def test_a_look_is_fresh_up_to_its_end_and_not_at_it(made, database):
    made.take()
    database.now += FRESH_SECONDS - 0.001
    assert (made.take().is_up, database.looks) == (True, 1)
    database.now += 0.001
    assert (made.take().is_up, database.looks) == (True, 2)


def test_a_database_that_does_not_answer_is_not_up_and_is_asked_once(made, database, monkeypatch):
    monkeypatch.setattr(look, "PATIENCE_SECONDS", 0.02)
    database.answers.clear()
    for _ in range(5):
        seen = made.take()
        assert (seen.is_up, seen.samples) == (False, ())
    assert database.looks == 1
    database.answers.set()
    made._under_way.result(10)
    assert made.take().is_up
    made._threads.shutdown()
    assert database.looks == 1  # none has queued up meanwhile


def test_what_was_seen_long_ago_is_not_told_while_it_does_not_answer(made, database, monkeypatch):
    monkeypatch.setattr(look, "PATIENCE_SECONDS", 0.02)
    assert made.take().is_up
    database.answers.clear()
    database.now += FRESH_SECONDS
    assert not made.take().is_up
    database.answers.set()


def test_no_more_than_two_wait_for_it(made, database, monkeypatch):
    monkeypatch.setattr(look, "PATIENCE_SECONDS", 10)
    database.answers.clear()
    with ThreadPoolExecutor(2) as threads:
        waiting = [threads.submit(made.take) for _ in range(2)]
        while made._waiters < 2:
            pass
        assert not made.take().is_up  # at once
        database.answers.set()
        assert [each.result(10).is_up for each in waiting] == [True, True]
    assert made._waiters == 0


def test_an_outage_is_said_once_without_its_text_and_ends(made, database, caplog):
    database.error = OperationalError("could not connect to 10.0.0.1 as ppims")
    for _ in range(3):
        assert not made.take().is_up
        database.now += FRESH_SECONDS
    assert [record.getMessage() for record in caplog.records] == [
        "database not read for /metrics: OperationalError"
    ]
    database.error = None
    assert made.take().is_up
