"""What stands in the way of what is told of a customer. Used inside the transactions that services
begin.
"""

from collections.abc import Iterator

from django.conf import settings

from customers import records
from customers.choices import MOBILE, Tier
from customers.claims import Doubt, found_same_person
from customers.models import Customer
from customers.records import Told
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import require_text
from ppims.models import LONGEST_NOTE


def judge_document(told: Told) -> None:
    """Raises Malformed where documents are judged strictly, and this number can't be one."""
    if settings.PPIMS_STRICT_DOCUMENTS and not told.passes_strict_checks:
        raise Malformed([("ovid_value", "is not a valid number of its kind")])


def judge_upgrade(told: Told, customer: Customer) -> None:
    """Raises Malformed for Full KYC without a document, told or on record."""
    if told.kyc_flag != Tier.FULL or told.document:
        return
    if not customer.documents.filter(replaced_at__isnull=True).exists():
        message = "is required for Full KYC: no document is on record"
        raise Malformed([("ovid_type", message), ("ovid_value", message)])


def judge_conflicts(told: Told, customer: Customer, *, may_lower: bool = False) -> None:
    """Raises Doubt where mobile or document are another's, Conflict for a KYC lower than the one on
    record.
    """
    claimed = dict(_claimed_from_others(told, customer))
    errors = [(name, "is another customer's") for name in claimed]
    if told.kyc_flag and Tier(told.kyc_flag).rank < Tier(customer.tier).rank and not may_lower:
        errors.append(("kyc_flag", "is lower than the one on record"))
    if claimed:
        raise Doubt(errors, holders=sorted(set(claimed.values())), claimant=customer)
    if errors:
        raise Conflict(errors)


def is_doubtful(told: Told, customer: Customer) -> bool:
    """Tell whether someone found by mobile alone may be a stranger to whom the number was
    reissued.
    """
    other_document = told.document and records.document_on_record(customer, told.document[0])
    if told.date_of_birth == customer.date_of_birth and not other_document:
        return False
    return not found_same_person(told, customer)


def given(reason: str) -> str:
    """Give the reason, trimmed. Raises Malformed where it is none."""
    return require_text(reason, "reason", most=LONGEST_NOTE)


def _claimed_from_others(told: Told, customer: Customer) -> Iterator[tuple[str, int]]:
    claims = [("mobile_number", (MOBILE, told.mobile_number) if told.mobile_number else None)]
    claims.append(("ovid_value", told.document))
    for name, identifier in claims:
        holder = records.holder_of(*identifier) if identifier else None
        if holder not in {None, customer.pk}:
            assert holder
            yield name, holder
