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

    def take(self, processor_id: int, requests_per_second: int) -> None:
        """Take one request out of a processor's bucket. Raises TooManyRequests where it is empty.

        Where the file can't be used, all pass: who may call is no matter of a full disk.
        """
        try:
            wait_ns = self._take(processor_id, requests_per_second)
        except OSError as error:
            _report(f"{error.strerror}")
            return
        if wait_ns:
            raise TooManyRequests([TOO_OFTEN], retry_after_seconds=-(-wait_ns // SECOND_NS))

    def _take(self, processor_id: int, requests_per_second: int) -> int:
        """Return 0, or how many nanoseconds it takes until there is one."""
        place, each_ns = processor_id * SLOT_FORMAT.size, SECOND_NS // requests_per_second
        with self._lock:
            if self._handle is None:
                self._handle = os.open(self._path, OPEN_FLAGS, OWNER_ALONE)
            handle = self._handle
            fcntl.lockf(handle, fcntl.LOCK_EX, SLOT_FORMAT.size, place)
            try:
                kept = os.pread(handle, SLOT_FORMAT.size, place)
                now_ns = self._tell_ns()  # under the lock: no other reads an older instant later
                whole_ns = each_ns * requests_per_second
                full_at = find_when_full(kept, now_ns, whole_ns) + each_ns
                if full_at > now_ns + whole_ns:
                    return full_at - now_ns - whole_ns
                os.pwrite(handle, SLOT_FORMAT.pack(full_at), place)
                return 0
            finally:
                fcntl.lockf(handle, fcntl.LOCK_UN, SLOT_FORMAT.size, place)


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
