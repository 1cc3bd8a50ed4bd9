"""The calendar that limits go by: instants are UTC, months and financial years India's. Pure."""

from calendar import monthrange
from datetime import UTC, date, datetime, timedelta
from functools import cache
from zoneinfo import ZoneInfo

from ppims.core.keys import EPOCH, ONE_MICROSECOND

IST = ZoneInfo("Asia/Kolkata")
IST_AHEAD_MICROS, DAY_MICROS = 19_800_000_000, 86_400_000_000
APRIL_MONTH, MONTHS_A_YEAR, EARLIEST_MONTH = 4, 12, 190001


def to_microseconds(at: datetime) -> int:
    """Count the microseconds from 1970 on to an instant."""
    return (at - EPOCH) // ONE_MICROSECOND


def from_microseconds(count: int) -> datetime:
    """Find the instant so many microseconds from 1970 on."""
    return EPOCH + count * ONE_MICROSECOND


def find_ist_day(at: datetime) -> date:
    """Find the day that it is in India at an instant."""
    return at.astimezone(IST).date()


def find_midnight(day: date) -> datetime:
    """Find the instant at which a day begins in India."""
    return datetime.combine(day, datetime.min.time(), IST)


def find_first_day(month: int) -> date:
    """Find the first day of a month that is given by its number."""
    return date(*divmod(month, 100), 1)


def number_ist_month(at: datetime) -> int:
    """Number the calendar month in India: 202611."""
    local = at.astimezone(IST)
    return local.year * 100 + local.month


def number_month(count: int) -> int:
    """Number the month of an instant in microseconds, as number_ist_month does; quickly, for
    many.
    """
    return _number_month_of_day((count + IST_AHEAD_MICROS) // DAY_MICROS)


@cache
def _number_month_of_day(day: int) -> int:
    date_of_day = EPOCH.date() + timedelta(days=day)
    return date_of_day.year * 100 + date_of_day.month


@cache
def list_months_of_financial_year(month: int) -> tuple[int, ...]:
    """List the twelve months, April to March, of the financial year that a month belongs to."""
    year, number = divmod(month, 100)
    first = year if number >= APRIL_MONTH else year - 1
    return (*range(first * 100 + 4, first * 100 + 13), *range(first * 100 + 101, first * 100 + 104))


@cache
def find_first_day_after_month(month: int) -> date:
    year, number = divmod(month, 100)
    return date(year + number // 12, number % 12 + 1, 1)


def is_month(text: str) -> bool:
    """Return whether a text is a month's number, such as 202611."""
    is_number = len(text) == len("YYYYMM") and text.isascii() and text.isdecimal()
    return is_number and int(text) >= EARLIEST_MONTH and 1 <= int(text) % 100 <= MONTHS_A_YEAR


def number_month_before(month: int) -> int:
    """Number the month before another."""
    return month - 1 if month % 100 > 1 else month - 100 + 11


def add_months(at: datetime, months: int) -> datetime:
    """Return 00:00 IST of the same day some months later, or of that month's last day."""
    local = at.astimezone(IST)
    years, month0 = divmod(local.month - 1 + months, 12)
    year, month = local.year + years, month0 + 1
    day = min(local.day, monthrange(year, month)[1])
    return datetime(year, month, day, tzinfo=IST).astimezone(UTC)


def round_up_to_second(at: datetime) -> datetime:
    """Round up to a whole second, so that what is written to the second is exact."""
    return at if at.microsecond == 0 else at.replace(microsecond=0) + timedelta(seconds=1)
