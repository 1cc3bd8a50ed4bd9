"""Move what SQLite's write-ahead log holds into the database, beside those who write: in the commit
of one of them, as SQLite does it by itself, all that wait behind it would wait for thousands of
pages more.
"""

import logging
import os
import threading
from functools import cached_property
from typing import NoReturn

from django.db import DatabaseError, connection

from ppims.core.errors import Unavailable
from ppims.db.statements import keep_connection, read_row
from ppims.db.write_lock import hold_write_lock

AFTER_WRITES = 250  # of two processes some 2,500 pages
# What a writer sets: it does it in its commit once the log has grown much longer.
SET_AUTOCHECKPOINT_PAGES = "PRAGMA wal_autocheckpoint = 16000"
WHAT_CAN_BE = "PRAGMA wal_checkpoint(PASSIVE)"  # it waits for nobody, and nobody for it

logger = logging.getLogger(__name__)


class Checkpoints:
    """A thread of its own, that is told of writes. It is made in the process that writes."""

    def __init__(self) -> None:
        self._writes, self._due = 0, threading.Event()
        threading.Thread(target=self._serve, name="checkpoints", daemon=True).start()

    def count(self, writes: int) -> None:
        """Tell of writes that were committed."""
        self._writes += writes
        if self._writes >= AFTER_WRITES:
            self._writes = 0
            self._due.set()

    def _serve(self) -> NoReturn:
        keep_connection()
        while True:
            self._due.wait()
            self._due.clear()
            try:
                self._move()
            except (DatabaseError, OSError, Unavailable) as error:
                # All is in the log still: the next time will do, or a writer's own.
                logger.warning("no checkpoint: %s", type(error).__name__)

    def _move(self) -> None:
        """Move most of it while others write, and what they have written meanwhile in a turn: as
        long as there is always more, the log is never begun anew.
        """
        read_row(WHAT_CAN_BE, ())
        os.fdatasync(self._database)
        with hold_write_lock():
            read_row(WHAT_CAN_BE, ())

    @cached_property
    def _database(self) -> int:
        """Open the file, to have it made durable outside the turn. It is never closed: with any
        handle of a file a process gives up all locks it has on that file, SQLite's too.
        """
        return os.open(connection.settings_dict["NAME"], os.O_RDONLY | os.O_CLOEXEC)
