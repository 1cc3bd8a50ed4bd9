"""How many requests a second each processor makes, counted over all processes of this machine: a
bucket that holds one second's worth, and fills as fast as it may be emptied (GCRA).

All of a bucket is one instant, in which it will be full again. It stands in a small file, eight
bytes for each processor, as nanoseconds since the machine has started. The kernel keeps what was
written: a killed worker takes nothing with it. What the file holds of an earlier start of the
machine, or by a fault of the disk, lets a bucket be full, or makes a processor wait, for a second
at most.
"""

import fcntl
import logging
import os
import struct
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path

from django.conf import settings

from ppims.core.errors import TooManyRequests
from ppims.core.private_files import OWNER_ALONE

FILE_NAME = "rates"
OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
SLOT_FORMAT = struct.Struct("<Q")
SECOND_NS = 10**9
# With a high rate several are taken out at once, to be used later: a look at the file takes 10 us.
# So of a burst a process may let pass a 200th more, which it had, or fewer, which another has. None
# is ever lost, or else many processes would use up a rate that nobody has called at.
LOOKS_A_SECOND = 200
TOO_OFTEN = "", "is one more than you may send in a second"

logger = logging.getLogger(__name__)


class Rates:
    """The buckets in one file. Any thread may call it, and any process that has the file."""

    def __init__(self, path: Path, tell_ns: Callable[[], int] = time.monotonic_ns) -> None:
        self._path, self._tell_ns = path, tell_ns
        # A lock of lockf() is the process's: its threads need one of their own.
        self._lock = threading.Lock()
        # Kept open: closing it anywhere in a process would end all of its locks of the file.
        self._handle: int | None = None
        # How many were taken out and not used yet, by processor.
        self._in_hand: dict[int, int] = {}

    def take(self, processor_id: int, requests_per_second: int) -> None:
        """Take one request out of a processor's bucket. Raises TooManyRequests where it is empty.

        Where the file can't be used, all pass: who may call is no matter of a full disk.
        """
        try:
            with self._lock:
                wait_ns = self._take(processor_id, requests_per_second)
        except OSError as error:
            _report(f"{error.strerror}")
            return
        if wait_ns:
            raise TooManyRequests([TOO_OFTEN], retry_after_seconds=-(-wait_ns // SECOND_NS))

    def _take(self, processor_id: int, requests_per_second: int) -> int:
        """Return 0, or how many nanoseconds it takes until there is one."""
        left, wait_ns = self._in_hand.get(processor_id, 0), 0
        if not left:
            left, wait_ns = self._fetch(processor_id, requests_per_second)
        self._in_hand[processor_id] = max(left - 1, 0)
        return wait_ns

    def _fetch(self, processor_id: int, requests_per_second: int) -> tuple[int, int]:
        """Take some out of the bucket: (how many, 0), or (0, how many nanoseconds it takes until
        there is one).
        """
        place, each_ns = processor_id * SLOT_FORMAT.size, SECOND_NS // requests_per_second
        whole_ns, handle = each_ns * requests_per_second, self._open()
        fcntl.lockf(handle, fcntl.LOCK_EX, SLOT_FORMAT.size, place)
        try:
            kept = os.pread(handle, SLOT_FORMAT.size, place)
            now_ns = self._tell_ns()  # under the lock: nobody goes by an older instant later
            full_at = find_when_full(kept, now_ns, whole_ns)
            there = (now_ns + whole_ns - full_at) // each_ns
            if not there:
                return 0, full_at + each_ns - now_ns - whole_ns
            count = min(there, max(1, requests_per_second // LOOKS_A_SECOND))
            os.pwrite(handle, SLOT_FORMAT.pack(full_at + count * each_ns), place)
            return count, 0
        finally:
            fcntl.lockf(handle, fcntl.LOCK_UN, SLOT_FORMAT.size, place)

    def _open(self) -> int:
        if self._handle is None:
            self._handle = os.open(self._path, OPEN_FLAGS, OWNER_ALONE)
        return self._handle


def find_when_full(kept: bytes, now_ns: int, whole_ns: int) -> int:
    """Work out when a bucket is full, by its bytes. It is now, if that has passed; or if it is
    further off than it can be, or else nobody would come in until then.
    """
    full_at: int = SLOT_FORMAT.unpack(kept)[0] if len(kept) == SLOT_FORMAT.size else 0
    return full_at if now_ns < full_at <= now_ns + whole_ns else now_ns


@cache
def find_rates() -> Rates:
    """Find the buckets of this installation, on this machine."""
    return Rates(settings.PPIMS_DATA_DIR / FILE_NAME)


@cache
def _report(problem: str) -> None:
    """Say once in a process what keeps requests from being counted."""
    logger.error("requests a second are not counted: %s", problem)
