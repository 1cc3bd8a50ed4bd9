"""What waits for staff about one customer: proposals, flagged postings, reviews, refusals."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery

from customers.models import DuplicateReview, KycProposal, Merge, NumberPassedOn, Unblocking
from limits.models import (
    Adjustment,
    LedgerEntry,
    LedgerHead,
    PostingFinding,
    RefusedReport,
    ReportFinding,
)
from ppims.models import FourEyes
from ppims.reports import reviews

ROWS_OF_A_KIND = 10  # the oldest; the queues have them all
ENTRIES_LOOKED_AT = 1_000  # so far back a flagged posting is looked for


class Kind(StrEnum):
    KYC = "kyc"
    UNBLOCKING = "unblocking"
    ADJUSTMENT = "adjustment"
    MERGE = "merge"
    NUMBER = "number-passed-on"
    FLAGGED = "flagged"
    REVIEW = "review"
    REFUSED = "refused"


PROPOSAL_MODELS: dict[Kind, Any] = {
    Kind.KYC: KycProposal,
    Kind.UNBLOCKING: Unblocking,
    Kind.ADJUSTMENT: Adjustment,
    Kind.NUMBER: NumberPassedOn,
}


@dataclass(frozen=True)
class OpenItem:
    """One thing that waits: a row of its kind's table, and since when."""

    kind: Kind
    row: Any
    since: datetime


def list_open_items(ids: Sequence[int]) -> list[OpenItem]:
    """List what waits about who has these ids, the oldest first, so many of a kind at most. Nine
    queries at most for each id, of so many rows each.
    """
    found = {
        (item.kind, item.row.pk): item for customer_id in ids for item in _find_all(customer_id)
    }
    return sorted(found.values(), key=lambda it: (it.since, it.kind, it.row.pk))


def _find_all(customer_id: int) -> Iterator[OpenItem]:
    for kind, model in PROPOSAL_MODELS.items():
        yield from _find_proposed(kind, model.objects.filter(customer_id=customer_id))
    either = Q(customer_id=customer_id) | Q(merged_id=customer_id)
    yield from _find_proposed(Kind.MERGE, Merge.objects.filter(either))
    for entry in _find_flagged(customer_id).order_by("number")[:ROWS_OF_A_KIND]:
        yield OpenItem(Kind.FLAGGED, entry, entry.at)
    for review in _find_reviews(customer_id).order_by("pk")[:ROWS_OF_A_KIND]:
        yield OpenItem(Kind.REVIEW, review, review.opened_at)
    for report in _find_refused(customer_id).order_by("pk")[:ROWS_OF_A_KIND]:
        yield OpenItem(Kind.REFUSED, report, report.at)


def _find_proposed(kind: Kind, proposals: "QuerySet[Any]") -> Iterator[OpenItem]:
    waiting = proposals.filter(state=FourEyes.State.PROPOSED).select_related("maker")
    for row in waiting.order_by("pk")[:ROWS_OF_A_KIND]:
        yield OpenItem(kind, row, row.proposed_at)


def _find_flagged(customer_id: int) -> QuerySet[LedgerEntry]:
    """Find the flagged postings that no finding closes, among the customer's newest entries."""
    head = LedgerHead.objects.filter(customer_id=customer_id).values("entry_count")
    closing = PostingFinding.objects.exclude(finding="").filter(customer_id=customer_id)
    return (
        LedgerEntry.objects.filter(
            ~Exists(closing.filter(entry=OuterRef("pk"))),
            customer_id=customer_id,
            number__gt=Subquery(head) - ENTRIES_LOOKED_AT,
        )
        .exclude(flags="")
        .select_related("processor")
    )


def _find_reviews(customer_id: int) -> QuerySet[DuplicateReview]:
    """Find the open review items that the customer is in, on record or as who claims."""
    who = Q(customer_id=customer_id) | Q(claimant_id=customer_id)
    is_open = reviews.UNDECIDED_CONDITION | reviews.TO_BE_MERGED
    return reviews.add_related(DuplicateReview.objects.filter(who, is_open))


def _find_refused(customer_id: int) -> QuerySet[RefusedReport]:
    closing = ReportFinding.objects.exclude(finding="").filter(customer_id=customer_id)
    kept = RefusedReport.objects.filter(
        ~Exists(closing.filter(report=OuterRef("pk"))), customer_id=customer_id
    )
    return kept.select_related("processor")
