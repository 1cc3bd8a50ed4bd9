"""Backups: one file with a SQLite copy of the database and a signed manifest of it.

It is the same file whichever database is in use. No key is in it: the manifest names those that are
needed to read it.
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections
from django.db.migrations.recorder import MigrationRecorder

from limits.models import Seal
from limits.services import seals
from ppims.core import clock
from ppims.core.errors import Refusal
from ppims.core.private_files import sync_folder
from ppims.core.version import read_version
from ppims.db import alias
from ppims.db.transaction import read_snapshot
from ppims.maintenance import copy as maintenance_copy
from ppims.maintenance.archive import BACKUP_FORMAT, DATABASE_FILE, Refused, pack
from ppims.services import key_usage


def make(file: Path, say: maintenance_copy.Say) -> dict[str, Any]:
    """Back up the database as it is at one instant, a running server's too. Return the manifest.

    The file appears whole or not at all. Raises Refused, OSError, DatabaseError.
    """
    if file.exists():
        raise Refused(f"{file} is there already: no backup is overwritten")
    try:
        seals.make_patiently()
    except Refusal as refusal:
        raise Refused(f"no seal could be made: {refusal.describe()}") from refusal
    # Beside the file, so that the last step is a rename; and for nobody else's eyes.
    with tempfile.TemporaryDirectory(dir=file.parent, prefix=f".{file.name}.") as folder:
        database, draft = Path(folder) / DATABASE_FILE, Path(folder) / "backup.zip"
        with alias.open_database(alias.write_sqlite_url(database)) as copy:
            say("copying the database")
            _copy(copy, say)
            say("checking the copy")
            require_integrity(copy)
            manifest = _describe_copy(copy)
        say("packing it")
        pack(draft, database, manifest)
        os.link(draft, file)  # unlike a rename, it overwrites nothing
        sync_folder(file.parent)
    return manifest


def require_integrity(using: str) -> None:
    """Have SQLite check every page, index, constraint and foreign key. Raises Refused."""
    with connections[using].cursor() as cursor:
        for pragma, is_well in (("integrity_check", [("ok",)]), ("foreign_key_check", [])):
            try:
                cursor.execute(f"PRAGMA {pragma}")
                found = cursor.fetchmany(1)
            except DatabaseError as error:
                found = [(str(error),)]
            if found != is_well:
                raise Refused(f"the copy fails SQLite's {pragma}: {found[0]}")


def _copy(copy: str, say: maintenance_copy.Say) -> None:
    if alias.copy_pages(copy):
        maintenance_copy.forget_what_stays(copy)
        return
    call_command("migrate", database=copy, verbosity=0)
    with read_snapshot():
        maintenance_copy.copy(DEFAULT_DB_ALIAS, copy, say)


def _describe_copy(copy: str) -> dict[str, Any]:
    """Describe a copy, as its manifest does. The seal is its newest."""
    applied = sorted(MigrationRecorder(connections[copy]).applied_migrations())
    with alias.use_as_own(copy), connections[copy].cursor() as cursor:
        counts = {}
        for table in maintenance_copy.list_tables():
            cursor.execute(f'SELECT COUNT(*) FROM "{table.table}"')
            counts[table.table] = cursor.fetchone()[0]
        return {
            "format": BACKUP_FORMAT,
            "ppims": read_version(),
            "made_at": clock.now().isoformat(),
            "migrations": [f"{app}.{name}" for app, name in applied],
            "keys": key_usage.list_keys_in_use(),
            "counts": counts,
            "seal": seals.export_seal(Seal.objects.latest("number")),
            "key_id": settings.PPIMS_LEDGER_KEYS[0].id,
        }
