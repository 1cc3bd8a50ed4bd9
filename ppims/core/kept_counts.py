"""The counts of all workers of this machine, each in a file of its own: a worker writes its counts
there every second, and whoever is asked for them adds up all files.

A worker that is killed loses the counts of its last second at most, and no sum ever falls: its file
stays, and the next worker that starts goes on counting from it. A file has its whole room from the
start, and is written in place: a disk that is full later stops nobody. It is never mapped into
memory, since a full disk would then kill the worker (SIGBUS).
"""

import fcntl
import logging
import os
import struct
import threading
import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgpack

from ppims.core import counts
from ppims.core.counts import Labels, Numbers
from ppims.core.private_files import OWNER_ALONE

FOLDER_NAME = "metrics"
MOST_FILES = 1_000
# Two places, written by turns: while one is being written, the other is whole.
PLACE_BYTES, PLACES = 512 * 1024, 2
HEAD_FORMAT = struct.Struct("<QII")  # which writing it is, the length of what follows, its CRC
Gauges = Mapping[str, float]
Counted = dict[str, dict[Labels, Numbers]]

logger = logging.getLogger(__name__)


@dataclass
class Worker:
    """What one file says: what was counted, by the names of the counts; and, of a worker that
    lives, its process and what it measured of itself.
    """

    counted: Counted = field(default_factory=dict)
    pid: int = 0
    gauges: Gauges = field(default_factory=dict)


class CountsFile:
    """The file of this process. It is locked for as long as the process lives."""

    def __init__(self, folder: Path) -> None:
        """Take over the file of a worker that has ended, with its counts, or make a new one. Raises
        OSError.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.path, self._handle = _take_file(folder)
        try:
            os.posix_fallocate(self._handle, 0, PLACE_BYTES * PLACES)
            self._writings, packed = _read_newest(self._handle)
        except OSError:
            self.close()
            raise
        self._packed, self._keeping = b"", threading.Lock()
        _add_to_own(_unpack(packed).counted)

    def keep(self, gauges: Gauges) -> None:
        """Write what is counted by now, unless it is there already. Raises OSError."""
        with self._keeping:  # in the order in which they were read, or a sum could fall
            packed = _pack(describe_own(gauges))
            if packed != self._packed:
                self._write(packed)

    def _write(self, packed: bytes) -> None:
        if len(packed) > PLACE_BYTES - HEAD_FORMAT.size:
            raise OSError("too much is counted")
        writing = self._writings + 1
        head = HEAD_FORMAT.pack(writing, len(packed), zlib.crc32(packed))
        os.pwrite(self._handle, head + packed, writing % PLACES * PLACE_BYTES)
        self._writings, self._packed = writing, packed

    def close(self) -> None:
        """Leave the file to the next worker."""
        os.close(self._handle)


def describe_own(gauges: Gauges) -> Worker:
    """Describe what this process has counted by now."""
    return Worker({each.name: each.read() for each in counts.EVERY_COUNT}, os.getpid(), gauges)


def read_workers(folder: Path, *, but: Path | None = None) -> list[Worker]:
    """Read what all workers have counted, those that have ended too; but for one file."""
    found = []
    for path in _list_files(folder):
        if path == but:
            continue
        try:
            handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            continue
        try:
            _, packed = _read_newest(handle)
            worker = _unpack(packed)
            if _lock(handle, fcntl.LOCK_SH):  # nobody has it: its worker has ended
                worker.pid, worker.gauges = 0, {}
            found.append(worker)
        except OSError as error:
            report(error)
        finally:
            os.close(handle)
    return found


def _take_file(folder: Path) -> tuple[Path, int]:
    for path in [*_list_files(folder), *(folder / f"{n:03}" for n in range(MOST_FILES))]:
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ALONE)
        if _lock(handle, fcntl.LOCK_EX):
            return path, handle
        os.close(handle)
    raise OSError("too many workers")


def _list_files(folder: Path) -> list[Path]:
    return sorted(folder.glob("[0-9][0-9][0-9]"))


def _lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _read_newest(handle: int) -> tuple[int, bytes]:
    """Read the newer of the two places that is whole: which writing it is, and what it holds."""
    newest = 0, b""
    for place in range(PLACES):
        at = place * PLACE_BYTES
        head = os.pread(handle, HEAD_FORMAT.size, at)
        if len(head) < HEAD_FORMAT.size:
            continue
        writing, length, crc = HEAD_FORMAT.unpack(head)
        packed = os.pread(handle, min(length, PLACE_BYTES), at + HEAD_FORMAT.size)
        if writing > newest[0] and len(packed) == length and zlib.crc32(packed) == crc:
            newest = writing, packed
    return newest


def _pack(worker: Worker) -> bytes:
    # With the bounds: what a program with others has counted can't be added to.
    counted = [
        [each.name, list(each.bounds), [[*pair] for pair in worker.counted[each.name].items()]]
        for each in counts.EVERY_COUNT
    ]
    packed: bytes = msgpack.packb([worker.pid, dict(worker.gauges), counted])
    return packed


def _unpack(packed: bytes) -> Worker:
    """Read what was packed; of another version's program only what is still counted so."""
    if not packed:
        return Worker()
    pid, gauges, counted = msgpack.unpackb(packed)
    known = {(each.name, len(each.labels), tuple(each.bounds)) for each in counts.EVERY_COUNT}
    found: Counted = {}
    for name, bounds, pairs in counted:
        for labels, numbers in pairs:
            if (name, len(labels), tuple(bounds)) in known:
                found.setdefault(name, {})[tuple(labels)] = numbers
    return Worker(found, pid, gauges)


def _add_to_own(counted: Counted) -> None:
    for each in counts.EVERY_COUNT:
        each.add_all(counted.get(each.name, {}))


def report(error: OSError) -> None:
    """Log what keeps counts from being kept or read, once in a process."""
    _report(error.strerror or str(error))


@cache
def _report(problem: str) -> None:
    logger.error("counts for /metrics are not kept: %s", problem)
