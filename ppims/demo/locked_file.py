"""A small file that several processes change, one after another."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC


@contextmanager
def open_locked(path: Path) -> Iterator[int]:
    """Open a file, private and made if it isn't there, and keep everybody else waiting who asks
    for it here. Raises OSError.
    """
    # Opened each time: a lock of flock() belongs to the open file, and threads must not share one.
    handle = os.open(path, OPEN_FLAGS, 0o600)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield handle
    finally:
        os.close(handle)
