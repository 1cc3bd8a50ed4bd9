"""What is done to customers: add, update, tell the KYC, block, unblock. Each a transaction of its
own.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.conf import settings

from customers import names, people, reviews
from customers.kinds import MOBILE, Tier
from customers.models import Customer, Identifier, Receipt, Registration, Unblocking
from customers.people import Told
from ppims import audit, clock, replay
from ppims.errors import Conflict, Malformed, UnknownCustomer
from ppims.models import FourEyes, Processor, User
from ppims.replay import Call
from ppims.statements import Table
from ppims.transact import in_transaction

DONE, KNOWN = "000", "200"
RECEIPTS = Table(Receipt)
COLUMNS = {
    "customer_name": "name",
    "maiden_name": "maiden_name",
    "date_of_birth": "date_of_birth",
    "email_id": "email",
}


def add_customer(
    *, call: Call, told: Told, draw_unique_id: Callable[[], int] = people.random_unique_id
) -> tuple[Receipt, bool]:
    """Add a customer, or register a known one through another processor: (the answer, is it a
    replay).

    Raises Conflict, and opens a duplicate review, where it is doubtful who this is.
    """

    def work() -> tuple[Receipt, bool]:
        first = replay.claim(call)
        if first is not None:
            return Receipt.objects.get(pk=first.row_id), True
        at = clock.now()
        _judge_document(told)
        customer = _person_meant(told, call.processor, at)
        if customer is None:
            customer = people.create(
                told, unique_id=draw_unique_id(), processor=call.processor, user=None, at=at
            )
        code = KNOWN if people.is_registered(call.processor, customer) else DONE
        if code == DONE:
            people.register(told, customer=customer, processor=call.processor, at=at)
            _audit("customer added", call, customer, at, {})
        return _answer(call, customer, code, at), False

    return _deciding_doubts(work, call.processor, told)


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
        _judge_document(told)
        _judge_upgrade(told, customer)
        _judge_conflicts(told, customer)
        changes = _apply(told, call.processor, customer, registration, at)
        _audit("customer updated", call, customer, at, changes)
        return _answer(call, customer, DONE, at), False

    return _deciding_doubts(work, call.processor, told)


def check_kyc(*, processor: Processor, unique_id: int) -> Registration:
    """Find the customer and KYC as this processor sees them. Raises UnknownCustomer."""
    return people.visible(processor, unique_id)


def block(*, customer_id: int, reason: str, user: User) -> None:
    """Block a customer at once: the next check declines. Raises Malformed without a reason,
    Conflict if blocked.
    """

    def work() -> None:
        customer = _locked_or_unknown(customer_id)
        if customer.is_blocked:
            raise Conflict([("status", "is blocked already")])
        customer.status, customer.blocked_reason = Customer.Status.BLOCKED, _given(reason)
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
        customer = _locked_or_unknown(customer_id)
        if not customer.is_blocked:
            raise Conflict([("status", "is not blocked")])
        if customer.unblockings.filter(state=FourEyes.State.PROPOSED).exists():
            raise Conflict([("status", "has an open proposal already")])
        at = clock.now()
        proposal = Unblocking.objects.create(
            customer=customer, reason=_given(reason), maker=user, proposed_at=at
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


def decide_unblocking(*, proposal_id: int, state: str, user: User) -> Unblocking:
    """Approve or reject another's proposal, or withdraw one's own. Raises Conflict where that may
    not be.
    """

    def work() -> Unblocking:
        proposal = Unblocking.objects.select_for_update().get(pk=proposal_id)
        at = clock.now()
        proposal.decide(state, user=user, at=at)
        proposal.save(update_fields=["state", "decided_at", "checker"])
        if state == FourEyes.State.APPROVED:
            Customer.objects.filter(pk=proposal.customer_id).update(
                status=Customer.Status.ACTIVE, blocked_reason=""
            )
        audit.record(f"unblocking {state.lower()}", at=at, subject=proposal.customer_id, user=user)
        return proposal

    return in_transaction(work)


def _deciding_doubts(
    work: Callable[[], tuple[Receipt, bool]], processor: Processor, told: Told
) -> tuple[Receipt, bool]:
    try:
        return in_transaction(work)
    except reviews.Doubt as doubt:
        reviews.open_reviews(doubt, told, processor=processor)
        raise


def _person_meant(told: Told, processor: Processor, at: datetime) -> Customer | None:
    """Find the person an add is about: by document, else by mobile. Raises Doubt or Conflict."""
    assert told.mobile_number
    by_mobile = people.holder_of(MOBILE, told.mobile_number)
    by_document = people.holder_of(*told.document) if told.document else None
    holder = by_document or by_mobile
    customer = people.locked(holder) if holder else None
    if customer is not None and by_document is None and _is_doubtful(told, customer):
        # This name alone, whatever else differs: more would tell of a stranger.
        errors = [("mobile_number", "is another person's, as far as the record shows")]
        raise reviews.Doubt(errors, holders=[customer.pk], claimant=None)
    if told.unique_id not in {None, holder}:
        raise Conflict([("unique_id", "is not this person's")])
    if customer is not None and by_mobile not in {None, customer.pk}:
        assert by_mobile
        reviews.open_review(told, holder=by_mobile, claimant=customer, processor=processor, at=at)
    return customer


def _is_doubtful(told: Told, customer: Customer) -> bool:
    """Tell whether someone found by mobile alone may be a stranger to whom the number was
    reissued.
    """
    other_document = told.document and people.document_on_record(customer, told.document[0])
    if told.date_of_birth == customer.date_of_birth and not other_document:
        return False
    return not reviews.found_same_person(told, customer)


def _judge_document(told: Told) -> None:
    if settings.PPIMS_STRICT_DOCUMENTS and not told.passes_strict_checks:
        raise Malformed([("ovid_value", "is not a valid number of its kind")])


def _judge_upgrade(told: Told, customer: Customer) -> None:
    if told.kyc_flag != Tier.FULL or told.document:
        return
    if not customer.documents.filter(replaced_at__isnull=True).exists():
        message = "is required for Full KYC: no document is on record"
        raise Malformed([("ovid_type", message), ("ovid_value", message)])


def _judge_conflicts(told: Told, customer: Customer) -> None:
    claimed = dict(_claimed_from_others(told, customer))
    errors = [(name, "is another customer's") for name in claimed]
    if told.kyc_flag and Tier(told.kyc_flag).rank < Tier(customer.tier).rank:
        errors.append(("kyc_flag", "is lower than the one on record"))
    if claimed:
        raise reviews.Doubt(errors, holders=sorted(set(claimed.values())), claimant=customer)
    if errors:
        raise Conflict(errors)


def _claimed_from_others(told: Told, customer: Customer) -> Iterator[tuple[str, int]]:
    claims = [("mobile_number", (MOBILE, told.mobile_number) if told.mobile_number else None)]
    claims.append(("ovid_value", told.document))
    for name, identifier in claims:
        holder = people.holder_of(*identifier) if identifier else None
        if holder not in {None, customer.pk}:
            assert holder
            yield name, holder


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
    action: str, call: Call, customer: Customer, at: datetime, changes: dict[str, object]
) -> None:
    audit.record(
        action,
        at=at,
        subject=customer.pk,
        processor=call.processor,
        detail={"ref_id": call.ref_id, **({"changes": changes} if changes else {})},
    )


def _locked_or_unknown(customer_id: int) -> Customer:
    try:
        return people.locked(customer_id)
    except Customer.DoesNotExist:
        raise UnknownCustomer from None


def _given(reason: str) -> str:
    if not reason.strip():
        raise Malformed([("reason", "is required")])
    return reason.strip()
