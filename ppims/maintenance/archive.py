"""The file of a backup: a signed manifest and a database, packed."""

import hashlib
import json
import os
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from django.conf import settings

from limits.services import seals
from ppims.core.keys import find_key, sign
from ppims.services import key_usage

BACKUP_FORMAT = "ppims-backup-1"
MANIFEST_FILE, DATABASE_FILE = "manifest.json", "ppims.sqlite3"
MANIFEST_LIMIT_BYTES = 1024 * 1024
CHUNK_BYTES = 1024 * 1024
COMPRESSION_LEVEL = 1  # of zlib's levels: the slower ones save little, for half of it is digests
# What zipfile raises for bytes that are not as they were written.
UNREADABLE_ERRORS = (
    *(zipfile.BadZipFile, zlib.error, OSError, EOFError, ValueError, KeyError),
    *(NotImplementedError, RuntimeError, OverflowError),
)


class Refused(Exception):
    """Why a backup was not made, or not restored."""


@contextmanager
def _refuse_unreadable() -> Iterator[None]:
    try:
        yield
    except UNREADABLE_ERRORS as error:
        raise Refused(f"is damaged, or no backup of PPIMS: {error}") from error


@_refuse_unreadable()
def read_manifest(archive: zipfile.ZipFile) -> dict[str, Any]:
    """Read what a backup says of itself. Raises Refused where it is no backup, has another format,
    was changed, or needs a key that is not here.
    """
    if sorted(archive.namelist()) != sorted((MANIFEST_FILE, DATABASE_FILE)):
        raise Refused("is no backup of PPIMS")
    with archive.open(MANIFEST_FILE) as member:
        manifest = json.loads(member.read(MANIFEST_LIMIT_BYTES))
    if not isinstance(manifest, dict) or not isinstance(manifest.get("format"), str):
        raise Refused("is no backup of PPIMS")
    if manifest["format"] != BACKUP_FORMAT:
        raise Refused(f"is of a format that this program does not know: not {BACKUP_FORMAT}")
    _require_keys(manifest)
    if manifest.pop("mac") != _sign_manifest(manifest):
        raise Refused("is damaged, or was changed: its manifest has a wrong signature")
    seals.read_exported(manifest["seal"])
    return manifest


def _require_keys(manifest: dict[str, Any]) -> None:
    needed = [*manifest["keys"], f"ledger {manifest['key_id']}"]
    if missing := key_usage.list_missing([str(name) for name in needed]):
        named = ", ".join(dict.fromkeys(missing))
        raise Refused(
            f"needs keys that are not here: {named}. Put the key files that belong to it into"
            f" {settings.PPIMS_DATA_DIR / 'keys'}, in the place of any others, and restore again"
        )


def unpack(archive: zipfile.ZipFile, manifest: dict[str, Any], into: Path) -> None:
    """Write the database of a backup to a new file. Raises Refused where it is not the one that the
    manifest tells of.
    """
    size, digest = 0, hashlib.sha256()
    with (
        _refuse_unreadable(),
        archive.open(DATABASE_FILE) as member,
        write_private_file(into) as file,
    ):
        # No more than was promised: what unpacks to far more would fill the disk.
        while size <= manifest["size"] and (chunk := member.read(CHUNK_BYTES)):
            size += len(chunk)
            digest.update(chunk)
            file.write(chunk)
    if size != manifest["size"] or digest.hexdigest() != manifest["sha256"]:
        raise Refused("is damaged: its database is not the one that its manifest tells of")


@contextmanager
def open_backup(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a backup. Raises Refused, OSError."""
    with file.open("rb") as raw:
        with _refuse_unreadable():
            archive = zipfile.ZipFile(raw)
        with archive:
            yield archive


@contextmanager
def write_private_file(path: Path) -> Iterator[IO[bytes]]:
    """Write a new file that only its owner reads, and that is on the disk at the end."""
    with open(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600), "w+b") as file:
        yield file
        file.flush()
        os.fsync(file.fileno())


def pack(draft: Path, database: Path, manifest: dict[str, Any]) -> None:
    digest = hashlib.sha256()
    with (
        write_private_file(draft) as file,
        zipfile.ZipFile(
            file, "w", zipfile.ZIP_DEFLATED, compresslevel=COMPRESSION_LEVEL
        ) as archive,
    ):
        with (
            database.open("rb") as source,
            archive.open(DATABASE_FILE, "w", force_zip64=True) as member,
        ):
            while chunk := source.read(CHUNK_BYTES):
                digest.update(chunk)
                member.write(chunk)
        manifest |= {"size": database.stat().st_size, "sha256": digest.hexdigest()}
        archive.writestr(
            MANIFEST_FILE, json.dumps({**manifest, "mac": _sign_manifest(manifest)}, indent=2)
        )


def _sign_manifest(manifest: dict[str, Any]) -> str:
    """Sign all of a manifest but its own signature. Raises KeyMissing."""
    text = json.dumps(manifest, sort_keys=True, separators=(",", ":"))
    key = find_key(settings.PPIMS_LEDGER_KEYS, manifest["key_id"])
    return sign(key, ("backup", text)).hex()
