"""The calls that processors were refused, the last first."""

from ppims.core import clock
from ppims.models import RefusedCall
from ppims.reports.keyset import PAGE_ROWS, Page, read_newest_first
from ppims.services import call_buffer


def list_calls(
    processor_id: int | None = None, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[RefusedCall]:
    """Read a page of the refused calls of a processor, or of all, as long as they are kept. Raises
    Http404 for a cursor of another list.
    """
    kept = RefusedCall.objects.filter(at__gte=call_buffer.find_oldest_kept(clock.now()))
    if processor_id is not None:
        kept = kept.filter(processor_id=processor_id)
    return read_newest_first(kept.select_related("processor"), cursor, rows)
