"""Reading a form about a customer by the rules of the API's messages."""

import re
from calendar import monthrange
from collections.abc import Mapping
from datetime import date
from typing import Any, TypeVar

from django import forms
from django.utils.translation import gettext
from pydantic import ValidationError

from customers.forms.sentences import write_sentence
from customers.schemas import UpdateCustomerIn
from ppims.core import clock
from ppims.core.days import write_wire_day
from ppims.core.errors import Refusal
from ppims.wire.envelope import Message, spell_wire_name

M = TypeVar("M", bound=Message)

# What an update must have, and staff don't give; nobody reads it.
OF_STAFF = {"Ref_Id": "STAFF", "System_Id": "STAFF", "Unique_Id": "1" * 15}
CHILD_YEARS = 10  # a younger customer is most likely a slip in typing the birth date


def read(form: forms.Form, kind: type[M], *, only: Mapping[str, Any] | None = None) -> M | None:
    """Read a form as the API reads a message. None, and errors in the form: something is wrong."""
    said = {spell_wire_name(name): value for name, value in (only or form.cleaned_data).items()}
    own = OF_STAFF if issubclass(kind, UpdateCustomerIn) else {}
    try:
        return kind.model_validate({**own, **write_as_sent(said)})
    except ValidationError as error:
        ours = {field.alias: name for name, field in kind.model_fields.items()}
        for line in error.errors(include_url=False, include_input=False):
            add_error(form, ours.get(str(line["loc"][0]), ""), line["msg"])
        return None


def refuse(form: forms.Form, refusal: Refusal) -> None:
    for name, message in refusal.errors or [("", refusal.message)]:
        add_error(form, name, message)


def warn_of_child(form: forms.Form, born: date | None) -> date | None:
    """Ask to confirm a child's birth date, each date anew. Return it; None: it is no child's."""
    if born is None or born <= _subtract_years(CHILD_YEARS):
        return None
    if form.data.get("child_born") != born.isoformat():
        form.add_error(None, gettext("That is a child’s birth date: confirm it, then go on."))
    return born


def add_error(form: forms.Form, name: str, message: str) -> None:
    """Add an error to a field, unless something is said of it already; to the whole form, where
    nobody sees such a field.
    """
    is_seen = name in form.fields and not form.fields[name].widget.is_hidden
    if not (is_seen and name in form.errors):
        form.add_error(name if is_seen else None, write_sentence(name, message))


def _subtract_years(years: int) -> date:
    """Return this day so many years ago; for 29 February the 28th, where there was none."""
    today = clock.today()
    day = min(today.day, monthrange(today.year - years, today.month)[1])
    return today.replace(year=today.year - years, day=day)


def write_as_sent(said: Mapping[str, Any]) -> dict[str, Any]:
    """Write dates and a mobile number as the wire does, however they were typed; a day without a
    time is midnight.
    """
    sent = dict(said)
    if sent.get("Mobile_Number"):
        sent["Mobile_Number"] = re.sub(r"[ -]", "", sent["Mobile_Number"])
    if "Date_Of_Birth" in sent:
        sent["Date_Of_Birth"] = write_wire_day(sent["Date_Of_Birth"])
    if sent.get("KYC_Updated_On"):
        sent["KYC_Updated_On"] = _write_instant(sent["KYC_Updated_On"].strip())
    return sent


def _write_instant(text: str) -> str:
    day, _space, time = text.rpartition(" ")
    if ":" not in time:
        day, time = text, "00:00:00"
    seconds = ":00" if time.count(":") == 1 else ""
    return f"{write_wire_day(day)} {time}{seconds}"
