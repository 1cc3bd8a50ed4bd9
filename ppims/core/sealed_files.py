"""Files of personal data on disk: encrypted piece by piece, so that one of any size is written and
read in little memory. No Django: the caller brings the ring and the folder.

Each piece is bound to the file's own name, to its place in the file, and to whether it is the last
one. So a file that was cut, put in another order or given another's name doesn't read.
"""

import os
import secrets
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import BinaryIO

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ppims.core.keys import NONCE_BYTES, Key
from ppims.core.private_files import OWNER_ALONE

PIECE_BYTES = 256 * 1024  # of the text, before it is encrypted
LENGTH_BYTES, MOST_SEALED_BYTES = 4, PIECE_BYTES + 64
DRAFT_SUFFIX = ".draft"


class Broken(Exception):
    """The file is not as it was written."""


class SealedWriter:
    """Writes a file by a key. It stands under its name once `close` has ended; until
    then, and after an error for ever, under a draft's.
    """

    def __init__(self, path: Path, key: Key) -> None:
        """Begin the file. Raises OSError."""
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._path, self._cipher = path, AESGCM(key.secret)
        self._number, self._waiting = 0, bytearray()
        self._draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}{DRAFT_SUFFIX}")
        handle = os.open(self._draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
        self._file: BinaryIO = os.fdopen(handle, "wb")

    def write(self, text: bytes) -> None:
        """Add to the file. Raises OSError."""
        self._waiting += text
        # One piece is always kept back: the last one has to be marked.
        while len(self._waiting) > PIECE_BYTES:
            self._seal(bytes(self._waiting[:PIECE_BYTES]), is_last=False)
            del self._waiting[:PIECE_BYTES]

    def close(self) -> None:
        """End the file, and give it its name once it is on the disk. Raises OSError."""
        self._seal(bytes(self._waiting), is_last=True)
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self._draft.rename(self._path)

    def drop(self) -> None:
        """Leave nothing of a file that was not closed."""
        self._file.close()
        self._draft.unlink(missing_ok=True)

    def __enter__(self) -> "SealedWriter":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        if kind is None:
            self.close()
        else:
            self.drop()

    def _seal(self, text: bytes, *, is_last: bool) -> None:
        nonce = secrets.token_bytes(NONCE_BYTES)
        place = _name_place(self._path.name, self._number, is_last=is_last)
        sealed = nonce + self._cipher.encrypt(nonce, text, place)
        self._file.write(len(sealed).to_bytes(LENGTH_BYTES) + sealed)
        self._number += 1


def read_sealed(path: Path, key: Key) -> Iterator[bytes]:
    """Read a file piece by piece. Raises FileNotFoundError, or Broken where it isn't the whole file
    as it was written under this name by this key; what came before that was right.
    """
    cipher = AESGCM(key.secret)
    with open(path, "rb") as file:
        number, is_last = 0, False
        while not is_last:
            sealed = _read_piece(file)
            is_last = not file.peek(1)
            place = _name_place(path.name, number, is_last=is_last)
            try:
                yield cipher.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], place)
            except InvalidTag:
                raise Broken from None
            number += 1


def remove(path: Path) -> bool:
    """Delete a file, and return whether it was there."""
    with suppress(FileNotFoundError):
        path.unlink()
        return True
    return False


def _read_piece(file: BinaryIO) -> bytes:
    size = int.from_bytes(file.read(LENGTH_BYTES))
    sealed = file.read(size) if NONCE_BYTES < size <= MOST_SEALED_BYTES else b""
    if not sealed or len(sealed) < size:
        raise Broken
    return sealed


def _name_place(name: str, number: int, *, is_last: bool) -> bytes:
    return f"{name} {number} {'last' if is_last else 'more'}".encode()
