"""Proposals of every kind, as Approvals shows them: before, after, why, and who decides."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from django.db.models import Q

from customers.models import Customer
from ppims.backoffice.proposal_kinds import KINDS
from ppims.backoffice.proposal_kinds.kind import Changes, Kind
from ppims.core import calendar, clock
from ppims.models import FourEyes, User
from ppims.reports.keyset import PAGE_ROWS, PAST_ALL_IDS, Page, Position, make_page, read_position
from ppims.reports.queue_place import OLDEST_POSITION
from ppims.services import staff_ties


@dataclass(frozen=True)
class Shown:
    """One proposal, for one person of the staff."""

    kind: Kind
    row: Any
    user: User
    is_stale: bool = False
    warning: str = ""
    bar: str = ""  # why it isn't this person's to decide, whose role may

    @property
    def customer(self) -> Customer | None:
        return getattr(self.row, "customer", None)

    @property
    def in_short(self) -> str:
        """Say what it is about in a line: "KYC change: New Min KYC → Full KYC"."""
        return f"{self.kind.label}: {self.kind.in_short(self.row)}"

    @property
    def title(self) -> str:
        """Say which it is, above its page: "KYC change: Deepa Singh"."""
        if self.customer and self.kind.is_named_for_customer:
            return f"{self.kind.label}: {self.customer.name}"
        return self.in_short

    @property
    def changes(self) -> Changes:
        return self.kind.changes(self.row)

    @property
    def more(self) -> object:
        """Read what the kind's own template shows; None: nothing."""
        return self.kind.read_more(self.row)

    @property
    def may_propose(self) -> bool:
        return self.user.has_perm(self.kind.propose)

    @property
    def reason(self) -> str:
        return self.kind.reason(self.row)

    @property
    def is_waiting(self) -> bool:
        return self.row.state in WAITING_STATES

    @property
    def counts_alone(self) -> bool:
        """Return whether it counts by one person's word, and waits for another's."""
        return bool(self.row.state == FourEyes.State.ALONE)

    @property
    def is_own(self) -> bool:
        return bool(self.row.maker_id == self.user.pk)

    @property
    def hand_over(self) -> str:
        """Write where this person finds what is to be handed over; "": there is nothing."""
        return self.kind.hand_over(self.row, self.user)

    @property
    def decisions(self) -> list[str]:
        """Name what this person may decide now, of DECISIONS."""
        if not self.is_waiting:
            return []
        if self.is_own:
            may_withdraw = self.user.has_perm(self.kind.propose) and not self.counts_alone
            return ["withdraw"] if may_withdraw else []
        if self.bar or not self.user.has_perm(self.kind.approve):
            return []
        if self.counts_alone:
            return ["confirm", "object"]
        is_barred = self.is_stale and self.kind.is_barred_then
        return ["reject"] if is_barred else ["approve", "reject"]


DECISIONS = {
    "approve": FourEyes.State.APPROVED,
    "reject": FourEyes.State.REJECTED,
    "withdraw": FourEyes.State.WITHDRAWN,
    "confirm": FourEyes.State.APPROVED,
    "object": FourEyes.State.OBJECTED,
}
WAITING_STATES = {FourEyes.State.PROPOSED, FourEyes.State.ALONE}


def find_position(row: Any) -> Position:
    """Find where a proposal stands among those that wait, the oldest first."""
    (rank,) = [
        rank for rank, kind in enumerate(KINDS.values()) if kind.proposals.model is type(row)
    ]
    return Position(calendar.to_microseconds(row.proposed_at), rank, row.pk)


def walk(user: User, after: Position, rows: int) -> tuple[Sequence[Position], None]:
    """Find the first so many after a position that this person may decide."""
    at = clock.now()
    tied = list(staff_ties.read_ties(user, at))
    wanted = [_find_decidable(kind, user, tied) for kind in KINDS.values()]
    return _find_waiting(after, rows, wanted), None


def list_waiting(user: User, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[Shown]:
    """Read a page of the proposals that wait, the oldest first. Raises Http404 for a cursor of
    another list.
    """
    after = read_position(cursor) if cursor else OLDEST_POSITION
    found = _find_waiting(after, rows + 1, [Q()] * len(KINDS))
    return make_page(found, None, rows, partial(_read_shown, user))


def list_decided(user: User, *, most: int) -> list[Shown]:
    """List those decided last, the latest first, so many of a kind at most."""
    found = [
        Shown(kind, row, user)
        for kind in KINDS.values()
        for row in _read_rows(kind)
        .exclude(kind.proposals.model.WAITING)
        .filter(maker__isnull=False)
        .order_by("-pk")[:most]
    ]
    return sorted(found, key=lambda it: it.row.decided_at, reverse=True)[:most]


def find(kind: Kind, pk: int, user: User) -> Shown | None:
    found = _show(kind, _read_rows(kind).filter(pk=pk), user)
    return find_bar(found[0]) if found else None


def _show(kind: Kind, found: Iterable[Any], user: User) -> list[Shown]:
    rows = list(found)
    waiting = [row for row in rows if row.state == FourEyes.State.PROPOSED]
    at = clock.now()
    moved, warnings = kind.moved(waiting, at), kind.warnings(waiting, at)
    return [Shown(kind, row, user, row.pk in moved, warnings.get(row.pk, "")) for row in rows]


def find_bar(shown: Shown) -> Shown:
    """Say with a proposal why it isn't this person's to decide, where that is so."""
    may = shown.is_waiting and not shown.is_own and shown.user.has_perm(shown.kind.approve)
    bar = shown.kind.proposals.describe_bar(shown.row, shown.user, clock.now()) if may else ""
    return replace(shown, bar=bar)


def _find_waiting(after: Position, rows: int, wanted: Sequence[Q | None]) -> list[Position]:
    """Find the first so many proposals after a position, of each kind those that are wanted; None:
    none of it.
    """
    at, found = calendar.from_microseconds(after.at), []
    for rank, (kind, condition) in enumerate(zip(KINDS.values(), wanted, strict=True)):
        if condition is None:
            continue
        last = PAST_ALL_IDS if rank < after.rank else after.id if rank == after.rank else 0
        later = Q(proposed_at__gte=at) & (Q(proposed_at__gt=at) | Q(pk__gt=last))
        model = kind.proposals.model
        waiting = model._base_manager.filter(kind.which, model.WAITING)
        first = waiting.filter(condition, later).order_by("proposed_at", "pk")
        found += [
            Position(calendar.to_microseconds(at), rank, pk)
            for at, pk in first.values_list("proposed_at", "pk")[:rows]
        ]
    return sorted(found)[:rows]


def _find_decidable(kind: Kind, user: User, tied: Sequence[int]) -> Q | None:
    """Find of which proposals of a kind this person may decide, or withdraw, any."""
    may_propose, may_approve = map(user.has_perm, (kind.propose, kind.approve))
    own = Q(maker=user, state=FourEyes.State.PROPOSED)
    others = ~Q(maker__in=[user.pk, *tied])
    if kind.subject:
        others &= Q(**{f"{kind.subject}__isnull": True}) | ~Q(**{kind.subject: user})
    if may_propose and may_approve:
        return own | others
    if may_propose:
        return own
    return others if may_approve else None


def _read_shown(user: User, positions: Sequence[Position]) -> list[Shown]:
    shown: dict[tuple[int, int], Shown] = {}
    for rank, kind in enumerate(KINDS.values()):
        if ids := [each.id for each in positions if each.rank == rank]:
            found = _show(kind, _read_rows(kind).filter(pk__in=ids), user)
            shown |= {(rank, each.row.pk): each for each in found}
    return [shown[each.rank, each.id] for each in positions]


def _read_rows(kind: Kind) -> Any:
    rows: Any = kind.proposals.model._base_manager.select_related("maker", "checker", *kind.beside)
    return rows.filter(kind.which).prefetch_related(*kind.with_many)
