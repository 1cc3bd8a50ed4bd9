"""The calls that are kept of the API, the last first: in production those that were refused."""

from dataclasses import dataclass

from django.conf import settings
from django.db.models import QuerySet

from ppims.core import clock
from ppims.models import KeptCall
from ppims.reports.keyset import PAGE_ROWS, Page, Position, read_newest_first, read_position
from ppims.services import call_buffer

# Each has an index, in the order of time.
FOUND_BY = ("ref_id", "tran_id", "request_id")


@dataclass(frozen=True)
class CallFilters:
    """What is wanted of calls: of one processor, the refused ones, by a Ref_Id, Tran_Id or request
    id as it was sent.
    """

    processor_id: int | None = None
    is_refused: bool = False
    number: str = ""


def list_kept() -> QuerySet[KeptCall]:
    """Return the calls that may be looked at, without their bodies."""
    kept, oldest = KeptCall.objects.defer("sealed"), call_buffer.find_oldest_kept(clock.now())
    if not settings.PPIMS_KEEPS_BODIES:  # what a demo has left behind is none of production's
        kept = kept.filter(is_refused=True, processor__isnull=False)
    return kept.filter(at__gte=oldest) if oldest else kept


def list_calls(filters: CallFilters, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[KeptCall]:
    """Read a page of calls, as long as they are kept. Raises Http404 for a cursor of another
    list.
    """
    kept = list_kept().select_related("processor")
    if filters.processor_id is not None:
        kept = kept.filter(processor_id=filters.processor_id)
    if filters.is_refused:
        kept = kept.filter(is_refused=True)
    if filters.number:
        return _find_by_number(kept, filters.number, cursor, rows)
    return read_newest_first(kept, cursor, rows)


def _find_by_number(
    kept: QuerySet[KeptCall], number: str, cursor: str, rows: int
) -> Page[KeptCall]:
    # Each by its index: for one OR of all three a database would go through every call.
    before = kept.filter(pk__lt=read_position(cursor).id).order_by("-pk")
    found = {
        call.pk: call for name in FOUND_BY for call in before.filter(**{name: number})[: rows + 1]
    }
    newest = sorted(found.values(), key=lambda call: -call.pk)
    more = Position(0, 0, newest[rows - 1].pk).write_cursor() if len(newest) > rows else ""
    return Page(newest[:rows], more)
