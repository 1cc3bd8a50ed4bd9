"""The files of customers that were brought, and each of them: what reading it found, what was
proposed, how far it is, and its refused rows.
"""

import csv
from collections.abc import Iterator
from itertools import islice

from cryptography.exceptions import InvalidTag
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _

from customers.forms.fields import ReasonForm
from customers.imports import storing
from customers.imports.columns import write_template
from customers.models import ImportFile
from customers.services import imports as use_cases
from ppims.backoffice.access import (
    find_viewer,
    get_posted,
    go,
    is_fragment,
    open_page,
    render_form,
)
from ppims.backoffice.csv_files import CONTENT_TYPE
from ppims.backoffice.jobs import make_job_line, write_poll_address
from ppims.core import clock
from ppims.core.errors import Refusal, Unavailable
from ppims.core.keys import KeyMissing
from ppims.core.sealed_files import Broken
from ppims.models import Job
from ppims.reports import keyset
from ppims.reports.imports import BroughtFile, find_file, list_files
from ppims.services import jobs
from ppims.services.accounts import get_staff

VIEW_RIGHT = "customers.view_customerimport"
PROPOSE_RIGHT = "customers.propose_customerimport"
BEFORE_PARAMETER = "before"
REFUSED_SHOWN, CELLS_SHOWN = 20, 2  # the number of the row, and why; never what it says
FILE_ERRORS = (OSError, KeyMissing, Broken, InvalidTag)


@open_page(VIEW_RIGHT)
def imports(request: HttpRequest) -> HttpResponse:
    """List the files, last first."""
    before = request.GET.get(BEFORE_PARAMETER, "")
    last = min(int(before), keyset.PAST_ALL_IDS) if before.isdecimal() else None
    files, has_more = list_files(before=last)
    more = f"{BEFORE_PARAMETER}={files[-1].file.pk}" if has_more else ""
    return render(request, "ppims/imports/list.html", {"files": files, "more": more})


@open_page(VIEW_RIGHT, methods=("GET", "POST"))
def import_file(request: HttpRequest, file_id: int) -> HttpResponse:
    """Show a file; propose to add its customers."""
    if request.method == "POST" and not get_staff(request).has_perm(PROPOSE_RIGHT):
        raise PermissionDenied
    found = find_file(min(file_id, keyset.PAST_ALL_IDS))
    if found is None:
        raise Http404
    form = ReasonForm(get_posted(request))
    if request.method == "POST":
        return _propose(request, found, form)
    job = _find_job(found)
    if is_fragment(request) and (job is None or not job.is_open):
        return go(request, "import-file", found.file.pk)  # it has ended: all of the page is new
    return render(request, _name_template(request), _describe(request, found, job, form))


@open_page(PROPOSE_RIGHT, methods=("POST",))
def import_go_on(request: HttpRequest, file_id: int) -> HttpResponse:
    """Ask anew for an import whose job has failed; or for a file to be read once more."""
    found = find_file(min(file_id, keyset.PAST_ALL_IDS))
    if found is None:
        raise Http404
    try:
        if use_cases.find_counting(found.file):
            use_cases.go_on(file_id=found.file.pk, user=get_staff(request))
        else:
            use_cases.ask_for_reading(found.file, get_staff(request))
    except Unavailable:
        raise
    except Refusal as refusal:
        messages.error(request, refusal.describe())
    return redirect("import-file", found.file.pk)


@open_page(PROPOSE_RIGHT, methods=("POST",))
def import_refused(request: HttpRequest, file_id: int) -> HttpResponseBase:
    """Send the refused rows as a file that may be mended and brought again."""
    found = find_file(min(file_id, keyset.PAST_ALL_IDS))
    if found is None:
        raise Http404
    try:
        pieces = storing.read_refused(found.file)
        first = next(pieces)
    except FILE_ERRORS:
        messages.error(request, _("The refused rows aren’t kept any more, or not here."))
        return redirect("import-file", found.file.pk)
    use_cases.record_export(file=found.file, viewer=find_viewer(request))
    response = StreamingHttpResponse(_write_pieces(first, pieces), content_type=CONTENT_TYPE)
    name = f"refused-rows-{found.file.pk}.csv"
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


@open_page(PROPOSE_RIGHT)
def import_template(_request: HttpRequest) -> HttpResponse:
    """Send the file that people begin with."""
    response = HttpResponse(write_template(), content_type=CONTENT_TYPE)
    response["Content-Disposition"] = 'attachment; filename="customers.csv"'
    return response


def _write_pieces(first: bytes, others: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from others


def _name_template(request: HttpRequest) -> str:
    name = "ppims/imports/file.html"
    return f"{name}#state" if is_fragment(request) else name


def _propose(request: HttpRequest, found: BroughtFile, form: ReasonForm) -> HttpResponse:
    if form.is_valid():
        try:
            proposal = use_cases.propose(
                file_id=found.file.pk,
                reason=form.cleaned_data["reason"],
                user=get_staff(request),
            )
        except Unavailable:
            raise
        except Refusal as refusal:
            for name, message in refusal.errors:
                form.add_error(name if name in form.fields else None, message)
        else:
            messages.success(request, _("Proposed: it waits for another person, under Approvals."))
            return redirect("import-file", proposal.file_id)
    context = _describe(request, found, _find_job(found), form)
    return render_form(request, "ppims/imports/file.html", form, context)


def _find_job(found: BroughtFile) -> Job | None:
    """Find the last work on a file: adding its customers, else reading it."""
    adding = found.proposal and jobs.find_newest(Job.Kind.IMPORT, {"import": found.proposal.pk})
    return adding or jobs.find_newest(Job.Kind.IMPORT_READ, {"file": found.file.pk})


def _describe(
    request: HttpRequest, found: BroughtFile, job: Job | None, form: ReasonForm
) -> dict[str, object]:
    file, proposal = found.file, found.proposal
    counting = use_cases.find_counting(file)
    may_propose = get_staff(request).has_perm(PROPOSE_RIGHT)
    has_failed = job is None or job.state == Job.State.FAILED
    is_left = not (file.ended_at or file.gone_at)
    address = reverse("import-file", args=[file.pk])
    return {
        "found": found,
        "file": file,
        "form": form,
        "line": make_job_line(job, clock.now()) if job else None,
        "poll": write_poll_address(address) if job and job.is_open else "",
        "counts": _list_counts(file) if file.read_at and not file.fault else [],
        "approval": reverse("approval", args=["customer-import", proposal.pk]) if proposal else "",
        "may_propose": may_propose and not counting and not use_cases.describe_obstacle(file),
        "may_go_on": may_propose
        and has_failed
        and is_left
        and (counting.state == counting.State.APPROVED if counting else not file.read_at),
        "refused": list(_list_refused(file)) if file.refused_count and not file.gone_at else [],
        "may_take_refused": may_propose and not file.gone_at,
        "more_refused": max(0, file.refused_count - REFUSED_SHOWN),
    }


def _list_counts(file: ImportFile) -> list[tuple[str, int]]:
    """List how many rows came to what; of what never came, only that nobody is new."""
    counts = (
        (_("Known elsewhere"), file.elsewhere_count),
        (_("To review"), file.review_count),
        (_("Known already"), file.known_count),
        (_("Refused"), file.refused_count),
    )
    return [
        (_("Rows"), file.row_count),
        (_("New"), file.new_count),
        *((what, count) for what, count in counts if count),
    ]


def _list_refused(file: ImportFile) -> Iterator[list[str]]:
    """List the first refused rows: each by its number, and why. Nothing that a row says is in
    it.
    """
    try:
        first = next(storing.read_refused(file)).decode(errors="ignore")
    except FILE_ERRORS:
        return
    lines = csv.reader(first.splitlines(keepends=True))
    try:
        for cells in islice(lines, 1, REFUSED_SHOWN + 1):
            yield cells[:CELLS_SHOWN]
    except csv.Error:  # the last line of a piece may be cut
        return
