"""Notices: what the daily watch has found, kept once a matter; and how one is closed.

The watch says which matters there are in a scope, such as some customers; here they are held
against the notices that are kept. So it may run any number of times, and several at once.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from functools import partial
from typing import NamedTuple

from django.db.models import Count, Q

from limits.models import Notice, work_out_urgency
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.free_text import require_text
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import LONGEST_NOTE, User
from ppims.services import audit

# Longer than a loading stop takes from one step to the next: so a row is there while it counts.
KEPT_FOR = timedelta(days=100)
PURGED_AT_ONCE = 1_000


@dataclass(frozen=True)
class Matter:
    """Something to look at, by its name; the other fields are those of Notice."""

    kind: str
    matter: str
    day: date
    unique_id: int | None = None
    processor_id: int | None = None
    step: int = 0
    count: int = 0
    has_failed: bool = False


class Tally(NamedTuple):
    """How many notices were opened, for the first time or again, and how many were closed."""

    opened: int = 0
    closed: int = 0

    def add(self, other: "Tally") -> "Tally":
        return Tally(self.opened + other.opened, self.closed + other.closed)


class Changes(NamedTuple):
    """What is to be done to notices: made, changed so, closed."""

    new: Sequence[Matter]
    changed: Sequence[tuple[Notice, dict[str, object]]]
    over: Sequence[Notice]

    def count_changes(self) -> Tally:
        opened_again = sum("state" in values for _, values in self.changed)
        return Tally(len(self.new) + opened_again, len(self.over))


def keep_matters(matters: Sequence[Matter], scope: Q, at: datetime) -> Tally:
    """Keep the matters that there are in a scope: a notice of each, none of others. In a short
    transaction, and in none where nothing is new. Raises Unavailable.

    One that somebody closed stays closed until its matter moves on: to another day or step.
    """
    if not any(_compare(matters, scope, at)):
        return Tally()
    return run_in_transaction(partial(_keep_matters, matters, scope, at))


def _keep_matters(matters: Sequence[Matter], scope: Q, at: datetime) -> Tally:
    changes = _compare(matters, scope, at)
    Notice.objects.bulk_create(
        [
            Notice(**asdict(each), urgency=work_out_urgency(each.kind, each.day), found_at=at)
            for each in changes.new
        ],
        ignore_conflicts=True,  # another watch was first
    )
    for notice, values in changes.changed:
        # As it was read: somebody may be closing it.
        Notice.objects.filter(pk=notice.pk, state=notice.state).update(**values)
    over = [notice.pk for notice in changes.over]
    open_still = Notice.objects.filter(pk__in=over, state=Notice.State.OPEN)
    open_still.update(state=Notice.State.CLOSED, closed_at=at)
    return changes.count_changes()


def _compare(matters: Sequence[Matter], scope: Q, at: datetime) -> Changes:
    known = {notice.matter: notice for notice in Notice.objects.filter(scope)}
    found = {each.matter: each for each in matters}
    pairs = [(notice, found[name]) for name, notice in known.items() if name in found]
    changes = [(notice, _list_changes(notice, each, at)) for notice, each in pairs]
    return Changes(
        new=[each for name, each in found.items() if name not in known],
        changed=[(notice, values) for notice, values in changes if values],
        over=[notice for name, notice in known.items() if name not in found and notice.is_open],
    )


def _list_changes(notice: Notice, matter: Matter, at: datetime) -> dict[str, object]:
    """List what of a notice is other now; nothing of one that somebody has closed as it is."""
    has_moved_on = (notice.day, notice.step) != (matter.day, matter.step)
    closed_itself = not notice.is_open and notice.closed_by_id is None
    if not (has_moved_on or closed_itself):
        is_new = notice.is_open and notice.count != matter.count
        return {"count": matter.count} if is_new else {}
    values: dict[str, object] = {
        "day": matter.day,
        "step": matter.step,
        "count": matter.count,
        "urgency": work_out_urgency(matter.kind, matter.day),
        "found_at": at,
    }
    if not notice.is_open:
        values |= {"state": Notice.State.OPEN, "closed_at": None, "closed_by": None, "note": ""}
    return values


@wrap_in_transaction
def close(notice_id: int, *, note: str, user: User) -> Notice:
    """Close a notice, with what was done about it. Raises Malformed without a note that may be
    kept, Conflict where it is closed already.
    """
    said = require_text(note, "note", most=LONGEST_NOTE)
    notice = Notice.objects.select_for_update(no_key=True, of=("self",)).get(pk=notice_id)
    if not notice.is_open:
        raise Conflict([("notice", "was closed before")])
    notice.state, notice.closed_at = Notice.State.CLOSED, clock.now()
    notice.closed_by, notice.note = user, said
    notice.save(update_fields=["state", "closed_at", "closed_by", "note"])
    detail: dict[str, object] = {
        "notice": notice.matter,
        "kind": notice.kind,
        "day": f"{notice.day}",
        "before": Notice.State.OPEN.value,
        "after": notice.state,
        "reason": said,
    }
    audit.record(
        "notice closed",
        at=notice.closed_at,
        subject=notice.unique_id or audit.NO_CUSTOMER,
        user=user,
        detail=detail,
    )
    return notice


def count_open() -> dict[str, int]:
    """Count the open notices of each kind that has one."""
    found = Notice.objects.filter(state=Notice.State.OPEN).values_list("kind")
    return dict(found.annotate(Count("pk")).order_by("kind"))


def purge(at: datetime) -> int:
    """Delete what was closed longer than KEPT_FOR ago. Return how many. Raises Unavailable."""
    old = Notice.objects.filter(state=Notice.State.CLOSED, closed_at__lt=at - KEPT_FOR)
    count = 0
    while ids := list(old.order_by("closed_at").values_list("pk", flat=True)[:PURGED_AT_ONCE]):
        run_in_transaction(partial(_delete, ids))
        count += len(ids)
    return count


def _delete(ids: Iterable[int]) -> None:
    Notice.objects.filter(pk__in=ids, state=Notice.State.CLOSED).delete()
