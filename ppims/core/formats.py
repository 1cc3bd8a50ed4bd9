"""How people in India read money, days and instants: for pages, statements and texts alike."""

from datetime import date, datetime, time

from django.utils import dateformat

from ppims.core import calendar

NO_VALUE, HIDDEN_TEXT = "–", "••••"


def inr(paise: int | None, nothing: str = NO_VALUE) -> str:
    """Write paise as rupees: 1_234_567_890 is "₹1,23,45,678.90"."""
    if paise is None:
        return nothing
    sign = "-" if paise < 0 else ""
    whole, fraction = divmod(abs(paise), 100)
    return f"{sign}₹{write_count(whole)}.{fraction:02d}"


def write_count(number: int) -> str:
    """Write how many there are: 12,345 or 12,34,567."""
    head, tail = divmod(number, 1000)
    if not head:
        return str(tail)
    pairs = []
    while head:
        head, pair = divmod(head, 100)
        pairs.append(f"{pair:02d}" if head else str(pair))
    return f"{','.join(reversed(pairs))},{tail:03d}"


def name_count(number: int, one: str, many: str = "") -> str:
    """Write how many there are of what, for an operator: 1 entry, 12,345 entries."""
    return f"{write_count(number)} {one if number == 1 else many or f'{one}s'}"


def ist(at: datetime | None) -> str:
    """Write an instant in India's time: 25 Nov 2026, 4:17 PM."""
    return (
        NO_VALUE if at is None else dateformat.format(at.astimezone(calendar.IST), "j M Y, g:i A")
    )


def ist_time(at: datetime) -> str:
    """Write an instant's time in India, where its day is said already: 4:17 PM."""
    return dateformat.format(at.astimezone(calendar.IST), "g:i A")


def ist_day(day: date) -> str:
    """Write a day as a heading: Fri, 27 Nov 2026."""
    return dateformat.format(day, "D, j M Y")


def ist_date(day: date | None) -> str:
    """Write a day, or an instant's day in India: 25 Nov 2026."""
    if day is None:
        return NO_VALUE
    return dateformat.format(
        calendar.find_ist_day(day) if isinstance(day, datetime) else day, "j M Y"
    )


def ist_short_day(at: datetime, today: date) -> str:
    """Write an instant's day in India, of this year without it: 27 Nov, or 27 Nov 2025."""
    day = calendar.find_ist_day(at)
    return dateformat.format(day, "j M" if day.year == today.year else "j M Y")


def ist_start(at: datetime | None) -> str:
    """Write an instant that is most often the beginning of a day, which then needs no time."""
    is_midnight = at is not None and at.astimezone(calendar.IST).time() == time()
    return ist_date(at) if is_midnight else ist(at)


def write_ist_second(at: datetime | None) -> str:
    """Write an instant to the second: 25 Nov 2026, 16:17:00 IST."""
    return f"{at.astimezone(calendar.IST):%d %b %Y, %H:%M:%S} IST" if at else NO_VALUE


def write_month(number: int) -> str:
    """Write a month that is given by its number: 202611 is "Nov 2026"."""
    return dateformat.format(calendar.find_first_day(number), "M Y")


def mask(value: str, *, shown: int) -> str:
    """Show the last few characters of a number; nothing of one too short to hide the rest."""
    return f"{HIDDEN_TEXT}{value[-shown:]}" if len(value) > shown else HIDDEN_TEXT if value else ""


def mask_day(day: date) -> str:
    """Show a birth date's year alone."""
    return f"•• ••• {day.year}"


def mask_email(email: str) -> str:
    """Show an e-mail address's first letter, and where it is."""
    name, at, domain = email.partition("@")
    return f"{name[:1]}{HIDDEN_TEXT}{at}{domain}" if email else ""
