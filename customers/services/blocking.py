"""Block a customer; unblock one by two people."""

from datetime import datetime

from django.db.models import Model

from customers import people
from customers.conflicts import require_reason
from customers.models import Customer, Unblocking
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.db.transaction import wrap_in_transaction
from ppims.models import User
from ppims.services import audit
from ppims.services.four_eyes import Proposals, require_none_open


@wrap_in_transaction
def block(*, customer_id: int, reason: str, user: User) -> None:
    """Block a customer at once: the next check declines.

    Raises Malformed without a reason, Conflict where the customer is blocked already.
    """
    customer = people.lock_person(customer_id)
    if customer.is_blocked:
        raise Conflict([("status", "is blocked already")])
    customer.status, customer.blocked_reason = Customer.Status.BLOCKED, require_reason(reason)
    customer.save(update_fields=["status", "blocked_reason"])
    audit.record(
        "customer blocked",
        at=clock.now(),
        subject=customer.pk,
        user=user,
        detail={"reason": customer.blocked_reason},
        rows=[customer],
    )


@wrap_in_transaction
def propose_unblocking(*, customer_id: int, reason: str, user: User) -> Unblocking:
    """Propose to unblock a customer; nothing changes until another person approves it.

    Raises Conflict where the customer is not blocked, or a proposal is open already; Malformed
    without a reason.
    """
    customer = people.lock_person(customer_id)
    if not customer.is_blocked:
        raise Conflict([("status", "is not blocked")])
    require_none_open(customer.unblockings, "status")
    return UNBLOCKING_PROPOSALS.keep(
        Unblocking(
            customer=customer,
            reason=require_reason(reason),
            maker=user,
            proposed_at=clock.now(),
        )
    )


def has_moved(customer: Customer) -> bool:
    """Whether there is nothing to unblock any more: the customer is active, or another's by now."""
    return not customer.is_blocked or customer.survivor_id not in {None, customer.pk}


def _unblock(_: Unblocking, customer: Customer, at: datetime) -> list[Model]:
    if has_moved(customer):
        raise Conflict([("status", "is not blocked any more, or the customer was merged")])
    customer.status, customer.blocked_reason = Customer.Status.ACTIVE, ""
    customer.save(update_fields=["status", "blocked_reason"])
    return [customer]


def _describe(proposal: Unblocking) -> dict[str, object]:
    status = Customer.Status
    return {"before": status.BLOCKED, "after": status.ACTIVE, "reason": proposal.reason}


UNBLOCKING_PROPOSALS = Proposals(
    model=Unblocking,
    name="unblocking",
    lock=lambda proposal: (people.lock_customer(proposal.customer_id), clock.now()),
    carry_out=_unblock,
    describe=_describe,
)
