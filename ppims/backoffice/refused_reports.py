"""The queue of refused reports: money that a processor reported and that could not be booked."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse

from limits.models import RefusedReport, ReportFinding
from ppims.backoffice.access import open_page
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    read_list,
    respond_with_item,
    respond_with_list,
)
from ppims.backoffice.transaction_detail import list_facts_of_report, write_transaction_address
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.models import User
from ppims.reports import overview_counts, refused_reports
from ppims.reports.records import Source


@open_page("limits.view_refusedreport")
def refused_list(request: HttpRequest) -> HttpResponse:
    """List the refused reports that wait for a finding, or those that were closed."""
    template = "limits/refused_reports.html"
    if DONE_PARAMETER in request.GET:
        closed = read_list(refused_reports.list_closed, request)
        return respond_with_list(request, template, closed, closed.rows, is_done=True)
    waiting = partial(refused_reports.list_waiting, overview_counts.find_refused_position())
    found = read_list(waiting, request)
    return respond_with_list(request, template, found, found.rows, is_done=False)


@open_page("limits.view_refusedreport", methods=("GET", "POST"))
def refused_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Set what was refused beside what is posted, say what to do, and take a note, or a finding
    that closes it.
    """
    return respond_with_item(
        request,
        "limits/refused_report.html",
        refused_reports.add_related(RefusedReport.objects.all()),
        report_id,
        choices=ReportFinding.Finding,
        permission="limits.add_reportfinding",
        back="refused-reports",
        describe=_describe,
    )


def _describe(report: RefusedReport, _user: User) -> dict[str, Any]:
    return {
        "report": report,
        "posting_address": write_transaction_address(Source.ENTRY, report.posting_id),
        "customer_address": write_customer_address(report.customer_id),
        "facts": list_facts_of_report(report),
    }
