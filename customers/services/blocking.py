"""Block a customer; unblock one by two people."""

from django.db.models import Model

from customers import records
from customers.conflicts import require_reason
from customers.models import Customer, Unblocking
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.db.transaction import wrap_in_transaction
from ppims.models import FourEyes, User
from ppims.services import audit


@wrap_in_transaction
def block(*, customer_id: int, reason: str, user: User) -> None:
    """Block a customer at once: the next check declines. Raises Malformed without a reason,
    Conflict if blocked.
    """
    customer = records.lock_known_customer(customer_id)
    if customer.is_blocked:
        raise Conflict([("status", "is blocked already")])
    customer.status, customer.blocked_reason = Customer.Status.BLOCKED, require_reason(reason)
    customer.save(update_fields=["status", "blocked_reason"])
    audit.record(
        "customer blocked",
        at=clock.now(),
        subject=customer_id,
        user=user,
        detail={"reason": customer.blocked_reason},
        rows=[customer],
    )


@wrap_in_transaction
def propose_unblocking(*, customer_id: int, reason: str, user: User) -> Unblocking:
    """Propose to unblock a customer; nothing changes until another person approves it."""
    customer = records.lock_known_customer(customer_id)
    if not customer.is_blocked:
        raise Conflict([("status", "is not blocked")])
    if customer.unblockings.filter(state=FourEyes.State.PROPOSED).exists():
        raise Conflict([("status", "has an open proposal already")])
    at = clock.now()
    proposal = Unblocking.objects.create(
        customer=customer, reason=require_reason(reason), maker=user, proposed_at=at
    )
    audit.record(
        "unblocking proposed",
        at=at,
        subject=customer_id,
        user=user,
        detail={"reason": proposal.reason},
        rows=[proposal],
    )
    return proposal


@wrap_in_transaction
def decide_unblocking(*, proposal_id: int, state: str, user: User, note: str = "") -> Unblocking:
    """Approve or reject another's proposal, or withdraw one's own. Raises Conflict where that may
    not be, Malformed for a rejection without a reason.
    """
    proposal = Unblocking.objects.select_for_update().get(pk=proposal_id)
    customer = records.lock_customer(proposal.customer_id)
    at, rows = clock.now(), list[Model]([proposal])
    proposal.decide(state, user=user, at=at, note=note)
    proposal.save(update_fields=FourEyes.DECISION)
    if state == FourEyes.State.APPROVED:
        customer.status, customer.blocked_reason = Customer.Status.ACTIVE, ""
        customer.save(update_fields=["status", "blocked_reason"])
        rows.append(customer)
    audit.record(
        f"unblocking {state.lower()}",
        at=at,
        subject=proposal.customer_id,
        user=user,
        detail={"decision_note": proposal.decision_note} if proposal.decision_note else {},
        rows=rows,
    )
    return proposal
