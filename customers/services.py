"""What is done to customers: add, update, tell the KYC, block, unblock. Each a transaction of its
own.
"""

from collections.abc import Callable, Mapping
from datetime import datetime

from customers import judging, kyc, names, people, reviews
from customers.judging import given
from customers.kinds import MOBILE, InstrumentStatus
from customers.models import (
    Account,
    Card,
    Customer,
    Identifier,
    Receipt,
    Registration,
)
from customers.people import Told
from customers.proposals import Unblocking
from ppims import audit, clock, replay
from ppims.errors import Conflict, Malformed
from ppims.models import FourEyes, Processor, User
from ppims.replay import Call
from ppims.statements import Table
from ppims.transact import in_transaction

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
    draw_unique_id: Callable[[], int] = people.random_unique_id,
) -> tuple[Receipt, bool]:
    """Add a customer, or register a known one through another processor: (the answer, is it a
    replay). Full KYC by a user of the staff is proposed, and Min KYC until it is approved.

    Raises Conflict, and opens a duplicate review, where it is doubtful who this is.
    """

    def work() -> tuple[Receipt, bool]:
        first = replay.claim(call)
        if first is not None:
            return Receipt.objects.get(pk=first.row_id), True
        at = clock.now()
        judging.judge_document(told)
        known = _person_meant(told, call.processor, at)
        customer = known or people.create(
            kyc.until_approved(told, user),
            unique_id=draw_unique_id(),
            processor=call.processor,
            user=user,
            at=at,
        )
        code = KNOWN if people.is_registered(call.processor, customer) else DONE
        if code == DONE:
            people.register(told, customer=customer, processor=call.processor, at=at)
            _audit("customer added", call, customer, at, {}, user)
        if user is not None and known is None:
            kyc.propose_at_first(told, customer=customer, user=user, at=at)
        return _answer(call, customer, code, at), False

    return reviews.keeping_doubts(work, told, processor=call.processor)


def update_customer(*, call: Call, told: Told) -> tuple[Receipt, bool]:
    """Change what is known of a customer; what is not told stays: (the answer, is it a replay).

    Raises UnknownCustomer, Malformed (Full KYC without a document) or Conflict.
    """

    def work() -> tuple[Receipt, bool]:
        first = replay.claim(call)
        if first is not None:
            return Receipt.objects.get(pk=first.row_id), True
        at = clock.now()
        assert told.unique_id is not None
        registration = people.visible(call.processor, told.unique_id)
        customer = people.locked(told.unique_id)
        judging.judge_document(told)
        judging.judge_upgrade(told, customer)
        judging.judge_conflicts(told, customer)
        changes = _apply(told, call.processor, customer, registration, at)
        _audit("customer updated", call, customer, at, changes)
        return _answer(call, customer, DONE, at), False

    return reviews.keeping_doubts(work, told, processor=call.processor)


def edit_customer(
    *, customer_id: int, told: Told, accounts: Statuses, cards: Statuses, user: User
) -> None:
    """Change, by staff, what is known of a customer but KYC and documents, and the status of
    accounts and cards, by their keys; what is not told stays, what is told as "" is removed.

    Raises UnknownCustomer, Malformed where nothing changes, or Conflict.
    """
    registration = people.first_registration(customer_id)

    def work() -> None:
        customer = people.locked_or_unknown(customer_id)
        at = clock.now()
        judging.judge_conflicts(told, customer)
        changes = _apply(told, registration.processor, customer, registration, at)
        for name, model, statuses in (("accounts", Account, accounts), ("cards", Card, cards)):
            if set_ones := _set_statuses(model, customer, statuses):
                changes[name] = set_ones
        if not changes:
            raise Malformed([("", "says nothing to change")])
        detail: dict[str, object] = {"changes": changes}
        audit.record("customer updated", at=at, subject=customer_id, user=user, detail=detail)

    reviews.keeping_doubts(work, told, processor=registration.processor)


def check_kyc(*, processor: Processor, unique_id: int) -> Registration:
    """Find the customer and KYC as this processor sees them. Raises UnknownCustomer."""
    return people.visible(processor, unique_id)


def block(*, customer_id: int, reason: str, user: User) -> None:
    """Block a customer at once: the next check declines. Raises Malformed without a reason,
    Conflict if blocked.
    """

    def work() -> None:
        customer = people.locked_or_unknown(customer_id)
        if customer.is_blocked:
            raise Conflict([("status", "is blocked already")])
        customer.status, customer.blocked_reason = Customer.Status.BLOCKED, given(reason)
        customer.save(update_fields=["status", "blocked_reason"])
        audit.record(
            "customer blocked",
            at=clock.now(),
            subject=customer_id,
            user=user,
            detail={"reason": customer.blocked_reason},
        )

    in_transaction(work)


def propose_unblocking(*, customer_id: int, reason: str, user: User) -> Unblocking:
    """Propose to unblock a customer; nothing changes until another person approves it."""

    def work() -> Unblocking:
        customer = people.locked_or_unknown(customer_id)
        if not customer.is_blocked:
            raise Conflict([("status", "is not blocked")])
        if customer.unblockings.filter(state=FourEyes.State.PROPOSED).exists():
            raise Conflict([("status", "has an open proposal already")])
        at = clock.now()
        proposal = Unblocking.objects.create(
            customer=customer, reason=given(reason), maker=user, proposed_at=at
        )
        audit.record(
            "unblocking proposed",
            at=at,
            subject=customer_id,
            user=user,
            detail={"reason": proposal.reason},
        )
        return proposal

    return in_transaction(work)


def decide_unblocking(*, proposal_id: int, state: str, user: User, note: str = "") -> Unblocking:
    """Approve or reject another's proposal, or withdraw one's own. Raises Conflict where that may
    not be, Malformed for a rejection without a reason.
    """

    def work() -> Unblocking:
        proposal = Unblocking.objects.select_for_update().get(pk=proposal_id)
        at = clock.now()
        proposal.decide(state, user=user, at=at, note=note)
        proposal.save(update_fields=FourEyes.DECISION)
        if state == FourEyes.State.APPROVED:
            Customer.objects.filter(pk=proposal.customer_id).update(
                status=Customer.Status.ACTIVE, blocked_reason=""
            )
        audit.record(
            f"unblocking {state.lower()}",
            at=at,
            subject=proposal.customer_id,
            user=user,
            detail={"decision_note": proposal.decision_note} if proposal.decision_note else {},
        )
        return proposal

    return in_transaction(work)


def _person_meant(told: Told, processor: Processor, at: datetime) -> Customer | None:
    """Find the person an add is about: by document, else by mobile. Raises Doubt or Conflict."""
    assert told.mobile_number
    by_mobile = people.holder_of(MOBILE, told.mobile_number)
    by_document = people.holder_of(*told.document) if told.document else None
    holder = by_document or by_mobile
    customer = people.locked(holder) if holder else None
    if customer is not None and by_document is None and judging.is_doubtful(told, customer):
        # This name alone, whatever else differs: more would tell of a stranger.
        errors = [("mobile_number", "is another person's, as far as the record shows")]
        raise reviews.Doubt(errors, holders=[customer.pk], claimant=None)
    if told.unique_id not in {None, holder}:
        raise Conflict([("unique_id", "is not this person's")])
    if customer is not None and by_mobile not in {None, customer.pk}:
        assert by_mobile
        reviews.open_review(told, holder=by_mobile, claimant=customer, processor=processor, at=at)
    return customer


def _apply(
    told: Told, processor: Processor, customer: Customer, registration: Registration, at: datetime
) -> dict[str, object]:
    """Make the changes; what changed, for the audit: from and to, and of documents and cards only
    that they did.
    """
    changes = _change_columns(told, customer)
    if told.mobile_number and told.mobile_number != customer.mobile:
        changes["mobile_number"] = [customer.mobile, told.mobile_number]
        _change_mobile(customer, told.mobile_number)
    before = customer.tier
    if people.change_kyc(told, customer=customer, processor=processor, user=None, at=at):
        changes["kyc_flag"] = [before, customer.tier]
    _save(customer)
    if told.document and people.record_document(told, customer=customer, at=at):
        changes["document"] = told.ovid_type
    if people.record_account(told, customer=customer, processor=processor):
        changes["account"] = True
    if people.record_card(told, customer=customer, processor=processor):
        changes["card"] = True
    if told.cif_id and told.cif_id != registration.cif_id:
        changes["cif_id"] = [registration.cif_id, told.cif_id]
        Registration.objects.filter(pk=registration.pk).update(cif_id=told.cif_id)
    return changes


def _set_statuses(
    model: type[Account | Card], customer: Customer, statuses: Statuses
) -> list[list[str]]:
    """Set the status of some of the customer's accounts or cards: which changed, from, to."""
    changed = []
    rows = model._base_manager.filter(customer=customer, pk__in=statuses).order_by("pk")
    for row in rows:
        after = InstrumentStatus(statuses[row.pk]).value
        if row.status != after:
            changed.append([row.masked, row.status, after])
            rows.filter(pk=row.pk).update(status=after)
    return changed


def _change_columns(told: Told, customer: Customer) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name, before, after in _new_columns(told, customer):
        changes[name] = [str(before), str(after)]
        setattr(customer, COLUMNS[name], after)
        if name == "customer_name":
            names.learn(customer.pk, customer.name, before=str(before))
    return changes


def _new_columns(told: Told, customer: Customer) -> list[tuple[str, object, object]]:
    pairs = [(name, getattr(customer, COLUMNS[name]), getattr(told, name)) for name in COLUMNS]
    return [(name, now, new) for name, now, new in pairs if new is not None and new != now]


def _change_mobile(customer: Customer, mobile: str) -> None:
    people.forget(customer, MOBILE, Identifier.digest_of(MOBILE, customer.mobile))
    people.identify(customer, MOBILE, mobile)
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
    replay.settle(call, customer_id=customer.pk, row_id=receipt.pk)
    return receipt


def _audit(
    action: str,
    call: Call,
    customer: Customer,
    at: datetime,
    changes: dict[str, object],
    user: User | None = None,
) -> None:
    audit.record(
        action,
        at=at,
        subject=customer.pk,
        user=user,
        processor=call.processor,
        detail={"ref_id": call.ref_id, **({"changes": changes} if changes else {})},
    )
