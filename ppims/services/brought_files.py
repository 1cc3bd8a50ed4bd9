"""Files that staff bring, from the request that takes one until a job has read it: encrypted as
they come, in a folder of the data folder of the machine that they were brought to.
"""

import hashlib
import io
import secrets
from collections.abc import Collection, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from ppims.core.keys import KeyMissing, find_key
from ppims.core.sealed_files import Broken, SealedWriter, read_sealed, remove

BYTES_A_MIB = 1024 * 1024


class TooBig(Exception):
    """More bytes than a file may have."""


class Unreadable(Exception):
    """The file is gone, or not as it was written, or its key is."""


@dataclass(frozen=True)
class Stored:
    """A file as it was kept: where, by which key, and of what; `digest` is its SHA-256 in hex."""

    stored_as: str
    key_id: str
    digest: str
    size_bytes: int


class Arrival:
    """A file on its way in: never on the disk in clear."""

    def __init__(self, folder: Path, suffix: str = "") -> None:
        """Begin the file. Raises OSError."""
        key = settings.PPIMS_DOCUMENT_KEYS[0]
        self._name, self._key_id = secrets.token_hex(16), key.id
        self._writer = SealedWriter(folder / f"{self._name}{suffix}", key)
        self._digest, self._size = hashlib.sha256(), 0

    def add(self, piece: bytes) -> None:
        """Take a piece. Raises TooBig, after which nothing is left of the file, and OSError."""
        self._size += len(piece)
        if self._size > settings.PPIMS_FILE_BYTES:
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


class Opened(io.BufferedReader):
    """What was brought, as it came. Reading it raises Unreadable."""

    def __init__(self, path: Path, key_id: str) -> None:
        self._source = _Pieces(_read_pieces(path, key_id))
        super().__init__(self._source)

    @property
    def taken_bytes(self) -> int:
        """How much of it has been read."""
        return self._source.taken_bytes


class _Pieces(io.RawIOBase):
    """A file's text, as a stream of bytes."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces, self._left, self.taken_bytes = pieces, b"", 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            piece = next(self._pieces, None)
            if piece is None:
                return 0
            self._left = piece
        room = memoryview(buffer)
        taken = self._left[: len(room)]
        room[: len(taken)] = taken
        self._left = self._left[len(taken) :]
        self.taken_bytes += len(taken)
        return len(taken)


def _read_pieces(path: Path, key_id: str) -> Iterator[bytes]:
    try:
        yield from read_sealed(path, find_key(settings.PPIMS_DOCUMENT_KEYS, key_id))
    except (OSError, KeyMissing, Broken):
        raise Unreadable from None


def remove_strangers(folder: Path, kept: Collection[str], *, before: float) -> None:
    """Delete what was last written before an instant, in seconds, and belongs to none of the files
    that are kept: parts of what never came whole, and what nobody has put on record.
    """
    for path in folder.glob("*"):
        with suppress(FileNotFoundError):
            is_old = path.is_file() and path.stat().st_mtime < before
            if is_old and path.name.partition(".")[0] not in kept:
                remove(path)
