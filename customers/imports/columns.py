"""The columns of a file of customers: the API's own fields of add-customer, by their names, and the
limits used before.
"""

import csv
import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from pydantic import Field

from customers.schemas import AddCustomerIn
from ppims.core import calendar
from ppims.wire.envelope import Message
from ppims.wire.request_fields import BalanceIn

# What each request says by itself, and what only this installation gives.
LEFT_OUT = ("Ref_Id", "System_Id", "Unique_Id")
# Columns of the file of refused rows, which may be mended and brought again.
ROW_COLUMN, WHY_COLUMN = "Row", "Refused_Because"
NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z_ ]{0,39}")
EXAMPLE_BY_COLUMN = {
    "Customer_Id": "C0000001",
    "Customer_Name": "Kavya Roy",
    "Mobile_Number": "9812345670",
    "Date_Of_Birth": "14-02-1991",
    "Email_Id": "kavya.roy@example.in",
    "City": "Pune",
    "State": "Maharashtra",
    "Pincode": "411001",
    "Account_Number": "W0000001",
    "Account_Status": "A",
    "KYC_Flag": "F",
    "KYC_Updated_Channel": "BRN",
    "KYC_Updated_On": "03-04-2025 10:15:00",
    "Ovid_Value": "ABCPE1234F",
    "Ovid_Type": "PAN",
    "Customer_Type": "N",
    "Ppi_Type": "SC",
    "NRI_Flag": "N",
}


class UnreadableFile(Exception):
    """The whole file is refused. The message is a sentence for people, and holds nothing of any
    row.
    """


class UsedIn(Message):
    """What a row says was used before: of this month, and of this financial year with it."""

    used_debit_month: BalanceIn | None = Field(None)
    used_debit_year: BalanceIn | None = Field(None)
    used_credit_month: BalanceIn | None = Field(None)
    used_credit_year: BalanceIn | None = Field(None)

    @classmethod
    def check_across(cls, present: dict[str, Any]) -> Iterator[tuple[str, str]]:
        for kind in ("debit", "credit"):
            month, year = f"used_{kind}_month", f"used_{kind}_year"
            names = [f"Used_{kind.title()}_Month", f"Used_{kind.title()}_Year"]
            if len(given := [name for name in names if name in present]) == 1:
                yield (year if given == names[:1] else month), f"is required with {given[0]}"

    def list_faults(self, at: datetime) -> Iterator[tuple[str, str]]:
        """Yield what is wrong with the two amounts of a direction together, by the column's name,
        in a file that was brought at an instant.

        In April the year is this month alone: there is no month before it to book the rest in.
        """
        is_april = calendar.number_ist_month(at) % 100 == calendar.APRIL_MONTH
        for kind in ("Debit", "Credit"):
            column = f"Used_{kind}_Year"
            month, year = (
                getattr(self, f"used_{kind}_{of}".lower()) or 0 for of in ("Month", "Year")
            )
            if year < month:
                yield column, f"is less than Used_{kind}_Month"
            elif is_april and year > month:
                yield column, f"must be Used_{kind}_Month: the year began this month"


ADD_COLUMNS = tuple(
    str(f.alias) for f in AddCustomerIn.model_fields.values() if f.alias not in LEFT_OUT
)
USED_COLUMNS = tuple(str(f.alias) for f in UsedIn.model_fields.values())
ALL_COLUMNS = (*ADD_COLUMNS, *USED_COLUMNS)
REQUIRED_COLUMNS = tuple(
    str(f.alias)
    for f in AddCustomerIn.model_fields.values()
    if f.is_required() and f.alias not in LEFT_OUT
)


def write_template() -> str:
    """Write the file that people begin with: all columns, and an invented customer."""
    text = io.StringIO()
    csv.writer(text).writerows(
        [ALL_COLUMNS, [EXAMPLE_BY_COLUMN.get(name, "") for name in ALL_COLUMNS]]
    )
    return text.getvalue()


def read_header(cells: Sequence[str]) -> list[str]:
    """Read the first line as the names of columns. Raises UnreadableFile, naming what is wrong: a
    name only where it looks like one, for a file without a header begins with a person.
    """
    names = [cell.strip() for cell in cells]
    known = {*ALL_COLUMNS, ROW_COLUMN, WHY_COLUMN}
    if not known & {*names}:
        raise UnreadableFile(
            "The first line has to name the columns, separated by commas: begin with the template."
        )
    for place, name in enumerate(names, start=1):
        if name not in known:
            named = f"“{name}”" if NAME_PATTERN.fullmatch(name) else f"number {place}"
            raise UnreadableFile(f"There is no such column: {named}. The template names them all.")
        if name in names[: place - 1]:
            raise UnreadableFile(f"The column {name} is there twice.")
    if missing := [name for name in REQUIRED_COLUMNS if name not in names]:
        raise UnreadableFile(f"A column is missing: {', '.join(missing)}.")
    return names
