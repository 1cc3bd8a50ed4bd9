"""What is done to customers: add, update, tell the KYC, block, unblock. Each a transaction of its
own.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import Model

from customers import conflicts, records
from customers.choices import MOBILE_KIND
from customers.claims import Doubt
from customers.models import (
    Account,
    Card,
    Customer,
    Identifier,
    Receipt,
    Registration,
    name_words,
)
from customers.records import CustomerDetails
from customers.services import kyc, reviews
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.db.statements import Table
from ppims.models import Processor, User
from ppims.services import audit, idempotency
from ppims.services.idempotency import Call

Statuses = Mapping[int, str]

DONE_CODE, KNOWN_CODE = "000", "200"
RECEIPTS = Table(Receipt)
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


def add_customer(
    *,
    call: Call,
    details: CustomerDetails,
    user: User | None = None,
    draw_unique_id: Callable[[], int] = records.draw_unique_id,
) -> tuple[Receipt, bool]:
    """Add a customer, or register a known one through another processor: (the answer, is it a
    replay). Full KYC by a user of the staff is proposed, and Min KYC until it is approved.

    Raises Conflict, and opens a duplicate review, where it is doubtful who this is.
    """

    def work() -> tuple[Receipt, bool]:
        first = idempotency.claim(call)
        if first is not None:
            return Receipt.objects.get(pk=first.row_id), True
        at = clock.now()
        conflicts.require_valid_document(details)
        known, rows = _find_person_meant(details, call.processor, at), list[Model]()
        if known is None:
            rows += records.create(
                kyc.lower_until_approved(details, user),
                unique_id=draw_unique_id(),
                processor=call.processor,
                user=user,
                at=at,
            )
        customer = known or rows[0]
        assert isinstance(customer, Customer)
        code = KNOWN_CODE if records.is_registered(call.processor, customer) else DONE_CODE
        if code == DONE_CODE:
            rows += records.register(details, customer=customer, processor=call.processor, at=at)
        receipt = _keep_receipt(call, customer, code, at)
        action = "customer added" if code == DONE_CODE else "customer known already"
        _record_audit(action, call, customer, at, {}, [*rows, receipt], user)
        if user is not None and known is None:
            kyc.propose_at_first(details, customer=customer, user=user, at=at)
        return receipt, False

    return reviews.keep_doubts(work, details, processor=call.processor)


def update_customer(*, call: Call, details: CustomerDetails) -> tuple[Receipt, bool]:
    """Change what is known of a customer; what is not told stays: (the answer, is it a replay).

    Raises UnknownCustomer, Malformed (Full KYC without a document) or Conflict.
    """

    def work() -> tuple[Receipt, bool]:
        first = idempotency.claim(call)
        if first is not None:
            return Receipt.objects.get(pk=first.row_id), True
        at = clock.now()
        assert details.unique_id is not None
        registration = records.find_registration(call.processor, details.unique_id)
        customer = records.lock_customer(details.unique_id)
        conflicts.require_valid_document(details)
        conflicts.require_document_for_full_kyc(details, customer)
        conflicts.require_no_conflict(details, customer)
        changes, rows = _apply(details, call.processor, customer, registration, at)
        receipt = _keep_receipt(call, customer, DONE_CODE, at)
        _record_audit("customer updated", call, customer, at, changes, [*rows, receipt])
        return receipt, False

    return reviews.keep_doubts(work, details, processor=call.processor)


def edit_customer(
    *, customer_id: int, details: CustomerDetails, accounts: Statuses, cards: Statuses, user: User
) -> None:
    """Change, by staff, what is known of a customer but KYC and documents, and the status of
    accounts and cards, by their keys; what is not told stays, what is told as "" is removed.

    Raises UnknownCustomer, Malformed where nothing changes, or Conflict.
    """
    registration = records.find_first_registration(customer_id)

    def work() -> None:
        customer = records.lock_known_customer(customer_id)
        at = clock.now()
        conflicts.require_no_conflict(details, customer)
        changes, rows = _apply(details, registration.processor, customer, registration, at)
        for name, model, statuses in (("accounts", Account, accounts), ("cards", Card, cards)):
            if set_ones := _set_statuses(model, customer, statuses):
                changes[name] = [said for said, _ in set_ones]
                rows += [row for _, row in set_ones]
        if not changes:
            raise Malformed([("", "says nothing to change")])
        detail: dict[str, object] = {"changes": changes}
        audit.record(
            "customer updated", at=at, subject=customer_id, user=user, detail=detail, rows=rows
        )

    reviews.keep_doubts(work, details, processor=registration.processor)


def _find_person_meant(
    details: CustomerDetails, processor: Processor, at: datetime
) -> Customer | None:
    """Find the person an add is about: by document, else by mobile. Raises Doubt or Conflict."""
    assert details.mobile_number
    by_mobile = records.find_holder(MOBILE_KIND, details.mobile_number)
    by_document = records.find_holder(*details.document) if details.document else None
    holder = by_document or by_mobile
    customer = records.lock_customer(holder) if holder else None
    if customer is not None and by_document is None and conflicts.is_doubtful(details, customer):
        # This name alone, whatever else differs: more would tell of a stranger.
        errors = [("mobile_number", "is another person's, as far as the record shows")]
        raise Doubt(errors, holders=[customer.pk], claimant=None)
    if details.unique_id not in {None, holder}:
        raise Conflict([("unique_id", "is not this person's")])
    if customer is not None and by_mobile not in {None, customer.pk}:
        assert by_mobile
        reviews.open_review(
            details, holder=by_mobile, claimant=customer, processor=processor, at=at
        )
    return customer


def _apply(
    details: CustomerDetails,
    processor: Processor,
    customer: Customer,
    registration: Registration,
    at: datetime,
) -> tuple[dict[str, object], list[Model]]:
    """Make the changes; what changed, for the audit: from and to, and of documents and cards only
    that they did; and the rows that are new or changed.
    """
    changes, rows = _change_columns(details, customer), list[Model]()
    if details.mobile_number and details.mobile_number != customer.mobile:
        changes["mobile_number"] = [customer.mobile, details.mobile_number]
        _change_mobile(customer, details.mobile_number)
    before = customer.tier
    change = records.change_kyc(details, customer=customer, processor=processor, user=None, at=at)
    if change:
        changes["kyc_flag"] = [before, customer.tier]
        rows.append(change)
    if changes:
        _save(customer)
        rows.append(customer)
    documents = (
        records.record_document(details, customer=customer, at=at) if details.document else []
    )
    account = records.record_account(details, customer=customer, processor=processor)
    card = records.record_card(details, customer=customer, processor=processor)
    of_cif_id = _change_cif_id(details, registration, changes)
    if documents:
        changes["document"] = details.ovid_type
    if account:
        changes["account"] = True
    if card:
        changes["card"] = True
    rows += [row for row in (*documents, account, card, of_cif_id) if row is not None]
    return changes, rows


def _change_cif_id(
    details: CustomerDetails, registration: Registration, changes: dict[str, object]
) -> Registration | None:
    """Change the Cif_Id that the processor knows the customer by: the row, where it is another."""
    if not details.cif_id or details.cif_id == registration.cif_id:
        return None
    changes["cif_id"] = [registration.cif_id, details.cif_id]
    whole = Registration.objects.get(pk=registration.pk)
    whole.cif_id = details.cif_id
    whole.save(update_fields=["cif_id"])
    return whole


def _set_statuses(
    model: type[Account | Card], customer: Customer, statuses: Statuses
) -> list[tuple[list[str], Account | Card]]:
    """Set the status of some of the customer's accounts or cards: which changed, from, to; and its
    row.
    """
    changed = []
    rows = model._base_manager.filter(customer=customer, pk__in=statuses).order_by("pk")
    for row in rows:
        before = row.status
        if records.set_status(row, statuses[row.pk]):
            changed.append(([row.masked, before, row.status], row))
    return changed


def _change_columns(details: CustomerDetails, customer: Customer) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name, column in COLUMN_NAMES.items():
        before, after = getattr(customer, column), getattr(details, name)
        if after is None or after == before:
            continue
        changes[name] = [str(before), str(after)]
        setattr(customer, column, after)
        if name == "customer_name":
            name_words.learn(customer.pk, customer.name, before=before)
    return changes


def _change_mobile(customer: Customer, mobile: str) -> None:
    records.forget(customer, MOBILE_KIND, Identifier.digest_of(MOBILE_KIND, customer.mobile))
    records.identify(customer, MOBILE_KIND, mobile)
    customer.mobile = mobile


def _save(customer: Customer) -> None:
    kyc = ["mobile", "tier", "tier_since", "kyc_updated_channel", "kyc_updated_on"]
    customer.save(update_fields=[*COLUMN_NAMES.values(), *kyc])


def _keep_receipt(call: Call, customer: Customer, code: str, at: datetime) -> Receipt:
    receipt = Receipt(
        customer_id=customer.pk,
        processor_id=call.processor.pk,
        operation=call.operation.value,
        ref_id=call.ref_id,
        at=at,
        resp_code=code,
        unique_id=customer.pk,
        tier=customer.tier,
        kyc_updated_channel=customer.kyc_updated_channel,
        kyc_updated_on=customer.kyc_updated_on,
    )
    RECEIPTS.insert(receipt)
    receipt.proven_with = call.digests
    idempotency.settle(call, customer_id=customer.pk, row_id=receipt.pk)
    return receipt


def _record_audit(
    action: str,
    call: Call,
    customer: Customer,
    at: datetime,
    changes: dict[str, object],
    rows: Sequence[Model],
    user: User | None = None,
) -> None:
    audit.record(
        action,
        at=at,
        subject=customer.pk,
        user=user,
        processor=call.processor,
        detail={"ref_id": call.ref_id, **({"changes": changes} if changes else {})},
        rows=rows,
    )
