"""A customer's rows: found, recorded, changed. Used inside the transactions that services begin."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Model
from stdnum.in_ import aadhaar, pan

from customers.choices import MOBILE_KIND, DocumentKind, InstrumentStatus, Tier
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
from ppims.db import statements
from ppims.db.statements import Table, read_joined
from ppims.db.transaction import RunAgain
from ppims.models import Processor, User

STRICT_CHECKS = {DocumentKind.AADHAAR: aadhaar.is_valid, DocumentKind.PAN: pan.is_valid}

REGISTRATIONS, CUSTOMERS = Table(Registration), Table(Customer)
DOCUMENTS, ACCOUNTS, CARDS = Table(Document), Table(Account), Table(Card)
KYC_CHANGES = Table(KycChange)
# As much of either as calls ask for: reading all of it would cost twice the statement.
KNOWN_AS = Table(Registration, "r", only=("id", "customer_id", "processor_id", "cif_id"))
KNOWN_CUSTOMERS = Table(
    Customer,
    "c",
    only="unique_id tier tier_since kyc_updated_channel kyc_updated_on status".split(),
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
STATUS_OF_ACCOUNT = f"SELECT status FROM customers_account {OF_ACCOUNT}"  # noqa: S608
STATUS_OF_CARD = f"SELECT status FROM customers_card {OF_CARD}"  # noqa: S608
INSERT_IDENTIFIER = """
    INSERT INTO customers_identifier (kind, digest, customer_id)
    VALUES (%s, %s, %s) ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True)
class CustomerDetails:
    """What a message tells of a customer, in the wire's words; None: it says nothing of that."""

    unique_id: int | None = None
    customer_id: str | None = None
    customer_name: str | None = None
    maiden_name: str | None = None
    mobile_number: str | None = None
    date_of_birth: date | None = None
    email_id: str | None = None
    address_line1: str | None = None
    address_line2: str | None = None
    city: str | None = None
    state: str | None = None
    pincode: str | None = None
    account_number: str | None = None
    account_status: str | None = None
    card_number: str | None = None
    card_exp_date: str | None = None
    card_status: str | None = None
    kyc_flag: str | None = None
    kyc_updated_channel: str | None = None
    kyc_updated_on: datetime | None = None
    ovid_value: str | None = None
    ovid_type: str | None = None
    cif_id: str | None = None
    customer_type: str | None = None
    ppi_type: str | None = None
    nri_flag: str | None = None

    @property
    def document(self) -> tuple[str, str] | None:
        """The kind and number of the document, where one was told."""
        return (self.ovid_type, self.ovid_value) if self.ovid_type and self.ovid_value else None

    @property
    def passes_strict_checks(self) -> bool:
        kind, number = self.document or ("", "")
        check = STRICT_CHECKS.get(DocumentKind(kind)) if kind else None
        return check is None or check(number)


def draw_unique_id() -> int:
    """Draw 15 digits, the first of them 1 to 9."""
    return 10**14 + secrets.randbelow(9 * 10**14)


def find_registration(processor: Processor, unique_id: int) -> Registration:
    """Find the customer as this processor sees it. Raises UnknownCustomer, also where only others
    know it.
    """
    found = read_joined((KNOWN_AS, KNOWN_CUSTOMERS), SEE_REGISTRATION, [unique_id, processor.pk])
    if found is None:
        raise UnknownCustomer
    registration: Registration = found[0]
    CUSTOMER_OF.set_cached_value(registration, found[1])
    return registration


def is_registered(processor: Processor, customer: Customer) -> bool:
    """Tell whether the processor knows the customer."""
    return statements.read_row(FIND_REGISTERED, [customer.pk, processor.pk]) is not None


def find_account_status(customer_id: int, processor_id: int, number: str) -> str | None:
    """Tell the status of an account as its processor has told it; None: not told of."""
    found = statements.read_row(STATUS_OF_ACCOUNT, [customer_id, processor_id, number])
    return found[0] if found else None


def find_card_status(customer_id: int, processor_id: int, number: str) -> str | None:
    """Tell the status of a card as its processor has told it; None: not told of."""
    found = statements.read_row(STATUS_OF_CARD, [customer_id, processor_id, Card.digest_of(number)])
    return found[0] if found else None


def find_holder(kind: str, value: str) -> int | None:
    """Tell whose this mobile number or document is: a Unique_Id."""
    found = statements.read_row(FIND_HOLDER, [kind, Identifier.digest_of(kind, value)])
    return found[0] if found else None


def lock_customer(unique_id: int) -> Customer:
    """Lock a customer's own row against other changes of it; limits never wait for this."""
    return Customer.objects.select_for_update(no_key=True).get(pk=unique_id)


def lock_known_customer(unique_id: int) -> Customer:
    """Lock a customer's own row. Raises UnknownCustomer."""
    try:
        return lock_customer(unique_id)
    except Customer.DoesNotExist:
        raise UnknownCustomer from None


def find_first_registration(unique_id: int) -> Registration:
    """Find through whom the customer was first known. Raises UnknownCustomer."""
    found = Registration.objects.filter(customer_id=unique_id).select_related("processor")
    registration = found.order_by("pk").first()
    if registration is None:
        raise UnknownCustomer
    return registration


def identify(customer: Customer, kind: str, value: str) -> None:
    """Make a mobile number or document find this customer. Raises Again where someone else was
    first.
    """
    if not statements.run(
        INSERT_IDENTIFIER, [kind, Identifier.digest_of(kind, value), customer.pk]
    ):
        raise RunAgain


def forget(customer: Customer, kind: str, digest: bytes) -> None:
    """Make a mobile number or document find nobody."""
    Identifier.objects.filter(kind=kind, digest=digest, customer=customer).delete()


def create(
    details: CustomerDetails,
    *,
    unique_id: int,
    processor: Processor | None,
    user: User | None,
    at: datetime,
) -> tuple[Customer, KycChange]:
    """Record a new person with mobile, document and the first line of KYC history."""
    assert details.customer_name
    assert details.mobile_number
    assert details.date_of_birth
    assert details.kyc_flag
    assert details.kyc_updated_channel
    updated_on = details.kyc_updated_on or at
    customer = Customer(
        unique_id=unique_id,
        name=details.customer_name,
        mobile=details.mobile_number,
        date_of_birth=details.date_of_birth,
        maiden_name=details.maiden_name or "",
        email=details.email_id or "",
        address_line1=details.address_line1 or "",
        address_line2=details.address_line2 or "",
        city=details.city or "",
        state=details.state or "",
        pincode=details.pincode or "",
        nri_flag=details.nri_flag or "",
        tier=details.kyc_flag,
        tier_since=min(updated_on, at),
        kyc_updated_channel=details.kyc_updated_channel,
        kyc_updated_on=updated_on,
        created_at=at,
    )
    CUSTOMERS.insert(customer)
    name_words.learn(unique_id, customer.name)
    identify(customer, MOBILE_KIND, details.mobile_number)
    change = record_kyc_change(customer, from_tier="", processor=processor, user=user, at=at)
    return customer, change


def register(
    details: CustomerDetails, *, customer: Customer, processor: Processor, at: datetime
) -> list[Model]:
    """Make the customer visible to the processor, with account, card and a document not yet on
    record: the rows that are new or changed.
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
    if details.document and find_document(customer, details.document[0]) is None:
        document = _add_document(details.document, customer=customer, at=at)
    return [row for row in (registration, account, card, document) if row is not None]


def find_document(customer: Customer, kind: str) -> Document | None:
    return DOCUMENTS.read_row(ON_RECORD, [customer.pk, kind])


def record_document(
    details: CustomerDetails, *, customer: Customer, at: datetime
) -> list[Document]:
    """Record a document, in the place of one of its kind: the rows that are new or changed; none
    where it is on record already.
    """
    assert details.document
    kind, number = details.document
    before = find_document(customer, kind)
    digest = Identifier.digest_of(kind, number)
    if before is None:
        return [_add_document(details.document, customer=customer, at=at)]
    if bytes(before.digest) == digest:
        return []
    forget(customer, kind, bytes(before.digest))
    before.replaced_at = at
    before.save(update_fields=["replaced_at"])
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
    """Add an account that this channel has not sent before, or set the status of a known one: the
    row, where that changes anything.
    """
    if not details.account_number:
        return None
    key = (customer.pk, processor.pk, details.account_number)
    known, now = ACCOUNTS.read_row(OF_ACCOUNT, key), details.account_status
    if known is None:
        status = now or InstrumentStatus.ACTIVE.value
        named = {"customer_id": key[0], "processor_id": key[1], "number": key[2]}
        account = Account(**named, status=status)
        ACCOUNTS.insert(account)
        return account
    return known if set_status(known, now) else None


def record_card(
    details: CustomerDetails, *, customer: Customer, processor: Processor
) -> Card | None:
    """Add a card that this channel has not sent before, or set the status of a known one: the row,
    where that changes anything.
    """
    if not details.card_number:
        return None
    digest, now = Card.digest_of(details.card_number), details.card_status
    known = CARDS.read_row(OF_CARD, [customer.pk, processor.pk, digest])
    if known is None:
        card = Card(
            customer_id=customer.pk,
            processor_id=processor.pk,
            digest=digest,
            last_four=details.card_number[-4:],
            expires=details.card_exp_date or "",
            status=now or InstrumentStatus.ACTIVE.value,
        )
        CARDS.insert(card)
        return card
    return known if set_status(known, now) else None


def set_status(known: Account | Card, now: str | None) -> bool:
    """Set the status of an account or card; False: it says nothing new."""
    if now in {None, known.status}:
        return False
    known.status = InstrumentStatus(now).value
    known.save(update_fields=["status"])
    return True


def change_kyc(
    details: CustomerDetails,
    *,
    customer: Customer,
    processor: Processor | None,
    user: User | None,
    at: datetime,
) -> KycChange | None:
    """Set tier, channel and date as told, unsaved, and keep the change; None: nothing of it was
    new.
    """
    before = customer.tier
    tier = Tier(details.kyc_flag or before)
    unraised = customer.kyc_updated_on if tier == before else at
    updated_on = details.kyc_updated_on or unraised
    channel = details.kyc_updated_channel or customer.kyc_updated_channel
    if (tier, channel, updated_on) == (
        before,
        customer.kyc_updated_channel,
        customer.kyc_updated_on,
    ):
        return None
    if tier != before:
        first = customer.kyc_changes.filter(to_tier=tier).order_by("pk").first()
        customer.tier_since = first.tier_since if first else min(updated_on, at)
    customer.tier, customer.kyc_updated_channel, customer.kyc_updated_on = tier, channel, updated_on
    return record_kyc_change(customer, from_tier=before, processor=processor, user=user, at=at)


def record_kyc_change(
    customer: Customer,
    *,
    from_tier: str,
    processor: Processor | None,
    user: User | None,
    at: datetime,
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
    )
    KYC_CHANGES.insert(change)
    return change
