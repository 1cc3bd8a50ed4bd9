"""One moment of the database, for all that the requests of one turn of an event loop read: one
snapshot of it, and what they ask alike is asked once.

Nobody reads in a moment that began before their request came: it ends where more comes in, and
else with the turn.
"""

import asyncio
import threading
from contextlib import suppress
from typing import Any

from django.conf import settings
from django.db import Error

from ppims.db import statements

Rows = list[tuple[Any, ...]]


class SharedSnapshot(threading.local):
    """What a thread has read so far in its moment, by statement and values; None: it has none."""

    read: dict[tuple[str, tuple[Any, ...]], Rows] | None = None


_snapshot = SharedSnapshot()


def begin() -> None:
    """Begin a moment of SQLite on this thread's event loop, where there is none. Of a database that
    can't be opened, who reads is told.
    """
    if _snapshot.read is None and settings.SQLITE:
        with suppress(Error):
            statements.run("BEGIN", ())  # the snapshot is taken by what is read first
            _snapshot.read = {}
            asyncio.get_running_loop().call_soon(end)


def end() -> None:
    """End it, where there is one: what is read from now on is read anew."""
    if _snapshot.read is not None:
        _snapshot.read = None
        with suppress(Error):  # SQLite may have ended it
            statements.run("COMMIT", ())


def read_rows(sql: str, values: tuple[Any, ...]) -> Rows:
    """Run a SELECT that many ask alike: its rows, read once a moment."""
    read = _snapshot.read
    if read is None:
        return statements.read_rows(sql, values)
    asked = sql, values
    if asked not in read:
        read[asked] = statements.read_rows(sql, values)
    return read[asked]
