"""Add and update customers, each in a transaction of its own."""

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from django.db.models import Model

from customers import conflicts, people, records, survivors
from customers.details import CustomerDetails
from customers.models import Account, Card, Customer, Receipt
from customers.services import changing, kyc, reviews
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed
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


def add_customer(
    *,
    call: idempotency.Call,
    details: CustomerDetails,
    user: User | None = None,
    draw_unique_id: Callable[[], int] = records.draw_unique_id,
    source: Mapping[str, object] | None = None,
) -> tuple[Receipt, bool]:
    """Add a customer, or register a known one through another processor. Return the answer, and
    whether it is a replay. `source` is what the audit says besides: by which import it came.

    Full KYC by a user of the staff is proposed; the customer has Min KYC until it is approved.
    Raises Conflict, and opens a duplicate review, where it is doubtful who this is.
    """

    said = source or {}

    def add(at: datetime) -> Receipt:
        conflicts.require_valid_document(details)
        way, rows = _find_person_meant(details, call.processor, at), list[Model]()
        is_new = not way
        if is_new:
            first = kyc.lower_until_approved(details, user)
            customer, change = records.create(
                first, unique_id=draw_unique_id(), processor=call.processor, user=user, at=at
            )
            way, rows = [customer], [customer, change]
        named, person = way[0], way[-1]
        ids = people.list_ids(person)
        if not is_new and records.is_registered(call.processor, ids):
            return _answer(call, way, KNOWN_OUTCOME, said, [], at=at, user=user)
        rows += records.register(details, customer=named, ids=ids, processor=call.processor, at=at)
        receipt = _answer(call, way, ADDED_OUTCOME, said, rows, at=at, user=user)
        if user is not None and is_new:
            kyc.propose_at_first(details, customer=person, user=user, at=at)
        return receipt

    return _answer_once(call, details, add)


def update_customer(*, call: idempotency.Call, details: CustomerDetails) -> tuple[Receipt, bool]:
    """Change what is known of a customer; None in `details` leaves a value as it is. Return the
    answer, and whether it is a replay.

    Raises UnknownCustomer, Malformed (Full KYC without a document) or Conflict.
    """

    def update(at: datetime) -> Receipt:
        assert details.unique_id is not None
        way = people.lock_way_up(details.unique_id)
        # Read under the locks: whom they mean, and so who knows them, may change before.
        registration = people.find_known(call.processor, details.unique_id).registration
        named, person = way[0], way[-1]
        conflicts.require_valid_document(details)
        conflicts.require_document_for_full_kyc(details, people.list_ids(person))
        conflicts.require_no_conflict(details, person)
        changed = changing.apply_details(
            details, way=way, processor=call.processor, registration=registration, at=at
        )
        its = changed.pop(named.pk, changing.Change())
        _tell_of_others(call, named, changed, at=at)
        said = {"changes": its.changes} if its.changes else {}
        return _answer(call, way, UPDATED_OUTCOME, said, its.rows, at=at)

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
    registration = records.find_first_registration(survivors.find_root(customer_id))

    def work() -> None:
        customer = people.lock_person(customer_id)
        at = clock.now()
        conflicts.require_no_conflict(details, customer)
        changed = changing.apply_details(
            details,
            way=[customer],
            processor=registration.processor,
            registration=registration,
            at=at,
        )
        ids = people.list_ids(customer)
        for model, statuses in ((Account, accounts), (Card, cards)):
            changing.set_statuses(model, ids, statuses, changed)
        told = {unique_id: each for unique_id, each in changed.items() if each.changes}
        if not told:
            raise Malformed([("", "says nothing to change")])
        for unique_id, each in sorted(told.items()):
            audit.record(
                "customer updated",
                at=at,
                subject=unique_id,
                user=user,
                detail={"changes": each.changes},
                rows=each.rows,
            )

    reviews.keep_doubts(work, details, processor=registration.processor)


def _find_person_meant(
    details: CustomerDetails, processor: Processor, at: datetime
) -> list[Customer]:
    """Find the person an add is about: by document, else by mobile. Return the id that it names,
    or the person's own, and last who that is now, locked; nothing where nobody is found. Raises
    Doubt or Conflict.

    Where the mobile is another person's than the document, a review asks whose it is.
    """
    by_mobile, by_document = records.find_holders(details)
    holder = by_document or by_mobile
    way = people.lock_holder(holder) if holder else []
    if way and by_document is None:
        conflicts.require_no_doubt(details, way)
    ids = people.list_ids(way[-1]) if way else []
    if details.unique_id not in {None, *ids}:
        raise Conflict([("unique_id", "is not this person's")])
    if by_mobile and by_mobile not in ids:
        claimant = way[-1] if way else None
        reviews.open_review(
            details, holder=by_mobile, claimant=claimant, processor=processor, at=at
        )
    if not way or details.unique_id in {None, way[-1].pk}:
        return way[-1:]
    return people.lock_way_up(details.unique_id)


def _tell_of_others(
    call: idempotency.Call, named: Customer, changed: changing.Changes, *, at: datetime
) -> None:
    """Record in the audit of each other id of a person what a change that named one did to it."""
    for unique_id, each in sorted(changed.items()):
        if each.changes:
            audit.record(
                "customer updated",
                at=at,
                subject=unique_id,
                processor=call.processor,
                detail={"ref_id": call.ref_id, "named": named.pk, "changes": each.changes},
                rows=each.rows,
            )


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
    way: Sequence[Customer],
    outcome: tuple[str, str],
    said: Mapping[str, object],
    rows: Sequence[Model],
    *,
    at: datetime,
    user: User | None = None,
) -> Receipt:
    """Keep the answer, point the Ref_Id at it, and record in the audit what was done: all of it is
    of the id that was named, the first of `way`; the answer is of who that is now, the last.
    `said` is what the audit says besides the Ref_Id.
    """
    named, person = way[0], way[-1]
    resp_code, action = outcome
    receipt = Receipt(
        customer_id=named.pk,
        processor_id=call.processor.pk,
        operation=call.operation.value,
        ref_id=call.ref_id,
        at=at,
        resp_code=resp_code,
        unique_id=person.pk,
        old_unique_id=named.pk if named.pk != person.pk else None,
        tier=person.tier,
        kyc_updated_channel=person.kyc_updated_channel,
        kyc_updated_on=person.kyc_updated_on,
    )
    RECEIPTS.insert(receipt)
    receipt.proven_with = call.digests
    idempotency.settle(call, customer_id=named.pk, row_id=receipt.pk)
    audit.record(
        action,
        at=at,
        subject=named.pk,
        user=user,
        processor=call.processor,
        detail={"ref_id": call.ref_id, **said},
        rows=[*rows, receipt],
    )
    return receipt
