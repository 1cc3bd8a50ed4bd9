"""The review items that wait for staff, oldest first; and those that were decided."""

from django.db.models import Q, QuerySet

from customers.models import DuplicateReview
from ppims.core import calendar
from ppims.reports.keyset import PAGE_ROWS, Page, Position, read_newest_first, read_position

# Each on the index of outcomes; together what DuplicateReview.is_open says.
UNDECIDED_CONDITION = Q(outcome="")
TO_BE_MERGED = Q(outcome=DuplicateReview.Outcome.SAME_PERSON, claimant__isnull=False)


def add_related(items: QuerySet[DuplicateReview]) -> QuerySet[DuplicateReview]:
    """Let review items be read with whom they are about. Of two customers one may be on another
    machine, so that no statement joins both.
    """
    return items.select_related("customer", "processor", "decided_by").prefetch_related("claimant")


def list_waiting(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[DuplicateReview]:
    """Read a page of open review items, the oldest first. Raises Http404 for a cursor of another
    list.
    """
    after = read_position(cursor) if cursor else Position(0, 0, 0)
    at = calendar.from_microseconds(after.at)
    later = Q(opened_at__gte=at) & (Q(opened_at__gt=at) | Q(pk__gt=after.id))
    found: list[DuplicateReview] = []
    for query in (UNDECIDED_CONDITION, TO_BE_MERGED):
        items = DuplicateReview.objects.filter(query, later)
        found += add_related(items).order_by("opened_at", "pk")[: rows + 1]
    found.sort(key=lambda item: (item.opened_at, item.pk))
    if len(found) <= rows:
        return Page(found)
    last = found[rows - 1]
    more = Position(calendar.to_microseconds(last.opened_at), 0, last.pk).write_cursor()
    return Page(found[:rows], more)


def list_decided(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[DuplicateReview]:
    """Read a page of those that are done with, the newest first. Raises Http404 likewise."""
    decided = DuplicateReview.objects.exclude(UNDECIDED_CONDITION).exclude(TO_BE_MERGED)
    return read_newest_first(add_related(decided), cursor, rows)
