"""The types of a request's fields: what each may be, and what a refusal says where it isn't. The
values stand in docs/api.md, "Values". No message may repeat what was sent.
"""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator
from pydantic_core import PydanticCustomError

from ppims.core import calendar, clock, free_text, money
from ppims.wire.field_words import describe_text

ABSENT_TEXTS = {"", "NA", "N/A"}
EARLIEST_YEAR = 1900
DATE_PATTERN = "[0-9]{2}-[0-9]{2}-[0-9]{4}"
MOBILE_PATTERN = r"(?:\+?91|0)?([6-9][0-9]{9})"
TEXT_CHARACTERS, EMAIL_CHARACTERS = 100, 254
TEXT_FORM = f"at most {TEXT_CHARACTERS} characters"
EMAIL_FORM = f"an e-mail address of at most {EMAIL_CHARACTERS} characters, with one @"


def is_absent(value: object) -> bool:
    return value is None or (isinstance(value, str) and value.upper() in ABSENT_TEXTS)


def make_malformed(message: str) -> PydanticCustomError:
    """Make an error whose message is exactly this."""
    return PydanticCustomError("malformed", "{message}", {"message": message})


def _make_matcher(pattern: str, message: str) -> Any:
    whole = re.compile(pattern)

    def check(value: object) -> str:
        if not isinstance(value, str) or not whole.fullmatch(value):
            raise make_malformed(message)
        return value

    return BeforeValidator(check), describe_text(_cut_must(message), pattern=f"^({pattern})$")


def _read_with(reader: Callable[[Any], Any], pattern: str, message: str, example: str) -> Any:
    """Read by a reader, which knows more than the pattern that such a text has."""

    def read(value: object) -> Any:
        try:
            return reader(value)
        # A wrong type, of which a reader for text knows nothing, is refused like a wrong text.
        except (ValueError, TypeError, AttributeError, OverflowError):
            raise make_malformed(message) from None

    return BeforeValidator(read), describe_text(
        _cut_must(message), pattern=f"^({pattern})$", examples=[example]
    )


def _cut_must(message: str) -> str:
    """Say what a field looks like by what is said where it doesn't."""
    return re.sub("^must (be|have) ", "", message)


def _read_date(text: str) -> date:
    # strptime() would also take one digit, and take ten times as long.
    if not re.fullmatch(DATE_PATTERN, text) or int(text[6:]) < EARLIEST_YEAR:
        raise ValueError(text)
    return date(int(text[6:]), int(text[3:5]), int(text[:2]))


def _read_birth_date(text: str) -> date:
    day = _read_date(text)
    if day > clock.today():
        raise ValueError(text)
    return day


def _read_instant(text: str) -> datetime:
    if not re.fullmatch(r"[0-9-]{10} [0-9]{2}:[0-9]{2}:[0-9]{2}", text):
        raise ValueError(text)
    hour, minute, second = map(int, text[11:].split(":"))
    day, at = _read_date(text[:10]), time(hour, minute, second)
    return datetime.combine(day, at, calendar.IST).astimezone(UTC)


def _read_ist_day(text: str) -> date:
    """Read the day in India of a date, or of an instant."""
    is_date = len(text) == len("DD-MM-YYYY")
    return _read_date(text) if is_date else calendar.find_ist_day(_read_instant(text))


def _read_mobile(text: str) -> str:
    found = re.fullmatch(MOBILE_PATTERN, text)
    if not found:
        raise ValueError(text)
    return "91" + found[1]


def _trim(value: object) -> str | None:
    if value is None:
        return None
    if not isinstance(value, str):
        raise make_malformed("must be text")
    text = free_text.trim(value)
    return None if is_absent(text) else text


def says_nothing(value: object) -> bool:
    """Return whether a field of free text counts as absent: nothing of it can be seen."""
    return isinstance(value, str) and _trim(value) is None


def _read_plain_text(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) > TEXT_CHARACTERS:
        raise make_malformed(f"must have {TEXT_FORM}")
    return _refuse_controls(text)


def _read_email(text: str | None) -> str | None:
    if text is None:
        return None
    if len(text) > EMAIL_CHARACTERS or not re.fullmatch(r"[^@\s]+@[^@\s]+", text):
        raise make_malformed(f"must be {EMAIL_FORM}")
    return _refuse_controls(text)


def _refuse_controls(text: str) -> str:
    if free_text.has_controls(text):
        raise make_malformed(free_text.NO_CONTROLS)
    return text


Id = Annotated[
    str, *_make_matcher("[A-Za-z0-9_-]{1,32}", "must have 1 to 32 of A-Z, a-z, 0-9, - and _")
]
UniqueId = Annotated[
    int, *_make_matcher("[1-9][0-9]{14}", "must have 15 digits, the first of them 1 to 9")
]
Pincode = Annotated[str, *_make_matcher("[0-9]{1,10}", "must have at most 10 digits")]
CardExpiry = Annotated[str, *_make_matcher("[0-9/-]{1,10}", "must have at most 10 digits, - and /")]
CustomerType = Annotated[str, *_make_matcher("[A-Za-z]{1,2}", "must have one or two letters")]
AmountIn = Annotated[
    int,
    *_read_with(
        money.to_paise,
        money.AMOUNT_PATTERN.pattern,
        "must be text like 2000.00: up to 12 digits, at most 2 decimals, more than 0",
        "2000.00",
    ),
]
BalanceIn = Annotated[
    int,
    *_read_with(
        money.read_balance_paise,
        money.BALANCE_PATTERN.pattern,
        "must be text like 2000.00: up to 12 digits, at most 2 decimals",
        "12500.00",
    ),
]
BirthDateIn = Annotated[
    date,
    *_read_with(
        _read_birth_date,
        DATE_PATTERN,
        "must be a date, DD-MM-YYYY, and not in the future",
        "14-02-1991",
    ),
]
InstantIn = Annotated[
    datetime,
    *_read_with(
        _read_instant,
        f"{DATE_PATTERN} [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}}",
        "must be a time, DD-MM-YYYY HH:MM:SS",
        "03-04-2025 10:15:00",
    ),
]
DayIn = Annotated[
    date,
    *_read_with(
        _read_ist_day,
        f"{DATE_PATTERN}( [0-9]{{2}}:[0-9]{{2}}:[0-9]{{2}})?",
        "must be a date, DD-MM-YYYY, or a time, DD-MM-YYYY HH:MM:SS",
        "03-04-2025",
    ),
]
MobileIn = Annotated[
    str,
    *_read_with(
        _read_mobile,
        MOBILE_PATTERN,
        "must be an Indian mobile number: 10 digits from 6 to 9 on, or 91 before them",
        "919812345670",
    ),
]
FREE_TEXT = BeforeValidator(_trim)  # marks the fields that are looked at without their spaces
Text = Annotated[
    str,
    FREE_TEXT,
    AfterValidator(_read_plain_text),
    describe_text(TEXT_FORM, maxLength=TEXT_CHARACTERS),
]
OptionalText = Annotated[str | None, *Text.__metadata__]
OptionalEmail = Annotated[
    str | None,
    FREE_TEXT,
    AfterValidator(_read_email),
    describe_text(EMAIL_FORM, maxLength=EMAIL_CHARACTERS),
]
