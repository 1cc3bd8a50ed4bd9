"""The notices that wait, the most urgent first; and those that were closed, the last first."""

from collections.abc import Callable, Sequence

from django.db.models import Count, Min, Q, QuerySet

from limits.models import DAYS_A_RANK, Notice
from ppims.core import calendar, clock
from ppims.reports.keyset import (
    PAGE_ROWS,
    Page,
    Position,
    read_position,
)
from ppims.reports.queue_place import OLDEST_POSITION

ALL_KINDS: Sequence[str] = Notice.Kind.values
NO_NOTICES = (0, 0, 0)  # as count_waiting counts them
OPEN_NOTICES = Q(state=Notice.State.OPEN)


def count_waiting() -> list[int]:
    """Count the open notices: how many, when the oldest was found, and as of when; both in
    microseconds.
    """
    at = calendar.to_microseconds(clock.now())
    found = Notice.objects.filter(OPEN_NOTICES).aggregate(n=Count("pk"), oldest=Min("found_at"))
    oldest = found["oldest"]
    return [found["n"], calendar.to_microseconds(oldest) if oldest else 0, at]


def find_position(notice: Notice) -> Position:
    """Find where a notice stands in the queue, which is by urgency."""
    return Position(notice.urgency, 0, notice.pk)


def list_waiting(
    kinds: Sequence[str] = ALL_KINDS, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[Notice]:
    """Read a page of the open notices of some kinds, which follow each other in the list. Raises
    Http404 for a cursor of another list.
    """
    after = read_position(cursor) if cursor else OLDEST_POSITION
    return _make_page(list(_find_after(kinds, after)[: rows + 1]), rows, find_position)


def list_closed(
    kinds: Sequence[str] = ALL_KINDS, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[Notice]:
    """Read a page of those that were closed, by somebody or by themselves. Raises Http404 for a
    cursor of another list.
    """
    before = read_position(cursor)
    closed = Notice.objects.filter(state=Notice.State.CLOSED).select_related("closed_by")
    if cursor:
        at = calendar.from_microseconds(before.at)
        closed = closed.filter(closed_at__lte=at).exclude(closed_at=at, pk__gte=before.id)
    if kinds != ALL_KINDS:
        closed = closed.filter(kind__in=kinds)
    found = list(closed.order_by("-closed_at", "-pk")[: rows + 1])
    return _make_page(found, rows, _find_closed_position)


def walk(kinds: Sequence[str], after: Position, rows: int) -> tuple[list[Position], None]:
    """Find the first so many open notices of some kinds, which follow each other in the list, after
    a position.
    """
    found = _find_after(kinds, after).values_list("urgency", "pk")[:rows]
    return [Position(urgency, 0, pk) for urgency, pk in found], None


def _find_after(kinds: Sequence[str], after: Position) -> QuerySet[Notice]:
    """Find open notices after a position, by their index."""
    ranks = [ALL_KINDS.index(kind) for kind in kinds]
    first, end = min(ranks) * DAYS_A_RANK, (max(ranks) + 1) * DAYS_A_RANK
    is_passed = Q(urgency=after.at, pk__lte=after.id)
    since = Q(urgency__gte=max(first, after.at), urgency__lt=end)
    return Notice.objects.filter(OPEN_NOTICES, since, ~is_passed).order_by("urgency", "pk")


def _find_closed_position(notice: Notice) -> Position:
    assert notice.closed_at  # as every one that is closed
    return Position(calendar.to_microseconds(notice.closed_at), 0, notice.pk)


def _make_page(found: list[Notice], rows: int, find: Callable[[Notice], Position]) -> Page[Notice]:
    more = find(found[rows - 1]).write_cursor() if len(found) > rows else ""
    return Page(found[:rows], more)
