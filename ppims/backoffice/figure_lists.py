"""The list that each figure of a month counts: its address. The list, read to its end, has as many
rows as the figure says.
"""

from collections.abc import Mapping
from urllib.parse import urlencode

from django.urls import reverse

from limits.models import Direction
from ppims.backoffice.filters import (
    ADDED_SLUG,
    ALL_RECORDS,
    DIRECTION_BY_SLUG,
    ONE_DAY,
    OWN_FRAME,
    TAKEN_SLUG,
)
from ppims.core import calendar
from ppims.reports.customers_of_month import What
from ppims.reports.heads import NO_FINDING
from ppims.reports.month_figures import ADDED_WAY, Figure, People, Section
from ppims.reports.records import Kind
from ppims.wire.reply_fields import write_date

DIRECTION_SLUGS = {direction.value: slug for slug, direction in DIRECTION_BY_SLUG.items()}
ALWAYS_ASKED: Mapping[Section, Mapping[str, str]] = {
    Section.POSTINGS: {"every": Kind.POSTED},
    Section.REVERSALS: {"every": Kind.REVERSED},
    Section.DECLINES: {"every": Kind.CHECK},
    Section.FLAGGED: {"every": ALL_RECORDS},
    Section.CORRECTIONS: {"every": Kind.ADJUSTED},
    Section.OPENINGS: {"every": Kind.OPENED},
}
LISTED_PEOPLE: Mapping[str, str] = {
    People.ONBOARDED: "",
    People.BLOCKED: What.BLOCKED,
    People.RAISED: What.RAISED,
    People.LOWERED: What.LOWERED,
    People.AT_END: What.AT_END,
}
OVER_LISTS = {Direction.DEBIT: What.OVER_SPEND, Direction.CREDIT: What.OVER_LOAD}


def write_address(figure: Figure, month: int) -> str:
    """Write the address of a figure's rows."""
    if figure.section == Section.OVER:
        (way,) = figure.of
        return _write_customers(month, OVER_LISTS[Direction(way)])
    if figure.section == Section.CUSTOMERS:
        what, tier = figure.of
        return _write_customers(month, LISTED_PEOPLE[what], tier)
    asked = {**_list_days(month), **ALWAYS_ASKED[figure.section], **_list_filters(figure)}
    return f"{reverse('transactions')}?{urlencode(asked)}"


def write_row_address(section: Section, code: str, month: int) -> str:
    """Write where those of a line of customers are listed, whatever their KYC; "": nowhere."""
    return _write_customers(month, LISTED_PEOPLE[code]) if section == Section.CUSTOMERS else ""


def _write_customers(month: int, what: str, tier: str = "") -> str:
    asked = {"month": str(month), "what": what, "then": tier}
    return (
        f"{reverse('customers')}?{urlencode({name: each for name, each in asked.items() if each})}"
    )


def _list_days(month: int) -> dict[str, str]:
    last = calendar.find_first_day_after_month(month) - ONE_DAY
    first = calendar.find_first_day(month)
    return {"when": OWN_FRAME, "since": write_date(first), "until": write_date(last)}


def _list_filters(figure: Figure) -> dict[str, str]:
    match figure.section, figure.of:
        case Section.POSTINGS, (direction, tier, system_id):
            return {"type": DIRECTION_SLUGS[direction], "processor": system_id, "kyc": tier}
        case ((Section.REVERSALS | Section.OPENINGS), (direction,)):
            return {"type": DIRECTION_SLUGS[direction]}
        case Section.DECLINES, (reason,):
            return {"declined": reason}
        case Section.FLAGGED, (flag, finding):
            return {"flag": flag, "finding": finding or NO_FINDING}
        case Section.CORRECTIONS, (way,):
            return {"correction": ADDED_SLUG if way == ADDED_WAY else TAKEN_SLUG}
    return {}
