"""Refuse what a message says about a customer where the record stands against it.

Used inside the transactions that services begin.
"""

from collections.abc import Iterable, Sequence

from django.conf import settings

from customers import people, records
from customers.choices import Tier
from customers.claims import Doubt, has_found_same_person
from customers.details import CustomerDetails
from customers.models import Customer, Document
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import require_text
from ppims.models import LONGEST_NOTE


def require_valid_document(details: CustomerDetails) -> None:
    """Refuse, as Malformed, a number that fails its kind's check digits, if those are checked."""
    if settings.PPIMS_STRICT_DOCUMENTS and not details.passes_strict_checks:
        raise Malformed([("ovid_value", "is not a valid number of its kind")])


def require_document_for_full_kyc(details: CustomerDetails, ids: Iterable[int]) -> None:
    """Refuse, as Malformed, Full KYC where no document is given, or on record by any of the ids."""
    if details.kyc_flag != Tier.FULL or details.document:
        return
    on_record = Document.objects.filter(replaced_at__isnull=True)
    if not any(on_record.filter(customer_id=each).exists() for each in ids):
        message = "is required for Full KYC: no document is on record"
        raise Malformed([("ovid_type", message), ("ovid_value", message)])


def require_no_conflict(
    details: CustomerDetails, customer: Customer, *, may_lower: bool = False
) -> None:
    """Raise Doubt where the mobile or document is another person's, Conflict where KYC is lower
    than on record.
    """
    holders = zip(("mobile_number", "ovid_value"), records.find_holders(details), strict=True)
    claimed = {name: pk for name, pk in holders if pk and pk != customer.pk}
    if claimed and customer.survivor_id is not None:
        ids = people.list_ids(customer)
        claimed = {name: pk for name, pk in claimed.items() if pk not in ids}
    errors = [(name, "is another customer's") for name in claimed]
    if not may_lower and _is_kyc_lower(details, customer):
        errors.append(("kyc_flag", "is lower than the one on record"))
    if claimed:
        raise Doubt(errors, holders=sorted(set(claimed.values())), claimant=customer)
    if errors:
        raise Conflict(errors)


def require_no_doubt(details: CustomerDetails, way: Sequence[Customer]) -> None:
    """Raise Doubt where someone found by mobile alone may be a stranger. `way` leads from whom the
    mobile has found to who it means now.
    """
    customer = way[-1]
    if is_doubtful(details, way):
        # This name alone, whatever else differs: more would tell of a stranger.
        errors = [("mobile_number", "is another person's, as far as the record shows")]
        raise Doubt(errors, holders=[customer.pk], claimant=None)


def is_doubtful(details: CustomerDetails, way: Sequence[Customer]) -> bool:
    """Whether someone found by mobile alone may be a stranger: operators reissue numbers."""
    ids = people.list_ids(way[-1])
    other_document = details.document and records.find_documents(ids, details.document[0])
    if details.date_of_birth in {each.date_of_birth for each in way} and not other_document:
        return False
    return not has_found_same_person(details, ids)


def require_reason(reason: str) -> str:
    """Return the reason, trimmed. Raises Malformed where it is none."""
    return require_text(reason, "reason", most=LONGEST_NOTE)


def _is_kyc_lower(details: CustomerDetails, customer: Customer) -> bool:
    return Tier(details.kyc_flag or customer.tier).rank < Tier(customer.tier).rank
