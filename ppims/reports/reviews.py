"""The review items that wait for staff, oldest first; and those that were decided."""

from collections.abc import Sequence

from django.db.models import Q, QuerySet

from customers.models import DuplicateReview
from customers.services.reviews import list_proposed
from ppims.core import calendar
from ppims.reports.keyset import PAGE_ROWS, Page, Position, read_newest_first, read_position
from ppims.reports.queue_place import OLDEST_POSITION

# Each on the index of outcomes; together what DuplicateReview.is_open says.
UNDECIDED_CONDITION = Q(outcome="")
TO_BE_MERGED = Q(
    outcome=DuplicateReview.Outcome.SAME_PERSON, claimant__isnull=False, merged_at__isnull=True
)


def add_related(items: QuerySet[DuplicateReview]) -> QuerySet[DuplicateReview]:
    """Let review items be read with whom they are about. Of two customers one may be on another
    machine, so that no statement joins both.
    """
    return items.select_related("customer", "processor", "decided_by").prefetch_related("claimant")


def find_position(item: DuplicateReview) -> Position:
    """Find where an item stands in the queue."""
    return Position(calendar.to_microseconds(item.opened_at), 0, item.pk)


def walk(after: Position, rows: int) -> tuple[Sequence[Position], None]:
    """Find the first so many items after a position that nobody has decided: of those that a
    proposal is to decide nothing is asked meanwhile.
    """
    undecided = DuplicateReview.objects.filter(UNDECIDED_CONDITION, _come_after(after))
    undecided = undecided.exclude(pk__in=list_proposed())
    found = undecided.order_by("opened_at", "pk").values_list("opened_at", "pk")[:rows]
    return [Position(calendar.to_microseconds(at), 0, pk) for at, pk in found], None


def list_waiting(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[DuplicateReview]:
    """Read a page of open review items, the oldest first. Raises Http404 for a cursor of another
    list.
    """
    later = _come_after(read_position(cursor) if cursor else OLDEST_POSITION)
    found: list[DuplicateReview] = []
    for query in (UNDECIDED_CONDITION, TO_BE_MERGED):
        items = DuplicateReview.objects.filter(query, later)
        found += add_related(items).order_by("opened_at", "pk")[: rows + 1]
    found.sort(key=lambda item: (item.opened_at, item.pk))
    if len(found) <= rows:
        return Page(found)
    return Page(found[:rows], find_position(found[rows - 1]).write_cursor())


def list_decided(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[DuplicateReview]:
    """Read a page of those that are done with, the newest first. Raises Http404 likewise."""
    decided = DuplicateReview.objects.exclude(UNDECIDED_CONDITION).exclude(TO_BE_MERGED)
    return read_newest_first(add_related(decided), cursor, rows)


def _come_after(after: Position) -> Q:
    at = calendar.from_microseconds(after.at)
    return Q(opened_at__gte=at) & (Q(opened_at__gt=at) | Q(pk__gt=after.id))
