"""A claim: what a message says of somebody who may be another customer. Reviews are found by it."""

from collections.abc import Iterable

from customers.details import CustomerDetails
from customers.models import Customer, DuplicateReview, Identifier
from ppims.core.errors import Conflict


class Doubt(Conflict):
    """A 409 that staff must look at. `holders` are the customers whose mobile or document was
    claimed, `claimant` is the customer for whom, if that one is on record too.
    """

    def __init__(
        self, errors: list[tuple[str, str]], *, holders: list[int], claimant: Customer | None
    ) -> None:
        super().__init__(errors)
        self.holders, self.claimant = holders, claimant


def claim_digest(details: CustomerDetails, claimant: Customer | None) -> bytes:
    return Identifier.digest_of("claim", _join_parts(details, claimant))


def find_reviews(
    details: CustomerDetails, *, holders: Iterable[int], claimant: Customer | None
) -> list[DuplicateReview]:
    """Find the reviews of this very claim, open or decided, in the order of opening."""
    found = DuplicateReview.objects.filter(
        customer__in=list(holders),
        claim_digest__in=Identifier.list_digests("claim", _join_parts(details, claimant)),
    )
    return list(found.select_related("customer").order_by("pk"))


def has_found_same_person(details: CustomerDetails, ids: Iterable[int]) -> bool:
    """Whether staff have decided that this very claim is the person who has these ids."""
    found = find_reviews(details, holders=ids, claimant=None)
    return any(review.outcome == DuplicateReview.Outcome.SAME_PERSON for review in found)


def describe_claim(details: CustomerDetails, claimant: Customer | None) -> dict[str, str | None]:
    born = details.date_of_birth or (claimant.date_of_birth if claimant else None)
    return {
        "customer_name": details.customer_name or (claimant.name if claimant else None),
        "mobile_number": details.mobile_number,
        "date_of_birth": born.isoformat() if born else None,
        "ovid_type": details.ovid_type,
        "ovid_value": details.ovid_value,
    }


def _join_parts(details: CustomerDetails, claimant: Customer | None) -> str:
    """Join what makes a claim this very one."""
    claim = describe_claim(details, claimant)
    parts = ("mobile_number", "date_of_birth", "ovid_type", "ovid_value")
    return "\0".join(claim[part] or "" for part in parts)
