"""Group commit: one thread a process makes the API's writes, and answers when they are durable.

An `fsync` and a round trip cost more than all the rest of a write: whatever has queued up while the
last group was committed goes into the next. Requests of the ledger are carried out together, by a
handful of statements (`run_in_group`). Any other write (`run_write`) is on PostgreSQL alone in its
transaction, in a thread beside. SQLite has one writer at a time: there it comes after the requests,
in a savepoint of the same transaction.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import nullcontext, suppress
from functools import cache, partial
from queue import Empty, SimpleQueue
from typing import Any, NoReturn, TypeVar, cast

from django.conf import settings
from django.db import DatabaseError

from ppims.core import counts
from ppims.core.errors import Unavailable
from ppims.db import pipeline
from ppims.db.checkpoint import SET_AUTOCHECKPOINT_PAGES, Checkpoints
from ppims.db.statements import keep_connection, run
from ppims.db.threads import run_as_a_request, run_beside
from ppims.db.transaction import Outcome, run_together
from ppims.db.write_lock import hold_write_lock

T = TypeVar("T")
R = TypeVar("R")
# Carries out requests, in one transaction if it can, and says what became of each.
RunGroup = Callable[[Sequence[R]], list[Outcome]]

logger = logging.getLogger(__name__)

GROUP_AT_MOST = 64
OWN_CACHE = "PRAGMA cache_size = -32000"  # large enough for what a group changes
ALONE_THREADS = ThreadPoolExecutor(settings.PPIMS_THREADS, "writes")  # for those in no group
_making = threading.Lock()


class PutOff(Exception):
    """A request has to wait for somebody else, and the others of its group need not: it goes into
    the next one.
    """


class PendingWrite(Future[Any]):
    """A write that has been asked for, and what will become of it: work; or a request, and what
    carries out a group of its like. It is taken by the writer or withdrawn by the asker: never
    both.
    """

    def __init__(self, work: Any, run_group: RunGroup[Any] | None = None) -> None:
        super().__init__()
        self.work, self.run_group = work, run_group
        self._patience_ends = 0.0  # from when it is first taken
        self.answer: asyncio.Future[Any] | None = None  # where an event loop waits for it

    def take(self) -> bool:
        """Take it, unless it has been withdrawn."""
        if self._patience_ends:
            return True
        self._patience_ends = time.monotonic() + settings.PPIMS_BUSY_SECONDS
        return self.set_running_or_notify_cancel()

    def may_be_put_off(self) -> bool:
        return time.monotonic() < self._patience_ends

    def end(self, outcome: Outcome) -> None:
        result, error = outcome
        if error is None:
            self.set_result(result)
        else:
            self.set_exception(error)


async def run_write(work: Callable[[], T]) -> T:
    """Run a use-case that writes, and give what it gives once that is durable. Where no event loop
    runs, the caller's thread waits instead.

    Raises what the use-case raises; and, of SQLite, Unavailable where the queue is full, or where
    it has stood there for PPIMS_QUEUE_SECONDS: nothing is recorded then.
    """
    if settings.PPIMS_GROUP_COMMIT and settings.SQLITE:
        return cast("T", await _wait(PendingWrite(work)))
    return await run_beside(ALONE_THREADS, work)


async def run_in_group(request: R, run_group: RunGroup[R]) -> Any:
    """Carry out a request, together with others that wait, and give what became of it once that is
    durable. Where no event loop runs, the caller's thread waits instead. Raises as `run_write`.
    """
    if settings.PPIMS_GROUP_COMMIT:
        return await _wait(PendingWrite(request, run_group))
    return await run_beside(ALONE_THREADS, partial(run_alone, request, run_group))


def run_alone(request: R, run_group: RunGroup[R]) -> Any:
    """Carry out a request in this thread: in its open transaction, or in one of its own."""
    patience_ends = time.monotonic() + settings.PPIMS_BUSY_SECONDS
    while True:
        ((result, error),) = run_group([request])
        if error is None:
            return result
        if not isinstance(error, PutOff):
            raise error
        if time.monotonic() > patience_ends:
            raise Unavailable


def run_later(work: Callable[[], object]) -> None:
    """Run a use-case that writes, and that nobody waits for: where it can't be written, the log
    alone says so. Where writes aren't grouped: at once, in the caller's thread.
    """
    if not settings.PPIMS_GROUP_COMMIT:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - as in another thread: nobody waits for it
            _log_failure(error)
        return
    try:
        write = (
            _get_writer().ask(work)
            if settings.SQLITE
            else ALONE_THREADS.submit(run_as_a_request, work)
        )
    except Unavailable as error:
        _log_failure(error)
        return
    write.add_done_callback(lambda write: _log_failure(write.exception()))


def _log_failure(error: BaseException | None) -> None:
    if error is not None:
        logger.warning("not written: %s", type(error).__name__)


async def _wait(write: PendingWrite) -> Any:
    seconds = settings.PPIMS_QUEUE_SECONDS
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        _get_writer().put(write)
        return _wait_in_thread(write, seconds)
    write.answer = loop.create_future()
    _get_writer().put(write)
    deadline = loop.call_later(seconds, _withdraw_late, write)
    try:
        return await write.answer
    except asyncio.CancelledError:
        write.cancel()  # whoever asked is gone
        raise
    finally:
        deadline.cancel()


def _withdraw_late(write: PendingWrite) -> None:
    assert write.answer
    if write.cancel() and not write.answer.done():
        counts.QUEUE_REFUSED.add("late")
        write.answer.set_exception(Unavailable())


def _wait_in_thread(write: PendingWrite, seconds: float) -> Any:
    try:
        return write.result(timeout=seconds)
    except TimeoutError:
        if write.cancel():
            counts.QUEUE_REFUSED.add("late")
            raise Unavailable from None
        return write.result()  # it had been taken: it is for the writer to say


def count_waiting() -> int:
    """Count the writes of this process that wait for the next group."""
    return _get_writer().count_waiting() if _make_writer.cache_info().currsize else 0


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
        self._checkpoints = Checkpoints() if settings.SQLITE else None
        threading.Thread(target=self._serve, name="writer", daemon=True).start()

    def ask(self, work: Callable[[], Any]) -> PendingWrite:
        """Queue work. Raises Unavailable where too many are waiting already."""
        write = PendingWrite(work)
        self.put(write)
        return write

    def count_waiting(self) -> int:
        return self._queue.qsize()

    def put(self, write: PendingWrite) -> None:
        """Queue a write. Raises Unavailable where too many are waiting already."""
        if self._queue.qsize() >= settings.PPIMS_QUEUE_LENGTH:
            counts.QUEUE_REFUSED.add("full")
            raise Unavailable
        self._queue.put(write)

    def _serve(self) -> NoReturn:
        keep_connection()
        if not settings.SQLITE:
            pipeline.begin_thread()
        else:
            with suppress(DatabaseError, Unavailable):
                for pragma in (OWN_CACHE, SET_AUTOCHECKPOINT_PAGES):
                    run(pragma, ())
        while True:
            first = self._queue.get()
            taken: list[PendingWrite] | None = None
            began = time.perf_counter()
            try:
                with hold_write_lock() if settings.SQLITE else nullcontext():
                    has_turn = time.perf_counter()
                    taken = self._take_waiting(first)
                    outcomes = _carry_out(taken)
                _count_group(len(taken), began, has_turn)
            except BaseException as error:  # whatever: some wait, and the next group comes
                if not isinstance(error, Unavailable):
                    logger.exception("a group was not committed")
                taken = self._take_waiting(first) if taken is None else taken
                outcomes = [(None, Unavailable()) for _ in taken]
            self._end(zip(taken, outcomes, strict=True))
            if self._checkpoints:
                self._checkpoints.count(len(taken))

    def _take_waiting(self, first: PendingWrite) -> list[PendingWrite]:
        """Take what is waiting, but for what has been withdrawn; requests come first."""
        waiting = [first]
        try:
            while len(waiting) < GROUP_AT_MOST:
                waiting.append(self._queue.get_nowait())
        except Empty:
            pass
        taken = [write for write in waiting if write.take()]
        return sorted(taken, key=lambda write: write.run_group is None)

    def _end(self, ended: Iterable[tuple[PendingWrite, Outcome]]) -> None:
        """Tell who waits; an event loop by one wake-up for all of a group."""
        heard: dict[asyncio.AbstractEventLoop, list[tuple[asyncio.Future[Any], Outcome]]] = {}
        for write, outcome in ended:
            is_put_off = isinstance(outcome[1], PutOff)
            if is_put_off and write.may_be_put_off():
                self._queue.put(write)
                continue
            end: Outcome = (None, Unavailable()) if is_put_off else outcome
            if write.answer is None:
                write.end(end)
            else:
                heard.setdefault(write.answer.get_loop(), []).append((write.answer, end))
        for loop, answers in heard.items():
            with suppress(RuntimeError):  # closed: nobody is left to hear
                loop.call_soon_threadsafe(_answer_all, answers)


def _count_group(size: int, began: float, has_turn: float) -> None:
    """Count a group for /metrics, unless all of it was withdrawn."""
    if not size:
        return
    counts.GROUP_SIZE.add_value(size)
    counts.GROUP_SECONDS.add_value(time.perf_counter() - has_turn)
    if settings.SQLITE:
        counts.TURN_SECONDS.add_value(has_turn - began)


def _answer_all(answers: Sequence[tuple["asyncio.Future[Any]", Outcome]]) -> None:
    for answer, (result, error) in answers:
        if answer.done():  # whoever asked is gone
            continue
        if error is None:
            answer.set_result(result)
        else:
            answer.set_exception(error)


def _carry_out(taken: Sequence[PendingWrite]) -> list[Outcome]:
    """Carry out requests and, on SQLite, the works after them, and say what became of each."""
    requests = [write.work for write in taken if write.run_group]
    run_group = taken[0].run_group if taken else None
    if not settings.SQLITE:
        return run_group(requests) if run_group else []
    works = [write.work for write in taken if not write.run_group]
    if run_group is None:
        return run_together(works)
    (outcomes, error), *more = run_together([partial(run_group, requests), *works])
    return [*(outcomes or [(None, error) for _ in requests]), *more]
