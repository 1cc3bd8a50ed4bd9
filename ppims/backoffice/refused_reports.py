"""The queue of refused reports: money that a processor reported and that could not be booked."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from limits.models import RefusedReport, ReportFinding
from ppims.backoffice.access import open_page
from ppims.backoffice.closing import Closable, respond_with_closable, respond_with_closables
from ppims.backoffice.queue import Queue, require_to_send
from ppims.backoffice.transaction_detail import list_facts_of_report, write_transaction_address
from ppims.core.formats import inr
from ppims.reports import refused_reports
from ppims.reports.keyset import Position
from ppims.reports.overview_counts import find_refused_position
from ppims.reports.records import Source

FINDINGS = ReportFinding.Finding


@open_page("limits.view_refusedreport")
def refused_list(request: HttpRequest) -> HttpResponse:
    """List the refused reports that wait for a finding, or those that were closed."""
    return respond_with_closables(request, REFUSED_REPORTS)


@open_page("limits.view_refusedreport", methods=("GET", "POST"))
def refused_report(request: HttpRequest, report_id: int) -> HttpResponse:
    """Set what was refused beside what is posted, say what to do, and take a note, or a finding
    that closes it.
    """
    require_to_send(request, REFUSED_REPORTS.queue.permission)
    reports = refused_reports.add_related(RefusedReport.objects.all())
    report = get_object_or_404(reports, pk=report_id)
    return respond_with_closable(request, REFUSED_REPORTS, report, partial(_describe, report))


def describe_report(report: RefusedReport) -> str:
    """Say in a line what was refused: "Spend posted already with ₹100.00"."""
    posting = report.posting
    words = {"type": posting.get_direction_display(), "posted": inr(posting.amount_paise)}
    return gettext("%(type)s posted already with %(posted)s") % words


def _describe(report: RefusedReport) -> dict[str, Any]:
    return {
        "posting_address": write_transaction_address(Source.ENTRY, report.posting_id),
        "facts": list_facts_of_report(report),
    }


REFUSED_REPORTS = Closable(
    Queue(
        "refused-reports",
        "limits.add_reportfinding",
        lambda after, rows: refused_reports.walk(after.id, rows),
        lambda at: reverse("refused-report", args=[at.id]),
        lambda: Position(0, 0, find_refused_position()),
    ),
    title=_("Refused reports"),
    template="limits/refused_report.html",
    item_name="refused-report",
    effects={
        FINDINGS.ANOTHER: _("A correction of its amount is proposed."),
        FINDINGS.AMOUNT: _("A correction of the difference is proposed."),
        FINDINGS.REPEAT: _("Nothing changes: the report stays refused."),
        FINDINGS.REPORTED: _("It stays refused; those who report such spends know of it."),
    },
    list_waiting=lambda cursor: refused_reports.list_waiting(
        find_refused_position(), cursor=cursor
    ),
    list_closed=lambda cursor: refused_reports.list_closed(cursor=cursor),
    find_position=refused_reports.find_position,
    describe_line=describe_report,
)
