"""The one place where a transaction begins."""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, connections, transaction

from ppims.errors import Unavailable

T = TypeVar("T")

TRIES = 5
ROLLED_BACK = {"40001", "40P01"}  # PostgreSQL: serialization failure, deadlock


class Again(Exception):
    """Another transaction was first; what it committed is to be read: run the work once more."""


def in_transaction(work: Callable[[], T]) -> T:
    """Run work in one transaction: all of it or nothing. Inside an open transaction: in a savepoint
    of it.

    Work must do no I/O but the database's, and may run more than once: only where the database has
    certainly rolled it back. Raises Unavailable where nothing can be said to be recorded.
    """
    if connection.in_atomic_block:
        with transaction.atomic():
            return work()
    for attempt in range(1, TRIES + 1):
        is_committing = False
        try:
            with transaction.atomic(durable=True):
                result = work()
                is_committing = True
            return result
        except (Again, OperationalError, InterfaceError) as error:
            if attempt == TRIES or not _is_rolled_back(error, is_committing=is_committing):
                raise Unavailable from error
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spread, not secrecy
    raise AssertionError("unreachable")


@contextmanager
def snapshot(using: str = "default") -> Iterator[None]:
    """Read the database as it is at the first read, for as long as it takes; nobody waits for it.
    Inside an open transaction: as that one sees it.
    """
    database = connections[using]
    if database.in_atomic_block:
        yield
        return
    if database.vendor == "postgresql":
        with transaction.atomic(using=using, durable=True), database.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            cursor.execute("SET LOCAL statement_timeout = 0")
            yield
        return
    # atomic() would begin an IMMEDIATE transaction, which is a writer's.
    with database.cursor() as cursor:
        cursor.execute("BEGIN DEFERRED")
        try:
            yield
        finally:
            cursor.execute("ROLLBACK")


def _is_rolled_back(error: Exception, *, is_committing: bool) -> bool:
    """Tell whether nothing of it can have been kept: the database says so, or the connection was
    lost (Django has closed it then) before anyone asked for a commit.
    """
    if isinstance(error, Again) or getattr(error.__cause__, "sqlstate", None) in ROLLED_BACK:
        return True
    is_lost = connection.vendor == "postgresql" and connection.connection is None
    return is_lost and not is_committing
