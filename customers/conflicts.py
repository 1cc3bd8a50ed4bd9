"""What stands in the way of what is told of a customer. Used inside the transactions that services
begin.
"""

from collections.abc import Iterator

from django.conf import settings

from customers import records
from customers.choices import MOBILE_KIND, Tier
from customers.claims import Doubt, has_found_same_person
from customers.models import Customer
from customers.records import CustomerDetails
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import require_text
from ppims.models import LONGEST_NOTE


def require_valid_document(details: CustomerDetails) -> None:
    """Raises Malformed where documents are judged strictly, and this number can't be one."""
    if settings.PPIMS_STRICT_DOCUMENTS and not details.passes_strict_checks:
        raise Malformed([("ovid_value", "is not a valid number of its kind")])


def require_document_for_full_kyc(details: CustomerDetails, customer: Customer) -> None:
    """Raises Malformed for Full KYC without a document, told or on record."""
    if details.kyc_flag != Tier.FULL or details.document:
        return
    if not customer.documents.filter(replaced_at__isnull=True).exists():
        message = "is required for Full KYC: no document is on record"
        raise Malformed([("ovid_type", message), ("ovid_value", message)])


def require_no_conflict(
    details: CustomerDetails, customer: Customer, *, may_lower: bool = False
) -> None:
    """Raises Doubt where mobile or document are another's, Conflict for a KYC lower than the one on
    record.
    """
    claimed = dict(_list_claims_on_others(details, customer))
    errors = [(name, "is another customer's") for name in claimed]
    if (
        details.kyc_flag
        and Tier(details.kyc_flag).rank < Tier(customer.tier).rank
        and not may_lower
    ):
        errors.append(("kyc_flag", "is lower than the one on record"))
    if claimed:
        raise Doubt(errors, holders=sorted(set(claimed.values())), claimant=customer)
    if errors:
        raise Conflict(errors)


def is_doubtful(details: CustomerDetails, customer: Customer) -> bool:
    """Tell whether someone found by mobile alone may be a stranger to whom the number was
    reissued.
    """
    other_document = details.document and records.find_document(customer, details.document[0])
    if details.date_of_birth == customer.date_of_birth and not other_document:
        return False
    return not has_found_same_person(details, customer)


def require_reason(reason: str) -> str:
    """Give the reason, trimmed. Raises Malformed where it is none."""
    return require_text(reason, "reason", most=LONGEST_NOTE)


def _list_claims_on_others(
    details: CustomerDetails, customer: Customer
) -> Iterator[tuple[str, int]]:
    claims = [
        ("mobile_number", (MOBILE_KIND, details.mobile_number) if details.mobile_number else None)
    ]
    claims.append(("ovid_value", details.document))
    for name, identifier in claims:
        holder = records.find_holder(*identifier) if identifier else None
        if holder not in {None, customer.pk}:
            assert holder
            yield name, holder
