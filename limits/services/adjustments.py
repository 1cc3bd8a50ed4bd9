"""Staff corrections of what is used in a month: proposed by one person, approved by another, and
then a ledger entry like any other. limits.md section 8.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, Sum

from customers.models import Customer
from limits import ledger
from limits.models import Adjustment, Direction, LedgerEntry
from limits.services.updates import book
from ppims import audit, clock
from ppims.errors import Conflict, Malformed, UnknownCustomer
from ppims.models import FourEyes, User
from ppims.transact import in_transaction

Kind = LedgerEntry.Kind
FIRST_MONTH = 190001
MOST_PAISE = 10**14


@dataclass(frozen=True)
class Correction:
    """What is to be added to a customer's usage of a month (202611); below zero: taken away."""

    unique_id: int
    month: int
    direction: str
    amount_paise: int
    reason: str


def propose(*, correction: Correction, user: User) -> Adjustment:
    """Propose a correction; nothing changes until another person approves it.

    Raises Malformed naming each wrong field, or UnknownCustomer.
    """

    def work() -> Adjustment:
        at = clock.now()
        _judge(correction, at)
        adjustment = Adjustment.objects.create(
            customer_id=correction.unique_id,
            month=correction.month,
            direction=correction.direction,
            amount_paise=correction.amount_paise,
            reason=correction.reason.strip(),
            maker=user,
            proposed_at=at,
        )
        _audit("adjustment proposed", adjustment, user, at)
        return adjustment

    return in_transaction(work)


def decide(*, adjustment_id: int, state: str, user: User, note: str = "") -> Adjustment:
    """Approve or reject another's proposal, or withdraw one's own; approved, it is booked.

    Raises Conflict where that may not be, or where it would take away what can't be taken;
    Malformed for a rejection without a reason.
    """

    def work() -> Adjustment:
        adjustment: Adjustment = Adjustment.objects.select_for_update().get(pk=adjustment_id)
        head, at = ledger.lock(adjustment.customer_id)
        adjustment.decide(state, user=user, at=at, note=note)
        adjustment.save(update_fields=FourEyes.DECISION)
        if state == FourEyes.State.APPROVED:
            _judge_what_is_left(adjustment, at)
            customer = Customer.objects.get(pk=adjustment.customer_id)
            book(head, _entry(adjustment, customer, at), customer, flags=())
        _audit(f"adjustment {state.lower()}", adjustment, user, at)
        return adjustment

    return in_transaction(work)


def _judge(correction: Correction, at: datetime) -> None:
    errors = []
    if not Customer.objects.filter(pk=correction.unique_id).exists():
        raise UnknownCustomer
    is_month = correction.month % 100 in range(1, 13)
    if not (is_month and FIRST_MONTH <= correction.month <= clock.ist_month(at)):
        errors.append(("month", "is a month until now, such as 202611"))
    if correction.direction not in Direction.values:
        errors.append(("direction", "is D or C"))
    if not 0 < abs(correction.amount_paise) < MOST_PAISE:
        errors.append(("amount_paise", "is not zero, and below a lakh crore rupees"))
    if not correction.reason.strip():
        errors.append(("reason", "is required"))
    if errors:
        raise Malformed(errors)


def _judge_what_is_left(adjustment: Adjustment, at: datetime) -> None:
    """See that what is used stays enough for every reversal that may still come: those are never
    refused, and nothing may fall below zero.
    """
    standing = ledger.standing(adjustment.customer_id, [adjustment.month], at)
    used = standing.used[adjustment.month, adjustment.direction]
    entries = LedgerEntry.objects.filter(
        customer_id=adjustment.customer_id, month=adjustment.month, direction=adjustment.direction
    )
    sums = entries.aggregate(
        posted=Sum("amount_paise", filter=Q(kind=Kind.POST) & ~Q(tran_id=""), default=0),
        reversed=Sum("amount_paise", filter=Q(kind=Kind.REVERSE), default=0),
    )
    if adjustment.amount_paise < 0 and used + adjustment.amount_paise < (
        sums["posted"] - sums["reversed"]
    ):
        message = "takes away what is not used, or what its processor is to reverse by its Tran_Id"
        raise Conflict([("amount_paise", message)])


def _entry(adjustment: Adjustment, customer: Customer, at: datetime) -> LedgerEntry:
    return LedgerEntry(
        customer=customer,
        unique_id_sent=customer.pk,
        at=at,
        arrival_month=clock.ist_month(at),
        month=adjustment.month,
        kind=Kind.ADJUST,
        direction=adjustment.direction,
        amount_paise=adjustment.amount_paise,
        adjustment=adjustment,
        tier=customer.tier,
    )


def _audit(action: str, adjustment: Adjustment, user: User, at: datetime) -> None:
    fields = ["month", "direction", "amount_paise", "reason"]
    if adjustment.decision_note:
        fields.append("decision_note")
    audit.record(
        action,
        at=at,
        subject=adjustment.customer_id,
        user=user,
        detail={"adjustment": adjustment.pk, **{n: getattr(adjustment, n) for n in fields}},
    )
