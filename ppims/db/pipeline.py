"""PostgreSQL's pipeline: statements sent one after another, without waiting for the answer of each,
so that a transaction is a few round trips, however many statements it has.
"""

import threading
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.db import IntegrityError, connection

from ppims.db import clock_guard, nodes, outages, standbys
from ppims.db.statements import make_driver_cursor
from ppims.db.transaction import (
    MOST_TRIES,
    RunAgain,
    Try,
    run_in_transaction,
    try_until_done,
)

T = TypeVar("T")

# The same plan whatever the values are; a few rows, each found by its key.
SET_PLANS = (
    "SET plan_cache_mode = force_generic_plan; SET enable_seqscan = off;"
    " SET enable_hashjoin = off; SET enable_mergejoin = off"
)
# Which shards are asked follows from the values. One session on each machine: to share a group's
# statements out to several takes longer than they do.
SET_PLANS_OF_MANY = "SET citus.max_adaptive_executor_pool_size = 1"
BEGIN_TRANSACTION = "BEGIN ISOLATION LEVEL READ COMMITTED"
SET_LOCK_TIMEOUT = "SELECT set_config('lock_timeout', %s, true)"
PREPARED_AT_MOST = 500

_threads = threading.local()


class Pipeline:
    """The driver's connection of this thread, in pipeline mode."""

    def __init__(self, driver: Any, pipeline: Any) -> None:
        self._driver, self._pipeline = driver, pipeline

    def send(self, sql: str, values: Sequence[Any] = ()) -> Any:
        """Send a statement, and give its cursor, which has rows after `wait`."""
        # Who listens to statements, as tests do, hears those of Django's cursor alone.
        if connection.execute_wrappers or connection.force_debug_cursor:
            cursor = connection.cursor()
            cursor.execute(sql, values or None)
            return cursor
        # Citus plans each statement anew for its shards: there preparing wins nothing.
        prepare = bool(values) and not nodes.are_many()
        return make_driver_cursor(self._driver).execute(
            sql, values or None, prepare=prepare, binary=True
        )

    def wait(self) -> None:
        """Wait until all that was sent is done. Raises the first error that there was."""
        self._pipeline.sync()


def run_pipelined(work: Callable[[Pipeline], T], *, lock_wait_ms: int | None = None) -> T:
    """Run work in one transaction, whose last statements go together with COMMIT. Inside an open
    transaction: in a savepoint of it. `lock_wait_ms` is how long it waits for a lock; None: as long
    as anybody does.

    Work may run again, once the database has certainly kept nothing of it. Raises Unavailable where
    nothing can be said to be recorded.
    """
    if connection.in_atomic_block:
        return _run_inside(work)
    return try_until_done(lambda this_try: _run_alone(work, this_try, lock_wait_ms))


def _run_inside(work: Callable[[Pipeline], T]) -> T:
    """Run work in a savepoint; and again in another, for what is undone gives its locks back."""
    for _ in range(MOST_TRIES - 1):
        try:
            return run_in_transaction(lambda: _run_in_pipeline(work))
        except RunAgain:
            continue
    return run_in_transaction(lambda: _run_in_pipeline(work))


def is_in_transaction() -> bool:
    """Tell whether a transaction is open on this thread's connection."""
    return connection.in_atomic_block


def begin_thread() -> None:
    """Let this thread do nothing but run pipelines: its connections plan for them alone."""
    _threads.runs_pipelines_alone = True


def _open_connection() -> Any:
    connection.ensure_connection()
    driver = connection.connection
    is_new = driver.prepared_max != PREPARED_AT_MOST
    if is_new and getattr(_threads, "runs_pipelines_alone", False):
        driver.execute(SET_PLANS_OF_MANY if nodes.are_many() else SET_PLANS)
        driver.prepared_max = PREPARED_AT_MOST
    return driver


def _run_in_pipeline(work: Callable[[Pipeline], T]) -> T:
    driver = connection.connection
    with connection.wrap_database_errors, driver.pipeline() as pipeline:
        return work(Pipeline(driver, pipeline))


def _run_alone(work: Callable[[Pipeline], T], this_try: Try, lock_wait_ms: int | None) -> T:
    with connection.wrap_database_errors:
        driver = _open_connection()
    clock_guard.require_steady()
    try:
        with connection.wrap_database_errors, driver.pipeline() as pipeline:
            piped = Pipeline(driver, pipeline)
            piped.send(BEGIN_TRANSACTION)
            if lock_wait_ms is not None:
                piped.send(SET_LOCK_TIMEOUT, [str(lock_wait_ms)])
            result = work(piped)
            standbys.listen_to_commit(driver)
            this_try.begin_commit()  # an error from here on may be COMMIT's own
            driver.commit()  # it waits for all that was sent, and goes out with the wait
        standbys.require_replicated(driver)
    except BaseException as error:
        _roll_back(driver)
        if isinstance(error, IntegrityError) and _is_of_a_ref_id(error):
            raise RunAgain from error
        raise
    return result


def _roll_back(driver: Any) -> None:
    """End what is left of a transaction; a connection that can't even do that is closed."""
    try:
        driver.rollback()
    except Exception:  # noqa: BLE001 - whatever it is, the connection is not to be used again
        connection.close()


def _is_of_a_ref_id(error: IntegrityError) -> bool:
    """Tell whether somebody else was first with a Ref_Id."""
    diagnostics = getattr(error.__cause__, "diag", None)
    # Of another machine's error the message alone comes through: it names the constraint.
    names = [getattr(diagnostics, name, None) or "" for name in ("table_name", "message_primary")]
    is_named = any("ppims_replaykey" in name for name in names)
    return outages.find_sqlstate(error) == "23505" and is_named
