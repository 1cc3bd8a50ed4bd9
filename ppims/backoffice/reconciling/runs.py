"""The runs that compared a processor's file with our books, and what one has found."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django import forms
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from limits.models import Direction, Reconciliation, ReconciliationDifference
from limits.reconcile.judging import MATCHED_KIND
from limits.reconcile.matching import MOST_KEPT
from limits.services import reconciliations as use_cases
from ppims.backoffice.access import POLL_PARAMETER, find_viewer, go, is_fragment, open_page, respond
from ppims.backoffice.csv_files import stream_file
from ppims.backoffice.filters import CURSOR_NAME, set_choices, write_next_query
from ppims.backoffice.jobs import make_job_line, write_poll_address
from ppims.core import clock
from ppims.core.formats import write_count
from ppims.core.money import to_rupees
from ppims.models import Job
from ppims.reports import keyset
from ppims.reports import reconciliations as report
from ppims.services import jobs

LIST_TEMPLATE, RUN_TEMPLATE = "limits/reconciling/runs.html", "limits/reconciling/run.html"
KIND_NAMES = {MATCHED_KIND: _("Matched"), **dict(ReconciliationDifference.Kind.choices)}
STATE_CHOICES = [(report.OPEN_STATE, _("To settle")), (report.SETTLED_STATE, _("Settled"))]


class DifferenceFilter(forms.Form):
    """Which differences; left out: all."""

    kind = forms.ChoiceField(label=_("Outcome"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False)

    def __init__(self, asked: Any) -> None:
        super().__init__(asked)
        set_choices(self, "kind", ReconciliationDifference.Kind.choices)
        set_choices(self, "state", STATE_CHOICES)


@dataclass(frozen=True)
class SumLine:
    """A line of a run's sums; `way` is "" where all of it was refused."""

    kind: str
    name: object
    way: object
    count: int
    their_paise: int
    our_paise: int


@open_page("limits.read_reports")
def reconciliations(request: HttpRequest) -> HttpResponse:
    """List the runs, the last first; htmx gets the next rows."""
    found = report.list_runs(cursor=request.GET.get(CURSOR_NAME, ""))
    context = {"runs": found.rows, "more": write_next_query(found, {})}
    return respond(request, LIST_TEMPLATE, context, partial="rows")


@open_page("limits.read_reports")
def reconciliation(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """Show a run: how far it is, or its sums and differences; htmx gets its state, its differences
    or the next rows.
    """
    run = find_run(run_id)
    is_waiting = run.state == Reconciliation.State.WAITING
    if is_fragment(request) and POLL_PARAMETER in request.GET and not is_waiting:
        return go(request, "reconciliation", run.pk)
    form = DifferenceFilter(request.GET)
    context = {"run": run, "form": form, **(_describe_job(run) if is_waiting else {})}
    if not form.is_valid():
        return respond(request, RUN_TEMPLATE, context, partial="found", status=422)
    asked = {name: value for name, value in form.cleaned_data.items() if value}
    found = report.list_differences(run, cursor=request.GET.get(CURSOR_NAME, ""), **asked)
    context |= {
        "sums": _list_sums(run),
        "rows": found.rows,
        "more": write_next_query(found, asked),
        "is_cut": run.difference_count > MOST_KEPT,
    }
    part = "rows" if CURSOR_NAME in request.GET else "state" if is_waiting else "found"
    return respond(request, RUN_TEMPLATE, context, partial=part)


def find_run(run_id: int) -> Reconciliation:
    """Find a run. Raises Http404."""
    runs = Reconciliation.objects.select_related("processor", "brought_by")
    return get_object_or_404(runs, pk=min(run_id, keyset.PAST_ALL_IDS))


def _describe_job(run: Reconciliation) -> dict[str, Any]:
    """Say how far the work is, and where the page asks for it anew."""
    job = jobs.find_newest(Job.Kind.RECONCILE, use_cases.name_job(run))
    if job is None:
        return {}
    address = reverse("reconciliation", args=[run.pk])
    line = make_job_line(job, clock.now())
    return {"line": line, "poll": write_poll_address(address) if job.is_open else ""}


def _list_sums(run: Reconciliation) -> list[SumLine]:
    return [
        SumLine(kind, KIND_NAMES[kind], Direction(way).label if way else "", *sums)
        for kind, by_way in use_cases.read_sums(run).items()
        for way, sums in sorted(by_way.items())
    ]


@open_page("limits.read_reports", methods=("POST",))
def reconciliation_export(request: HttpRequest, run_id: int) -> HttpResponseBase:
    """Send a run's differences as a file, audited before it leaves."""
    run, viewer = find_run(run_id), find_viewer(request)
    use_cases.record_export(run, user=viewer.user, source=viewer.source)
    head = (
        *(_("Outcome"), "Tran_Id", "Ref_Id", _("Type"), _("Theirs (₹)"), _("Ours (₹)")),
        *(_("Row of the file"), _("Rows"), _("Unique id"), _("Reason"), _("Settled by"), _("Note")),
    )
    name = f"reconciliation-{run.pk}-{run.processor.system_id}.csv"
    return stream_file(name, head, _write_batches(run))


def _write_batches(run: Reconciliation) -> Iterator[list[list[str]]]:
    for batch in report.read_batches(run):
        yield [_write_cells(each) for each in batch]


def _write_cells(each: ReconciliationDifference) -> list[str]:
    return [
        str(each.get_kind_display()),
        each.tran_id,
        each.ref_id,
        str(each.get_direction_display()) if each.direction else "",
        "" if each.their_paise is None else to_rupees(each.their_paise),
        "" if each.our_paise is None else to_rupees(each.our_paise),
        str(each.row_number or ""),
        write_count(each.row_count) if each.row_count else "",
        str(each.unique_id or ""),
        each.said,
        each.settled_by.get_username() if each.settled_by else "",
        each.note,
    ]
