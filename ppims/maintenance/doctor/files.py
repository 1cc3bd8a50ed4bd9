"""Whose the files are, and who may read them. Before the settings: those repair some modes."""

import os
import shlex
import stat
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

from ppims.core import private_files
from ppims.core.formats import name_count
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.maintenance.doctor.place import Place

Complaint = Callable[[str, str, str], Finding]
MOST_FILES = 5_000
MOST_NAMED = 3
# Collected anew by each start, and no secret.
PUBLIC_FOLDERS = {"static"}
KEYS_LOST = 'put it back from where you keep copies of keys/ (docs/runbook.md, "A key is lost")'


def check_folder(place: Place) -> Iterator[Finding]:
    """Check the data folder: there, one's own, writable, closed to others."""
    folder, name = place.data_dir, "files.folder"
    if not folder.is_dir():
        yield refuse(name, f"there is no folder {folder}", "set PPIMS_DATA_DIR to the right one")
        return
    if not os.access(folder, os.W_OK | os.X_OK):
        yield refuse(name, f"{folder} can't be written", f"chown it to {_name_own_user()}")
    elif os.geteuid() not in {folder.stat().st_uid, 0}:
        yield warn(name, f"{folder} is another user's", "run doctor as the user PPIMS runs as")
    elif _read_mode(folder) & private_files.ANYONE_ELSE:
        yield warn(name, f"others may look into {folder}", f"chmod 700 {_quote(folder)}")
    else:
        yield approve(name, f"{folder} is for its owner alone")


def check_key_files(place: Place) -> Iterator[Finding]:
    """Check that each key file is there and read by its owner alone."""
    if not place.data_dir.is_dir():
        return
    files = place.list_key_files()
    if not files:
        yield approve("keys.files", "no ring is a file of the data folder")
        return
    if missing := [str(path) for path in files.values() if not path.exists()]:
        yield refuse("keys.files", f"missing: {', '.join(missing)}", KEYS_LOST)
    else:
        yield approve("keys.files", f"{len(files)} rings are there")
    there = [path for path in files.values() if path.exists()]
    if there:
        yield _judge_modes("keys.mode", [there[0].parent, *there], "the keys", refuse)


def check_other_files(place: Place) -> Iterator[Finding]:
    """Check that nobody else reads the database, nor anything else in the data folder."""
    if not place.data_dir.is_dir():
        return
    own = place.database
    beside = {own.with_name(f"{own.name}{each}") for each in private_files.OF_SQLITE} if own else ()
    if own:
        there = [path for path in sorted(beside) if path.exists()]
        yield _judge_modes("files.database", there, "the database", refuse)
    named = {*beside, *place.list_key_files().values()}
    others = [path for path in _list_files(place.data_dir) if path not in named]
    others = [path for path in others if not path.is_dir()]
    yield _judge_modes("files.others", others, "other files", warn)
    yield _judge_owners(place.data_dir)


def _judge_modes(name: str, paths: list[Path], what: str, complain: Complaint) -> Finding:
    """Judge whether only the owner may read all of them."""
    open_ones = [path for path in paths if _is_open(path)]
    if not open_ones:
        return approve(name, f"{what}: for the owner alone")
    named = " ".join(_quote(path) for path in open_ones[:MOST_NAMED])
    more = len(open_ones) - MOST_NAMED
    said = f"others may read {what}: {named}" + (f" and {more} more" if more > 0 else "")
    return complain(name, said, f"chmod go= {named}")


def _judge_owners(folder: Path) -> Finding:
    """Judge whether one user owns all that is in the data folder: a command that another one ran
    leaves files that the server can't write.
    """
    own = folder.stat().st_uid
    strangers = [path for path in _list_files(folder) if _find_owner(path) not in {own, None}]
    if not strangers:
        return approve("files.owner", "one user owns all of them")
    named = ", ".join(str(path) for path in strangers[:MOST_NAMED])
    return refuse(
        "files.owner",
        f"of another user than their folder: {name_count(len(strangers), 'file')}: {named}",
        f"chown -R --reference={_quote(folder)} {_quote(folder)}",
    )


def _list_files(folder: Path) -> list[Path]:
    """List what is in the data folder, MOST_FILES at most, without what is public."""
    walk = (
        Path(where) / name
        for where, folders, names in os.walk(folder)
        for name in [*names, *folders]
        if not PUBLIC_FOLDERS & set(Path(where, name).relative_to(folder).parts)
    )
    return [path for path in islice(walk, MOST_FILES) if not path.is_symlink()]


def _is_open(path: Path) -> bool:
    try:
        mode = path.stat()
    except OSError:  # it went meanwhile, as SQLite's -wal does
        return False
    is_kept = stat.S_ISREG(mode.st_mode) or stat.S_ISDIR(mode.st_mode)
    return is_kept and bool(mode.st_mode & private_files.ANYONE_ELSE)


def _find_owner(path: Path) -> int | None:
    try:
        return path.stat().st_uid
    except OSError:
        return None


def _read_mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def _name_own_user() -> str:
    return f"the user {os.geteuid()}"


def _quote(path: Path) -> str:
    return shlex.quote(str(path))
