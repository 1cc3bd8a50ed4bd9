"""What is done to customers: add, update, tell the KYC, block, unblock. Each a transaction of its
own.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import Model

from customers import conflicts, records
from customers.choices import MOBILE
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
from customers.records import Told
from customers.services import kyc, reviews
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
from ppims.db.statements import Table
from ppims.models import Processor, User
from ppims.services import audit, idempotency
from ppims.services.idempotency import Call

Statuses = Mapping[int, str]

DONE, KNOWN = "000", "200"
RECEIPTS = Table(Receipt)
COLUMNS = {
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
    told: Told,
    user: User | None = None,
    draw_unique_id: Callable[[], int] = records.random_unique_id,
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
        conflicts.judge_document(told)
        known, rows = _person_meant(told, call.processor, at), list[Model]()
        if known is None:
            rows += records.create(
                kyc.until_approved(told, user),
                unique_id=draw_unique_id(),
                processor=call.processor,
                user=user,
                at=at,
            )
        customer = known or rows[0]
        assert isinstance(customer, Customer)
        code = KNOWN if records.is_registered(call.processor, customer) else DONE
        if code == DONE:
            rows += records.register(told, customer=customer, processor=call.processor, at=at)
        receipt = _answer(call, customer, code, at)
        action = "customer added" if code == DONE else "customer known already"
        _audit(action, call, customer, at, {}, [*rows, receipt], user)
        if user is not None and known is None:
            kyc.propose_at_first(told, customer=customer, user=user, at=at)
        return receipt, False

    return reviews.keeping_doubts(work, told, processor=call.processor)


def update_customer(*, call: Call, told: Told) -> tuple[Receipt, bool]:
    """Change what is known of a customer; what is not told stays: (the answer, is it a replay).

    Raises UnknownCustomer, Malformed (Full KYC without a document) or Conflict.
    """

    def work() -> tuple[Receipt, bool]:
        first = idempotency.claim(call)
        if first is not None:
            return Receipt.objects.get(pk=first.row_id), True
        at = clock.now()
        assert told.unique_id is not None
        registration = records.visible(call.processor, told.unique_id)
        customer = records.locked(told.unique_id)
        conflicts.judge_document(told)
        conflicts.judge_upgrade(told, customer)
        conflicts.judge_conflicts(told, customer)
        changes, rows = _apply(told, call.processor, customer, registration, at)
        receipt = _answer(call, customer, DONE, at)
        _audit("customer updated", call, customer, at, changes, [*rows, receipt])
        return receipt, False

    return reviews.keeping_doubts(work, told, processor=call.processor)


def edit_customer(
    *, customer_id: int, told: Told, accounts: Statuses, cards: Statuses, user: User
) -> None:
    """Change, by staff, what is known of a customer but KYC and documents, and the status of
    accounts and cards, by their keys; what is not told stays, what is told as "" is removed.

    Raises UnknownCustomer, Malformed where nothing changes, or Conflict.
    """
    registration = records.first_registration(customer_id)

    def work() -> None:
        customer = records.locked_or_unknown(customer_id)
        at = clock.now()
        conflicts.judge_conflicts(told, customer)
        changes, rows = _apply(told, registration.processor, customer, registration, at)
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

    reviews.keeping_doubts(work, told, processor=registration.processor)


def _person_meant(told: Told, processor: Processor, at: datetime) -> Customer | None:
    """Find the person an add is about: by document, else by mobile. Raises Doubt or Conflict."""
    assert told.mobile_number
    by_mobile = records.holder_of(MOBILE, told.mobile_number)
    by_document = records.holder_of(*told.document) if told.document else None
    holder = by_document or by_mobile
    customer = records.locked(holder) if holder else None
    if customer is not None and by_document is None and conflicts.is_doubtful(told, customer):
        # This name alone, whatever else differs: more would tell of a stranger.
        errors = [("mobile_number", "is another person's, as far as the record shows")]
        raise Doubt(errors, holders=[customer.pk], claimant=None)
    if told.unique_id not in {None, holder}:
        raise Conflict([("unique_id", "is not this person's")])
    if customer is not None and by_mobile not in {None, customer.pk}:
        assert by_mobile
        reviews.open_review(told, holder=by_mobile, claimant=customer, processor=processor, at=at)
    return customer


def _apply(
    told: Told, processor: Processor, customer: Customer, registration: Registration, at: datetime
) -> tuple[dict[str, object], list[Model]]:
    """Make the changes; what changed, for the audit: from and to, and of documents and cards only
    that they did; and the rows that are new or changed.
    """
    changes, rows = _change_columns(told, customer), list[Model]()
    if told.mobile_number and told.mobile_number != customer.mobile:
        changes["mobile_number"] = [customer.mobile, told.mobile_number]
        _change_mobile(customer, told.mobile_number)
    before = customer.tier
    change = records.change_kyc(told, customer=customer, processor=processor, user=None, at=at)
    if change:
        changes["kyc_flag"] = [before, customer.tier]
        rows.append(change)
    if changes:
        _save(customer)
        rows.append(customer)
    documents = records.record_document(told, customer=customer, at=at) if told.document else []
    account = records.record_account(told, customer=customer, processor=processor)
    card = records.record_card(told, customer=customer, processor=processor)
    of_cif_id = _change_cif_id(told, registration, changes)
    if documents:
        changes["document"] = told.ovid_type
    if account:
        changes["account"] = True
    if card:
        changes["card"] = True
    rows += [row for row in (*documents, account, card, of_cif_id) if row is not None]
    return changes, rows


def _change_cif_id(
    told: Told, registration: Registration, changes: dict[str, object]
) -> Registration | None:
    """Change the Cif_Id that the processor knows the customer by: the row, where it is another."""
    if not told.cif_id or told.cif_id == registration.cif_id:
        return None
    changes["cif_id"] = [registration.cif_id, told.cif_id]
    whole = Registration.objects.get(pk=registration.pk)
    whole.cif_id = told.cif_id
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


def _change_columns(told: Told, customer: Customer) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name, column in COLUMNS.items():
        before, after = getattr(customer, column), getattr(told, name)
        if after is None or after == before:
            continue
        changes[name] = [str(before), str(after)]
        setattr(customer, column, after)
        if name == "customer_name":
            name_words.learn(customer.pk, customer.name, before=before)
    return changes


def _change_mobile(customer: Customer, mobile: str) -> None:
    records.forget(customer, MOBILE, Identifier.digest_of(MOBILE, customer.mobile))
    records.identify(customer, MOBILE, mobile)
    customer.mobile = mobile


def _save(customer: Customer) -> None:
    kyc = ["mobile", "tier", "tier_since", "kyc_updated_channel", "kyc_updated_on"]
    customer.save(update_fields=[*COLUMNS.values(), *kyc])


def _answer(call: Call, customer: Customer, code: str, at: datetime) -> Receipt:
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


def _audit(
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
