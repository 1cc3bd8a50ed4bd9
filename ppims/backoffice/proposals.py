"""Proposals of every kind, as Approvals shows them: before, after, why, and who decides."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from customers.models import Customer, KycProposal
from limits.models import LimitRule
from ppims.backoffice.proposal_kinds import KINDS, Changes, Kind
from ppims.core import clock
from ppims.models import FourEyes, User


@dataclass(frozen=True)
class Shown:
    """One proposal, for one person of the staff."""

    kind: Kind
    row: Any
    user: User
    is_stale: bool = False
    warning: str = ""

    @property
    def customer(self) -> Customer | None:
        return getattr(self.row, "customer", None)

    @property
    def in_short(self) -> str:
        return self.kind.in_short(self.row)

    @property
    def changes(self) -> Changes:
        return self.kind.changes(self.row)

    @property
    def reason(self) -> str:
        return str(self.row.source if self.kind.proposals.model is LimitRule else self.row.reason)

    @property
    def is_waiting(self) -> bool:
        return bool(self.row.state == FourEyes.State.PROPOSED)

    @property
    def is_own(self) -> bool:
        return bool(self.row.maker_id == self.user.pk)

    @property
    def decisions(self) -> list[str]:
        """Name what this person may decide now, of DECISIONS."""
        if not self.is_waiting:
            return []
        if self.is_own:
            return ["withdraw"] if self.user.has_perm(self.kind.propose) else []
        if not self.user.has_perm(self.kind.approve):
            return []
        is_barred = self.is_stale and self.kind.is_barred_then
        return ["reject"] if is_barred else ["approve", "reject"]


DECISIONS = {
    "approve": FourEyes.State.APPROVED,
    "reject": FourEyes.State.REJECTED,
    "withdraw": FourEyes.State.WITHDRAWN,
}


def list_waiting(user: User) -> list[Shown]:
    """List every proposal that waits, the oldest first."""
    found = [
        shown
        for kind in KINDS.values()
        for shown in _show(kind, _read_rows(kind).filter(state=FourEyes.State.PROPOSED), user)
    ]
    return sorted(found, key=lambda it: (it.row.proposed_at, it.row.pk))


def list_decided(user: User, *, most: int) -> list[Shown]:
    """List those decided last, the latest first, so many of a kind at most."""
    found = [
        Shown(kind, row, user)
        for kind in KINDS.values()
        for row in _read_rows(kind)
        .exclude(state=FourEyes.State.PROPOSED)
        .filter(maker__isnull=False)
        .order_by("-pk")[:most]
    ]
    return sorted(found, key=lambda it: it.row.decided_at, reverse=True)[:most]


def find(kind: Kind, pk: int, user: User) -> Shown | None:
    return next(iter(_show(kind, _read_rows(kind).filter(pk=pk), user)), None)


def _show(kind: Kind, found: Iterable[Any], user: User) -> list[Shown]:
    rows = list(found)
    waiting = [row for row in rows if row.state == FourEyes.State.PROPOSED]
    at = clock.now()
    moved, warnings = kind.moved(waiting, at), kind.warnings(waiting, at)
    return [Shown(kind, row, user, row.pk in moved, warnings.get(row.pk, "")) for row in rows]


def _read_rows(kind: Kind) -> Any:
    model = kind.proposals.model
    rows: Any = model._base_manager.select_related("maker", "checker")
    if model is LimitRule:
        return rows
    rows = rows.select_related("customer")
    return rows.prefetch_related("customer__documents") if model is KycProposal else rows
