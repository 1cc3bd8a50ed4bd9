"""Where a file of customers and its refused rows are kept: encrypted, in the data folder of the
machine that it was brought to, for a week at most.
"""

import hashlib
import secrets
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings

from customers.models import ImportFile
from ppims.core.keys import find_key
from ppims.core.sealed_files import SealedWriter, read_sealed, remove

ROWS_SUFFIX, REFUSED_SUFFIX = ".rows", ".refused"
BYTES_A_MIB = 1024 * 1024


class TooBig(Exception):
    """More bytes than a file may have."""


@dataclass(frozen=True)
class Stored:
    """A file as it was kept: where, by which key, and of what."""

    stored_as: str
    key_id: str
    digest: str
    size_bytes: int


class Arrival:
    """A file on its way in: encrypted as it comes, never on the disk in clear."""

    def __init__(self) -> None:
        key = settings.PPIMS_DOCUMENT_KEYS[0]
        self._name, self._key_id = secrets.token_hex(16), key.id
        self._writer = SealedWriter(_find_path(self._name, ROWS_SUFFIX), key)
        self._digest, self._size = hashlib.sha256(), 0

    def add(self, piece: bytes) -> None:
        """Take a piece. Raises TooBig, after which nothing is left of the file, and OSError."""
        self._size += len(piece)
        if self._size > settings.PPIMS_IMPORT_BYTES:
            self.drop()
            raise TooBig
        self._digest.update(piece)
        self._writer.write(piece)

    def close(self) -> Stored:
        """Keep the file. Raises OSError."""
        self._writer.close()
        return Stored(self._name, self._key_id, self._digest.hexdigest(), self._size)

    def drop(self) -> None:
        """Leave nothing of it."""
        self._writer.drop()


def read_rows(file: ImportFile) -> Iterator[bytes]:
    """Read the file as it came. Raises KeyMissing, FileNotFoundError, Broken."""
    return _read(file, ROWS_SUFFIX)


def write_refused(file: ImportFile) -> SealedWriter:
    """Begin the file of refused rows anew. Raises KeyMissing, OSError."""
    key = find_key(settings.PPIMS_DOCUMENT_KEYS, file.key_id)
    return SealedWriter(_find_path(file.stored_as, REFUSED_SUFFIX), key)


def read_refused(file: ImportFile) -> Iterator[bytes]:
    """Read the refused rows. Raises KeyMissing, FileNotFoundError, Broken."""
    return _read(file, REFUSED_SUFFIX)


def delete_unrecorded(stored_as: str) -> None:
    """Delete a file that nobody has put on record."""
    remove(_find_path(stored_as, ROWS_SUFFIX))


def remove_rows(file: ImportFile) -> None:
    remove(_find_path(file.stored_as, ROWS_SUFFIX))


def remove_refused(file: ImportFile) -> None:
    remove(_find_path(file.stored_as, REFUSED_SUFFIX))


def remove_strangers(kept: Collection[str], *, before: float) -> None:
    """Delete what was last written before an instant, in seconds, and belongs to none of the files
    that are kept: parts of what never came whole, and what nobody has put on record.
    """
    for path in _find_folder().glob("*"):
        is_old = path.is_file() and path.stat().st_mtime < before
        if is_old and path.name.partition(".")[0] not in kept:
            remove(path)


def _read(file: ImportFile, suffix: str) -> Iterator[bytes]:
    key = find_key(settings.PPIMS_DOCUMENT_KEYS, file.key_id)
    return read_sealed(_find_path(file.stored_as, suffix), key)


def _find_path(name: str, suffix: str) -> Path:
    return _find_folder() / f"{name}{suffix}"


def _find_folder() -> Path:
    folder: Path = settings.PPIMS_DATA_DIR / "imports"
    return folder
