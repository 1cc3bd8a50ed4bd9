"""Put a backup in the place of the database: all of it or nothing, and only after every check."""

import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.loader import MigrationLoader

from limits.services import seals
from limits.verify import count_rows_to_read, verify
from ppims.core import clock
from ppims.core.private_files import sync_folder
from ppims.core.progress import show_bar
from ppims.db import alias
from ppims.maintenance import backup
from ppims.maintenance import copy as maintenance_copy
from ppims.maintenance.archive import DATABASE_FILE, Refused, open_backup, read_manifest, unpack
from ppims.server import health


def restore(file: Path, *, replace: bool, say: maintenance_copy.Say) -> Path | None:
    """Restore a backup. Return the file in which what was here before is kept, if anything was.

    Raises Refused, OSError, DatabaseError: then nothing has changed.
    """
    own = alias.find_file()
    with open_backup(file) as archive:
        manifest = read_manifest(archive)
        _require_known_migrations(manifest)
        held = _require_room(own, replace=replace)
        # A folder of the same file system, so that the last step is a rename.
        beside_it = own.parent if own else settings.PPIMS_DATA_DIR
        with tempfile.TemporaryDirectory(dir=beside_it, prefix=".restoring-") as folder:
            copy = Path(folder) / DATABASE_FILE
            say("unpacking")
            unpack(archive, manifest, copy)
            with alias.open_database(alias.write_sqlite_url(copy)) as other:
                _make_sure(other, manifest, say)
                if own is None:
                    _copy_into_own(other, say)
                    return None
            return _swap(copy, own, keep=bool(held))


def _require_known_migrations(manifest: dict[str, Any]) -> None:
    known = {f"{app}.{name}" for app, name in MigrationLoader(None).disk_migrations}
    if newer := sorted(set(manifest["migrations"]) - known):
        made_by = f"PPIMS {manifest['ppims']}"
        raise Refused(f"was made by a newer program ({made_by}, with {newer[0]}): install that")


def _require_room(own: Path | None, *, replace: bool) -> str:
    """Name the tables here that hold data. Raises Refused where they may not be replaced, or a
    server is at work.
    """
    held = _list_held(own)
    if held and not (own and replace):
        kept = "; --replace keeps it beside" if own else ": restore into an empty one"
        raise Refused(f"the database here holds data ({held}){kept}")
    if own and own.exists():  # ask now: a large backup takes minutes to check
        with _keep_others_out(own, for_good=False):
            pass
    return held


def _list_held(own: Path | None) -> str:
    """Name the tables of this installation that hold data; a file that can't be read might."""
    if own and not own.exists():  # connecting would make it
        return ""
    try:
        return maintenance_copy.list_briefly(maintenance_copy.list_holding(DEFAULT_DB_ALIAS))
    except DatabaseError:
        if own is None:
            raise
        return "unreadable"
    finally:
        connections[DEFAULT_DB_ALIAS].close()


def _make_sure(other: str, manifest: dict[str, Any], say: maintenance_copy.Say) -> None:
    """Migrate the copy to this program, and verify every row of it, with its seal. Raises
    Refused.
    """
    say("checking every page and foreign key")
    backup.require_integrity(other)
    if not health.is_migrated(other):
        say("migrating it")
        call_command("migrate", database=other, verbosity=0)
    maintenance_copy.forget_what_stays(other)
    say("verifying the ledger")
    with alias.use_as_own(other), show_bar("verify", total=count_rows_to_read()) as advance:
        exported = seals.read_exported(manifest["seal"])
        finding = next(verify(exported=exported, progress=advance, with_columns=False), None)
    if finding:
        raise Refused(f"its ledger is not as it should be: {finding}")


def _copy_into_own(other: str, say: maintenance_copy.Say) -> None:
    """Fill PostgreSQL from the copy. Raises Refused where it would not take a row."""
    try:
        maintenance_copy.require_fit(other)
    except maintenance_copy.Unfit as unfit:
        raise Refused(
            f"holds rows that do not fit into PostgreSQL: {unfit}. Restore it into SQLite, correct"
            " them there, and move it then"
        ) from unfit
    call_command("migrate", verbosity=0)
    with maintenance_copy.hold_still(other):
        maintenance_copy.copy(other, DEFAULT_DB_ALIAS, say)


def _swap(copy: Path, own: Path, *, keep: bool) -> Path | None:
    """Give the copy the database's name, in one step."""
    if not own.exists():
        os.link(copy, own)
        sync_folder(own.parent)
        return None
    kept = own.with_name(f"{own.name}.replaced-{clock.now():%Y%m%dT%H%M%S%fZ}")
    with _keep_others_out(own, for_good=True):
        if keep:
            os.link(own, kept)  # two names of one file: there is always one that is whole
        wal, shm = (own.with_name(f"{own.name}{suffix}") for suffix in ("-wal", "-shm"))
        if wal.exists():  # of a file that SQLite could not read; of others it is in the file now
            wal.rename(kept.with_name(f"{kept.name}-wal"))
        shm.unlink(missing_ok=True)
        copy.replace(own)
        sync_folder(own.parent)
    return kept if keep else None


@contextmanager
def _keep_others_out(own: Path, *, for_good: bool) -> Iterator[None]:
    """Keep everyone else out of a SQLite file. Raises Refused where a server has it open.

    For good: SQLite empties its -wal into it, and whoever comes meanwhile gives up on the file.
    """
    with closing(sqlite3.connect(own, timeout=0, isolation_level=None)) as database:
        try:
            database.execute("PRAGMA locking_mode = EXCLUSIVE")
            database.execute("BEGIN EXCLUSIVE")
            database.execute("ROLLBACK")
            if for_good:
                database.execute("PRAGMA journal_mode = DELETE")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise Refused(f"{own} is in use: stop the server first") from error
            raise
        except sqlite3.DatabaseError:  # no database, or a broken one: nobody works with it
            pass
        yield
        if for_good:
            # Whoever has opened the old file a moment ago waits for its lock, and would go on in
            # it: so the lock outlasts their patience.
            time.sleep(settings.PPIMS_BUSY_SECONDS + 1)
