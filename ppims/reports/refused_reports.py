"""The refused reports that staff have not closed yet, oldest first; and those that they have."""

from collections.abc import Sequence

from limits.models import RefusedReport, ReportFinding
from ppims.reports.keyset import (
    PAGE_ROWS,
    PAST_ALL_IDS,
    Page,
    Position,
    find_wanted,
    make_page,
    read_newest_first,
    read_position,
)

RELATED_FIELDS = ("customer", "processor", "posting")
LOOK_QUERY = """
    SELECT 0 AS moment, t.id AS row_key, t.customer_id AS holder
    FROM limits_refusedreport t WHERE t.id > %s ORDER BY t.id
"""
OPEN_CONDITION = """NOT EXISTS (
    SELECT 1 FROM limits_reportfinding f
    WHERE f.customer_id = w.holder AND f.report_id = w.row_key
        AND NOT (f.finding = '') AND f.id <= %s)
"""


def list_waiting(after: int, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[RefusedReport]:
    """Read a page of the reports that wait for a finding, the oldest first; of those up to the id
    `after` none does. Raises Http404 for a cursor of another list.
    """
    found, end = walk(read_position(cursor).id if cursor else after, rows + 1)
    return make_page(found, end, rows, _read_reports)


def list_closed(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[ReportFinding]:
    """Read a page of findings, the last first. Raises Http404 for a cursor of another list."""
    related = ("user", "customer", "report__processor")
    findings = ReportFinding.objects.exclude(finding="").select_related(*related)
    return read_newest_first(findings, cursor, rows)


def walk(
    after: int, rows: int, *, known: int = PAST_ALL_IDS
) -> tuple[list[Position], Position | None]:
    """Find the first so many reports after an id that no finding up to the known one closes; and
    where this ended, if it looked at enough. Positions are by id alone.
    """
    return find_wanted(LOOK_QUERY, [after], [(OPEN_CONDITION, known)], 0, rows)


def _read_reports(positions: Sequence[Position]) -> list[RefusedReport]:
    reports = RefusedReport.objects.select_related(*RELATED_FIELDS)
    found = reports.in_bulk([each.id for each in positions])
    return [found[each.id] for each in positions]
