"""The write-ahead log is moved into the database beside the writers, and begun anew."""

import logging
import os
import threading

import pytest
from django.db import OperationalError

from limits.models import LimitCheck
from ppims.db import checkpoint, statements
from tests.server.conftest import wait_until
from tests.server.running_server import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "PostgreSQL has a process for it"),
]
READ_AUTOCHECKPOINT = "PRAGMA wal_autocheckpoint"
MANY_CHECKS = 60


@pytest.fixture
def often(monkeypatch):
    monkeypatch.setattr(checkpoint, "AFTER_WRITES", 5)


def check_often(grouped, times=MANY_CHECKS):
    for _ in range(times):
        grouped.ask(grouped.make_check(100)).result(PATIENCE_SECONDS)


def measure_log(file):
    return file.with_name(f"{file.name}-wal").stat().st_size


def measure_log_after_checks(grouped, file):
    before = measure_log(file)
    check_often(grouped)
    return measure_log(file) - before


def test_without_them_each_write_makes_the_log_longer(grouped, file_database, monkeypatch):
    monkeypatch.setattr(checkpoint, "AFTER_WRITES", 10 * MANY_CHECKS)
    assert measure_log_after_checks(grouped, file_database) > 1_000_000


def test_the_log_is_begun_anew_now_and_then(often, grouped, file_database, monkeypatch):
    moved = []

    def note_when_moved(sql, values):
        row = statements.read_row(sql, values)
        moved.append(sql)
        return row

    monkeypatch.setattr(checkpoint, "read_row", note_when_moved)
    before = measure_log(file_database)
    for times in range(1, MANY_CHECKS // 5 + 1):
        check_often(grouped, times=5)
        # On a slow disk more could be written before all is moved: the log would hold that too.
        wait_until(lambda times=times: len(moved) == 2 * times)
    assert measure_log(file_database) - before < 500_000
    assert LimitCheck.objects.count() == MANY_CHECKS


def test_others_write_while_what_was_moved_is_made_durable(often, grouped, monkeypatch):
    begun, may_end = threading.Event(), threading.Event()

    def sync_slowly(_):
        begun.set()
        assert may_end.wait(PATIENCE_SECONDS)

    monkeypatch.setattr(os, "fdatasync", sync_slowly)
    try:
        check_often(grouped, times=5)
        assert begun.wait(PATIENCE_SECONDS)
        check_often(grouped)
        assert LimitCheck.objects.count() == 5 + MANY_CHECKS
    finally:
        may_end.set()


def test_one_that_fails_is_told_of_harms_no_write_and_is_not_the_last(
    often, grouped, monkeypatch, caplog
):
    asked = []

    def fail_at_first(sql, values):
        asked.append(sql)
        if len(asked) == 1:
            raise OperationalError("database or disk is full")
        return statements.read_row(sql, values)

    monkeypatch.setattr(checkpoint, "read_row", fail_at_first)
    with caplog.at_level(logging.WARNING):
        check_often(grouped, times=5)
        wait_until(lambda: "no checkpoint: OperationalError" in caplog.messages)
        check_often(grouped, times=5)
    wait_until(lambda: len(asked) == 3)
    assert LimitCheck.objects.count() == 10


def test_a_writer_does_it_in_its_commit_once_the_log_has_grown_much_longer_and_others_before(
    grouped,
):
    told = grouped.ask(lambda: statements.read_row(READ_AUTOCHECKPOINT, ())).result(
        PATIENCE_SECONDS
    )
    assert (told, grouped.read_rows(READ_AUTOCHECKPOINT)) == ((16000,), [(4000,)])


def test_nobody_maps_the_file(grouped):
    told = grouped.ask(lambda: statements.read_row("PRAGMA mmap_size", ())).result(PATIENCE_SECONDS)
    assert (told, grouped.read_rows("PRAGMA mmap_size")) == ((0,), [(0,)])
