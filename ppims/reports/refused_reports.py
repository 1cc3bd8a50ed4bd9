"""The refused reports that staff have not closed yet, oldest first; and those that they have."""

from collections.abc import Sequence

from django.db.models import QuerySet

from limits.models import RefusedReport, ReportFinding
from ppims.reports.keyset import (
    PAGE_ROWS,
    PAST_ALL_IDS,
    Page,
    Position,
    RowBeside,
    find_wanted,
    make_page,
    read_newest_first,
    read_position,
)

LOOK_QUERY = """
    SELECT 0 AS moment, t.id AS sorted_at, t.id AS row_key, t.customer_id AS holder
    FROM limits_refusedreport t WHERE t.id > %s ORDER BY t.id
"""
OPEN_CONDITION = RowBeside(
    "limits_reportfinding f",
    """
    f.customer_id = w.holder AND f.report_id = w.row_key AND NOT (f.finding = '') AND f.id <= %s
    """,
    is_there=False,
)


def add_related(reports: QuerySet[RefusedReport]) -> QuerySet[RefusedReport]:
    """Let reports be read with what they are about. The posting comes by itself: a join that names
    no customer would have to ask every machine for each report.
    """
    return reports.select_related("processor").prefetch_related("posting")


def find_position(report: RefusedReport) -> Position:
    """Find where a report stands in the queue, which is by id alone."""
    return Position(0, 0, report.pk)


def list_waiting(after: int, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[RefusedReport]:
    """Read a page of the reports that wait for a finding, the oldest first; of those up to the id
    `after` none does. Raises Http404 for a cursor of another list.
    """
    found, end = walk(read_position(cursor).id if cursor else after, rows + 1)
    return make_page(found, end, rows, _read_reports)


def list_closed(*, cursor: str = "", rows: int = PAGE_ROWS) -> Page[ReportFinding]:
    """Read a page of findings, the last first. Raises Http404 for a cursor of another list."""
    findings = ReportFinding.objects.exclude(finding="").select_related("user")
    return read_newest_first(findings.prefetch_related("report__processor"), cursor, rows)


def walk(
    after: int, rows: int, *, known: int = PAST_ALL_IDS
) -> tuple[list[Position], Position | None]:
    """Find the first so many reports after an id that no finding up to the known one closes; and
    where this ended, if it looked at enough. Positions are by id alone.
    """
    return find_wanted(LOOK_QUERY, [after], [(OPEN_CONDITION, known)], 0, rows)


def _read_reports(positions: Sequence[Position]) -> list[RefusedReport]:
    reports = add_related(RefusedReport.objects.all())
    found = reports.in_bulk([each.id for each in positions])
    return [found[each.id] for each in positions]
