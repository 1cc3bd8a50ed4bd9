"""Merge customers, and part them again, through the services, as two people do."""

from customers.models import Merge
from limits.services import merges
from ppims.models import User


def merge_customers(one: int, other: int) -> Merge:
    """Let two people make one of two customers."""
    return approve_merge(propose_merge(one, other))


def unmerge_customer(merged_id: int) -> Merge:
    """Let two people part a merged customer from who survived."""
    return approve_merge(propose_unmerge(merged_id))


def propose_merge(one: int, other: int) -> Merge:
    maker, _ = find_two_people()
    return merges.propose_merge(
        unique_id=one, other_id=other, reason="One and the same", user=maker
    )


def propose_unmerge(merged_id: int) -> Merge:
    maker, _ = find_two_people()
    return merges.propose_unmerge(merged_id=merged_id, reason="Two after all", user=maker)


def find_waiting(*ids: int) -> Merge | None:
    """Find a proposal that was made before a database gave up on its approval."""
    return Merge.objects.filter(merged_id__in=ids, state="PROPOSED").first()


def approve_merge(proposal: Merge) -> Merge:
    _, checker = find_two_people()
    return merges.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)


def find_two_people() -> tuple[User, User]:
    """Find the two of the staff who propose and decide, made at first use."""
    him, her = (User.objects.get_or_create(username=name)[0] for name in ("him", "her"))
    return him, her
