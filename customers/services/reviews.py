"""Duplicate reviews: opened when a claim casts doubt on who someone is, decided by staff."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from django.db.models import Model

from customers import people, records
from customers.choices import MOBILE_KIND
from customers.claims import Doubt, claim_digest, describe_claim, find_reviews
from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview, Merge, NumberPassedOn
from customers.review_evidence import keep_evidence
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db import owned_rows
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import LONGEST_NOTE, FourEyes, Processor, User
from ppims.services import audit
from ppims.services.four_eyes import Proposals, require_none_open

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
    if find_reviews(details, holders=[holder], claimant=claimant):  # by an older key, too
        return
    DuplicateReview.objects.bulk_create([review], ignore_conflicts=True)


def keep_doubts(work: Callable[[], T], details: CustomerDetails, *, processor: Processor) -> T:
    """Do work in a transaction. Where it raises Doubt, its reviews are opened in another one."""
    try:
        return run_in_transaction(work)
    except Doubt as doubt:
        _open_reviews(doubt, details, processor=processor)
        raise


@wrap_in_transaction
def decide(
    *, review_id: int, outcome: str, reason: str, user: User
) -> DuplicateReview | NumberPassedOn:
    """Decide a review: SAME_PERSON, DIFFERENT_PEOPLE, or NUMBER_PASSED_ON, which is proposed: once
    another person approves it, the mobile finds its old holder no more. Where both are customers on
    record, one person is for two people too: limits.services.merges.

    Raises Malformed without a reason. Raises Conflict where it was decided before or waits for a
    proposal, or where NUMBER_PASSED_ON is said of a claim by document.
    """
    given = require_text(reason, "reason", most=LONGEST_NOTE)
    review = lock_undecided(review_id)
    at = clock.now()
    if outcome == DuplicateReview.Outcome.NUMBER_PASSED_ON:
        return _propose_passing_on(review, given, user, at)
    if outcome == DuplicateReview.Outcome.SAME_PERSON and review.claimant_id is not None:
        raise Conflict([("outcome", "is decided by merging the two customers")])
    keep_evidence(review)  # before anything of it changes
    _set_outcome(review, outcome, given, user, at)
    audit.record(
        "duplicate review decided",
        at=at,
        subject=review.customer_id,
        user=user,
        detail={"review": review.pk, "outcome": outcome, "reason": review.reason},
        rows=[review],
    )
    return review


def lock_undecided(review_id: int) -> DuplicateReview:
    """Lock a review that is still to be decided. Raises Conflict where it is not, or where a
    proposal is to decide it.
    """
    review = owned_rows.lock_row(DuplicateReview, review_id)
    if not review.is_open:
        raise Conflict([("outcome", "was decided before")])
    if find_proposal(review) is not None:
        raise Conflict([("outcome", "waits for a proposal to be decided")])
    return review


def find_proposal(review: DuplicateReview) -> Merge | NumberPassedOn | None:
    """Find the open proposal that is to decide a review."""
    proposed = FourEyes.State.PROPOSED
    passing_on = NumberPassedOn.objects.filter(
        customer_id=review.customer_id, review_id=review.pk, state=proposed
    )
    merge = Merge.objects.filter(review_id=review.pk, state=proposed)
    return passing_on.select_related("maker").first() or merge.select_related("maker").first()


def list_proposed() -> dict[int, str]:
    """List the reviews that an open proposal is to decide, by their keys, each with the outcome
    that is proposed.
    """
    outcomes = DuplicateReview.Outcome
    proposed = FourEyes.State.PROPOSED
    merges = Merge.objects.filter(state=proposed, review_id__isnull=False)
    found = dict.fromkeys(merges.values_list("review_id", flat=True), outcomes.SAME_PERSON.value)
    passing_on = NumberPassedOn.objects.filter(state=proposed)
    for pk in passing_on.values_list("review_id", flat=True):
        found[pk] = outcomes.NUMBER_PASSED_ON.value
    return {pk: outcome for pk, outcome in found.items() if pk is not None}


def lock_between(ids: Sequence[int], others: Sequence[int]) -> list[DuplicateReview]:
    """Lock the reviews that ask whether somebody who has these ids is who has those."""
    found: list[DuplicateReview] = []
    for holders, claimants in ((ids, others), (others, ids)):
        for holder in holders:
            asked = DuplicateReview.objects.filter(customer_id=holder, claimant_id__in=claimants)
            found += asked.select_for_update().order_by("pk")
    return found


def close_merged(
    merge: Merge, ids: Sequence[int], others: Sequence[int], *, at: datetime
) -> list[DuplicateReview]:
    """Close the reviews that ask whether the two of a merge are one, who have these ids and those,
    in the transaction that approves it. Return them.
    """
    found = [each for each in lock_between(ids, others) if each.is_open]
    for review in found:
        if not review.outcome:
            keep_evidence(review)
            assert merge.maker
            same = DuplicateReview.Outcome.SAME_PERSON
            _set_outcome(review, same, merge.reason, merge.maker, at)
        review.merged_at = at
        owned_rows.save_columns(review, ["merged_at"])
    return found


def _set_outcome(
    review: DuplicateReview, outcome: str, reason: str, user: User, at: datetime
) -> None:
    review.outcome = DuplicateReview.Outcome(outcome)
    review.reason, review.decided_by, review.decided_at = reason, user, at
    owned_rows.save_columns(review, DECISION_COLUMNS)


def _propose_passing_on(
    review: DuplicateReview, reason: str, user: User, at: datetime
) -> NumberPassedOn:
    holder = people.lock_customer(review.customer_id)
    _find_claimed_mobile(review, holder)
    require_none_open(holder.numbers_passed_on, "mobile_number")
    return NUMBER_PROPOSALS.keep(
        NumberPassedOn(customer=holder, review=review, reason=reason, maker=user, proposed_at=at)
    )


def has_kept_number(proposal: NumberPassedOn) -> bool:
    """Whether the customer still has the number that is claimed, and the review is undecided."""
    review = proposal.review
    return not review.outcome and bool(
        review.is_by_mobile and review.read_claim()["mobile_number"] == review.customer.mobile
    )


def _find_claimed_mobile(review: DuplicateReview, holder: Customer) -> str:
    mobile = review.read_claim()["mobile_number"]
    if not review.is_by_mobile or not mobile or holder.mobile != mobile:
        raise Conflict([("outcome", "no mobile number of this customer is claimed")])
    return mobile


def _lock_holder(proposal: NumberPassedOn) -> tuple[tuple[DuplicateReview, Customer], datetime]:
    review = owned_rows.lock_row(DuplicateReview, proposal.review_id)
    return (review, people.lock_customer(proposal.customer_id)), clock.now()


def _pass_number_on(
    proposal: NumberPassedOn, locked: tuple[DuplicateReview, Customer], at: datetime
) -> list[Model]:
    """Let the mobile find nobody of its old holder. Raises Conflict where it is another's by now,
    or the review was decided.
    """
    review, holder = locked
    if review.outcome:
        raise Conflict([("outcome", "was decided before")])
    _find_claimed_mobile(review, holder)
    keep_evidence(review)  # before anything of it changes
    records.forget(holder, MOBILE_KIND)
    holder.mobile = ""
    holder.save(update_fields=["mobile"])
    assert proposal.maker
    outcome = DuplicateReview.Outcome.NUMBER_PASSED_ON
    _set_outcome(review, outcome, proposal.reason, proposal.maker, at)
    return [review, holder]


def _describe_passing_on(proposal: NumberPassedOn) -> dict[str, object]:
    """Describe it for the audit: whom the number finds before it and after, but not the number."""
    found = {"before": [proposal.customer_id], "after": list[int]()}
    return {"review": proposal.review_id, **found, "reason": proposal.reason}


NUMBER_PROPOSALS = Proposals(
    model=NumberPassedOn,
    name="number passed on",
    lock=_lock_holder,
    carry_out=_pass_number_on,
    describe=_describe_passing_on,
)


@wrap_in_transaction
def _open_reviews(doubt: Doubt, details: CustomerDetails, *, processor: Processor) -> None:
    at = clock.now()
    for holder in doubt.holders:
        open_review(details, holder=holder, claimant=doubt.claimant, processor=processor, at=at)
