"""Duplicate reviews: opened when a claim casts doubt on who someone is, decided by staff."""

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TypeVar

from django.db.models import Model

from customers import people
from customers.evidence import keep_evidence
from customers.kinds import MOBILE
from customers.models import Customer, DuplicateReview, Identifier
from customers.people import Told
from ppims import audit, clock
from ppims.errors import Conflict
from ppims.free_text import require_text
from ppims.models import LONGEST_NOTE, Processor, User
from ppims.transact import in_transaction

T = TypeVar("T")
DECISION = ("outcome", "reason", "decided_by", "decided_at", "evidence_key_id", "evidence")


class Doubt(Conflict):
    """A 409 that staff must look at: `holders` are customers on record whose mobile or document was
    claimed.
    """

    def __init__(
        self, errors: list[tuple[str, str]], *, holders: list[int], claimant: Customer | None
    ) -> None:
        super().__init__(errors)
        self.holders = holders
        self.claimant = claimant


def claim_digest(told: Told, claimant: Customer | None) -> bytes:
    claim = _claim(told, claimant)
    parts = ("mobile_number", "date_of_birth", "ovid_type", "ovid_value")
    return Identifier.digest_of("claim", "\0".join(claim[part] or "" for part in parts))


def open_review(
    told: Told, *, holder: int, claimant: Customer | None, processor: Processor, at: datetime
) -> None:
    """Put a doubt before the staff, once a pair; inside a transaction."""
    review = DuplicateReview(
        customer_id=holder,
        claimant=claimant,
        claim_digest=claim_digest(told, claimant),
        is_by_mobile=told.mobile_number is not None
        and people.holder_of(MOBILE, told.mobile_number) == holder,
        processor=processor,
        opened_at=at,
    )
    review.seal(_claim(told, claimant))
    DuplicateReview.objects.bulk_create([review], ignore_conflicts=True)


def keeping_doubts(work: Callable[[], T], told: Told, *, processor: Processor) -> T:
    """Do work in a transaction; the review items of a Doubt are kept, in another one."""
    try:
        return in_transaction(work)
    except Doubt as doubt:
        _open_reviews(doubt, told, processor=processor)
        raise


def find_reviews(
    told: Told, *, holders: Iterable[int], claimant: Customer | None
) -> list[DuplicateReview]:
    """Find the items about this very claim, open or decided, in the order they were opened."""
    found = DuplicateReview.objects.filter(
        customer__in=list(holders), claim_digest=claim_digest(told, claimant)
    )
    return list(found.select_related("customer").order_by("pk"))


def found_same_person(told: Told, holder: Customer) -> bool:
    """Tell whether staff have found that this very claim is the customer on record."""
    return DuplicateReview.objects.filter(
        customer=holder,
        claim_digest=claim_digest(told, None),
        outcome=DuplicateReview.Outcome.SAME_PERSON,
    ).exists()


def decide(*, review_id: int, outcome: str, reason: str, user: User) -> DuplicateReview:
    """Decide a review: SAME_PERSON, NUMBER_PASSED_ON (the mobile then finds nobody) or
    DIFFERENT_PEOPLE.

    Raises Malformed without a reason, Conflict where it is decided, or a document was claimed and
    not a number.
    """
    given = require_text(reason, "reason", most=LONGEST_NOTE)

    def work() -> DuplicateReview:
        review = DuplicateReview.objects.select_for_update().get(pk=review_id)
        if review.outcome:
            raise Conflict([("outcome", "was decided before")])
        keep_evidence(review)  # before anything of it changes
        rows: list[Model] = [review]
        if outcome == DuplicateReview.Outcome.NUMBER_PASSED_ON:
            rows.append(_pass_number_on(review))
        review.outcome = DuplicateReview.Outcome(outcome)
        review.reason, review.decided_by, review.decided_at = given, user, clock.now()
        review.save(update_fields=DECISION)
        audit.record(
            "duplicate review decided",
            at=review.decided_at,
            subject=review.customer_id,
            user=user,
            detail={"review": review.pk, "outcome": outcome, "reason": review.reason},
            rows=rows,
        )
        return review

    return in_transaction(work)


def _open_reviews(doubt: Doubt, told: Told, *, processor: Processor) -> None:
    def work() -> None:
        for holder in doubt.holders:
            open_review(
                told, holder=holder, claimant=doubt.claimant, processor=processor, at=clock.now()
            )

    in_transaction(work)


def _pass_number_on(review: DuplicateReview) -> Customer:
    mobile = review.read_claim()["mobile_number"]
    holder = people.locked(review.customer_id)
    if not review.is_by_mobile or mobile is None or holder.mobile != mobile:
        raise Conflict([("outcome", "no mobile number of this customer is claimed")])
    people.forget(holder, MOBILE, Identifier.digest_of(MOBILE, mobile))
    holder.mobile = ""
    holder.save(update_fields=["mobile"])
    return holder


def _claim(told: Told, claimant: Customer | None) -> dict[str, str | None]:
    born = told.date_of_birth or (claimant.date_of_birth if claimant else None)
    return {
        "customer_name": told.customer_name or (claimant.name if claimant else None),
        "mobile_number": told.mobile_number,
        "date_of_birth": born.isoformat() if born else None,
        "ovid_type": told.ovid_type,
        "ovid_value": told.ovid_value,
    }
