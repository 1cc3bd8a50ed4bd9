"""The demo's clock turned ahead: to just before an end, or to any time. Back it goes by a reset
alone, for what is recorded can't be followed by something earlier.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from limits.models import Hold
from ppims.core import calendar, clock
from ppims.core.errors import Conflict
from ppims.core.private_files import write_private
from ppims.demo.control_log import record_use
from ppims.demo.locked_file import open_locked
from ppims.models import Processor, User

MOST_AHEAD = timedelta(days=3_653)  # ten years
LOCK_FILE = "clock.lock"


class End(models.TextChoices):
    """What the clock can be turned to just before."""

    MONTH = "month-end", _("The month’s end")
    YEAR = "year-end", _("The financial year’s end")
    HOLD = "hold-end", _("The newest hold’s end")


@dataclass(frozen=True)
class Reading:
    """What the demo's clock shows, and how far it is ahead of the real one."""

    now: datetime
    ahead: timedelta


def read_clock() -> Reading:
    return Reading(clock.now(), clock.read_offset())


def find_end(end: End, *, processors: tuple[Processor, ...] = (), ref_id: str = "") -> datetime:
    """Find when the present month, financial year or hold ends: of the check with that Ref_Id, else
    the newest, of these processors. Raises Conflict where no hold is open.
    """
    at = clock.now()
    if end == End.HOLD:
        return _find_end_of_hold(at, processors, ref_id)
    month = calendar.number_ist_month(at)
    if end == End.YEAR:
        month = calendar.list_months_of_financial_year(month)[-1]
    return calendar.find_midnight(calendar.find_first_day_after_month(month))


def _find_end_of_hold(at: datetime, processors: tuple[Processor, ...], ref_id: str) -> datetime:
    holds = Hold.objects.filter(processor__in=processors, expires_at__gt=at)
    if ref_id:
        holds = holds.filter(limit_check__ref_id=ref_id)
    newest = holds.order_by("-limit_check_id").first()
    if newest is None:
        raise Conflict([("ref_id", "names no open hold") if ref_id else ("to", "no hold is open")])
    return newest.expires_at


def turn_before(
    end: datetime, seconds: int, *, processor: Processor | None = None, user: User | None = None
) -> None:
    """Turn the clock to so many seconds before an end. Where it is as late already, it stays."""
    to = end - timedelta(seconds=seconds)
    if to > clock.now():
        turn(to, processor=processor, user=user)


def turn(to: datetime, *, processor: Processor | None = None, user: User | None = None) -> None:
    """Turn the clock ahead, and return once every process goes by it. `processor` or `user` is who
    asked. Raises Conflict where that is not ahead, or too far; Unavailable.
    """
    path = Path(settings.PPIMS_CLOCK_OFFSET_FILE)
    with open_locked(settings.PPIMS_DATA_DIR / LOCK_FILE):
        clock.wait_for_offset()  # somebody may have turned it just now
        reading = read_clock()
        if to <= reading.now:
            raise Conflict([("to", "must be ahead of the clock: back it goes by a reset alone")])
        ahead = reading.ahead + (to - reading.now)
        if ahead > MOST_AHEAD:
            raise Conflict([("to", "must be within ten years")])
        record_use(
            "demo's clock turned",
            processor=processor,
            user=user,
            at=reading.now,
            to=to.isoformat(),
        )
        write_private(path, repr(ahead.total_seconds()))
    clock.wait_for_offset()
