"""The one place for made-up traffic: a file that whoever makes traffic holds locked, so that there
is never a second one, and nobody holds it once that process has ended, however it ended.

The file says how fast and until when; emptied, it asks its holder to end.
"""

import fcntl
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from ppims.core import clock
from ppims.core.errors import Conflict, Unavailable
from ppims.demo.control_log import record_use
from ppims.models import Processor, User

PLACE_FILE = "traffic.json"
OPEN_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC
LOOKS_AGAIN_SECONDS, TAKEN_WITHIN_SECONDS = 0.02, 0.5
ASKED_FOR_SECONDS, ENDS_WITHIN_SECONDS = 0.3, 5.0
MOST_RATE, MOST_SECONDS = 20, 600
DEFAULT_RATE, DEFAULT_DURATION = 5, "1m"
DURATION_PATTERN = re.compile("([0-9]{1,4})([sm])")
DURATION_MESSAGE = "must be seconds or minutes, such as 90s, and 10m at most"
RUNNING_MESSAGE = "runs already: stop it first"


def read_seconds(text: str) -> int:
    """Read how long traffic is to run: "90s", or "10m" at most. Raises ValueError."""
    found = DURATION_PATTERN.fullmatch(text)
    seconds = int(found[1]) * (60 if found[2] == "m" else 1) if found else 0
    if not 1 <= seconds <= MOST_SECONDS:
        raise ValueError(DURATION_MESSAGE)
    return seconds


@dataclass(frozen=True)
class Traffic:
    """What is running: calls a second, and until when by the demo's clock."""

    rate: int
    until: datetime


class Place:
    """The place, had by this process: `handle` is the open file, which a child may inherit."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def write_what_runs(self, *, rate: int, seconds: float, pid: int) -> None:
        """Say in the file what is running. The end is by the time since boot, which is the same in
        every process.
        """
        said = {"rate": rate, "ends_at": time.monotonic() + seconds, "pid": pid}
        text = json.dumps(said).encode()
        os.ftruncate(self.handle, 0)
        os.pwrite(self.handle, text, 0)

    def is_to_end(self) -> bool:
        """Whether somebody has asked its holder to end."""
        return os.fstat(self.handle).st_size == 0

    def leave(self) -> None:
        os.close(self.handle)


def take_place() -> Place:
    """Take the place. Raises Conflict where traffic runs already."""
    deadline = time.monotonic() + TAKEN_WITHIN_SECONDS
    handle = os.open(settings.PPIMS_DATA_DIR / PLACE_FILE, OPEN_FLAGS, 0o600)
    # Tried again for a moment: whoever looks whether it is taken holds it for that long.
    while not _try_to_lock(handle, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            os.close(handle)
            raise Conflict([("traffic", RUNNING_MESSAGE)])
        time.sleep(LOOKS_AGAIN_SECONDS)
    return Place(handle)


def find_running() -> Traffic | None:
    """Find what is running; None: nothing."""
    said = _read_running()
    if said is None:
        return None
    left = timedelta(seconds=max(0, said["ends_at"] - time.monotonic()))
    return Traffic(said["rate"], clock.now() + left)


def start_in_background(
    *, rate: int, seconds: int, processor: Processor | None = None, user: User | None = None
) -> Traffic:
    """Start traffic in a process of its own, in the place of what runs. It ends by itself, and with
    the server, which it would find gone. `processor` or `user` is who asked.

    Raises Unavailable where what runs doesn't end; Conflict where somebody was first.
    """
    end_running()
    place = take_place()
    try:
        record_use(
            "demo's traffic begun", processor=processor, user=user, rate=rate, seconds=seconds
        )
        place.write_what_runs(rate=rate, seconds=seconds, pid=0)
        child = subprocess.Popen(  # noqa: S603 - this very program
            [
                *(sys.executable, str(settings.BASE_DIR / "manage.py"), "traffic"),
                *("--rate", str(rate), "--for", f"{seconds}s", "--place", str(place.handle)),
            ],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(place.handle,),
        )
        place.write_what_runs(rate=rate, seconds=seconds, pid=child.pid)
    finally:
        place.leave()  # the child holds it from here on
    threading.Thread(target=child.wait, name="traffic's end", daemon=True).start()
    return Traffic(rate, clock.now() + timedelta(seconds=seconds))


def stop(*, processor: Processor | None = None, user: User | None = None) -> None:
    """Stop what runs, if anything does. Raises Unavailable where it doesn't end."""
    if _read_running() is not None:
        end_running()
        record_use("demo's traffic stopped", processor=processor, user=user)


def end_running() -> None:
    """Have what runs end, and wait until it has. Raises Unavailable where it doesn't."""
    said, began, was_told = _read_running(), time.monotonic(), False
    if said is None:
        return
    os.truncate(settings.PPIMS_DATA_DIR / PLACE_FILE, 0)
    while _read_running() is not None:
        waited = time.monotonic() - began
        if waited > ENDS_WITHIN_SECONDS:
            raise Unavailable
        if waited > ASKED_FOR_SECONDS and not was_told and said["pid"]:
            was_told = True  # it waits for an answer
            with suppress(ProcessLookupError):
                os.kill(said["pid"], signal.SIGTERM)
        time.sleep(LOOKS_AGAIN_SECONDS)


def _read_running() -> dict[str, int] | None:
    """Read what the holder of the place has said; None: nobody holds it."""
    try:
        handle = os.open(settings.PPIMS_DATA_DIR / PLACE_FILE, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if _try_to_lock(handle, fcntl.LOCK_SH):
            return None
        said: dict[str, int] = json.loads(os.pread(handle, 1_000, 0) or "{}")
        return {"rate": 0, "ends_at": 0, "pid": 0, **said}
    finally:
        os.close(handle)


def _try_to_lock(handle: int, how: int) -> bool:
    try:
        fcntl.flock(handle, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
