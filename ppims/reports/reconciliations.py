"""Reconciliations, the last first; and the differences of one, class by class."""

from collections.abc import Iterator

from limits.models import Reconciliation, ReconciliationDifference
from ppims.reports.keyset import (
    PAGE_ROWS,
    PAST_ALL_IDS,
    Page,
    Position,
    read_newest_first,
    read_position,
)

OPEN_STATE, SETTLED_STATE = "open", "settled"
ROWS_AT_ONCE = 1_000


def list_runs(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[Reconciliation]:
    """Read a page of runs. Raises Http404 for a cursor of another list."""
    runs = Reconciliation.objects.select_related("processor", "brought_by")
    return read_newest_first(runs, cursor, rows)


def list_differences(
    run: Reconciliation,
    *,
    kind: str = "",
    state: str = "",
    cursor: str = "",
    rows: int = PAGE_ROWS,
) -> Page[ReconciliationDifference]:
    """Read a page of a run's differences, of which there are MOST_KEPT at most: of a class, and
    those to settle or settled, or all. Raises Http404 for a cursor of another list.
    """
    found = run.differences.filter(pk__gt=read_position(cursor).id if cursor else 0)
    if kind:
        found = found.filter(kind=kind)
    if state == OPEN_STATE:
        found = found.filter(settled_at=None).exclude(kind__in=ReconciliationDifference.NOT_SETTLED)
    elif state == SETTLED_STATE:
        found = found.exclude(settled_at=None)
    page = list(found.select_related("settled_by").order_by("pk")[: rows + 1])
    more = Position(0, 0, page[rows - 1].pk).write_cursor() if len(page) > rows else ""
    return Page(page[:rows], more)


def read_batches(run: Reconciliation) -> Iterator[list[ReconciliationDifference]]:
    """Read all of a run's differences, some at a time."""
    cursor = ""
    while True:
        page = list_differences(run, cursor=cursor, rows=ROWS_AT_ONCE)
        yield list(page.rows)
        if not page.next:
            return
        cursor = page.next


def find_next_open(difference: ReconciliationDifference) -> int | None:
    """Find the next difference of the run that is to be settled, from the first on after the
    last.
    """
    run = difference.reconciliation
    for after in (difference.pk, 0):
        cursor = Position(0, 0, min(after, PAST_ALL_IDS)).write_cursor()
        if found := list_differences(run, state=OPEN_STATE, cursor=cursor, rows=1).rows:
            return found[0].pk
    return None
