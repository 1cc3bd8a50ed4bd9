"""The one place where a transaction begins: for one use-case, or for a group of them."""

import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from functools import partial, wraps
from typing import Any, ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, InterfaceError, connection, connections, transaction

from ppims.core.counts import COMMIT_SECONDS
from ppims.core.errors import Unavailable
from ppims.db import clock_guard, failed_syncs, nodes, outages, put_back, standbys, statements
from ppims.db.write_lock import hold_write_lock

P = ParamSpec("P")
T = TypeVar("T")
Outcome = tuple[Any, BaseException | None]  # what a work gave, or why it gave nothing

MOST_TRIES = 5


class RunAgain(Exception):
    """Another transaction was first; what it committed is to be read: run the work once more."""


def run_in_transaction(work: Callable[[], T], *, takes_instant: bool = True) -> T:
    """Run work in one transaction: all of it or nothing. Inside an open transaction: in a savepoint
    of it.

    Work must do no I/O but the database's. It may run again, once the database has certainly kept
    nothing of it. Raises Unavailable where nothing can be said to be recorded, and ClockMoved where
    the clock has jumped; `takes_instant=False` is for what only counts.
    """
    if takes_instant:
        work = partial(_run_with_steady_clock, work)
    if statements.get_database().in_atomic_block:
        return _run_in_savepoint(work)
    is_in_line = settings.PPIMS_GROUP_COMMIT and connection.vendor == "sqlite"
    with (
        hold_write_lock(patience_seconds=settings.PPIMS_BUSY_SECONDS)
        if is_in_line
        else nullcontext()
    ):
        return _run_alone(work)


def wrap_in_transaction(use_case: Callable[P, T]) -> Callable[P, T]:
    """Run the whole of a use-case by `run_in_transaction`."""

    @wraps(use_case)
    def run(*args: P.args, **kwargs: P.kwargs) -> T:
        return run_in_transaction(partial(use_case, *args, **kwargs))

    return run


def run_without_fsync(work: Callable[[], object]) -> None:
    """Run work that a power cut may undo in one transaction, whose commit waits for no disk: the
    fsync of the next one that does makes it durable, too.

    On SQLite the connection commits so from then on: only for a thread of its own.
    """

    def work_without_fsync() -> None:
        statements.run("SET LOCAL synchronous_commit = off", ())
        work()

    if connection.vendor == "postgresql":
        run_in_transaction(work_without_fsync)
        return
    if not connection.in_atomic_block:
        statements.run("PRAGMA synchronous = NORMAL", ())  # in WAL a commit then only writes
    run_in_transaction(work)


def _run_with_steady_clock(work: Callable[[], T]) -> T:
    clock_guard.require_steady()
    return work()


class Try:
    """One try of a transaction. Once it is committing, an error may be of its COMMIT."""

    committing_since = 0.0  # not yet

    @property
    def is_committing(self) -> bool:
        return bool(self.committing_since)

    def begin_commit(self) -> None:
        """Note that COMMIT is next: after it /metrics counts how long it took."""
        self.committing_since = time.perf_counter()


def _run_alone(work: Callable[[], T]) -> T:
    def run(this_try: Try) -> T:
        with transaction.atomic(durable=True):
            nodes.require_two_phases()
            put_back.require_the_same()
            result = work()
            _refuse_if_lost_unheard()
            this_try.begin_commit()
            if connection.vendor == "postgresql":
                standbys.listen_to_commit(connection.connection)
        if connection.vendor == "postgresql":
            standbys.require_replicated(connection.connection)
        return result

    return try_until_done(run)


def try_until_done(run: Callable[[Try], T]) -> T:
    """Run a whole transaction, and again while nothing of it can have been kept and another try may
    do better. Raises Unavailable where nothing can be said to be recorded.
    """
    # Asked for again only while the caller's patience lasts: it holds a lock, and others wait.
    last = time.monotonic() + settings.PPIMS_BUSY_SECONDS
    for attempt in range(1, MOST_TRIES + 1):
        this_try = Try()
        try:
            result = run(this_try)
        except (RunAgain, DatabaseError, InterfaceError) as error:
            failed_syncs.notice(error)
            if not isinstance(error, RunAgain) and not outages.is_outage(error):
                raise
            outages.drop_connection_after(error)
            is_over = attempt == MOST_TRIES or time.monotonic() > last
            if is_over or not _is_worth_another(error, is_committing=this_try.is_committing):
                raise Unavailable from error
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spread, not secrecy
        else:
            _count_commit(this_try.committing_since)
            return result
    raise AssertionError("unreachable")


def run_together(works: Sequence[Callable[[], Any]]) -> list[Outcome]:
    """Run works one after another in one transaction, commit once, and return what became of each.

    Each keeps itself whole by `run_in_transaction`: a refusal undoes that one alone. Where the
    transaction is lost, or its COMMIT fails, nothing of any is kept: all are Unavailable.
    """
    outcomes = []
    try:
        with transaction.atomic(durable=True):
            for work in works:
                outcomes.append(_run_for_outcome(work))
                _refuse_if_lost_unheard(outcomes[-1][1])
            committing_since = time.perf_counter()
        _count_commit(committing_since)
    except (Unavailable, DatabaseError, InterfaceError) as error:
        failed_syncs.notice(error)
        connection.close_if_unusable_or_obsolete()
        lost = Unavailable()
        lost.__cause__ = error.__cause__ if isinstance(error, Unavailable) else error
        return [(None, lost) for _ in works]
    return outcomes


def _run_in_savepoint(work: Callable[[], T]) -> T:
    # Not Django's own, which cost as much as three statements.
    statements.run("SAVEPOINT alone", ())
    try:
        result = work()
    except BaseException:
        # Work's own atomic() may have marked all as failed: only what is inside has.
        connection.needs_rollback = False
        if not _is_lost():
            statements.run("ROLLBACK TO SAVEPOINT alone", ())
            statements.run("RELEASE SAVEPOINT alone", ())
        raise
    statements.run("RELEASE SAVEPOINT alone", ())
    return result


@contextmanager
def read_snapshot() -> Iterator[None]:
    """Let the block read the database as it is at its first read, for as long as it takes. Nobody
    waits for it, and what others write never cancels it. Inside an open transaction the block reads
    what that one sees.
    """
    if connection.in_atomic_block:
        yield
        return
    if connection.vendor == "postgresql":
        with transaction.atomic(durable=True), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL statement_timeout = 0")
            cursor.execute("SET LOCAL idle_in_transaction_session_timeout = 0")
            # On many machines, one session on each: another one would see another instant.
            cursor.execute("SET LOCAL citus.max_adaptive_executor_pool_size = 1")
            yield
        return
    # atomic() would begin an IMMEDIATE transaction, which is a writer's.
    with connection.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


@contextmanager
def hold_tables(using: str, tables: Iterable[str], *, mode: str) -> Iterator[None]:
    """Run a transaction that may last, with these tables locked: on PostgreSQL in this mode, on
    SQLite, as its one writer, all there are.
    """
    with transaction.atomic(using=using, durable=True):
        if connections[using].vendor == "postgresql":
            named = ", ".join(f'"{table}"' for table in tables)
            with connections[using].cursor() as cursor:
                for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                    cursor.execute(f"SET LOCAL {limit} = 0")
                cursor.execute("SET LOCAL TIME ZONE 'UTC'")
                cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
                cursor.execute(f"LOCK TABLE {named} IN {mode} MODE")
        yield


def refuse_if_lost(error: BaseException) -> None:
    """Raise Unavailable, because of the error, where an open transaction is gone: what is written
    from then on would be kept by itself.
    """
    if statements.get_database().in_atomic_block:
        _refuse_if_lost_unheard(error)


def _count_commit(since: float) -> None:
    COMMIT_SECONDS.add_value(time.perf_counter() - since)


def _run_for_outcome(work: Callable[[], Any]) -> Outcome:
    try:
        return work(), None
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the asker's
        return None, error


def _refuse_if_lost_unheard(error: BaseException | None = None) -> None:
    """Raise Unavailable, because of the error, where the transaction is gone."""
    # atomic() would end without a word where work did not hear of it, and nothing would be kept.
    if statements.get_database().needs_rollback or _is_lost():
        raise Unavailable from error


def _is_lost() -> bool:
    database = statements.get_database()
    if database.closed_in_transaction:
        return True
    # SQLite ends a transaction by itself on a full disk.
    return database.vendor == "sqlite" and not database.connection.in_transaction


def _is_worth_another(error: Exception, *, is_committing: bool) -> bool:
    """Return whether nothing of the work can have been kept, and another try may do better."""
    if isinstance(error, RunAgain) or outages.find_sqlstate(error) in outages.ROLLED_BACK:
        return True
    # After a COMMIT that heard no answer, nobody knows.
    return outages.is_lost_connection(error) and not is_committing
