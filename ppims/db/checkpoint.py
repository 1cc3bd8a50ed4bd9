"""Move what SQLite's write-ahead log holds into the database, while others write. SQLite by itself
does it in the commit of one writer, and all who wait behind that one wait for thousands of pages
more.
"""

import logging
import os
import threading
from functools import cached_property
from typing import NoReturn

from django.db import DatabaseError, connection

from ppims.core.errors import Unavailable
from ppims.db import failed_syncs
from ppims.db.statements import keep_connection, read_row
from ppims.db.write_lock import hold_write_lock

AFTER_WRITES = 250  # of two processes some 2,500 pages
# What a writer sets: it does it in its commit once the log has grown much longer.
SET_AUTOCHECKPOINT_PAGES = "PRAGMA wal_autocheckpoint = 16000"
MOVE_PAGES = "PRAGMA wal_checkpoint(PASSIVE)"  # it waits for nobody, and nobody for it

logger = logging.getLogger(__name__)


class Checkpoints:
    """A thread that moves pages after so many writes. It is made in the process that writes."""

    def __init__(self) -> None:
        self._writes, self._due = 0, threading.Event()
        threading.Thread(target=self._serve, name="checkpoints", daemon=True).start()

    def count(self, writes: int) -> None:
        """Count writes that were committed. Called by the writer's thread alone."""
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
                # All is still in the log: the next time will do, or a writer's own. After a failed
                # sync none would: pages count as moved that may be lost.
                failed_syncs.notice(error)
                logger.warning("no checkpoint: %s", type(error).__name__)

    def _move(self) -> None:
        read_row(MOVE_PAGES, ())  # most of them, while others write
        try:
            os.fdatasync(self._database)  # so that little is left to do while writers wait
        except OSError:
            failed_syncs.refuse_writes()
            raise
        # The rest, while nobody writes: as long as there is always more, SQLite never begins the
        # log anew, and it grows.
        with hold_write_lock():
            read_row(MOVE_PAGES, ())

    @cached_property
    def _database(self) -> int:
        # Never closed: with any handle of a file a process gives up all locks that it has on that
        # file, SQLite's too.
        return os.open(connection.settings_dict["NAME"], os.O_RDONLY | os.O_CLOEXEC)
