"""The refused reports that staff have not closed yet, oldest first; and those that they have."""

from collections.abc import Sequence

from limits.models import RefusedReport, ReportFinding
from ppims.db import statements
from ppims.reports import keyset
from ppims.reports.keyset import PAST_ALL_IDS, Page, Position

RELATED_FIELDS = ("customer", "processor", "posting")
LOOK_QUERY = """
    SELECT t.id AS row_key, t.customer_id AS holder
    FROM limits_refusedreport t WHERE t.id > %s ORDER BY t.id LIMIT {most:d}
"""
OPEN_QUERY = """
    SELECT row_key FROM ({look}) w WHERE NOT EXISTS (
        SELECT 1 FROM limits_reportfinding f
        WHERE f.customer_id = w.holder AND f.report_id = w.row_key
            AND NOT (f.finding = '') AND f.id <= %s)
    LIMIT %s
"""
LAST_QUERY = "SELECT row_key FROM ({look}) w LIMIT 1 OFFSET {most:d}"


def list_waiting(
    after: int, *, cursor: str = "", rows: int = keyset.PAGE_ROWS
) -> Page[RefusedReport]:
    """Give a page of the reports that wait for a finding, the oldest first; of those up to the id
    `after` none does. Raises Http404 for a cursor of another list.
    """
    found, end = walk(keyset.read_position(cursor).id if cursor else after, rows + 1)
    reports = RefusedReport.objects.select_related(*RELATED_FIELDS).in_bulk(found[:rows])
    page = [reports[key] for key in found[:rows]]
    if len(found) > rows:
        return Page(page, _write_cursor(found[rows - 1]))
    return Page(page, _write_cursor(end) if end else "", end is not None)


def list_closed(*, cursor: str = "", rows: int = keyset.PAGE_ROWS) -> Page[ReportFinding]:
    """Give a page of findings, the last first. Raises Http404 for a cursor of another list."""
    findings = ReportFinding.objects.exclude(finding="")
    joined = findings.select_related("user", "customer", "report__processor")
    return keyset.read_newest_first(joined, cursor, rows)


def walk(after: int, rows: int, *, known: int = PAST_ALL_IDS) -> tuple[Sequence[int], int | None]:
    """Find the first so many reports after one that no finding up to the known one closes; and
    where this ended, if it looked at enough.
    """
    look = LOOK_QUERY.format(most=keyset.LOOKED_AT)
    found = [
        key for (key,) in statements.read_rows(OPEN_QUERY.format(look=look), [after, known, rows])
    ]
    if len(found) == rows:
        return found, None
    last = statements.read_row(LAST_QUERY.format(look=look, most=keyset.LOOKED_AT - 1), [after])
    return found, last[0] if last else None


def _write_cursor(row_id: int) -> str:
    return Position(0, 0, row_id).write_cursor()
