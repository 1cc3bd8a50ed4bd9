"""The one clock: which instant it is, in UTC."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache

from django.conf import settings

from ppims.core.calendar import find_ist_day

OFFSET_READ_SECONDS = 0.5

_frozen: ContextVar[datetime | None] = ContextVar("frozen", default=None)


def now(reading: datetime | None = None) -> datetime:
    """Return the instant, in UTC, by this machine's clock or by a reading of the database's. A
    use-case asks once, right after the customer's lock.
    """
    return _frozen.get() or (reading or datetime.now(UTC)) + read_offset()


def today() -> date:
    """Tell the day in India."""
    return find_ist_day(now())


@contextmanager
def freeze(at: datetime) -> Iterator[None]:
    """Stand still at an instant: for demo data and tests."""
    token = _frozen.set(at)
    try:
        yield
    finally:
        _frozen.reset(token)


def is_frozen() -> bool:
    """Return whether the clock stands still, as somebody means it to."""
    return _frozen.get() is not None


def wait_for_offset() -> None:
    """Wait until each process reads PPIMS_CLOCK_OFFSET_FILE anew: half a second at most. They all
    begin their half-seconds together, for they count them from the same instant.
    """
    time.sleep(OFFSET_READ_SECONDS - time.monotonic() % OFFSET_READ_SECONDS)


def read_offset() -> timedelta:
    """Return what PPIMS_CLOCK_OFFSET_FILE holds, in seconds, re-read twice a second."""
    path = settings.PPIMS_CLOCK_OFFSET_FILE
    return _read_offset(path, time.monotonic() // OFFSET_READ_SECONDS) if path else timedelta()


@lru_cache(1)
def _read_offset(path: str, _half_second: float) -> timedelta:
    try:
        with open(path, encoding="ascii") as file:
            return timedelta(seconds=float(file.read().strip() or 0))
    except FileNotFoundError:
        return timedelta()
