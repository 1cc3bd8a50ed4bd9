"""Rows of transactions as pages write them: with names in the place of keys, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext

from customers.search import names
from limits.models import Direction
from ppims.backoffice import labels
from ppims.backoffice.audit_text import deed
from ppims.models import Processor, User
from ppims.reports.transactions import Kind, Row, Source

SLUGS = {source: source.value.replace(" ", "-") for source in Source}
SOURCES = {slug: source for source, slug in SLUGS.items()}


@dataclass(frozen=True)
class Line:
    """One row. `who` is the processor that sent it, the member of staff, or both; `said` is what
    more there is to say.
    """

    row: Row
    customer: str = field(repr=False)
    who: str
    said: str

    @property
    def slug(self) -> str:
        return SLUGS[self.row.source]

    @property
    def kind(self) -> str:
        return str(labels.KINDS[self.row.kind])

    @property
    def direction(self) -> str:
        return str(Direction(self.row.direction).label) if self.row.direction else ""

    @property
    def is_declined(self) -> bool:
        return self.row.is_allowed is False

    @property
    def customer_address(self) -> str:
        return customer_address(self.row.customer_id) if self.row.customer_id else ""


def lines_of(rows: Sequence[Row]) -> list[Line]:
    """Give rows their names, by three queries at most."""
    customers = names({row.customer_id for row in rows if row.customer_id})
    processors = dict(Processor.objects.values_list("pk", "system_id"))
    people = {row.user_id for row in rows if row.user_id}
    users = dict(User.objects.filter(pk__in=people).values_list("pk", "username")) if people else {}
    return [
        Line(
            row,
            customers.get(row.customer_id or 0, ""),
            by_whom(users.get(row.user_id or 0, ""), processors.get(row.processor_id or 0, "")),
            _said(row),
        )
        for row in rows
    ]


def by_whom(username: str, system_id: str) -> str:
    """Name who did something: the person before the processor for whom it was done."""
    if username and system_id:
        return gettext("%(person)s, for %(processor)s") % {
            "person": username,
            "processor": system_id,
        }
    return username or system_id


def customer_address(customer_id: int) -> str:
    """Give the address of a customer's page."""
    return reverse("customer", args=[customer_id])


def _said(row: Row) -> str:
    if row.kind == Kind.CHECK:
        return labels.outcome(bool(row.is_allowed), row.what)
    if row.kind == Kind.KYC:
        before, after = map(labels.tier, row.what.split(">"))
        return f"{before} → {after}"
    if row.source == Source.AUDIT and row.kind not in {Kind.ADDED, Kind.KNOWN}:  # they say it all
        return deed(row.what, row.detail)
    return capfirst(labels.flags(",".join(row.flags)))
