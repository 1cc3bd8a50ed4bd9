"""A backup's file: restored, changed, and signed anew as one could who has the keys."""

import hashlib
import json
import sqlite3
import zipfile
from contextlib import closing, contextmanager

from ppims.maintenance import archive as maintenance_archive
from ppims.maintenance import restore as maintenance_restore
from ppims.maintenance.archive import DATABASE_FILE, MANIFEST_FILE


def restore(file):
    maintenance_restore.restore(file, replace=False, say=lambda _: None)


@contextmanager
def change_members(file):
    """Change a backup's members, its database in a file; and pack them again."""
    database = file.with_suffix(".sqlite3")
    with zipfile.ZipFile(file) as archive:
        held = {"manifest": json.loads(archive.read(MANIFEST_FILE)), "database": database}
        database.write_bytes(archive.read(DATABASE_FILE))
    yield held
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr(MANIFEST_FILE, json.dumps(held["manifest"]))
        archive.write(database, DATABASE_FILE)


@contextmanager
def forge(file):
    """Change them as one could who has the ledger key: all signatures are right."""
    with change_members(file) as held:
        manifest = held["manifest"]
        yield held
        content = held["database"].read_bytes()
        manifest |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        manifest.pop("mac")
        manifest["mac"] = maintenance_archive._sign_manifest(manifest)


@contextmanager
def open_sqlite(file):
    """Change a copy with all triggers off."""
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        made = database.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")
        triggers = made.fetchall()
        for name, _ in triggers:
            database.execute(f"DROP TRIGGER {name}")
        yield database
        for _, sql in triggers:
            database.execute(sql)
