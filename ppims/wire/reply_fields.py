"""How the wire writes each kind of field in a reply."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from ppims.core import calendar, money
from ppims.wire.field_words import describe_text


def write_text(value: object | None) -> str:
    return "NA" if value is None else str(value)


def write_amount(paise: int | None) -> str:
    return "NA" if paise is None else money.to_rupees(paise)


def write_instant(at: datetime | None) -> str:
    if at is None:
        return "NA"
    local = at.astimezone(calendar.IST)  # written by hand: strftime() takes three times as long
    return f"{write_date(local)} {local.hour:02}:{local.minute:02}:{local.second:02}"


def write_date(day: date | None) -> str:
    return "NA" if day is None else f"{day.day:02}-{day.month:02}-{day.year:04}"


def _write_by(write: Any, form: str) -> Any:
    return PlainSerializer(write, return_type=str), describe_text(form)


TextOut = Annotated[str | None, *_write_by(write_text, "text, or NA")]
IdOut = Annotated[int | None, *_write_by(write_text, "digits, or NA")]
AmountOut = Annotated[int | None, *_write_by(write_amount, "rupees like 2000.00, or NA")]
InstantOut = Annotated[
    datetime | None,
    *_write_by(write_instant, "DD-MM-YYYY HH:MM:SS, India Standard Time, or NA"),
]
DateOut = Annotated[date | None, *_write_by(write_date, "DD-MM-YYYY, or NA")]


def make_optional_field(meaning: str) -> Any:
    """Make a field that is left out of the reply where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None, description=meaning)
