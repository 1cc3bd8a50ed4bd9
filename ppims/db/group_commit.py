"""Group commit: one thread a process makes the API's writes, and answers when they are durable.

An `fsync` costs more than all the rest of a write, and SQLite has one writer at a time: whatever
has queued up while the last group was committed goes into the next, each write in a savepoint of
its own, and one COMMIT makes all of them durable.
"""

import asyncio
import logging
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from functools import cache
from queue import Empty, SimpleQueue
from typing import Any, NoReturn, TypeVar, cast

from django.conf import settings
from django.db import DatabaseError

from ppims.core.errors import Unavailable
from ppims.db.checkpoint import SET_AUTOCHECKPOINT_PAGES, Checkpoints
from ppims.db.statements import keep_connection, run
from ppims.db.threads import run_beside
from ppims.db.transaction import Outcome, run_together
from ppims.db.write_lock import hold_write_lock

T = TypeVar("T")

logger = logging.getLogger(__name__)

GROUP_AT_MOST = 64
OWN_CACHE = "PRAGMA cache_size = -32000"  # large enough for what a group changes
ALONE_THREADS = ThreadPoolExecutor(settings.PPIMS_THREADS, "writes")  # where none are grouped
_making = threading.Lock()


class PendingWrite(Future[Any]):
    """A write that has been asked for, and what will become of it. It is taken by the writer or
    withdrawn by the asker: never both.
    """

    def __init__(self, work: Callable[[], Any]) -> None:
        super().__init__()
        self.work = work

    def end(self, outcome: Outcome) -> None:
        result, error = outcome
        if error is None:
            self.set_result(result)
        else:
            self.set_exception(error)


async def run_write(work: Callable[[], T]) -> T:
    """Run a use-case that writes, and give what it gives once that is durable. Where no event loop
    runs, the caller's thread waits instead.

    Raises what the use-case raises; and Unavailable where the queue is full, or where it has stood
    there for PPIMS_QUEUE_SECONDS: nothing is recorded then.
    """
    if not settings.PPIMS_GROUP_COMMIT:
        return await run_beside(ALONE_THREADS, work)
    write = _get_writer().ask(work)
    seconds = settings.PPIMS_QUEUE_SECONDS
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        return cast("T", _wait_for(write, seconds))
    deadline = loop.call_later(seconds, write.cancel)
    try:
        return cast("T", await asyncio.wrap_future(write))
    except asyncio.CancelledError:
        if write.cancelled() and not _is_cancelled_by_its_caller():
            raise Unavailable from None
        raise
    finally:
        deadline.cancel()


def run_later(work: Callable[[], object]) -> None:
    """Run a use-case that writes, and that nobody waits for: where it can't be written, the log
    alone says so. Where writes go alone: at once, in the caller's thread.
    """
    if settings.PPIMS_GROUP_COMMIT:
        try:
            _get_writer().ask(work).add_done_callback(lambda write: _log_failure(write.exception()))
        except Unavailable as error:
            _log_failure(error)
        return
    try:
        work()
    except Exception as error:  # noqa: BLE001 - as in the writer's thread: nobody waits for it
        _log_failure(error)


def _log_failure(error: BaseException | None) -> None:
    if error is not None:
        logger.warning("not written: %s", type(error).__name__)


def _wait_for(write: PendingWrite, seconds: float) -> Any:
    try:
        return write.result(timeout=seconds)
    except TimeoutError:
        if write.cancel():
            raise Unavailable from None
        return write.result()  # it had been taken: it is for the writer to say


def _is_cancelled_by_its_caller() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _get_writer() -> "Writer":
    with _making:  # of two threads that come first, cache() would let each make one
        return _make_writer()


@cache
def _make_writer() -> "Writer":
    return Writer()


class Writer:
    """The thread, and the queue to it. Threads and connections don't survive a fork: made at first
    use.
    """

    def __init__(self) -> None:
        self._queue: SimpleQueue[PendingWrite] = SimpleQueue()
        self._checkpoints = Checkpoints()
        threading.Thread(target=self._serve, name="writer", daemon=True).start()

    def ask(self, work: Callable[[], Any]) -> PendingWrite:
        """Queue a write. Raises Unavailable where too many are waiting already."""
        if self._queue.qsize() >= settings.PPIMS_QUEUE_LENGTH:
            raise Unavailable
        write = PendingWrite(work)
        self._queue.put(write)
        return write

    def _serve(self) -> NoReturn:
        keep_connection()
        with suppress(DatabaseError, Unavailable):
            for pragma in (OWN_CACHE, SET_AUTOCHECKPOINT_PAGES):
                run(pragma, ())
        while True:
            first = self._queue.get()
            taken: list[PendingWrite] | None = None
            try:
                with hold_write_lock():
                    taken = self._take_waiting(first)
                    outcomes = run_together([write.work for write in taken])
            except BaseException:  # whatever: nobody is left to wait, and the next group comes
                logger.exception("a group was not committed")
                taken = self._take_waiting(first) if taken is None else taken
                outcomes = [(None, Unavailable()) for _ in taken]
            for write, outcome in zip(taken, outcomes, strict=True):
                write.end(outcome)
            self._checkpoints.count(len(taken))

    def _take_waiting(self, first: PendingWrite) -> list[PendingWrite]:
        """Take what is waiting, but for what has been withdrawn."""
        waiting = [first]
        try:
            while len(waiting) < GROUP_AT_MOST:
                waiting.append(self._queue.get_nowait())
        except Empty:
            pass
        return [write for write in waiting if write.set_running_or_notify_cancel()]
