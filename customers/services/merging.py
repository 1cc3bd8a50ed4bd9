"""What two people decide of customers who are one person: the customers' rows of a merge and of an
un-merge, inside the transaction that decides it. docs/ledger.md, "Merges".
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Model

from customers import people, records, survivors
from customers.choices import Tier
from customers.models import Customer, Kin, KycChange, Merge
from customers.services import own_values, reviews
from ppims.core.errors import Conflict, UnknownCustomer
from ppims.db.transaction import RunAgain
from ppims.models import FourEyes
from ppims.services import audit

KYC_COLUMNS = ("tier", "tier_since", "kyc_updated_channel", "kyc_updated_on")
STATUS_COLUMNS = ("status", "blocked_reason")
MOVED_REASON = "was merged or un-merged since"


@dataclass(frozen=True)
class Pair:
    """The rows of all who are kin of either of two customers, locked, by Unique_Id."""

    rows: Mapping[int, Customer]
    survivor: Customer
    merged: Customer


def lock_pair(survivor_id: int, merged_id: int) -> Pair:
    """Lock the rows of two customers and of all their kin, those merged first before those that
    they were merged into. Raises UnknownCustomer; RunAgain where the kin have changed meanwhile.
    """
    wanted = _list_kin(survivor_id, merged_id)
    depths = {each: len(survivors.list_way_up(each)) for each in wanted}
    in_order = sorted(wanted, key=lambda each: (-depths[each], each))
    rows = {each: people.lock_known_customer(each) for each in in_order}
    if _list_kin(survivor_id, merged_id) != wanted:
        raise RunAgain
    return Pair(rows, rows[survivor_id], rows[merged_id])


def choose_survivor(one: Customer, other: Customer) -> tuple[Customer, Customer]:
    """Choose of two who survives, the older: (the survivor, the merged one)."""
    first, second = sorted((one, other), key=lambda each: (each.created_at, each.pk))
    return first, second


def predict(survivor: Customer, merged: Customer) -> Customer:
    """Return what the survivor would be, unsaved: of the higher KYC, and blocked if either is."""
    after = copy(survivor)
    if _is_higher(merged, survivor):
        after.tier, after.tier_since = merged.tier, merged.tier_since
    if merged.is_blocked and not survivor.is_blocked:
        after.status, after.blocked_reason = merged.status, merged.blocked_reason
    return after


def _is_higher(merged: Customer, survivor: Customer) -> bool:
    return Tier(merged.tier).rank > Tier(survivor.tier).rank


def find_persons(one_id: int, other_id: int) -> tuple[Customer, Customer]:
    """Find whom two ids mean now. Raises UnknownCustomer, or Conflict where it is one person."""
    roots = survivors.find_root(one_id), survivors.find_root(other_id)
    found = Customer.objects.in_bulk(roots)
    if len(found) != len(set(roots)):
        raise UnknownCustomer
    if roots[0] == roots[1]:
        raise Conflict([("unique_id", "is this very customer")])
    return found[roots[0]], found[roots[1]]


def has_moved(merge: Merge) -> bool:
    """Whether what it stands on is another by now: who is merged into whom."""
    way = survivors.list_way_up(merge.merged_id)
    if survivors.find_root(merge.customer_id) != merge.customer_id:
        return True
    if merge.kind == Merge.Kind.MERGE:
        return len(way) > 1
    return merge.customer_id not in way[1:]


def carry_out(merge: Merge, pair: Pair, at: datetime, move: Callable[[], object]) -> list[Model]:
    """Make two customers one, or one two again; `move` moves the ledger's sums and the holds.
    Return the survivor's rows that the audit is to prove; it has heard of all others' already.

    Raises Conflict where who is merged into whom has changed since.
    """
    if has_moved(merge):
        raise Conflict([("unique_id", MOVED_REASON)])
    rows: dict[int, list[Model]] = {}
    if merge.kind == Merge.Kind.MERGE:
        families = [survivors.list_family(each.pk) for each in (pair.survivor, pair.merged)]
        closed = reviews.close_merged(merge, *families, at=at)
        rows[pair.survivor.pk] = _take_over(merge, pair, at)
        move()
        pair.merged.survivor_id = pair.survivor.pk
        pair.survivor.survivor_id = pair.survivor.pk
        for review in closed:
            rows.setdefault(review.customer_id, []).append(review)
        for kin in _keep_kin(pair):
            rows.setdefault(kin.customer_id, []).append(kin)
    else:
        for each in _list_above(pair):
            rows[each.pk] = _give_back(merge, each, at)
        move()
        pair.merged.survivor_id = pair.merged.pk
    for customer in (pair.survivor, pair.merged):
        customer.save(update_fields=["survivor_id"])
        rows[customer.pk] = [customer, *(r for r in rows.get(customer.pk, []) if r is not customer)]
    survivors_rows = rows.pop(pair.survivor.pk)
    _tell_of_others(merge, rows, at)
    return survivors_rows


def describe(merge: Merge) -> dict[str, object]:
    """Describe it for the audit: which merge, and who of the two there is before it and after."""
    one, two = [merge.customer_id], [merge.customer_id, merge.merged_id]
    before, after = (two, one) if merge.kind == Merge.Kind.MERGE else (one, two)
    said: dict[str, object] = {"merge": merge.pk, "kind": merge.kind, "merged": merge.merged_id}
    said |= {"before": before, "after": after, "reason": merge.reason}
    return said | ({"blocked": True} if merge.has_blocked else {})


def _list_kin(one_id: int, other_id: int) -> list[int]:
    return sorted({*survivors.list_kin(one_id), *survivors.list_kin(other_id)})


def _take_over(merge: Merge, pair: Pair, at: datetime) -> list[Model]:
    """Give the survivor the higher KYC, and the block where either is blocked."""
    survivor, merged = pair.survivor, pair.merged
    rows: list[Model] = []
    if _is_higher(merged, survivor):
        kyc = own_values.read_kyc(merged, named_id=merged.pk)
        rows.append(_set_kyc(survivor, kyc, merge, at))
    if merged.is_blocked and not survivor.is_blocked:
        survivor.status, survivor.blocked_reason = merged.status, merged.blocked_reason
        merge.has_blocked = True
    survivor.save(update_fields=[*KYC_COLUMNS, *STATUS_COLUMNS])  # the sums are judged by it
    return rows


def _give_back(merge: Merge, above: Customer, at: datetime) -> list[Model]:
    """Give a row above the one that is un-merged what is its own again: what came by the ids that
    leave, or because they were one with it, goes.
    """
    branch = survivors.list_branch(merge.merged_id)
    rows: list[Model] = [above]
    kyc, is_freed = _find_own(above, branch)
    if kyc is not None:
        rows.append(_set_kyc(above, kyc, merge, at))
    if is_freed:
        above.status, above.blocked_reason = Customer.Status.ACTIVE, ""
    columns = own_values.restore_columns(above, _list_staying(above, branch))
    above.save(update_fields=[*KYC_COLUMNS, *STATUS_COLUMNS, *columns])
    return rows


def _find_own(above: Customer, branch: Sequence[int]) -> tuple[own_values.Kyc | None, bool]:
    """Find what KYC a survivor has without the ids of a branch, None where the same; and whether it
    is blocked because of them alone.
    """
    ids = _list_staying(above, branch)
    stays = [
        each
        for each in Customer.objects.filter(pk__in=ids).exclude(pk=above.pk)
        if each.survivor_id == above.pk
    ]
    kyc = own_values.find_kyc(above, ids, stays)
    is_freed = own_values.is_blocked_by_merge(above) and not any(it.is_blocked for it in stays)
    return kyc, is_freed


def _list_staying(above: Customer, branch: Sequence[int]) -> list[int]:
    """List the ids that go on to lead to a survivor without those of a branch, itself included."""
    return [each for each in survivors.list_branch(above.pk) if each not in branch]


def predict_parting(survivor: Customer, merged_id: int) -> Customer:
    """Return what a survivor would be, unsaved, without one that was merged into it."""
    after = copy(survivor)
    kyc, is_freed = _find_own(survivor, survivors.list_branch(merged_id))
    if kyc is not None:
        after.tier, after.tier_since = kyc.tier, kyc.tier_since
    if is_freed:
        after.status, after.blocked_reason = Customer.Status.ACTIVE, ""
    return after


def _set_kyc(customer: Customer, kyc: own_values.Kyc, merge: Merge, at: datetime) -> KycChange:
    """Give a customer a KYC with its dates; unsaved, but for the history."""
    before = customer.tier
    customer.tier, customer.tier_since = kyc.tier, kyc.tier_since
    customer.kyc_updated_channel, customer.kyc_updated_on = kyc.channel, kyc.updated_on
    return records.record_kyc_change(
        customer, before, processor=None, user=merge.checker, at=at, named_id=kyc.named_id
    )


def _list_above(pair: Pair) -> list[Customer]:
    """List the rows on the way up from the one that is un-merged, the nearest first."""
    return [pair.rows[each] for each in survivors.list_way_up(pair.merged.pk)[1:]]


def _keep_kin(pair: Pair) -> list[Kin]:
    """Keep who is whose kin from now on, both ways: each of the one's with each of the other's."""
    sides = [survivors.list_kin(each.pk) for each in (pair.survivor, pair.merged)]
    found = [two for one in sides[0] for other in sides[1] for two in ((one, other), (other, one))]
    known = {each: set(survivors.list_kin(each)) for side in sides for each in side}
    new = [Kin(customer_id=a, other_id=b) for a, b in sorted(set(found)) if b not in known[a]]
    for each in new:
        each.save(force_insert=True)
    return new


def _tell_of_others(merge: Merge, rows: Mapping[int, Sequence[Model]], at: datetime) -> None:
    """Record in the audit of everybody but the survivor what the merge did to their rows."""
    is_merge = merge.kind == Merge.Kind.MERGE
    for unique_id, theirs in sorted(rows.items()):
        action = "customer merged" if is_merge else "customer un-merged"
        if unique_id != merge.merged_id:
            action = "changed by a merge"
        audit.record(
            action,
            at=at,
            subject=unique_id,
            user=merge.checker,
            detail={"merge": merge.pk, "survivor": merge.customer_id, "merged": merge.merged_id},
            rows=theirs,
        )


def find_waiting(ids: Iterable[int]) -> Merge | None:
    """Find an open proposal in which any of these customers is, as survivor or to be merged."""
    asked = list(ids)
    proposed = Merge.objects.filter(state=FourEyes.State.PROPOSED)
    of_survivor = proposed.filter(customer_id__in=asked).order_by("pk").first()
    return of_survivor or proposed.filter(merged_id__in=asked).order_by("pk").first()
