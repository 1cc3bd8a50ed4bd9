"""How the wire writes each kind of field in a reply."""

from datetime import date, datetime
from typing import Annotated, Any

from pydantic import Field, PlainSerializer

from ppims.core import calendar, money


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


TextOut = Annotated[str | None, PlainSerializer(write_text, return_type=str)]
IdOut = Annotated[int | None, PlainSerializer(write_text, return_type=str)]
AmountOut = Annotated[int | None, PlainSerializer(write_amount, return_type=str)]
InstantOut = Annotated[datetime | None, PlainSerializer(write_instant, return_type=str)]
DateOut = Annotated[date | None, PlainSerializer(write_date, return_type=str)]


def make_optional_field() -> Any:
    """Make a field that is left out of the reply where it is None."""
    return Field(default=None, exclude_if=lambda value: value is None)
