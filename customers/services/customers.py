"""Add and update customers, each in a transaction of its own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import Model

from customers import conflicts, records
from customers.choices import MOBILE_KIND
from customers.details import CustomerDetails
from customers.models import (
    Account,
    Card,
    Customer,
    Identifier,
    Receipt,
    Registration,
    name_words,
)
from customers.services import kyc, reviews
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.db.owned_rows import save_columns
from ppims.db.statements import Table
from ppims.db.transaction import RunAgain
from ppims.models import Processor, ReplayKey, User
from ppims.services import audit, idempotency

Statuses = Mapping[int, str]

DONE_CODE, KNOWN_CODE = "000", "200"
# What became of a call: its Resp_Code, and what the audit says.
ADDED_OUTCOME, KNOWN_OUTCOME = (DONE_CODE, "customer added"), (KNOWN_CODE, "customer known already")
UPDATED_OUTCOME = (DONE_CODE, "customer updated")
RECEIPTS = Table(Receipt)
OF_REF_ID = "WHERE customer_id = %s AND id = %s"
CHANGED_COLUMNS = [
    *records.COLUMN_NAMES.values(),
    *("mobile", "tier", "tier_since", "kyc_updated_channel", "kyc_updated_on"),
]


def add_customer(
    *,
    call: idempotency.Call,
    details: CustomerDetails,
    user: User | None = None,
    draw_unique_id: Callable[[], int] = records.draw_unique_id,
) -> tuple[Receipt, bool]:
    """Add a customer, or register a known one through another processor. Return the answer, and
    whether it is a replay.

    Full KYC by a user of the staff is proposed; the customer has Min KYC until it is approved.
    Raises Conflict, and opens a duplicate review, where it is doubtful who this is.
    """

    def add(at: datetime) -> Receipt:
        conflicts.require_valid_document(details)
        customer, rows = _find_person_meant(details, call.processor, at), list[Model]()
        is_new = customer is None
        if customer is None:
            first = kyc.lower_until_approved(details, user)
            customer, change = records.create(
                first, unique_id=draw_unique_id(), processor=call.processor, user=user, at=at
            )
            rows += [customer, change]
        elif records.is_registered(call.processor, customer):
            return _answer(call, customer, KNOWN_OUTCOME, {}, [], at=at, user=user)
        rows += records.register(details, customer=customer, processor=call.processor, at=at)
        receipt = _answer(call, customer, ADDED_OUTCOME, {}, rows, at=at, user=user)
        if user is not None and is_new:
            kyc.propose_at_first(details, customer=customer, user=user, at=at)
        return receipt

    return _answer_once(call, details, add)


def update_customer(*, call: idempotency.Call, details: CustomerDetails) -> tuple[Receipt, bool]:
    """Change what is known of a customer; None in `details` leaves a value as it is. Return the
    answer, and whether it is a replay.

    Raises UnknownCustomer, Malformed (Full KYC without a document) or Conflict.
    """

    def update(at: datetime) -> Receipt:
        assert details.unique_id is not None
        registration = records.find_registration(call.processor, details.unique_id)
        customer = records.lock_customer(details.unique_id)
        conflicts.require_valid_document(details)
        conflicts.require_document_for_full_kyc(details, customer)
        conflicts.require_no_conflict(details, customer)
        changes, rows = _apply(details, call.processor, customer, registration, at)
        return _answer(call, customer, UPDATED_OUTCOME, changes, rows, at=at)

    return _answer_once(call, details, update)


def edit_customer(
    *,
    customer_id: int,
    details: CustomerDetails,
    accounts: Statuses,
    cards: Statuses,
    user: User,
) -> None:
    """Change for staff what is known of a customer, except KYC and documents, and the statuses of
    accounts and cards, by their keys. None leaves a value as it is, "" removes it.

    Raises UnknownCustomer, Malformed where nothing changes, or Conflict.
    """
    registration = records.find_first_registration(customer_id)

    def work() -> None:
        customer = records.lock_known_customer(customer_id)
        at = clock.now()
        conflicts.require_no_conflict(details, customer)
        changes, rows = _apply(details, registration.processor, customer, registration, at)
        for name, model, statuses in (("accounts", Account, accounts), ("cards", Card, cards)):
            if changed := _set_statuses(model, customer, statuses):
                changes[name] = [change for change, _ in changed]
                rows += [row for _, row in changed]
        if not changes:
            raise Malformed([("", "says nothing to change")])
        audit.record(
            "customer updated",
            at=at,
            subject=customer_id,
            user=user,
            detail={"changes": changes},
            rows=rows,
        )

    reviews.keep_doubts(work, details, processor=registration.processor)


def _find_person_meant(
    details: CustomerDetails, processor: Processor, at: datetime
) -> Customer | None:
    """Find the person an add is about: by document, else by mobile. Raises Doubt or Conflict.

    Where the mobile is another customer's than the document, a review asks whose it is.
    """
    by_mobile, by_document = records.find_holders(details)
    holder = by_document or by_mobile
    customer = records.lock_holder(holder) if holder else None
    if customer is not None and by_document is None:
        conflicts.require_no_doubt(details, customer)
    if details.unique_id not in {None, holder}:
        raise Conflict([("unique_id", "is not this person's")])
    if by_mobile and by_mobile != holder:
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
    """Make the changes. Return what changed, for the audit, and the rows that are new or changed.

    The audit has a value's "from" and "to", but of documents and cards only that they changed.
    """
    changes, rows = _change_customer(details, processor, customer, at)
    documents = records.record_document(details, customer=customer, at=at)
    account = records.record_account(details, customer=customer, processor=processor)
    card = records.record_card(details, customer=customer, processor=processor)
    renamed = _change_cif_id(details, registration, changes)
    if documents:
        changes["document"] = details.ovid_type
    changes |= {name: True for name, row in (("account", account), ("card", card)) if row}
    rows += [row for row in (*documents, account, card, renamed) if row]
    return changes, rows


def _change_customer(
    details: CustomerDetails, processor: Processor, customer: Customer, at: datetime
) -> tuple[dict[str, object], list[Model]]:
    changes, before = _change_columns(details, customer), customer.tier
    mobile = details.mobile_number
    if mobile and mobile != customer.mobile:
        changes["mobile_number"] = [customer.mobile, mobile]
        records.forget(customer, MOBILE_KIND, Identifier.digest_of(MOBILE_KIND, customer.mobile))
        records.identify(customer, MOBILE_KIND, mobile)
        customer.mobile = mobile
    change = records.change_kyc(details, customer=customer, processor=processor, user=None, at=at)
    if change:
        changes["kyc_flag"] = [before, customer.tier]
    if changes:
        customer.save(update_fields=CHANGED_COLUMNS)
    return changes, [row for row in (change, changes and customer) if row]


def _change_cif_id(
    details: CustomerDetails, registration: Registration, changes: dict[str, object]
) -> Registration | None:
    if not details.cif_id or details.cif_id == registration.cif_id:
        return None
    changes["cif_id"] = [registration.cif_id, details.cif_id]
    theirs = Registration.objects.filter(customer_id=registration.customer_id)
    whole = theirs.get(pk=registration.pk)  # the audit proves all its columns
    whole.cif_id = details.cif_id
    save_columns(whole, ["cif_id"])
    return whole


def _set_statuses(
    model: type[Account | Card], customer: Customer, statuses: Statuses
) -> list[tuple[list[str], Account | Card]]:
    """Set statuses by the rows' keys. Return (number, from, to) of what changed, and the row."""
    changed = []
    for row in model._base_manager.filter(customer=customer, pk__in=statuses).order_by("pk"):
        before = row.status
        if records.set_status(row, statuses[row.pk]):
            changed.append(([row.masked, before, row.status], row))
    return changed


def _change_columns(details: CustomerDetails, customer: Customer) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name, column in records.COLUMN_NAMES.items():
        before, after = getattr(customer, column), getattr(details, name)
        if after not in {None, before}:
            changes[name] = [str(before), str(after)]
            setattr(customer, column, after)
            if name == "customer_name":
                name_words.learn(customer.pk, after, before=before)
    return changes


def _answer_once(
    call: idempotency.Call, details: CustomerDetails, change: Callable[[datetime], Receipt]
) -> tuple[Receipt, bool]:
    """Make a change in a transaction, unless its Ref_Id was answered before."""

    def work() -> tuple[Receipt, bool]:
        first = idempotency.claim(call)
        if first is not None:
            return _read_receipt(first), True
        return change(clock.now()), False

    return reviews.keep_doubts(work, details, processor=call.processor)


def _read_receipt(first: ReplayKey) -> Receipt:
    """Read the answer that a Ref_Id points at. Raises RunAgain where it isn't there: on another
    machine it may be seen a moment later than the Ref_Id.
    """
    receipt = RECEIPTS.read_row(OF_REF_ID, [first.customer_id, first.row_id])
    if receipt is None:
        raise RunAgain
    return receipt


def _answer(
    call: idempotency.Call,
    customer: Customer,
    outcome: tuple[str, str],
    changes: dict[str, object],
    rows: Sequence[Model],
    *,
    at: datetime,
    user: User | None = None,
) -> Receipt:
    """Keep the answer, point the Ref_Id at it, and record in the audit what was done."""
    resp_code, action = outcome
    receipt = Receipt(
        customer_id=customer.pk,
        processor_id=call.processor.pk,
        operation=call.operation.value,
        ref_id=call.ref_id,
        at=at,
        resp_code=resp_code,
        unique_id=customer.pk,
        tier=customer.tier,
        kyc_updated_channel=customer.kyc_updated_channel,
        kyc_updated_on=customer.kyc_updated_on,
    )
    RECEIPTS.insert(receipt)
    receipt.proven_with = call.digests
    idempotency.settle(call, customer_id=customer.pk, row_id=receipt.pk)
    audit.record(
        action,
        at=at,
        subject=customer.pk,
        user=user,
        processor=call.processor,
        detail={"ref_id": call.ref_id, **({"changes": changes} if changes else {})},
        rows=[*rows, receipt],
    )
    return receipt
