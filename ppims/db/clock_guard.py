"""Whether the clock that gives instants has jumped, this machine's or PostgreSQL's. It is compared
with the time since boot, which nobody sets and which counts sleep too, by a pair: what both said at
one moment of this boot. The pair is kept in the data folder.
"""

import json
import logging
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from functools import cache
from pathlib import Path

from django.conf import settings
from django.db import connection

from ppims.core import clock
from ppims.core.errors import ClockMoved
from ppims.core.private_files import write_private
from ppims.db import statements

TOLERANCE_NS = 60 * 10**9
# The pair moves along with a clock that runs faster or slower than this machine's, so that weeks of
# it add up to nothing: by 500 parts in a million, which is what NTP slews by, 43 seconds a day.
FOLLOWED_PPM = 500
FOLLOWED_EVERY_NS, LOOKED_EVERY_NS = 10**9, 10**9
KEPT_EVERY_NS, ALARM_EVERY_NS = 600 * 10**9, 60 * 10**9
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
READ_DATABASE_CLOCK = "SELECT clock_timestamp()"

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pair:
    """What both clocks said at one moment, in nanoseconds: since boot, and since 1970."""

    boottime_ns: int
    clock_ns: int

    def jump_to(self, now: "Pair") -> int:
        """Return how far the clock has moved since then, beyond the time that has passed."""
        return (now.clock_ns - self.clock_ns) - (now.boottime_ns - self.boottime_ns)

    def follow_to(self, now: "Pair") -> "Pair":
        """Return a pair that has moved along with the clock, no faster than it may drift."""
        passed = now.boottime_ns - self.boottime_ns
        most = passed * FOLLOWED_PPM // 10**6
        drift = max(-most, min(most, self.jump_to(now)))
        return Pair(now.boottime_ns, self.clock_ns + passed + drift)


class Guard:
    """One process's eye on the clock. Threads may use it at once: each field is replaced whole."""

    def __init__(self, file: Path, of: str, boot_id: str | None) -> None:
        """Guard the clock `of` the "machine" or the "database"."""
        # Without a boot_id nobody could say of which boot a kept pair is: then none is kept.
        self.file, self.of, self.boot_id = file, of, boot_id
        self._pair = self._read_pair()
        self._kept_at = self._pair.boottime_ns if self._pair else 0
        self._looked_at = self._alarmed_at = -(10**18)
        self._jump_ns = 0
        self._steady = (0, 0)  # how far ahead the clock should be, and when to look at the pair

    def jump_ns(self, clock_ns: int) -> int:
        """Return how far the clock has jumped, by what it says just now: 0 while it is within a
        minute of where it should be.
        """
        boottime_ns = read_boottime_ns()
        # Every write asks: so a pair is made and kept once a second at most.
        ahead_ns, until_ns = self._steady
        if boottime_ns < until_ns and abs(clock_ns - boottime_ns - ahead_ns) <= TOLERANCE_NS:
            self._jump_ns = 0
        else:
            self._jump_ns = self._judge(Pair(boottime_ns, clock_ns))
        return self._jump_ns

    def look(self) -> int:
        """Return how far the clock has jumped, as of the last second. PostgreSQL is asked no more
        often.
        """
        now = read_boottime_ns()
        if now - self._looked_at >= LOOKED_EVERY_NS:
            self._looked_at = now
            self.jump_ns(read_clock_ns())
        return self._jump_ns

    def measure(self) -> int | None:
        """Return how far the clock has jumped by the pair that is kept for every process; None:
        none is of this boot. For who only looks: it keeps nothing.
        """
        pair = self._read_pair()
        return pair.jump_to(Pair(read_boottime_ns(), read_clock_ns())) if pair else None

    def accept(self) -> int:
        """Take the clock for right as it is now, in this process, and return how far it had jumped.
        `publish` lets the others know.
        """
        clock_ns = read_clock_ns()
        jump = self.jump_ns(clock_ns)
        self._pair, self._jump_ns = Pair(read_boottime_ns(), clock_ns), 0
        self._steady = (0, 0)
        return jump

    def publish(self) -> None:
        """Keep the pair for every process, and for those to come. Raises OSError."""
        assert self._pair
        said = {"boot_id": self.boot_id, "of": self.of, **asdict(self._pair)}
        write_private(self.file, json.dumps(said))
        self._kept_at = self._pair.boottime_ns

    def log_alarm(self, jump_ns: int) -> None:
        """Log that the clock has jumped, once a minute."""
        now = read_boottime_ns()
        if now - self._alarmed_at >= ALARM_EVERY_NS:
            self._alarmed_at = now
            logger.critical("%s: set it right, or manage accept_clock", describe_jump(jump_ns))

    def _judge(self, now: Pair) -> int:
        pair = self._pair
        if pair is None:  # the first of this boot: the clock is taken for right
            pair = now
            self._keep(pair)
        jump = pair.jump_to(now)
        if abs(jump) > TOLERANCE_NS:
            accepted = self._read_pair()  # by an operator, in another process
            if accepted is None or abs(accepted.jump_to(now)) > TOLERANCE_NS:
                return jump
            pair, self._kept_at = accepted, accepted.boottime_ns
        self._pair = pair = pair.follow_to(now)
        self._steady = pair.clock_ns - pair.boottime_ns, now.boottime_ns + FOLLOWED_EVERY_NS
        if now.boottime_ns - self._kept_at > KEPT_EVERY_NS:
            self._keep(pair)
        return 0

    def _keep(self, pair: Pair) -> None:
        self._pair, self._kept_at = pair, pair.boottime_ns
        if self.boot_id:
            with suppress(OSError):  # a folder that may only be read: this process's own, then
                self.publish()

    def _read_pair(self) -> Pair | None:
        try:
            said = json.loads(self.file.read_text())
            pair = Pair(int(said["boottime_ns"]), int(said["clock_ns"]))
        except (OSError, ValueError, KeyError, TypeError):
            return None
        # Of this boot, and of this clock.
        is_ours = self.boot_id and (said["boot_id"], said["of"]) == (self.boot_id, self.of)
        return pair if is_ours else None


def require_steady(reading: datetime | None = None) -> None:
    """Refuse to take an instant from a clock that has jumped: raises ClockMoved. `reading` is the
    instant that the database has just given.
    """
    if clock.is_frozen():  # somebody means it to stand still
        return
    guard = get_guard()
    if reading is not None:
        jump_ns = guard.jump_ns(_count_ns(reading))
    else:
        jump_ns = guard.jump_ns(time.time_ns()) if guard.of == "machine" else guard.look()
    if jump_ns:
        guard.log_alarm(jump_ns)
        raise ClockMoved


@cache
def get_guard() -> Guard:
    """Return this process's guard, made at first use."""
    of = "database" if connection.vendor == "postgresql" else "machine"
    return Guard(settings.PPIMS_DATA_DIR / "clock.json", of, _read_boot_id())


def describe_jump(jump_ns: int) -> str:
    """Say which clock has jumped, and how far."""
    whose = "PostgreSQL's" if connection.vendor == "postgresql" else "this machine's"
    way = "ahead" if jump_ns > 0 else "back"
    return f"{whose} clock has jumped {way} by {round(abs(jump_ns) / 10**9):,} s"


def read_clock_ns() -> int:
    """Read the clock that gives instants, without the deliberate offset."""
    if connection.vendor != "postgresql":
        return time.time_ns()
    row = statements.read_row(READ_DATABASE_CLOCK, ())
    assert row
    return _count_ns(row[0])


def read_boottime_ns() -> int:
    """Read the time since boot, sleep included; where there is none, the monotonic one."""
    kind = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime_ns(kind)


def _count_ns(instant: datetime) -> int:
    # Of whole microseconds: a float has no room for nanoseconds.
    return int(instant.timestamp() * 10**6) * 1_000


def _read_boot_id() -> str | None:
    try:
        return BOOT_ID.read_text().strip() or None
    except OSError:
        return None
