"""Where the text of a ring comes from, and how a key file is written anew. No Django: settings read
keys through this.
"""

import fcntl
import os
import secrets
import shlex
import subprocess
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from ppims.core.keys import KEY_BYTES, NEXT_MARK, Key
from ppims.core.private_files import OWNER_ALONE, sync_folder

COMMAND_SECONDS = 30


class CommandFailed(Exception):
    """A command printed no keys. The message never has what it printed."""


class Busy(Exception):
    """Another process changes these keys."""


def run_key_command(command: str, purpose: str) -> str:
    """Return what a command prints for a purpose, its last argument: a bank's vault, asked without
    a shell. Raises CommandFailed.
    """
    try:
        # What it says of an error may quote a key, so that goes nowhere, too.
        done = subprocess.run(  # noqa: S603 - what the operator has set
            [*shlex.split(command), purpose],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            timeout=COMMAND_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise CommandFailed(f"had not ended after {COMMAND_SECONDS} seconds") from None
    except (OSError, ValueError) as error:
        raise CommandFailed(f"can't be run ({type(error).__name__})") from None
    if done.returncode:
        raise CommandFailed(f"ended with {done.returncode}")
    try:
        text = done.stdout.decode("ascii").strip()
    except UnicodeDecodeError:
        raise CommandFailed("printed something else than keys") from None
    if not text:
        raise CommandFailed("printed nothing")
    return text


def draw_key() -> str:
    """Draw a new key, in base64."""
    return b64encode(secrets.token_bytes(KEY_BYTES)).decode()


Words = list[str]  # of a ring, as they stand in its text


def add_next(words: Words, key: str) -> Words:
    """Add a key as the next one."""
    return [*words, f"{NEXT_MARK}{key}"]


def put_first(words: Words, key_id: str) -> Words:
    """Put a key first, without a mark."""
    (first,) = [word.removeprefix(NEXT_MARK) for word in words if _name(word) == key_id]
    return [first, *(word for word in words if _name(word) != key_id)]


def take_out(words: Words, key_id: str) -> Words:
    """Take a key out."""
    return [word for word in words if _name(word) != key_id]


def name_keys(words: Words) -> list[tuple[str, bool]]:
    """Name the keys of a ring, and say which one is the next."""
    return [(_name(word), word.startswith(NEXT_MARK)) for word in words]


def _name(word: str) -> str:
    return Key.from_base64(word).id


def rewrite_key_file(
    path: Path, change: Callable[[Words], Words], *, expected: Sequence[tuple[str, bool]]
) -> None:
    """Change the ring in a key file: its reader finds the old text or the new one, after a power
    cut too, and it stays its owner's. Raises Busy where the file doesn't name what is `expected`,
    and OSError.
    """
    words = path.read_text("ascii").split()
    if name_keys(words) != list(expected):
        raise Busy(f"{path} is another by now")
    before = path.stat()
    draft = path.with_name(f".{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    try:
        handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
        with open(handle, "w", encoding="ascii") as file:
            if (os.geteuid(), os.getegid()) != (before.st_uid, before.st_gid):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)  # root's, for the server
            file.write("".join(f"{word}\n" for word in change(words)))
            file.flush()
            os.fsync(file.fileno())
        draft.rename(path)
    finally:
        draft.unlink(missing_ok=True)
    sync_folder(path.parent)


@contextmanager
def hold_folder(folder: Path) -> Iterator[None]:
    """Let one process of this machine change the keys of a data folder at a time. Raises Busy."""
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Busy("another process changes the keys") from None
        yield
    finally:
        os.close(handle)
