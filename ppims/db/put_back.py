"""Whether a demo's database was put back to its start meanwhile (ppims/demo/reset.py). All of it
changes at once then, and what was read before is about rows that are gone: who reads in one
transaction and writes in another asks here. Of any other installation it costs nothing.

How often it was put back is a number in the file's header, which changes with the content, in the
same commit. When it was, for what only waits in memory, stands in a file of its own.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings
from django.db import connection

from ppims.core.errors import Conflict
from ppims.core.private_files import write_private

READ_COUNT, SET_COUNT = "PRAGMA user_version", "PRAGMA user_version = {:d}"
MOMENT_FILE = "put-back"
PUT_BACK_MESSAGE = "was put back to its start meanwhile"

# What the count has to be in a transaction; None: whatever it is.
_expected: ContextVar[int | None] = ContextVar("expected", default=None)


def read_count() -> int:
    """Read how often this database was put back. 0 where none ever is."""
    if not settings.PPIMS_STAND_IN or connection.vendor != "sqlite":
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


def note_moment() -> None:
    """Note that it is put back now, just before it is."""
    write_private(settings.PPIMS_DATA_DIR / MOMENT_FILE, str(time.monotonic_ns()))


def forget_moment() -> None:
    """Forget when it was put back: at a server's start nothing waits of before."""
    (settings.PPIMS_DATA_DIR / MOMENT_FILE).unlink(missing_ok=True)


def read_moment_ns() -> int:
    """Read when it was put back last, by the time since boot. 0: not since then, or never."""
    if not settings.PPIMS_STAND_IN:
        return 0
    try:
        moment_ns = int((settings.PPIMS_DATA_DIR / MOMENT_FILE).read_text())
    except FileNotFoundError:
        return 0
    return moment_ns if moment_ns <= time.monotonic_ns() else 0  # else it is of another boot
