"""The two-person rule: one person proposes a change, and another approves or rejects it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Manager, Model

from ppims.core import free_text
from ppims.core.errors import Conflict, Malformed
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, FourEyes, User
from ppims.services import audit

P = TypeVar("P", bound=FourEyes)
L = TypeVar("L")  # what is locked for the change


@dataclass(frozen=True)
class Proposals(Generic[P, L]):
    """One kind of proposals: its rows, its name in the audit, and what approving one does.

    `lock` locks what the change is made on, and then takes the instant of the decision. `carry_out`
    makes the change: it returns the rows that the audit is to prove besides the proposal. `columns`
    are those of the proposal that a decision changes. `describe` returns the audit's detail.
    """

    model: type[P]
    name: str
    lock: Callable[[P], tuple[L, datetime]]
    carry_out: Callable[[P, L, datetime], Sequence[Model]]
    describe: Callable[[P], dict[str, object]]
    columns: Sequence[str] = FourEyes.DECISION

    def keep(self, proposal: P) -> P:
        """Keep a new proposal, inside the transaction of who proposes; nothing else changes yet."""
        proposal.save(force_insert=True)
        self._record_audit(proposal, proposal.maker, [proposal])
        return proposal

    @wrap_in_transaction
    def decide(self, *, proposal_id: int, state: str, user: User, note: str = "") -> P:
        """Approve or reject another's proposal, or withdraw one's own; an approved change is made.

        Raises Conflict where it was decided before, the wrong person decides, or the change can't
        be made any more; Malformed for a rejection without a reason.
        """
        # The proposal is locked first: of two who decide at once, the second finds it decided.
        proposal = owned_rows.lock_row(self.model, proposal_id)
        locked, at = self.lock(proposal)
        _take_decision(proposal, state, user=user, at=at, note=note)
        rows = self.carry_out(proposal, locked, at) if state == FourEyes.State.APPROVED else []
        owned_rows.save_columns(proposal, self.columns)
        self._record_audit(proposal, user, [proposal, *rows])
        return proposal

    def _record_audit(self, proposal: P, user: User | None, rows: Sequence[Model]) -> None:
        texts = {"decision_note": proposal.decision_note, "operator": proposal.operator}
        audit.record(
            f"{self.name} {proposal.state.lower()}",
            at=proposal.decided_at or proposal.proposed_at,
            subject=getattr(proposal, "customer_id", audit.NO_CUSTOMER),
            user=user,
            detail=self.describe(proposal) | {n: text for n, text in texts.items() if text},
            rows=rows,
        )


def require_none_open(proposals: "Manager[Any]", field: str) -> None:
    """Raise Conflict, naming the field, where a customer has an open proposal of the kind."""
    if proposals.filter(state=FourEyes.State.PROPOSED).exists():
        raise Conflict([(field, "has an open proposal already")])


def _take_decision(proposal: FourEyes, state: str, *, user: User, at: datetime, note: str) -> None:
    """Set a decision in the row, unsaved. Raises Conflict and Malformed, as `decide` says."""
    is_own = proposal.maker_id == user.pk
    if proposal.state != FourEyes.State.PROPOSED:
        raise Conflict([("state", "was decided before")])
    if is_own != (state == FourEyes.State.WITHDRAWN):
        raise Conflict([("checker", "is another person than the maker; the maker alone withdraws")])
    reason = free_text.trim(note)
    if len(reason) > LONGEST_NOTE or (state == FourEyes.State.REJECTED and not reason):
        raise Malformed([("reason", f"is required to reject, {LONGEST_NOTE} characters at most")])
    if reason:
        free_text.require_text(reason, "reason", most=LONGEST_NOTE)
    proposal.state, proposal.decided_at = FourEyes.State(state), at
    proposal.decision_note, proposal.checker = reason, None if is_own else user
