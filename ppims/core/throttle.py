"""How often a log-in may fail before its source has to wait."""

import hashlib
import secrets
import threading
import time
from collections.abc import Callable

from django.conf import settings

from ppims.core.errors import TooManyAttempts
from ppims.core.keys import frame_text

KEPT_COUNTERS = 20_000


class Throttle:
    """Counts failed log-ins in fixed windows, in this worker. Any thread may call it.

    Nothing that was sent is kept: a counter's name is a digest, by a key of this process's own.
    """

    def __init__(self, tell_seconds: Callable[[], float] = time.monotonic) -> None:
        self._tell_seconds = tell_seconds
        self._key = secrets.token_bytes(32)
        # When each window ends, and what it has counted; in the order in which they end.
        self._windows: dict[bytes, tuple[float, int]] = {}
        self._lock = threading.Lock()

    def refuse_if_over(self, source: str, username: str) -> None:
        """Refuse a log-in while either count is used up and its window has not passed: raises
        TooManyAttempts.
        """
        allowed = (
            settings.PPIMS_FAILED_LOGINS_PER_USERNAME,
            settings.PPIMS_FAILED_LOGINS_PER_ADDRESS,
        )
        now = self._tell_seconds()
        for counter, most in zip(self._name_counters(source, username), allowed, strict=True):
            until, count = self._windows.get(counter, (now, 0))
            if count >= most and now < until:
                raise TooManyAttempts(retry_after_seconds=int(until - now) + 1)

    def count_failure(self, source: str, username: str) -> None:
        """Count a failed log-in of this username from this source."""
        now = self._tell_seconds()
        with self._lock:
            self._purge(now)
            for counter in self._name_counters(source, username):
                new = now + settings.PPIMS_FAILED_LOGINS_WINDOW_SECONDS, 0
                until, count = self._windows.get(counter, new)
                self._windows[counter] = until, count + 1
            if len(self._windows) > KEPT_COUNTERS:
                self._make_room()

    def _name_counters(self, source: str, username: str) -> tuple[bytes, bytes]:
        of_source = hashlib.blake2b(frame_text(source), digest_size=16, key=self._key)
        of_both = of_source.copy()
        of_both.update(frame_text(username))
        return of_both.digest(), of_source.digest()

    def _purge(self, now: float) -> None:
        while self._windows:
            oldest = next(iter(self._windows))
            if now < self._windows[oldest][0]:
                return
            del self._windows[oldest]

    def _make_room(self) -> None:
        """Drop a quarter of the counters: those that have counted least, and of these the oldest.

        A flood of made-up usernames makes counters of one failure each, and pushes out only such.
        To push out one that has counted five, each of the flood's own must have counted five, and
        each failure costs the hash of a password.
        """
        fewest_first = sorted(self._windows, key=lambda counter: self._windows[counter][1])
        for counter in fewest_first[: len(fewest_first) // 4]:
            del self._windows[counter]
