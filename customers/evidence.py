"""What speaks for and against that a claim is the person on record: side by side, masked."""

from datetime import date
from typing import NamedTuple

from django.utils.dateformat import format as dated
from django.utils.translation import gettext as _

from customers.kinds import DocumentKind, mask
from customers.models import Customer, Document, DuplicateReview, Identifier

NOTHING = "–"


class Evidence(NamedTuple):
    """One thing that is known of both. `is_same` is of the whole values; None: nothing was
    claimed.
    """

    what: str
    on_record: str
    claimed: str
    is_same: bool | None


def evidence_of(review: DuplicateReview) -> list[Evidence]:
    """Set record beside claim, both masked."""
    claim, customer = review.read_claim(), review.customer
    name, mobile, day = (claim[it] for it in ("customer_name", "mobile_number", "date_of_birth"))
    born = date.fromisoformat(day) if day else None
    return [
        Evidence(
            _("Name"),
            customer.name,
            name or NOTHING,
            name.casefold() == customer.name.casefold() if name else None,
        ),
        Evidence(
            _("Mobile number"),
            customer.masked_mobile or NOTHING,
            mask(mobile or "", shown=4) or NOTHING,
            mobile == customer.mobile if mobile else None,
        ),
        Evidence(
            _("Date of birth"),
            _day(customer.date_of_birth),
            _day(born) if born else NOTHING,
            born == customer.date_of_birth if born else None,
        ),
        _documents(customer, claim["ovid_type"], claim["ovid_value"]),
    ]


def _documents(customer: Customer, kind: str | None, number: str | None) -> Evidence:
    known = list(customer.documents.filter(replaced_at__isnull=True).order_by("kind"))
    claimed = f"{DocumentKind(kind).label} {mask(number or '', shown=4)}" if kind else NOTHING
    return Evidence(
        _("Document"),
        ", ".join(map(str, known)) or NOTHING,
        claimed,
        _is_on_record(known, kind, number) if kind and number else None,
    )


def _is_on_record(known: list[Document], kind: str, number: str) -> bool:
    digest = Identifier.digest_of(kind, number)
    return any(it.kind == kind and bytes(it.digest) == digest for it in known)


def _day(day: date) -> str:
    return str(dated(day, "j M Y"))
