"""What customers whom an import brings had used before: ledger entries of their own kind, with the
import as their source (docs/ledger.md, "Opening entries").
"""

import time
from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from customers import survivors
from customers.models import Customer, CustomerImport
from limits import ledger
from limits.known import ApprovedOpening, Request
from limits.models import LedgerEntry
from limits.stores.carry_out import carry_out
from ppims.core import calendar
from ppims.core.errors import Malformed, Unavailable, UnknownCustomer
from ppims.db.group_commit import PutOff
from ppims.models import FourEyes

BOOKED_AT_ONCE = 500


class Opening(NamedTuple):
    """What one customer had used of a month (202611) in a direction: above zero."""

    unique_id: int
    month: int
    direction: str
    amount_paise: int


def split_usage(*, month_used: int, year_used: int, at: datetime) -> list[tuple[int, int]]:
    """Split what was used into months and paise: of the month of an instant, and all else of its
    financial year, which is booked in the month before. Nothing is booked of nothing.

    Raises Malformed where the year is less than its month, or began with it and is more.
    """
    month = calendar.number_ist_month(at)
    year = calendar.list_months_of_financial_year(month)
    rest = year_used - month_used
    if rest < 0:
        raise Malformed([("used_year", "is less than what is used of its month")])
    if rest and month == year[0]:
        raise Malformed([("used_year", "is more than its month, which the year began with")])
    before = year[year.index(month) - 1]
    return [(number, paise) for number, paise in ((before, rest), (month, month_used)) if paise]


def record_openings(customer_import: CustomerImport, rows: Sequence[Opening]) -> None:
    """Book what customers had used, inside the transaction that adds them, under the locks of their
    ledgers. What the import has booked already is not booked again. Raises UnknownCustomer,
    Unavailable.
    """
    assert customer_import.state == FourEyes.State.APPROVED
    for start in range(0, len(rows), BOOKED_AT_ONCE):
        _book(customer_import.name, rows[start : start + BOOKED_AT_ONCE])


def find_approved_import(name: str) -> CustomerImport | None:
    """Find the import that an opening entry names, if two people approved it."""
    number = name.removeprefix(CustomerImport.NAME_PREFIX)
    if not (number.isascii() and number.isdecimal()) or len(number) > len(str(2**63)) - 1:
        return None
    approved = CustomerImport.objects.filter(state=FourEyes.State.APPROVED)
    found = approved.select_related("file", "maker", "checker").filter(pk=int(number)).first()
    return found if found and found.name == name else None


def _book(name: str, rows: Sequence[Opening]) -> None:
    ids = {row.unique_id for row in rows}
    if Customer.objects.filter(pk__in=ids).count() != len(ids):
        raise UnknownCustomer
    # Made here for all: a group puts off whoever has no head yet.
    ledger.make_heads(ids)
    owners = survivors.list_all_kin(ids)  # who was merged since has theirs in another's ledger
    booked = LedgerEntry.objects.filter(
        kind=LedgerEntry.Kind.OPENING, ref_id=name, customer_id__in=owners
    )
    is_booked = set(booked.values_list("unique_id_sent", "month", "direction"))
    requests = [
        Request(ApprovedOpening(*row, name))
        for row in rows
        if (row.unique_id, row.month, row.direction) not in is_booked
    ]
    patience_ends = time.monotonic() + settings.PPIMS_BUSY_SECONDS
    while requests:
        outcomes = carry_out(requests)
        for _, error in outcomes:
            if error is not None and not isinstance(error, PutOff):
                raise error
        requests = [
            request for request, (_, error) in zip(requests, outcomes, strict=True) if error
        ]
        if requests and time.monotonic() > patience_ends:
            raise Unavailable
