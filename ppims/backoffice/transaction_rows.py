"""Rows of transactions as pages write them: with names in the place of keys, and in words."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from itertools import groupby
from typing import Any

from django.http import HttpRequest
from django.urls import reverse
from django.utils.translation import gettext

from customers import survivors
from customers.search import read_names
from limits.models import Direction
from ppims.backoffice import labels
from ppims.backoffice.access import is_fragment
from ppims.backoffice.audit_text import describe_deed
from ppims.backoffice.filters import write_next_query
from ppims.core import calendar
from ppims.core.formats import inr
from ppims.models import Processor, User
from ppims.reports.keyset import Page
from ppims.reports.outcomes import Outcome
from ppims.reports.records import MONEY_SOURCES, Kind, Row, Source
from ppims.reports.transactions import Transaction

SOURCE_SLUGS = {source: source.value.replace(" ", "-") for source in Source}
SOURCE_BY_SLUG = {slug: source for source, slug in SOURCE_SLUGS.items()}
DAY_PARAMETER = "day"  # whose heading is on the page already, where htmx asks for more rows of it
# Records whose kind is an outcome of their transaction too.
OUTCOMES_OF_KINDS = {
    Kind.POSTED: Outcome.POSTED,
    Kind.RELEASED: Outcome.RELEASED,
    Kind.REVERSED: Outcome.REVERSED,
}


@dataclass(frozen=True)
class Line:
    """One row: a transaction, or one record. `person` is the member of staff who did it, and
    `processor` the one that sent it, or for which it was done; `outcome` is what became of it, and
    `said` what more there is to say.
    """

    row: Row
    owner_id: int | None  # whose it is by now, as merges lead
    customer: str = field(repr=False)
    person: str
    processor: str
    said: str
    outcome: Outcome | None = None
    transaction: Transaction | None = None

    @property
    def who(self) -> str:
        return name_actor(self.person, self.processor)

    @property
    def slug(self) -> str:
        return SOURCE_SLUGS[self.row.source]

    @property
    def is_of_money(self) -> bool:
        return self.row.source in MONEY_SOURCES

    @property
    def kind(self) -> str:
        """What happened: of what staff did, the deed itself."""
        if self.row.kind == Kind.STAFF:
            return describe_deed(self.row.what, self.row.detail)
        return str(labels.KINDS[self.row.kind])

    @property
    def outcome_label(self) -> str:
        return str(self.outcome.label) if self.outcome else self.kind

    @property
    def direction(self) -> str:
        return str(Direction(self.row.direction).label) if self.row.direction else ""

    @property
    def amount_paise(self) -> int | None:
        return self.transaction.amount_paise if self.transaction else self.row.amount_paise

    @property
    def is_declined(self) -> bool:
        return self.outcome == Outcome.DECLINED

    @property
    def day(self) -> date:
        return calendar.find_ist_day(self.row.at)

    @property
    def customer_address(self) -> str:
        return write_customer_address(self.owner_id) if self.owner_id else ""


Days = list[tuple[date | None, list[Line]]]  # each day's lines; None: that day's have begun before


def make_lines(found: Sequence[Row | Transaction]) -> list[Line]:
    """Write transactions and records as lines with names in them, by four queries, and one for
    each step more of a merge.
    """
    rows = [each.head if isinstance(each, Transaction) else each for each in found]
    roots = survivors.find_roots(row.named_id for row in rows if row.named_id)
    owners = [roots.get(row.named_id or 0, row.customer_id) for row in rows]
    customers = read_names({owner for owner in owners if owner})
    processors = dict(Processor.objects.values_list("pk", "system_id"))
    people = {row.user_id for row in rows if row.user_id}
    users = dict(User.objects.filter(pk__in=people).values_list("pk", "username")) if people else {}
    named = [
        (
            customers.get(owner or 0, ""),
            users.get(row.user_id or 0, ""),
            processors.get(row.processor_id or 0, ""),
        )
        for row, owner in zip(rows, owners, strict=True)
    ]
    return [_make_line(*each) for each in zip(found, owners, named, strict=True)]


def _make_line(each: Row | Transaction, owner: int | None, names: tuple[str, str, str]) -> Line:
    if isinstance(each, Transaction):
        return Line(each.head, owner, *names, _describe_transaction(each), each.outcome, each)
    is_declined = each.is_allowed is False
    outcome = Outcome.DECLINED if is_declined else OUTCOMES_OF_KINDS.get(each.kind)
    return Line(each, owner, *names, _describe_row(each), outcome)


def group_by_day(lines: Sequence[Line], shown: str = "") -> Days:
    """Group lines by their day in India. `shown`: the day whose heading is there already."""
    days = [(day, list(theirs)) for day, theirs in groupby(lines, key=lambda line: line.day)]
    return [(None if day.isoformat() == shown else day, theirs) for day, theirs in days]


def describe_days(
    request: HttpRequest, found: Page[Any], asked: Mapping[str, object]
) -> dict[str, Any]:
    """Describe a page of transactions and records, last first, for the rows' template: by day, and
    with the query of what follows. Where htmx asks for more rows of a day its heading is there.
    """
    shown = request.GET.get(DAY_PARAMETER, "") if is_fragment(request) else ""
    days = group_by_day(make_lines(found.rows), shown)
    last_day = days[-1][1][-1].day.isoformat() if days else shown
    return {
        "days": days,
        "is_cut_short": found.is_cut_short,
        "more": write_next_query(found, {**asked, DAY_PARAMETER: last_day} if last_day else asked),
    }


def name_actor(username: str, system_id: str) -> str:
    """Name who did something: the person before the processor for whom it was done."""
    if not (username and system_id):
        return username or system_id
    said = gettext("%(person)s, for %(processor)s")
    return said % {"person": username, "processor": system_id}


def write_customer_address(customer_id: int) -> str:
    return reverse("customer", args=[customer_id])


def _describe_transaction(one: Transaction) -> str:
    """Say what stands beside the outcome: why declined, what was unusual, what was given back."""
    said = []
    if one.reason:
        said.append(labels.lower_first(labels.name_reason(one.reason)))
    if one.is_time_up:
        said.append(gettext("time up"))
    if one.head.kind == Kind.MOVED:
        said.append(gettext("by a merge"))
    elif one.head.kind == Kind.OPENED:
        said.append(gettext("brought by an import"))
    elif one.is_by_staff:
        said.append(gettext("by staff"))
    if one.flags:
        said.append(labels.name_flags(",".join(one.flags)))
    if one.outcome == Outcome.POSTED and one.returned_paise:
        said.append(gettext("%(amount)s given back") % {"amount": inr(one.returned_paise)})
    return ", ".join(said)


def _describe_row(row: Row) -> str:
    if row.kind == Kind.CHECK:
        reason = labels.lower_first(labels.name_reason(row.what))
        return gettext("allowed") if row.is_allowed else reason
    if row.kind == Kind.KYC:
        before, after = map(labels.name_tier, row.what.split(">"))
        return f"{before} → {after}"
    if row.kind in {Kind.UPDATED, Kind.REFUSED}:
        return describe_deed(row.what, row.detail)
    return labels.name_flags(",".join(row.flags))
