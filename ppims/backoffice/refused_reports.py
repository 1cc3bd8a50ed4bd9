"""The queue of refused reports: money that a processor reported and that could not be booked."""

from functools import partial

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from limits.models import RefusedReport, ReportFinding
from limits.services import refused_reports
from ppims.backoffice.access import page, staff
from ppims.backoffice.queue import (
    DONE,
    NoteForm,
    _after_note,
    _is_noted,
    _list,
    _read,
    _refuse_unless,
)
from ppims.backoffice.transaction_detail import facts_of_report, transaction_address
from ppims.backoffice.transaction_rows import customer_address
from ppims.reports import overview_counts
from ppims.reports import refused_reports as reports_refused_reports
from ppims.reports.transactions import Source


@page("limits.view_refusedreport")
def refused_list(request: HttpRequest) -> HttpResponse:
    """List the refused reports that wait for a finding, or those that were closed."""
    template = "limits/refused_reports.html"
    if DONE in request.GET:
        closed = _read(reports_refused_reports.closed, request)
        return _list(request, template, closed, closed.rows, is_done=True)
    found = _read(
        partial(reports_refused_reports.waiting, overview_counts.refused_after()), request
    )
    return _list(request, template, found, found.rows, is_done=False)


@page("limits.view_refusedreport", methods=("GET", "POST"))
def refused_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Set what was refused beside what is posted, say what to do, and take a note, or a finding
    that closes it.
    """
    _refuse_unless(request, "limits.add_reportfinding")
    report = get_object_or_404(
        RefusedReport.objects.select_related(*reports_refused_reports.WITH), pk=report_id
    )
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep = partial(refused_reports.note, report_id=report.pk, user=staff(request))
        if _is_noted(request, form, ReportFinding.Finding, keep):
            return _after_note(request, ReportFinding.Finding, "refused-report", report.pk)
    context = {
        "report": report,
        "posting_address": transaction_address(Source.ENTRY, report.posting_id),
        "customer_address": customer_address(report.customer_id),
        "facts": facts_of_report(report),
        "notes": refused_reports.notes_of(report),
        "form": form,
        "findings": ReportFinding.Finding,
        "is_closed": refused_reports.closing_of(report) is not None,
        "may_note": staff(request).has_perm("limits.add_reportfinding"),
    }
    status = 422 if form.errors else 200
    return render(request, "limits/refused_report.html", context, status=status)
