"""The two-person rule: one person proposes a change, and another approves or rejects it.

Who may not be the other one is decided here for every kind. Of what may count alone, one admin's
word is enough where there is no other, until a second one has seen it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from django.db.models import Manager, Model
from django.utils.translation import gettext

from ppims.core import free_text
from ppims.core.errors import Conflict, Malformed
from ppims.core.formats import ist
from ppims.db import owned_rows
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, FourEyes, MayCountAlone, User
from ppims.services import audit, staff_ties

P = TypeVar("P", bound=FourEyes)
L = TypeVar("L")  # what is locked for the change
State = FourEyes.State
# What may become of a proposal, by the state that it is in.
NEXT_STATES: dict[str, set[State]] = {
    State.PROPOSED: {State.APPROVED, State.REJECTED, State.WITHDRAWN},
    State.ALONE: {State.APPROVED, State.OBJECTED},
}
NEEDS_REASON = {State.REJECTED, State.OBJECTED}


@dataclass(frozen=True)
class Proposals(Generic[P, L]):
    """One kind of proposals: its rows, its name in the audit, and what approving one does.

    `lock` locks what the change is made on, and then takes the instant of the decision. `carry_out`
    makes the change: it returns the rows that the audit is to prove besides the proposal. `columns`
    are those of the proposal that a decision changes. `describe` returns the audit's detail.
    `find_subject` finds the user whom it is about, if any: that one doesn't decide it.
    `decide_parts` decides the rows that a proposal consists of, as it was decided: it returns them,
    for the audit to prove.

    A kind whose rows are MayCountAlone counts at once where its maker is the one admin there is.
    """

    model: type[P]
    name: str
    lock: Callable[[P], tuple[L, datetime]]
    carry_out: Callable[[P, L, datetime], Sequence[Model]]
    describe: Callable[[P], dict[str, object]]
    columns: Sequence[str] = FourEyes.DECISION
    find_subject: Callable[[P], int | None] = lambda _: None
    decide_parts: Callable[[P], Sequence[Model]] = lambda _: ()

    def keep(self, proposal: P, *parts: Model) -> P:
        """Keep a new proposal, with the rows that it consists of, inside the transaction of who
        proposes. Nothing else changes yet; of what counts alone, all does. Raises Conflict where
        that can't be made.
        """
        proposal.save(force_insert=True)
        for row in parts:
            row.save(force_insert=True)
        rows = self._let_count_alone(proposal) if isinstance(proposal, MayCountAlone) else []
        self._record_audit(proposal, proposal.maker, [proposal, *parts, *rows])
        return proposal

    @wrap_in_transaction
    def decide(self, *, proposal_id: int, state: str, user: User, note: str = "") -> P:
        """Approve or reject another's proposal, or withdraw one's own; an approved change is made.
        What counts alone was made before: it is approved, or objected to.

        Raises Conflict where it was decided before, the wrong person decides, or the change can't
        be made any more; Malformed for a rejection or an objection without a reason.
        """
        # The proposal is locked first: of two who decide at once, the second finds it decided.
        proposal = owned_rows.lock_row(self.model, proposal_id)
        before = proposal.state
        locked, at = self.lock(proposal)
        _require_next(proposal, state, user)
        _require_active(user)
        if state != State.WITHDRAWN and (bar := self.describe_bar(proposal, user, at)):
            raise Conflict([("", bar)])
        _take_decision(proposal, state, user=user, at=at, note=note)
        is_made = (before, state) == (State.PROPOSED, State.APPROVED)
        rows = self.carry_out(proposal, locked, at) if is_made else []
        owned_rows.save_columns(proposal, self.columns)
        rows = [proposal, *rows, *self.decide_parts(proposal)]
        self._record_audit(proposal, user, rows, before=before)
        return proposal

    def describe_bar(self, proposal: P, user: User, at: datetime) -> str:
        """Say in a sentence why somebody else's proposal isn't this person's to decide, whatever
        the role; "": it is.
        """
        if self.find_subject(proposal) == user.pk:
            return gettext("This is about you: another person decides it.")
        until = staff_ties.read_ties(user, at).get(proposal.maker_id or 0)
        return _describe_tie(until) if until else ""

    def _let_count_alone(self, proposal: P) -> Sequence[Model]:
        """Make the change by its maker's word, where there is nobody else to ask."""
        assert isinstance(proposal, MayCountAlone)
        if not staff_ties.is_alone(proposal.maker, proposal.proposed_at):
            return []
        locked, at = self.lock(proposal)
        proposal.state, proposal.alone_at = State.ALONE, at
        rows = self.carry_out(proposal, locked, at)
        owned_rows.save_columns(proposal, [*self.columns, "alone_at"])
        return rows

    def _record_audit(
        self,
        proposal: P,
        user: User | None,
        rows: Sequence[Model],
        *,
        before: str = State.PROPOSED,
    ) -> None:
        texts = {"decision_note": proposal.decision_note, "operator": proposal.operator}
        step = "confirmed" if _was_confirmed(proposal, before) else proposal.state.lower()
        audit.record(
            f"{self.name} {step}",
            at=proposal.decided_at or getattr(proposal, "alone_at", None) or proposal.proposed_at,
            subject=getattr(proposal, "customer_id", audit.NO_CUSTOMER),
            user=user,
            detail=self.describe(proposal) | {n: text for n, text in texts.items() if text},
            rows=rows,
        )


def require_none_open(proposals: "Manager[Any]", field: str) -> None:
    """Raise Conflict, naming the field, where a customer has an open proposal of the kind."""
    if proposals.filter(state=State.PROPOSED).exists():
        raise Conflict([(field, "has an open proposal already")])


def _was_confirmed(proposal: FourEyes, before: str) -> bool:
    return (before, proposal.state) == (State.ALONE, State.APPROVED)


def _describe_tie(until: datetime) -> str:
    return gettext(
        "You and who proposed this can’t decide for each other until %(until)s: one of you has"
        " added the other, or changed their role or password, within a day; or one admin was shown"
        " passwords for you both."
    ) % {"until": ist(until)}


def _require_next(proposal: FourEyes, state: str, user: User) -> None:
    """Raise Conflict where a proposal doesn't go into this state any more, or not by this one."""
    if state not in NEXT_STATES.get(proposal.state, ()):
        raise Conflict([("state", "was decided before")])
    if (proposal.maker_id == user.pk) != (state == State.WITHDRAWN):
        raise Conflict([("checker", "is another person than the maker; the maker alone withdraws")])


def _require_active(user: User) -> None:
    """Raise Conflict where somebody was shut out while their request waited for the lock."""
    if not User.objects.filter(pk=user.pk, is_active=True).exists():
        raise Conflict([("", gettext("You are not active any more: another person decides it."))])


def _take_decision(proposal: FourEyes, state: str, *, user: User, at: datetime, note: str) -> None:
    """Set a decision in the row, unsaved. Raises Malformed, as `decide` says."""
    reason = free_text.trim(note)
    if len(reason) > LONGEST_NOTE or (state in NEEDS_REASON and not reason):
        raise Malformed([("reason", f"is required to reject, {LONGEST_NOTE} characters at most")])
    if reason:
        free_text.require_text(reason, "reason", most=LONGEST_NOTE)
    proposal.state, proposal.decided_at = State(state), at
    proposal.decision_note = reason
    proposal.checker = None if state == State.WITHDRAWN else user
