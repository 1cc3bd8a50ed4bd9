"""Duplicate reviews: opened when a claim casts doubt on who someone is, decided by staff."""

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from django.db.models import Model

from customers import people, records
from customers.choices import MOBILE_KIND
from customers.claims import Doubt, claim_digest, describe_claim
from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview, Identifier
from customers.review_evidence import keep_evidence
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db import owned_rows
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import LONGEST_NOTE, Processor, User
from ppims.services import audit

T = TypeVar("T")
DECISION_COLUMNS = ("outcome", "reason", "decided_by", "decided_at", "evidence_key_id", "evidence")


def open_review(
    details: CustomerDetails,
    *,
    holder: int,
    claimant: Customer | None,
    processor: Processor,
    at: datetime,
) -> None:
    """Ask staff about a doubt, inside a transaction; the same claim on the same customer once."""
    review = DuplicateReview(
        customer_id=holder,
        claimant=claimant,
        claim_digest=claim_digest(details, claimant),
        is_by_mobile=details.mobile_number is not None
        and records.find_holder(MOBILE_KIND, details.mobile_number) == holder,
        processor=processor,
        opened_at=at,
    )
    review.seal(describe_claim(details, claimant))
    DuplicateReview.objects.bulk_create([review], ignore_conflicts=True)


def keep_doubts(work: Callable[[], T], details: CustomerDetails, *, processor: Processor) -> T:
    """Do work in a transaction. Where it raises Doubt, its reviews are opened in another one."""
    try:
        return run_in_transaction(work)
    except Doubt as doubt:
        _open_reviews(doubt, details, processor=processor)
        raise


@wrap_in_transaction
def decide(*, review_id: int, outcome: str, reason: str, user: User) -> DuplicateReview:
    """Decide a review: SAME_PERSON, NUMBER_PASSED_ON (the mobile then finds nobody) or
    DIFFERENT_PEOPLE.

    Raises Malformed without a reason. Raises Conflict where it was decided before, or where
    NUMBER_PASSED_ON is said of a claim by document.
    """
    given = require_text(reason, "reason", most=LONGEST_NOTE)
    review = owned_rows.lock_row(DuplicateReview, review_id)
    if review.outcome:
        raise Conflict([("outcome", "was decided before")])
    keep_evidence(review)  # before anything of it changes
    rows: list[Model] = [review]
    if outcome == DuplicateReview.Outcome.NUMBER_PASSED_ON:
        rows.append(_pass_number_on(review))
    review.outcome = DuplicateReview.Outcome(outcome)
    review.reason, review.decided_by, review.decided_at = given, user, clock.now()
    owned_rows.save_columns(review, DECISION_COLUMNS)
    audit.record(
        "duplicate review decided",
        at=review.decided_at,
        subject=review.customer_id,
        user=user,
        detail={"review": review.pk, "outcome": outcome, "reason": review.reason},
        rows=rows,
    )
    return review


@wrap_in_transaction
def _open_reviews(doubt: Doubt, details: CustomerDetails, *, processor: Processor) -> None:
    at = clock.now()
    for holder in doubt.holders:
        open_review(details, holder=holder, claimant=doubt.claimant, processor=processor, at=at)


def _pass_number_on(review: DuplicateReview) -> Customer:
    mobile = review.read_claim()["mobile_number"]
    holder = people.lock_customer(review.customer_id)
    if not review.is_by_mobile or mobile is None or holder.mobile != mobile:
        raise Conflict([("outcome", "no mobile number of this customer is claimed")])
    records.forget(holder, MOBILE_KIND, Identifier.digest_of(MOBILE_KIND, mobile))
    holder.mobile = ""
    holder.save(update_fields=["mobile"])
    return holder
