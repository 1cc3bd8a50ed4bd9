"""The queue of refused reports: money that a processor reported and that could not be booked."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from limits.models import RefusedReport, ReportFinding
from limits.services import refused_reports
from ppims.backoffice.access import get_staff, open_page
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    NoteForm,
    _is_noted,
    _list,
    _read,
    _redirect_after_note,
    _refuse_unless,
)
from ppims.backoffice.transaction_detail import list_facts_of_report, write_transaction_address
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.reports import overview_counts
from ppims.reports import refused_reports as reports_refused_reports
from ppims.reports.transactions import Source


@open_page("limits.view_refusedreport")
def refused_list(request: HttpRequest) -> HttpResponse:
    """List the refused reports that wait for a finding, or those that were closed."""
    template = "limits/refused_reports.html"
    if DONE_PARAMETER in request.GET:
        closed = _read(reports_refused_reports.list_closed, request)
        return _list(request, template, closed, closed.rows, is_done=True)
    found = _read(
        partial(reports_refused_reports.list_waiting, overview_counts.find_refused_position()),
        request,
    )
    return _list(request, template, found, found.rows, is_done=False)


@open_page("limits.view_refusedreport", methods=("GET", "POST"))
def refused_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Set what was refused beside what is posted, say what to do, and take a note, or a finding
    that closes it.
    """
    _refuse_unless(request, "limits.add_reportfinding")
    report = get_object_or_404(
        RefusedReport.objects.select_related(*reports_refused_reports.RELATED_FIELDS), pk=report_id
    )
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep = partial(refused_reports.note, report_id=report.pk, user=get_staff(request))
        if _is_noted(request, form, ReportFinding.Finding, keep):
            return _redirect_after_note(request, ReportFinding.Finding, "refused-report", report.pk)
    context = {
        "report": report,
        "posting_address": write_transaction_address(Source.ENTRY, report.posting_id),
        "customer_address": write_customer_address(report.customer_id),
        "facts": list_facts_of_report(report),
        "notes": refused_reports.list_notes(report),
        "form": form,
        "findings": ReportFinding.Finding,
        "is_closed": refused_reports.find_closing(report) is not None,
        "may_note": get_staff(request).has_perm("limits.add_reportfinding"),
    }
    status = 422 if form.errors else 200
    return render(request, "limits/refused_report.html", context, status=status)
