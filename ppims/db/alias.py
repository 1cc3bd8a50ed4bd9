"""Another database beside the installation's own, for a while."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connections
from django.db.utils import load_backend

from ppims.db import url as db_url

OTHER_ALIAS = "other"


@contextmanager
def open_database(url: str, using: str = OTHER_ALIAS) -> Iterator[str]:
    """Connect to the database that a URL names, and yield its alias. A SQLite file that isn't there
    is made, for its owner's eyes alone. Raises ValueError, whose text may hold a password.
    """
    assert using not in connections.settings, "one at a time"
    other = db_url.make_settings(url, busy_seconds=settings.PPIMS_BUSY_SECONDS, statement_seconds=0)
    own = connections.settings[DEFAULT_DB_ALIAS]
    # Django fills in what is missing for all of them at once.
    both = connections.configure_settings({DEFAULT_DB_ALIAS: own, using: other})
    connections.settings[using] = both[using]
    try:
        if (file := find_file(using)) and not file.exists():
            file.touch(mode=0o600)
        yield using
    finally:
        connections[using].close()
        del connections[using], connections.settings[using]


def write_sqlite_url(file: Path) -> str:
    """Write the URL of a SQLite file."""
    return f"sqlite:///{quote(str(file.resolve()))}"


def find_file(using: str = DEFAULT_DB_ALIAS) -> Path | None:
    """Find the file of a SQLite database; None where it is in memory, or of another kind."""
    known = connections.settings[using]
    name = str(known["NAME"])
    in_memory = ":memory:" in name or "mode=memory" in name
    return None if in_memory or known["ENGINE"] != db_url.SQLITE_ENGINE else Path(name)


def copy_pages(to: str) -> bool:
    """Copy the installation's own SQLite database as it is, page by page, over that of an alias;
    False: it is none, and has to be copied row by row.
    """
    own = connections[DEFAULT_DB_ALIAS]
    if own.vendor != "sqlite":
        return False
    own.ensure_connection()
    # All pages in one step: one snapshot, while writers go on. In several, each write of another
    # process would begin it anew.
    with closing(sqlite3.connect(connections[to].settings_dict["NAME"])) as target:
        own.connection.backup(target, pages=-1)
    return True


def put_back_pages(file: Path) -> None:
    """Copy a SQLite file over the installation's own, page by page, in one commit: whoever reads
    meanwhile sees all of it as it was, or all of it as it is from then on. Others must not write:
    the caller holds the write lock.
    """
    own = connections[DEFAULT_DB_ALIAS].settings_dict["NAME"]
    with (
        closing(sqlite3.connect(file)) as source,
        closing(sqlite3.connect(own, timeout=settings.PPIMS_BUSY_SECONDS)) as target,
    ):
        source.backup(target, pages=-1)


@contextmanager
def use_file_as_own(file: Path) -> Iterator[None]:
    """Let what works on the installation's own database work on a SQLite file, in this thread
    alone: those of a server go on with their own, and the settings stay as they are.
    """
    own = connections[DEFAULT_DB_ALIAS]
    known = {**connections.settings[DEFAULT_DB_ALIAS], "NAME": str(file)}
    connections[DEFAULT_DB_ALIAS] = load_backend(known["ENGINE"]).DatabaseWrapper(known)
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS].close()
        connections[DEFAULT_DB_ALIAS] = own


@contextmanager
def use_as_own(using: str) -> Iterator[None]:
    """Let what works on the installation's own database work on another one, in this thread."""
    own = connections[DEFAULT_DB_ALIAS]
    connections[DEFAULT_DB_ALIAS] = connections[using]
    try:
        yield
    finally:
        connections[DEFAULT_DB_ALIAS] = own
