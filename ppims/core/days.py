"""Days and instants as people in India type them: day first, whoever made the browser."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import formats
from django.utils.translation import gettext_lazy as _

from ppims.core import calendar

FIRST_DAY, LAST_DAY = date(1900, 1, 1), date(2199, 12, 31)
WRITTEN_FORMAT, WIRE_FORMAT = "DD-MM-YYYY", "%d-%m-%Y"
OUTSIDE_MESSAGE = _("Choose a day from 01-01-1900 to 31-12-2199.")
UNREADABLE_MESSAGE = _("Write the day as DD-MM-YYYY, such as 01-12-2026.")


def read_day(text: str) -> date:
    """Read a day as people type it, 01/12/2026 being the 1st of December. Raises ValueError."""
    for each in formats.get_format("DATE_INPUT_FORMATS"):
        try:
            day = datetime.strptime(text.strip(), each).date()  # noqa: DTZ007 - a day has no zone
        except ValueError:
            continue
        if FIRST_DAY <= day <= LAST_DAY:
            return day
    raise ValueError("no day that can be read")


def write_wire_day(text: str) -> str:
    """Write a typed day as the wire does, DD-MM-YYYY; what is none stays as it was typed."""
    try:
        return f"{read_day(text):{WIRE_FORMAT}}"
    except ValueError:
        return text


class DayInput(forms.DateInput):
    """A line of text: a browser's own picker has the month first where the browser is America's."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(
            {"placeholder": WRITTEN_FORMAT, "autocomplete": "off", **(attrs or {})}, WIRE_FORMAT
        )

    def format_value(self, value: Any) -> str | None:
        return write_wire_day(value) if isinstance(value, str) else super().format_value(value)


def require_known_year(day: date) -> None:
    """Refuse a day outside of 1900 to 2199: a ValidationError."""
    if not FIRST_DAY <= day <= LAST_DAY:
        raise forms.ValidationError(OUTSIDE_MESSAGE, code="outside")


class DayField(forms.DateField):
    """A day, between 1900 and 2199: beyond, months and years can't be reckoned with."""

    widget = DayInput
    default_error_messages = {"invalid": UNREADABLE_MESSAGE}
    default_validators = [require_known_year]


class MomentInput(forms.SplitDateTimeWidget):
    """A day and, if one likes, a time of day, side by side."""

    def __init__(self, attrs: dict[str, Any] | None = None) -> None:
        super().__init__(attrs)
        of_time = {"placeholder": "HH:MM", "autocomplete": "off", "aria-label": _("Time")}
        self.widgets = DayInput({"aria-label": _("Day")}), forms.TimeInput(of_time, "%H:%M")


class MomentField(forms.MultiValueField):
    """An instant in India's time: a day and a time, which is 00:00 where none is given."""

    widget = MomentInput

    def __init__(self, **more: Any) -> None:
        super().__init__((DayField(required=False), forms.TimeField(required=False)), **more)

    def compress(self, data_list: Any) -> datetime | None:
        day, at = data_list or (None, None)
        if day is None and at is not None:
            raise forms.ValidationError(UNREADABLE_MESSAGE, code="invalid")
        return datetime.combine(day, at or time(), calendar.IST) if day else None
