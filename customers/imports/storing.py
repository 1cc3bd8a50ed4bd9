"""Where a file of customers and its refused rows are kept: encrypted, in the data folder of the
machine that it was brought to, for a week at most.
"""

from collections.abc import Collection, Iterator
from pathlib import Path

from django.conf import settings

from customers.models import ImportFile
from ppims.core.keys import find_key
from ppims.core.sealed_files import SealedWriter, read_sealed, remove
from ppims.services import brought_files
from ppims.services.brought_files import Arrival

ROWS_SUFFIX, REFUSED_SUFFIX = ".rows", ".refused"


def begin_file() -> Arrival:
    """Begin a file that somebody brings. Raises OSError."""
    return Arrival(_find_folder(), ROWS_SUFFIX)


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
    """Delete what is old and of no file that is kept, as `brought_files` says."""
    brought_files.remove_strangers(_find_folder(), kept, before=before)


def _read(file: ImportFile, suffix: str) -> Iterator[bytes]:
    key = find_key(settings.PPIMS_DOCUMENT_KEYS, file.key_id)
    return read_sealed(_find_path(file.stored_as, suffix), key)


def _find_path(name: str, suffix: str) -> Path:
    return _find_folder() / f"{name}{suffix}"


def _find_folder() -> Path:
    folder: Path = settings.PPIMS_DATA_DIR / "imports"
    return folder
