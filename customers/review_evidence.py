"""Compare a claim with the person on record, both masked; a decided review as it was then."""

import json
from datetime import date
from typing import NamedTuple

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from customers.choices import DocumentKind
from customers.models import Customer, DuplicateReview, Identifier
from ppims.core import keys
from ppims.core.formats import NO_VALUE, mask, mask_day

LABELS = {
    "name": _("Name"),
    "mobile_number": _("Mobile number"),
    "date_of_birth": _("Date of birth"),
    "document": _("Document"),
}


class Evidence(NamedTuple):
    """One of LABELS, of both. `is_same` compares the whole values; None: nothing was claimed."""

    name: str
    on_record: str
    claimed: str
    is_same: bool | None

    @property
    def what(self) -> str:
        return str(LABELS[self.name])


def list_evidence(review: DuplicateReview) -> list[Evidence]:
    """Set record beside claim, as they are now, or as they were when it was decided."""
    if not review.evidence:
        return _compare(review)
    kept = keys.decrypt(
        settings.PPIMS_DOCUMENT_KEYS,
        review.evidence_key_id,
        bytes(review.evidence),
        bound_to=bind_evidence(review),
    )
    return [Evidence(*row) for row in json.loads(kept)]


def keep_evidence(review: DuplicateReview) -> None:
    """Encrypt the comparison as of now into the review, unsaved: it holds names."""
    review.evidence_key_id, review.evidence = keys.encrypt(
        settings.PPIMS_DOCUMENT_KEYS,
        json.dumps(_compare(review), ensure_ascii=False),
        bound_to=bind_evidence(review),
    )


def bind_evidence(review: DuplicateReview) -> str:
    """Say what a review's evidence is encrypted for: it can't be read in another's place."""
    return f"evidence of {review.bound_to}"


def _compare(review: DuplicateReview) -> list[Evidence]:
    claim, customer = review.read_claim(), review.customer
    name, mobile, day = (claim[it] for it in ("customer_name", "mobile_number", "date_of_birth"))
    is_name = (name or "").casefold() == customer.name.casefold()
    born = customer.date_of_birth
    return [
        _make_evidence("name", customer.name, name, is_same=is_name),
        _make_evidence(
            *("mobile_number", customer.masked_mobile, mask(mobile or "", shown=4)),
            is_same=mobile == customer.mobile,
        ),
        _make_evidence(
            *("date_of_birth", mask_day(born), day and mask_day(date.fromisoformat(day))),
            is_same=day == born.isoformat(),
        ),
        _compare_documents(customer, claim["ovid_type"], claim["ovid_value"]),
    ]


def _compare_documents(customer: Customer, kind: str | None, number: str | None) -> Evidence:
    known = list(customer.documents.filter(replaced_at__isnull=True).order_by("kind"))
    on_record = ", ".join(map(str, known))
    if not kind or not number:
        return _make_evidence("document", on_record, None, is_same=False)
    claimed = f"{DocumentKind(kind).label} {mask(number, shown=4)}"
    digests = Identifier.list_digests(kind, number)
    is_same = any(it.kind == kind and bytes(it.digest) in digests for it in known)
    return _make_evidence("document", on_record, claimed, is_same=is_same)


def _make_evidence(name: str, on_record: str, claimed: str | None, *, is_same: bool) -> Evidence:
    return Evidence(name, on_record or NO_VALUE, claimed or NO_VALUE, is_same if claimed else None)
