"""Keys, and the four things done with them: digest, sign, encrypt, decrypt. No Django: settings
read keys through this.

A key is 32 random bytes, written as base64, and named by a digest of itself, so that a name can
never point at another key.
A ring is some keys of one purpose: the first is used, the others only read what they once wrote.
One that is marked `next:` is about to be the first: all who read the ring know it before any of
them uses it alone, so that old and new workers understand each other.
"""

import hashlib
import hmac
import os
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from msgpack import packb

from ppims.core.private_files import sync_folder

KEY_BYTES = 32
NEXT_MARK = "next:"
NONCE_BYTES = 12
SIGNATURE_VERSION = 2
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
ONE_MICROSECOND = timedelta(microseconds=1)

Plain = int | str | bytes | None
Signed = Plain | bool | memoryview | date | datetime


class KeyMissing(Exception):
    """No key of that name in the ring."""


@dataclass(frozen=True)
class Key:
    id: str
    secret: bytes
    is_next: bool = False

    @classmethod
    def from_base64(cls, text: str) -> "Key":
        """Make a key of a ring's word. Raises ValueError."""
        secret = b64decode(text.removeprefix(NEXT_MARK), validate=True)
        if len(secret) != KEY_BYTES:
            raise ValueError("a key is 32 bytes in base64")
        key_id = hashlib.blake2b(secret, digest_size=4, person=b"ppims key id").hexdigest()
        return cls(key_id, secret, text.startswith(NEXT_MARK))

    def __repr__(self) -> str:
        return f"Key({self.id})"


Ring = tuple[Key, ...]


def read_ring(text: str) -> Ring:
    """Read keys in base64, separated by white space, the one in use first; one of the others may be
    marked as the next. Raises ValueError.
    """
    ring = tuple(Key.from_base64(word) for word in text.split())
    if not ring:
        raise ValueError("no key")
    if ring[0].is_next or sum(key.is_next for key in ring) > 1:
        raise ValueError("the first key is in use, and one of the others at most is the next")
    if len({key.id for key in ring}) < len(ring):
        raise ValueError("a key is there twice")
    return ring


def make_key_file(path: Path) -> bool:
    """Make a key file (0600) unless it is there, and return whether it was made. It is on the disk
    then: whatever is written by a key may outlast a power cut, so the key must. Of two processes at
    once one wins, and both read the same key.
    """
    if path.exists():  # nothing is written then: a full disk must not keep a process from starting
        return False
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(b64encode(secrets.token_bytes(KEY_BYTES)).decode() + "\n")
        file.flush()
        os.fsync(file.fileno())
    is_made = False
    with suppress(FileExistsError):
        os.link(draft, path)  # unlike a rename, it never takes the place of a key in use
        is_made = True
    draft.unlink()
    # Whoever lost syncs it as well: it is about to use that key. The folder may be new, too.
    sync_folder(path.parent)
    sync_folder(path.parent.parent)
    return is_made


def find_key(ring: Ring, key_id: str) -> Key:
    """Find a key by name. Raises KeyMissing, naming it."""
    for key in ring:
        if key.id == key_id:
            return key
    raise KeyMissing(f"key {key_id} is not in the ring")


def digest(ring: Ring, *parts: str, size: int = 16) -> bytes:
    """Digest texts so that equal ones can be found, and nothing else learnt without the key."""
    return begin_digest(ring, *parts, size=size).digest()


def digest_by_each(ring: Ring, *parts: str, size: int = 16) -> list[bytes]:
    """Digest texts by each key of a ring, the first one first: what was digested before a key was
    changed is found by an older one.
    """
    return [digest((key,), *parts, size=size) for key in ring]


def begin_digest(ring: Ring, *parts: str, size: int = 16) -> hashlib.blake2b:
    """Begin a digest that others, which begin alike, copy and go on with."""
    texts = b"".join([frame_text(part) for part in parts])
    return hashlib.blake2b(texts, digest_size=size, key=ring[0].secret)


def frame_text(part: str) -> bytes:
    """Write a text with its length, so that no two lists of texts are the same bytes."""
    raw = part.encode()
    return _write_length(len(raw)) + raw


@lru_cache(256)  # almost all texts are short: a look-up is cheaper than the bytes
def _write_length(bytes_long: int) -> bytes:
    return b"s" + bytes_long.to_bytes(4)


def sign(key: Key, values: Iterable[Plain], version: int = SIGNATURE_VERSION) -> bytes:
    """Sign values by HMAC-SHA-256, with the version and the key's name: 32 bytes."""
    # MessagePack writes each with its type and length: no two lists of values are the same bytes.
    return hmac.digest(key.secret, packb((version, key.id, *values)), "sha256")


class Running:
    """A signature over any number of rows, one after another. `what` names its use: a signature of
    one use is none of another.
    """

    def __init__(self, key: Key, what: str) -> None:
        self._mac = hmac.new(key.secret, packb((SIGNATURE_VERSION, key.id, what)), "sha256")

    def add(self, values: Iterable[Plain]) -> None:
        self._mac.update(packb(tuple(values)))

    def digest(self) -> bytes:
        return self._mac.digest()


def make_plain(value: Signed) -> Plain:
    """Return a value as it is signed, whichever database it comes from; an instant in microseconds
    since 1970.
    """
    if isinstance(value, datetime):
        return (value - EPOCH) // ONE_MICROSECOND
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, memoryview):
        return bytes(value)
    return int(value) if isinstance(value, bool) else value  # SQLite keeps a boolean as a number


def encrypt(ring: Ring, text: str, *, bound_to: str) -> tuple[str, bytes]:
    """Encrypt a text with AES-GCM, bound to a row: (the key's name, nonce and ciphertext)."""
    nonce = secrets.token_bytes(NONCE_BYTES)
    sealed = AESGCM(ring[0].secret).encrypt(nonce, text.encode(), bound_to.encode())
    return ring[0].id, nonce + sealed


def decrypt(ring: Ring, key_id: str, sealed: bytes, *, bound_to: str) -> str:
    """Decrypt a text. Raises KeyMissing, or cryptography's InvalidTag where it, its row or its key
    was changed.
    """
    aes = AESGCM(find_key(ring, key_id).secret)
    return aes.decrypt(sealed[:NONCE_BYTES], sealed[NONCE_BYTES:], bound_to.encode()).decode()
