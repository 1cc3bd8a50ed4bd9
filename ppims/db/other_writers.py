"""Wait for those who write. PostgreSQL hands out ids before rows are committed: a row may yet come
in below the newest id. SQLite has one writer at a time, and nobody to wait for.
"""

import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from functools import partial
from typing import TypeVar

from django.db import connection

from ppims.db import nodes, statements
from ppims.db.transaction import read_snapshot

T = TypeVar("T")
LOOK_TRIES, PAUSE_SECONDS = 10, 0.01
SETTLE_SECONDS = 10
ASK_EVERY_SHARD = "SELECT 1 FROM {} LIMIT 1"
# Our own transaction, if there is one, isn't waited for: we see its rows anyway.
FIND_WRITERS = """
    SELECT DISTINCT virtualtransaction FROM pg_locks
    WHERE mode = 'RowExclusiveLock' AND pid <> pg_backend_pid()
        AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND relation IN ({tables})
"""


def wait_for_writers(tables: Collection[str]) -> bool:
    """Wait a little until whoever writes these tables now has ended; False: somebody hasn't."""
    if connection.vendor != "postgresql":
        return True
    named = ", ".join(f"'{table}'::regclass" for table in tables)
    find = FIND_WRITERS.format(tables=named)
    writers = set(statements.read_rows(find, ()))
    for _ in range(LOOK_TRIES):
        if writers.isdisjoint(statements.read_rows(find, ())):
            return True
        time.sleep(PAUSE_SECONDS)
    return False


@contextmanager
def read_still_snapshot(tables: Collection[str]) -> Iterator[None]:
    """Let the block read many machines as they are at one instant: whoever writes these tables
    waits until each machine has been asked once. What is prepared there is let be settled before.
    """
    deadline = time.monotonic() + SETTLE_SECONDS
    while nodes.list_unsettled() and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
    first, *_ = tables
    with read_snapshot():
        read_without_writers(
            tables, partial(statements.read_row, ASK_EVERY_SHARD.format(first), ())
        )
        yield


def read_without_writers(tables: Collection[str], read: Callable[[], T]) -> T:
    """Read once everyone who locks or writes rows of these tables has ended, while others wait for
    this one look; inside a transaction, whose snapshot it may begin.
    """
    if connection.vendor != "postgresql":
        return read()
    with connection.cursor() as cursor:
        cursor.execute("SAVEPOINT before_the_look")
        cursor.execute(f"LOCK TABLE {', '.join(tables)} IN EXCLUSIVE MODE")
        found = read()
        cursor.execute("ROLLBACK TO SAVEPOINT before_the_look")  # gives the lock back
    return found
