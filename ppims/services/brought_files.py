"""Files that staff bring, between the request that takes one and the job that reads it: encrypted,
piece by piece, in the data folder, and gone a week later at the latest.

A piece is bound to its file, to its number and to whether it is the last: one that was cut, or
whose pieces were put in another order, doesn't read. Whoever reads it has to be at this machine.
"""

import hashlib
import io
import os
import re
import secrets
import time
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

from ppims.core import keys, private_files

KEPT_FOR = timedelta(days=7)
PIECE_BYTES = 64 * 1024
LENGTH_BYTES, KEY_NAME_BYTES = 4, 8
NAME_PATTERN = re.compile("[0-9a-f]{32}")


class Unreadable(Exception):
    """The file is gone, or not as it was written, or its key is."""


class Writer:
    """Writes a file as it comes. `name` finds it again, once it is finished."""

    def __init__(self) -> None:
        self.name, self.size_bytes = secrets.token_hex(16), 0
        self._digest, self._waiting, self._count = hashlib.sha256(), bytearray(), 0
        key = settings.PPIMS_DOCUMENT_KEYS[0]
        self._aes = AESGCM(key.secret)
        path = _find_path(self.name)
        path.parent.mkdir(mode=0o700, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, private_files.OWNER_ALONE)
        self._file = open(handle, "wb")  # noqa: SIM115 - it is closed by finish or remove
        self._file.write(key.id.encode())

    @property
    def digest(self) -> str:
        """The SHA-256 of what has come, in hex."""
        return self._digest.hexdigest()

    def write(self, data: bytes) -> None:
        """Take what comes next. Raises OSError."""
        self._digest.update(data)
        self.size_bytes += len(data)
        self._waiting += data
        while len(self._waiting) > PIECE_BYTES:  # the last one is known only at the end
            self._write_piece(bytes(self._waiting[:PIECE_BYTES]), is_last=False)
            del self._waiting[:PIECE_BYTES]

    def finish(self) -> None:
        """Close the file: it can be read from now on. Raises OSError."""
        self._write_piece(bytes(self._waiting), is_last=True)
        self._file.close()

    def remove(self) -> None:
        """Close the file, and delete it."""
        self._file.close()
        delete(self.name)

    def _write_piece(self, plain: bytes, *, is_last: bool) -> None:
        nonce = secrets.token_bytes(keys.NONCE_BYTES)
        bound_to = _write_bond(self.name, self._count, is_last=is_last)
        sealed = nonce + self._aes.encrypt(nonce, plain, bound_to)
        self._file.write(len(sealed).to_bytes(LENGTH_BYTES) + sealed)
        self._count += 1


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


class Opened(io.BufferedReader):
    """What was brought, as it came. Reading it raises Unreadable."""

    def __init__(self, name: str) -> None:
        self._source = _Pieces(_read_pieces(name))
        super().__init__(self._source)

    @property
    def taken_bytes(self) -> int:
        """How much of it has been read."""
        return self._source.taken_bytes


def delete(name: str) -> None:
    """Delete a file, if it is there."""
    _find_path(name).unlink(missing_ok=True)


def purge() -> None:
    """Delete what was brought longer than KEPT_FOR ago, by the clock that the disk goes by."""
    oldest = time.time() - KEPT_FOR.total_seconds()
    for path in _find_folder().glob("*"):
        with suppress(FileNotFoundError):
            if path.stat().st_mtime < oldest:
                path.unlink()


def _read_pieces(name: str) -> Iterator[bytes]:
    try:
        with _find_path(name).open("rb") as file:
            key = keys.find_key(settings.PPIMS_DOCUMENT_KEYS, file.read(KEY_NAME_BYTES).decode())
            aes, sealed, count = AESGCM(key.secret), _read_piece(file), 0
            while True:
                after = _read_piece(file)
                bound_to = _write_bond(name, count, is_last=not after)
                yield aes.decrypt(sealed[: keys.NONCE_BYTES], sealed[keys.NONCE_BYTES :], bound_to)
                if not after:
                    return
                sealed, count = after, count + 1
    except (OSError, keys.KeyMissing, InvalidTag, ValueError):
        raise Unreadable from None


def _read_piece(file: io.BufferedReader) -> bytes:
    written = file.read(LENGTH_BYTES)
    length = int.from_bytes(written)
    piece = file.read(min(length, 2 * PIECE_BYTES))
    if written and not piece:
        raise ValueError("a piece without bytes")
    return piece


def _write_bond(name: str, number: int, *, is_last: bool) -> bytes:
    return f"brought file {name} {number} {'end' if is_last else 'more'}".encode()


def _find_path(name: str) -> Path:
    if not NAME_PATTERN.fullmatch(name):
        raise Unreadable
    return _find_folder() / name


def _find_folder() -> Path:
    return Path(settings.PPIMS_DATA_DIR) / "brought"
