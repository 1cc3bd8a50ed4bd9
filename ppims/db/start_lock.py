"""Let one process at a time make a database ready: of two that start at once, each would make the
same tables, rules and demo.
"""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import DEFAULT_DB_ALIAS, connections

from ppims.db import alias

LOOKS_AGAIN_SECONDS = 0.1
OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
# Of the session, over all transactions of it; PostgreSQL's own waiting would end with lock_timeout.
TAKE_LOCK = "SELECT pg_try_advisory_lock(hashtext('ppims makes ready'))"
GIVE_BACK = "SELECT pg_advisory_unlock(hashtext('ppims makes ready'))"


@contextmanager
def wait_for_others(using: str = DEFAULT_DB_ALIAS) -> Iterator[None]:
    """Wait while another process makes this database ready; keep others waiting for the block."""
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute(TAKE_LOCK)
            while cursor.fetchone() != (True,):
                time.sleep(LOOKS_AGAIN_SECONDS)
                cursor.execute(TAKE_LOCK)
        try:
            yield
        finally:
            if connections[using].connection is not None:  # the lock ended with a lost one
                with connections[using].cursor() as cursor:
                    cursor.execute(GIVE_BACK)
        return
    file = alias.find_file(using)
    if file is None:  # in memory: nobody else's
        yield
        return
    lock = os.open(f"{file}-start", OPEN_FLAGS, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)
