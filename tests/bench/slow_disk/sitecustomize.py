"""A slow disk, for each Python that starts with this folder in its path: each commit holds the
write lock for BENCH_FSYNC_DELAY_MS longer.
"""

import os
import sqlite3
import time
from typing import Any

DELAY_SECONDS = int(os.environ.get("BENCH_FSYNC_DELAY_MS", "0")) / 1000


class SlowConnection(sqlite3.Connection):
    """A connection whose commits take longer."""

    def commit(self) -> None:
        if self.in_transaction:
            time.sleep(DELAY_SECONDS)
        super().commit()


def connect(*arguments: Any, **options: Any) -> sqlite3.Connection:
    """Connect as sqlite3 does."""
    made: sqlite3.Connection = _connect(*arguments, **{"factory": SlowConnection, **options})
    return made


_connect = sqlite3.connect
if DELAY_SECONDS:
    for module in (sqlite3, sqlite3.dbapi2):
        vars(module)["connect"] = connect
