"""Files that nobody but their owner reads: data, keys, backups, exports. Standard library only, for
the settings begin with it.
"""

import os
import shlex
import stat
from contextlib import suppress
from pathlib import Path

OWNER_ALONE, OTHERS_BITS, ANYONE_ELSE = 0o600, 0o007, 0o077
OF_SQLITE = ("", "-wal", "-shm", "-turn")


def make_only_private_files() -> None:
    """Let only their owner read the files that this process makes from now on, whatever umask it
    was started with. SQLite and many libraries ask for files that all may read.
    """
    os.umask(ANYONE_ELSE)


def make_database_private(database: Path) -> None:
    """Take a SQLite database, and the files beside it, out of others' reach."""
    for path in (database.with_name(f"{database.name}{suffix}") for suffix in OF_SQLITE):
        # A log comes and goes. What belongs to another user is for that one to make private.
        with suppress(FileNotFoundError, PermissionError):
            if stat.S_IMODE(path.stat().st_mode) != OWNER_ALONE:
                path.chmod(OWNER_ALONE)


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner reads, whole or not at all. It takes the place of one that
    may be there. Raises OSError.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}")
    draft.unlink(missing_ok=True)
    handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ALONE)
    with open(handle, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())  # else a power cut may leave the new name with nothing in it
    draft.rename(path)


def sync_folder(folder: Path) -> None:
    """Have a folder's names on the disk: what was made, renamed or taken away there. Raises
    OSError.
    """
    handle = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def describe_readers(path: Path, who: int) -> str:
    """Say that others may read a file, and which command mends it; "" where nobody else may."""
    if not stat.S_IMODE(path.stat().st_mode) & who:
        return ""
    return f"others may read {path}: chmod 600 {shlex.quote(str(path))}"
