"""Merges and un-merges of customers: proposed by one person, approved by another, and then one
person's limits at once, or two people's again (docs/ledger.md, "Merges").
"""

from datetime import datetime

from customers import people, survivors
from customers.conflicts import require_reason
from customers.models import Customer, Merge
from customers.services import merging, reviews
from customers.services.merging import Pair
from limits import ledger
from limits.services import moves
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.db.transaction import wrap_in_transaction
from ppims.models import FourEyes, User
from ppims.services.four_eyes import Proposals


@wrap_in_transaction
def propose_merge(
    *, unique_id: int, other_id: int, reason: str, user: User, review_id: int | None = None
) -> Merge:
    """Propose that two customers are one person; the older one survives. `review_id` is the review
    item that asked: it is decided by the merge.

    Raises UnknownCustomer; Malformed without a reason; Conflict where they are one already, or an
    open proposal is about either.
    """
    if review_id is not None:
        reviews.lock_undecided(review_id)
    pair = merging.find_persons(unique_id, other_id)
    survivor, merged = merging.choose_survivor(*pair)
    return _propose(Merge.Kind.MERGE, survivor, merged, reason, user, review_id=review_id)


@wrap_in_transaction
def propose_unmerge(*, merged_id: int, reason: str, user: User) -> Merge:
    """Propose that a customer who was merged into another is somebody else after all.

    Raises UnknownCustomer; Malformed without a reason; Conflict where it is merged into nobody, or
    an open proposal is about either.
    """
    root = survivors.find_root(merged_id)
    if root == merged_id:
        raise Conflict([("unique_id", "is merged into nobody")])
    found = Customer.objects.in_bulk([root, merged_id])
    return _propose(Merge.Kind.UNMERGE, found[root], found[merged_id], reason, user)


def _propose(
    kind: Merge.Kind,
    survivor: Customer,
    merged: Customer,
    reason: str,
    user: User,
    *,
    review_id: int | None = None,
) -> Merge:
    pair = merging.lock_pair(survivor.pk, merged.pk)  # so that of two proposals one is refused
    ids = {*people.list_ids(pair.survivor), *people.list_ids(pair.merged)}
    if merging.find_waiting(ids) is not None:
        raise Conflict([("unique_id", "has an open proposal already, to merge or un-merge")])
    merge = Merge(
        customer=pair.survivor,
        merged_id=merged.pk,
        kind=kind,
        review_id=review_id,
        reason=require_reason(reason),
        maker=user,
        proposed_at=clock.now(),
    )
    if merging.has_moved(merge):
        raise Conflict([("unique_id", merging.MOVED_REASON)])
    return MERGE_PROPOSALS.keep(merge)


def _lock(merge: Merge) -> tuple[Pair, datetime]:
    """Lock the reviews that ask about the two, both ledgers, in the order of ids, and then both
    customers with all their kin.
    """
    reviews.lock_between(*map(survivors.list_family, (merge.customer_id, merge.merged_id)))
    instants = [ledger.lock(each)[1] for each in sorted((merge.customer_id, merge.merged_id))]
    return merging.lock_pair(merge.customer_id, merge.merged_id), max(instants)


MERGE_PROPOSALS = Proposals(
    model=Merge,
    name="merge",
    lock=_lock,
    carry_out=lambda merge, pair, at: merging.carry_out(
        merge, pair, at, lambda: moves.move_totals(merge, at)
    ),
    describe=merging.describe,
    columns=(*FourEyes.DECISION, "has_blocked"),
)
decide = MERGE_PROPOSALS.decide
