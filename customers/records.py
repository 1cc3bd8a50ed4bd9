"""Find, record and change a customer's rows, inside the transactions that services begin."""

import secrets
from collections.abc import Iterable
from datetime import datetime
from typing import TypeVar

from django.conf import settings
from django.db.models import Model, Q, QuerySet

from customers import survivors
from customers.choices import MOBILE_KIND, InstrumentStatus, Tier
from customers.details import CustomerDetails
from customers.models import (
    Account,
    Card,
    Customer,
    Document,
    Identifier,
    KycChange,
    Registration,
    name_words,
)
from ppims.core.errors import UnknownCustomer
from ppims.db.owned_rows import save_columns
from ppims.db.statements import Table, read_joined, read_row, run
from ppims.db.transaction import RunAgain
from ppims.models import Processor, User

REGISTRATIONS, CUSTOMERS = Table(Registration), Table(Customer)
DOCUMENTS, ACCOUNTS, CARDS = Table(Document), Table(Account), Table(Card)
KYC_CHANGES = Table(KycChange)
# Only the columns that the API's answers need: reading all of them would take twice as long.
KNOWN_AS = Table(Registration, "r", only=("id", "customer_id", "processor_id", "cif_id"))
KNOWN_CUSTOMERS = Table(
    Customer,
    "c",
    only="unique_id tier tier_since kyc_updated_channel kyc_updated_on status survivor_id".split(),
)
SEE_REGISTRATION = """
    JOIN customers_customer c ON c.unique_id = r.customer_id
    WHERE r.customer_id = %s AND r.processor_id = %s
"""
CUSTOMER_OF = Registration._meta.get_field("customer")
FIND_REGISTERED = (
    "SELECT 1 FROM customers_registration WHERE customer_id = %s AND processor_id = %s"
)
FIND_HOLDER = "SELECT customer_id FROM customers_identifier WHERE kind = %s AND digest = %s"
ON_RECORD = "WHERE customer_id = %s AND kind = %s AND replaced_at IS NULL"
OF_ACCOUNT = "WHERE customer_id = %s AND processor_id = %s AND number = %s"
OF_CARD = "WHERE customer_id = %s AND processor_id = %s AND digest = %s"
INSERT_IDENTIFIER = """
    INSERT INTO customers_identifier (kind, digest, customer_id, key_id)
    VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING
"""

# What may be changed freely: a field's name in CustomerDetails, and its column in Customer.
COLUMN_NAMES = {
    "customer_name": "name",
    "maiden_name": "maiden_name",
    "date_of_birth": "date_of_birth",
    "email_id": "email",
    "address_line1": "address_line1",
    "address_line2": "address_line2",
    "city": "city",
    "state": "state",
    "pincode": "pincode",
}
NEW_COLUMN_NAMES = {
    **COLUMN_NAMES,
    "mobile_number": "mobile",
    "nri_flag": "nri_flag",
    "kyc_flag": "tier",
    "kyc_updated_channel": "kyc_updated_channel",
}


Instrument = TypeVar("Instrument", Account, Card)


def draw_unique_id() -> int:
    """Draw 15 digits, the first of them 1 to 9."""
    return 10**14 + secrets.randbelow(9 * 10**14)


def find_registration(processor: Processor, unique_id: int) -> Registration | None:
    """Find the customer as this processor knows it by this very id, in one read."""
    found = read_joined((KNOWN_AS, KNOWN_CUSTOMERS), SEE_REGISTRATION, [unique_id, processor.pk])
    if found is None:
        return None
    registration: Registration = found[0]
    CUSTOMER_OF.set_cached_value(registration, found[1])
    return registration


def is_registered(processor: Processor, ids: Iterable[int]) -> bool:
    """Return whether a processor knows the person, by whichever of the ids."""
    return any(read_row(FIND_REGISTERED, [each, processor.pk]) is not None for each in ids)


def find_holder(kind: str, value: str) -> int | None:
    """Return the Unique_Id of whoever has this mobile number or document."""
    for digest in Identifier.list_digests(kind, value):
        if found := read_row(FIND_HOLDER, [kind, digest]):
            return int(found[0])
    return None


def find_holders(details: CustomerDetails) -> tuple[int | None, int | None]:
    """Return the Unique_Ids of who has the mobile number, and of who has the document."""
    mobile, document = details.mobile_number, details.document
    return (
        find_holder(MOBILE_KIND, mobile) if mobile else None,
        find_holder(*document) if document else None,
    )


def find_first_registration(unique_id: int) -> Registration:
    """Find through whom the customer was first known. Raises UnknownCustomer."""
    known = Registration.objects.filter(customer_id=unique_id)
    registration = known.select_related("processor").order_by("pk").first()
    if registration is None:
        raise UnknownCustomer
    return registration


def identify(customer: Customer, kind: str, value: str) -> None:
    """Make a mobile number or document find this customer.

    Raises RunAgain where someone else was first: the transaction starts over, and sees whose it is.
    """
    ring, digests = settings.PPIMS_DIGEST_KEYS, Identifier.list_digests(kind, value)
    older = []
    for key, digest in zip(ring, digests, strict=True):
        # Under the next key too: for workers that use it already, and find nothing by this one.
        if key is not ring[0] and not key.is_next:
            older.append(digest)
        elif not run(INSERT_IDENTIFIER, [kind, digest, customer.pk, key.id]):
            raise RunAgain
    # After the insert: who digests an older row anew meanwhile inserts the same, and one waits.
    if any(read_row(FIND_HOLDER, [kind, digest]) for digest in older):
        raise RunAgain


def forget(customer: Customer, kind: str) -> None:
    """Let the customer's mobile number, or the document of a kind, find nobody any more: under
    whichever keys it did, also one that this worker doesn't know yet.
    """
    Identifier.objects.filter(kind=kind, customer=customer).delete()


def create(
    details: CustomerDetails,
    *,
    unique_id: int,
    processor: Processor | None,
    user: User | None,
    at: datetime,
) -> tuple[Customer, KycChange]:
    """Record a new person, whom the mobile number finds, and the first line of KYC history.

    The document is for `register`. Raises RunAgain as `identify` does.
    """
    said = {column: getattr(details, name) or "" for name, column in NEW_COLUMN_NAMES.items()}
    updated_on = details.kyc_updated_on or at
    customer = Customer(
        **said,
        unique_id=unique_id,
        tier_since=min(updated_on, at),
        kyc_updated_on=updated_on,
        created_at=at,
    )
    CUSTOMERS.insert(customer)
    name_words.learn(unique_id, customer.name)
    identify(customer, MOBILE_KIND, customer.mobile)
    return customer, record_kyc_change(customer, "", processor=processor, user=user, at=at)


def register(
    details: CustomerDetails,
    *,
    customer: Customer,
    ids: Iterable[int],
    processor: Processor,
    at: datetime,
) -> list[Model]:
    """Make the customer visible to the processor, with account, card, and the document unless one
    of its kind is on record, by whichever of the ids. Return the rows that are new or changed.
    """
    registration = Registration(
        customer_id=customer.pk,
        processor_id=processor.pk,
        customer_ref=details.customer_id or "",
        cif_id=details.cif_id or "",
        customer_type=details.customer_type or "",
        ppi_type=details.ppi_type or "",
        registered_at=at,
    )
    REGISTRATIONS.insert(registration)
    account = record_account(details, customer=customer, processor=processor)
    card = record_card(details, customer=customer, processor=processor)
    document = None
    if details.document and not find_documents(ids, details.document[0]):
        document = _add_document(details.document, customer=customer, at=at)
    return [row for row in (registration, account, card, document) if row is not None]


def find_document(customer: Customer, kind: str) -> Document | None:
    return DOCUMENTS.read_row(ON_RECORD, [customer.pk, kind])


def find_documents(ids: Iterable[int], kind: str) -> list[Document]:
    """Find the documents of a kind that one person has on record, by whichever of these ids."""
    found = (DOCUMENTS.read_row(ON_RECORD, [unique_id, kind]) for unique_id in ids)
    return [document for document in found if document is not None]


def record_document(
    details: CustomerDetails, *, customer: Customer, ids: Iterable[int], at: datetime
) -> list[Document]:
    """Record the document, if one is given, in place of one of its kind.

    Return the rows that are new or changed: none where the person has it on record already, by
    whichever of the ids.
    """
    if details.document is None:
        return []
    kind, number = details.document
    on_record, digests = find_documents(ids, kind), Identifier.list_digests(kind, number)
    if any(bytes(each.digest) in digests for each in on_record):
        return []
    before = next((each for each in on_record if each.customer_id == customer.pk), None)
    if before is None:
        return [_add_document(details.document, customer=customer, at=at)]
    forget(customer, kind)
    before.replaced_at = at
    # Saved before the new one is inserted: one of a kind is on record, says a constraint.
    save_columns(before, ["replaced_at"])
    return [before, _add_document(details.document, customer=customer, at=at)]


def _add_document(details: tuple[str, str], *, customer: Customer, at: datetime) -> Document:
    kind, number = details
    identify(customer, kind, number)
    document = Document(customer_id=customer.pk, kind=kind, recorded_at=at)
    document.seal(number)
    DOCUMENTS.insert(document)
    return document


def record_account(
    details: CustomerDetails, *, customer: Customer, processor: Processor
) -> Account | None:
    """Add the account, or set the status of a known one. Return the row where anything changed."""
    number, status = details.account_number, details.account_status
    if not number:
        return None
    account = Account(
        customer_id=customer.pk,
        processor_id=processor.pk,
        number=number,
        status=status or InstrumentStatus.ACTIVE.value,
    )
    known = ACCOUNTS.read_row(OF_ACCOUNT, [customer.pk, processor.pk, number])
    return _add_or_set_status(ACCOUNTS, account, known, status)


def record_card(
    details: CustomerDetails, *, customer: Customer, processor: Processor
) -> Card | None:
    """Add the card, or set the status of a known one. Return the row where anything changed."""
    number, status = details.card_number, details.card_status
    if not number:
        return None
    card = Card(
        customer_id=customer.pk,
        processor_id=processor.pk,
        digest=Card.digest_of(number),
        last_four=number[-4:],
        expires=details.card_exp_date or "",
        status=status or InstrumentStatus.ACTIVE.value,
    )
    known = None
    for digest in Card.list_digests(number):
        known = known or CARDS.read_row(OF_CARD, [customer.pk, processor.pk, digest])
    return _add_or_set_status(CARDS, card, known, status)


def _add_or_set_status(
    table: Table[Instrument], new: Instrument, known: Instrument | None, status: str | None
) -> Instrument | None:
    if known is None:
        table.insert(new)
        return new
    return known if set_status(known, status) else None


def set_status(known: Account | Card, status: str | None) -> bool:
    """Save a new status of an account or card. Return False where it is none, or the same."""
    if status in {None, known.status}:
        return False
    known.status = InstrumentStatus(status).value
    save_columns(known, ["status"])
    return True


def change_kyc(
    details: CustomerDetails,
    *,
    customer: Customer,
    processor: Processor | None,
    user: User | None,
    at: datetime,
    named_id: int | None = None,
) -> KycChange | None:
    """Set tier, channel and date on the customer, unsaved, and insert the change. `named_id`: it
    came by this other id of the person.

    Return None where nothing of it is new.
    """
    before = customer.tier
    tier = Tier(details.kyc_flag or before)
    channel = details.kyc_updated_channel or customer.kyc_updated_channel
    updated_on = details.kyc_updated_on or (customer.kyc_updated_on if tier == before else at)
    unchanged = (before, customer.kyc_updated_channel, customer.kyc_updated_on)
    if (tier, channel, updated_on) == unchanged:
        return None
    if tier != before:
        # A tier counts from the first time: lowering KYC and raising it again does not start
        # the months of CREDIT_STOP anew.
        first = _list_kyc_changes(customer).filter(to_tier=tier).order_by("pk").first()
        customer.tier_since = first.tier_since if first else min(updated_on, at)
    customer.tier, customer.kyc_updated_channel, customer.kyc_updated_on = tier, channel, updated_on
    return record_kyc_change(
        *(customer, before), processor=processor, user=user, at=at, named_id=named_id
    )


def _list_kyc_changes(customer: Customer) -> QuerySet[KycChange]:
    """List what became of a customer's KYC; not what came by an id that is another's by now."""
    if customer.survivor_id is None:
        return customer.kyc_changes.all()
    ids = survivors.list_family(survivors.find_root(customer.pk))
    return customer.kyc_changes.filter(Q(named_id__isnull=True) | Q(named_id__in=ids))


def record_kyc_change(
    customer: Customer,
    from_tier: str,
    *,
    processor: Processor | None,
    user: User | None,
    at: datetime,
    named_id: int | None = None,
) -> KycChange:
    change = KycChange(
        customer_id=customer.pk,
        at=at,
        processor_id=processor.pk if processor else None,
        user_id=user.pk if user else None,
        channel=customer.kyc_updated_channel,
        updated_on=customer.kyc_updated_on,
        from_tier=from_tier,
        to_tier=customer.tier,
        tier_since=customer.tier_since,
        named_id=named_id,
    )
    KYC_CHANGES.insert(change)
    return change
