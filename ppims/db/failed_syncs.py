"""What happens where the disk did not keep what SQLite handed to it: where an fsync failed.

The kernel says so once, gives up the pages, and shows them as if they were on the disk. So another
fsync proves nothing, and SQLite counts pages as moved out of its log that are nowhere else. Only
its log is certain: from the log's beginning, all pages have to be written again. For that everybody
has to let go of the database (docs/ledger.md, "A disk that fails").
"""

import logging
import os
import sqlite3
import threading
from contextlib import closing
from pathlib import Path

from django.db import connection, connections

SYNC_ERRORS = {"SQLITE_IOERR_FSYNC", "SQLITE_IOERR_DIR_FSYNC"}
# gunicorn's master takes this one for a fault of all workers: it ends them, and then itself, with
# this code. Of any other it would start the worker anew, beside others who know of nothing.
EXIT_CODE = 3
ANSWERING_SECONDS = 0.5  # for telling callers that it is not recorded
# Who is not the first leaves it to gunicorn, which stumbles over two such codes at once.
OTHERS_SECONDS, APART_SECONDS, PLACES = 4, 0.5, 8

logger = logging.getLogger(__name__)


class StillOpen(Exception):
    """Another process has the database open."""


class _Process:
    """Whether this process is one of a server's, and whether it is ending."""

    is_serving = False
    is_ending = False


def end_server_where_syncs_fail() -> None:
    """Let a failed sync end the server that this process is a worker of."""
    _Process.is_serving = True


def notice(error: BaseException | None) -> None:
    """Where an error of the database is a failed sync: `refuse_writes`."""
    causes = (error, getattr(error, "__cause__", None))
    if SYNC_ERRORS & {getattr(each, "sqlite_errorname", None) for each in causes}:
        refuse_writes()


def refuse_writes() -> None:
    """Let no process write to this database from now on, until a start has written its log's pages
    anew; and end the server, if this is a worker of one.
    """
    # In the file of the write lock, which all who write open. Not synced: after a power cut nothing
    # is left of what the kernel pretends, and SQLite begins with its log by itself.
    is_first = True
    try:
        turn = os.open(_name_turn(connection.settings_dict["NAME"]), os.O_WRONLY)
        try:
            is_first = not are_writes_refused(turn)
            os.pwrite(turn, b"an fsync failed\n", 0)
        finally:
            os.close(turn)
    except OSError:
        logger.exception("the mark of a failed sync could not be made")
    end_soon(is_first=is_first)


def are_writes_refused(turn: int) -> bool:
    """Say, by the open file of the write lock, whether a sync has failed."""
    return os.fstat(turn).st_size > 0


def has_failed(file: Path) -> bool:
    """Say whether a sync of this database has failed since a start mended it."""
    turn = Path(_name_turn(file))
    return turn.exists() and turn.stat().st_size > 0


def end_soon(*, is_first: bool = False) -> None:
    """End the server once callers have been answered, if this is a worker of one."""
    if _Process.is_ending:
        return
    _Process.is_ending = True
    logger.critical("the disk did not keep what was written: nothing is written until a new start")
    if _Process.is_serving:
        later = OTHERS_SECONDS + os.getpid() % PLACES * APART_SECONDS
        seconds = ANSWERING_SECONDS if is_first else later
        timer = threading.Timer(seconds, os._exit, [EXIT_CODE])
        timer.daemon = True
        timer.start()


def write_log_anew(file: Path) -> None:
    """Where a sync has failed: write all pages of SQLite's log into the database anew, and let
    everybody write again. Raises StillOpen, OSError and sqlite3.Error.
    """
    if not has_failed(file):
        return
    connections.close_all()
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        try:
            # Alone, SQLite keeps no shared memory: what others took for moved is forgotten.
            database.execute("PRAGMA locking_mode=EXCLUSIVE")
            database.execute("PRAGMA synchronous=FULL")
            is_busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
                raise
            is_busy = True
    if is_busy:
        raise StillOpen
    os.truncate(_name_turn(file), 0)


def _name_turn(file: str | Path) -> str:
    return f"{file}-turn"
