"""The one place where a transaction begins."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection, transaction

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
        try:
            with transaction.atomic(durable=True):
                return work()
        except (Again, OperationalError, InterfaceError) as error:
            if attempt == TRIES or not _is_rolled_back(error):
                raise Unavailable from error
            time.sleep(random.uniform(0, 0.01 * 2**attempt))  # noqa: S311 - spread, not secrecy
    raise AssertionError("unreachable")


def _is_rolled_back(error: Exception) -> bool:
    return isinstance(error, Again) or getattr(error.__cause__, "sqlstate", None) in ROLLED_BACK
