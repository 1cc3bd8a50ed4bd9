"""Rows of transactions as pages write them: with names in the place of keys, and in words."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from django.urls import reverse
from django.utils.text import capfirst
from django.utils.translation import gettext

from customers.search import read_names
from limits.models import Direction
from ppims.backoffice import labels
from ppims.backoffice.audit_text import describe_deed
from ppims.models import Processor, User
from ppims.reports.transactions import Kind, Row, Source

SOURCE_SLUGS = {source: source.value.replace(" ", "-") for source in Source}
SOURCE_BY_SLUG = {slug: source for source, slug in SOURCE_SLUGS.items()}


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
        return SOURCE_SLUGS[self.row.source]

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
        return write_customer_address(self.row.customer_id) if self.row.customer_id else ""


def make_lines(rows: Sequence[Row]) -> list[Line]:
    """Write rows as lines with names in them, by three queries at most."""
    customers = read_names({row.customer_id for row in rows if row.customer_id})
    processors = dict(Processor.objects.values_list("pk", "system_id"))
    people = {row.user_id for row in rows if row.user_id}
    users = dict(User.objects.filter(pk__in=people).values_list("pk", "username")) if people else {}
    return [
        Line(
            row,
            customers.get(row.customer_id or 0, ""),
            name_actor(users.get(row.user_id or 0, ""), processors.get(row.processor_id or 0, "")),
            _describe_row(row),
        )
        for row in rows
    ]


def name_actor(username: str, system_id: str) -> str:
    """Name who did something: the person before the processor for whom it was done."""
    if not (username and system_id):
        return username or system_id
    said = gettext("%(person)s, for %(processor)s")
    return said % {"person": username, "processor": system_id}


def write_customer_address(customer_id: int) -> str:
    return reverse("customer", args=[customer_id])


def _describe_row(row: Row) -> str:
    if row.kind == Kind.CHECK:
        return labels.name_outcome(bool(row.is_allowed), row.what)
    if row.kind == Kind.KYC:
        before, after = map(labels.name_tier, row.what.split(">"))
        return f"{before} → {after}"
    if row.source == Source.AUDIT and row.kind not in {Kind.ADDED, Kind.KNOWN}:  # they say it all
        return describe_deed(row.what, row.detail)
    return capfirst(labels.name_flags(",".join(row.flags)))
