"""Whose turn it is to write to SQLite: whoever begins a transaction waits in line here. SQLite's
own lock has no line. Those who wait try it now and then, ever more seldom, and a page would wait
for seconds beside groups that follow each other closely.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection

from ppims.core.errors import Unavailable
from ppims.db import failed_syncs

LOOKS_AGAIN_SECONDS = 0.001
OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


@contextmanager
def hold_write_lock(*, patience_seconds: float | None = None) -> Iterator[None]:
    """Wait for the turn, for ever unless told how long, and have it for the block. Raises
    Unavailable where it can't be had, or a sync of this database has failed.
    """
    # Opened each time: a lock of flock() belongs to the open file, and threads must not share one.
    try:
        line = os.open(f"{connection.settings_dict['NAME']}-turn", OPEN_FLAGS, 0o600)
    except OSError as error:
        raise Unavailable from error
    try:
        _wait(line, patience_seconds)
        try:
            if failed_syncs.are_writes_refused(line):
                failed_syncs.end_soon()
                raise Unavailable
            yield
        finally:
            fcntl.flock(line, fcntl.LOCK_UN)  # a forked child may hold the file open still
    finally:
        os.close(line)


def _wait(line: int, patience_seconds: float | None) -> None:
    if patience_seconds is None:
        fcntl.flock(line, fcntl.LOCK_EX)  # the kernel wakes us: nothing is tried again
        return
    deadline = time.monotonic() + patience_seconds
    while True:  # flock() itself knows no time limit
        try:
            fcntl.flock(line, fcntl.LOCK_EX | fcntl.LOCK_NB)
            return
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable from None
            time.sleep(LOOKS_AGAIN_SECONDS)
