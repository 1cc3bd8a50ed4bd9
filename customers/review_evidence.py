"""What speaks for and against that a claim is the person on record: side by side, masked; of a
decided review as it was compared then.
"""

import json
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from customers.choices import DocumentKind, mask, mask_day
from customers.models import Customer, Document, DuplicateReview, Identifier
from ppims.core import keys
from ppims.core.formats import NO_VALUE

LABELS = {
    "name": _("Name"),
    "mobile_number": _("Mobile number"),
    "date_of_birth": _("Date of birth"),
    "document": _("Document"),
}


class Evidence(NamedTuple):
    """One thing that is known of both, one of LABELS. `is_same` is of the whole values; None:
    nothing was claimed.
    """

    name: str
    on_record: str
    claimed: str
    is_same: bool | None

    @property
    def what(self) -> str:
        return str(LABELS[self.name])


def list_evidence(review: DuplicateReview) -> list[Evidence]:
    """Set record beside claim, both masked: as they are, or as they were when it was decided."""
    if not review.evidence:
        return _compare(review)
    kept = keys.decrypt(
        settings.PPIMS_DOCUMENT_KEYS,
        review.evidence_key_id,
        bytes(review.evidence),
        bound_to=_bind_to(review),
    )
    return [Evidence(*row) for row in json.loads(kept)]


def keep_evidence(review: DuplicateReview) -> None:
    """Encrypt into the review, unsaved, what record and claim come to now: names are in it."""
    review.evidence_key_id, review.evidence = keys.encrypt(
        settings.PPIMS_DOCUMENT_KEYS,
        json.dumps(_compare(review), ensure_ascii=False),
        bound_to=_bind_to(review),
    )


def _bind_to(review: DuplicateReview) -> str:
    return f"evidence of {review.bound_to}"


def _compare(review: DuplicateReview) -> list[Evidence]:
    claim, customer = review.read_claim(), review.customer
    name, mobile, day = (claim[it] for it in ("customer_name", "mobile_number", "date_of_birth"))
    born = date.fromisoformat(day) if day else None
    return [
        Evidence(
            "name",
            customer.name,
            name or NO_VALUE,
            name.casefold() == customer.name.casefold() if name else None,
        ),
        Evidence(
            "mobile_number",
            customer.masked_mobile or NO_VALUE,
            mask(mobile or "", shown=4) or NO_VALUE,
            mobile == customer.mobile if mobile else None,
        ),
        Evidence(
            "date_of_birth",
            mask_day(customer.date_of_birth),
            mask_day(born) if born else NO_VALUE,
            born == customer.date_of_birth if born else None,
        ),
        _compare_documents(customer, claim["ovid_type"], claim["ovid_value"]),
    ]


def _compare_documents(customer: Customer, kind: str | None, number: str | None) -> Evidence:
    known = list(customer.documents.filter(replaced_at__isnull=True).order_by("kind"))
    claimed = f"{DocumentKind(kind).label} {mask(number or '', shown=4)}" if kind else NO_VALUE
    return Evidence(
        "document",
        ", ".join(map(str, known)) or NO_VALUE,
        claimed,
        _is_on_record(known, kind, number) if kind and number else None,
    )


def _is_on_record(known: list[Document], kind: str, number: str) -> bool:
    digest = Identifier.digest_of(kind, number)
    return any(it.kind == kind and bytes(it.digest) == digest for it in known)
