"""Whether a demo's database was put back to its start meanwhile (ppims/demo/reset.py). All of it
changes at once then, and what was read before is about rows that are gone: who reads in one
transaction and writes in another asks here. Of any other installation it costs nothing.

How often it was put back is a number in the file's header, which changes with the content, in the
same commit.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.db import connection

from ppims.core.errors import Conflict

READ_COUNT, SET_COUNT = "PRAGMA user_version", "PRAGMA user_version = {:d}"
PUT_BACK_MESSAGE = "was put back to its start meanwhile"

# What the count has to be in a transaction; None: whatever it is.
_expected: ContextVar[int | None] = ContextVar("expected", default=None)


def read_count() -> int:
    """Read how often this database was put back. 0 where none ever is."""
    if not settings.PPIMS_STAND_IN:
        return 0
    with connection.cursor() as cursor:
        cursor.execute(READ_COUNT)
        (count,) = cursor.fetchone()
    return int(count)


def set_count(count: int) -> None:
    """Write the number into the header: only of a copy, which is about to be put back."""
    with connection.cursor() as cursor:
        cursor.execute(SET_COUNT.format(count))


@contextmanager
def refuse_once_put_back() -> Iterator[None]:
    """Let each transaction that the block begins raise Conflict, and keep nothing, where the
    database was put back since the block began.
    """
    if not settings.PPIMS_STAND_IN or _expected.get() is not None:
        yield
        return
    token = _expected.set(read_count())
    try:
        yield
    finally:
        _expected.reset(token)


def require_the_same() -> None:
    """Refuse to go on in a transaction that has begun, as `refuse_once_put_back` says."""
    expected = _expected.get()
    if expected is not None and read_count() != expected:
        raise Conflict([("demo", PUT_BACK_MESSAGE)])
