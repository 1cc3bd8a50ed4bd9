"""A write that waits is taken by the writer or withdrawn by its asker: never both. And the writer
goes on, whatever happens to it.
"""

import asyncio
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest
from django.db import connection

from limits.models import LedgerEntry, LimitCheck
from ppims.core.errors import Unavailable
from ppims.db import group_commit, write_lock
from tests.api.answers import assert_refused
from tests.factories import draw_ref
from tests.server.conftest import close, wait_until
from tests.server.running_server import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only its writes are grouped"),
]


def run_on_a_loop(work):
    return asyncio.run(group_commit.run_write(work))


def run_in_a_thread(work):
    """As gthread has it: no loop runs."""
    coroutine = group_commit.run_write(work)
    try:
        coroutine.send(None)
    except StopIteration as end:
        return end.value
    raise AssertionError("it waits for a loop")


both_ways = pytest.mark.parametrize("written", [run_on_a_loop, run_in_a_thread])


@contextmanager
def ask_meanwhile(written, work):
    with ThreadPoolExecutor(1) as threads:
        yield threads.submit(written, work)


def assert_the_writer_goes_on(grouped):
    wait_until(group_commit._get_writer()._queue.empty)
    entry, is_replay = grouped.ask(grouped.make_posting(700)).result(PATIENCE_SECONDS)
    assert (entry.amount_paise, is_replay) == (700, False)


@both_ways
def test_a_write_is_answered_when_it_is_durable(grouped, written):
    commits = grouped.count("COMMIT")
    entry, _ = written(grouped.make_posting(100))
    assert grouped.count("COMMIT") == commits + 1
    assert LedgerEntry.objects.get().pk == entry.pk


@both_ways
def test_what_a_write_raises_its_asker_hears(grouped, written):
    with pytest.raises(ZeroDivisionError):
        written(lambda: 1 // 0)
    with pytest.raises(TimeoutError, match="its own"):
        written(_time_out)
    assert_the_writer_goes_on(grouped)


def _time_out():
    raise TimeoutError("its own")


@both_ways
def test_a_full_queue_refuses_at_once_and_nothing_is_recorded(grouped, settings, written):
    settings.PPIMS_QUEUE_LENGTH = 3
    with grouped.hold_turn():
        waiting = [grouped.ask(grouped.make_posting(100))]
        wait_until(group_commit._get_writer()._queue.empty)  # the writer waits with the first
        waiting += [grouped.ask(grouped.make_posting(100)) for _ in range(3)]
        began = time.monotonic()
        with pytest.raises(Unavailable):
            written(grouped.make_posting(100))
        assert time.monotonic() - began < 1
        assert LedgerEntry.objects.count() == 0
    assert [each.result(PATIENCE_SECONDS)[0].number for each in waiting] == [1, 2, 3, 4]
    assert LedgerEntry.objects.count() == 4
    assert_the_writer_goes_on(grouped)


def test_both_are_503_with_retry_after(grouped, settings):
    settings.PPIMS_QUEUE_LENGTH, settings.PPIMS_QUEUE_SECONDS = 1, 0.1
    fields = {"Unique_Id": str(grouped.customer), "Amount": "1.00", "Tran_Type": "D"}
    with grouped.hold_turn():
        for _ in range(3):  # the writer has the first, the second waits, the third finds it full
            answer = grouped.caller.call("check-customer-limit", **fields)
            assert_refused(answer, 503, "503")
            assert answer[2]["Retry-After"] == "1"
    assert_the_writer_goes_on(grouped)
    assert LimitCheck.objects.count() == 0


@both_ways
def test_who_has_waited_too_long_withdraws_and_it_is_not_written_later(grouped, settings, written):
    settings.PPIMS_QUEUE_SECONDS = 0.1
    with grouped.hold_turn(), pytest.raises(Unavailable):
        written(grouped.make_posting(100))
    assert_the_writer_goes_on(grouped)
    assert [entry.amount_paise for entry in LedgerEntry.objects.all()] == [700]


@both_ways
def test_what_has_been_taken_is_answered_however_long_it_takes(grouped, settings, written):
    settings.PPIMS_QUEUE_SECONDS = 0.1
    slow = lambda: (time.sleep(0.3), grouped.make_posting(100)())[1]  # noqa: E731
    entry, _ = written(slow)
    assert LedgerEntry.objects.get().pk == entry.pk


@both_ways
def test_at_the_very_end_of_its_patience_a_write_is_recorded_or_refused_never_both(
    grouped, settings, written
):
    """The turn comes just when the asker loses patience; whoever is first, all agree."""
    settings.PPIMS_QUEUE_SECONDS = 0.03
    told = {}
    for number in range(15):
        ref = draw_ref()
        with (
            ask_meanwhile(written, grouped.make_posting(100, ref_id=ref)) as asked,
            grouped.hold_turn(),
        ):
            time.sleep(0.026 + 0.0006 * number)
        told[ref] = asked.exception() is None
        assert told[ref] or isinstance(asked.exception(), Unavailable)
    assert_the_writer_goes_on(grouped)
    recorded = set(LedgerEntry.objects.filter(amount_paise=100).values_list("ref_id", flat=True))
    assert recorded == {ref for ref, is_recorded in told.items() if is_recorded}


def test_a_client_that_goes_while_it_waits_takes_its_write_along(grouped):
    async def go():
        task = asyncio.create_task(group_commit.run_write(grouped.make_posting(100)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with grouped.hold_turn():
        asyncio.run(go())
    assert_the_writer_goes_on(grouped)
    assert LedgerEntry.objects.get().amount_paise == 700


def test_a_client_that_goes_while_it_is_written_leaves_one_effect(grouped):
    is_taken, may_go_on = threading.Event(), threading.Event()
    ref = draw_ref()

    def write_slowly():
        is_taken.set()
        may_go_on.wait(PATIENCE_SECONDS)
        return grouped.make_posting(100, ref_id=ref)()

    async def go():
        task = asyncio.create_task(group_commit.run_write(write_slowly))
        await asyncio.to_thread(is_taken.wait, PATIENCE_SECONDS)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        may_go_on.set()

    asyncio.run(go())
    wait_until(LedgerEntry.objects.exists)
    _, is_replay = grouped.ask(grouped.make_posting(100, ref_id=ref)).result(PATIENCE_SECONDS)
    assert is_replay


@both_ways
def test_who_can_not_have_the_turn_is_told_at_once(grouped, monkeypatch, written, caplog):
    with monkeypatch.context() as broken:
        broken.setattr(write_lock.fcntl, "flock", _drop_locks)
        began = time.monotonic()
        with pytest.raises(Unavailable):
            written(grouped.make_posting(100))
        assert time.monotonic() - began < 1
    assert "a group was not committed" in caplog.text
    assert LedgerEntry.objects.count() == 0
    assert_the_writer_goes_on(grouped)


def test_a_page_stands_in_line_too_but_not_for_ever(grouped, settings):
    settings.PPIMS_BUSY_SECONDS = 0.1
    with grouped.hold_turn(), pytest.raises(Unavailable):
        grouped.make_posting(100)()
    assert LedgerEntry.objects.count() == 0
    settings.PPIMS_BUSY_SECONDS = PATIENCE_SECONDS
    with ThreadPoolExecutor(1) as pages:
        with grouped.hold_turn():
            page = pages.submit(grouped.make_posting(100))
            time.sleep(0.05)
            assert not page.done()
        page.result(PATIENCE_SECONDS)
        pages.submit(close).result()
    assert LedgerEntry.objects.count() == 1


def test_a_page_that_can_not_stand_in_line_is_told_so(grouped):
    grouped.line.unlink()
    grouped.line.mkdir()
    with pytest.raises(Unavailable):
        grouped.make_posting(100)()
    grouped.line.rmdir()
    assert_the_writer_goes_on(grouped)


def _drop_locks(*_):
    raise OSError("no locks available")


@pytest.mark.parametrize("error", [RuntimeError, SystemExit])
def test_whatever_goes_wrong_with_a_group_nobody_waits_for_ever(grouped, monkeypatch, error):
    with monkeypatch.context() as broken:
        broken.setattr(
            group_commit, "run_together", lambda _: (_ for _ in ()).throw(error("a bug"))
        )
        writes = grouped.ask_together(grouped.make_posting(100), grouped.make_posting(200))
        assert {type(each.exception(PATIENCE_SECONDS)) for each in writes} == {Unavailable}
    assert_the_writer_goes_on(grouped)


def test_a_connection_that_breaks_is_made_anew(grouped):
    def fail():
        connection.connection.close()
        return grouped.make_posting(100)()

    assert isinstance(grouped.ask(fail).exception(PATIENCE_SECONDS), Unavailable)
    assert_the_writer_goes_on(grouped)


def test_threads_that_come_first_together_share_one_writer(grouped):
    group_commit._make_writer.cache_clear()
    start = threading.Barrier(8)

    def ask_first(_):
        start.wait()
        return group_commit._get_writer()

    with ThreadPoolExecutor(8) as threads:
        assert len(set(threads.map(ask_first, range(8)))) == 1
