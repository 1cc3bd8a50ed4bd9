"""The queue of flagged postings."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from customers import search
from limits.models import LedgerEntry, PostingFinding
from limits.services import flagged as findings
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
from ppims.backoffice.transaction_detail import describe_flags, list_facts
from ppims.backoffice.transaction_rows import make_lines, write_customer_address
from ppims.reports import flagged, overview_counts, transactions
from ppims.reports.keyset import Position


@open_page("limits.view_ledgerentry")
def flagged_list(request: HttpRequest) -> HttpResponse:
    """List the flagged postings that wait for a finding, or those that were closed."""
    if DONE_PARAMETER in request.GET:
        closed = _read(flagged.list_closed, request)
        names = search.read_names({finding.customer_id for finding in closed.rows})
        rows: list[Any] = [
            (finding, names[finding.customer_id], write_customer_address(finding.customer_id))
            for finding in closed.rows
        ]
        return _list(request, "limits/flagged.html", closed, rows, is_done=True)
    found = _read(partial(flagged.list_waiting, overview_counts.find_flagged_position()), request)
    return _list(request, "limits/flagged.html", found, make_lines(found.rows), is_done=False)


@open_page("limits.view_ledgerentry", methods=("GET", "POST"))
def flagged_posting(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Say what happened and what was noted, and take a note, or a finding that closes it."""
    _refuse_unless(request, "limits.add_postingfinding")
    entries = LedgerEntry.objects.exclude(flags="").select_related("limit_check")
    entry = get_object_or_404(entries, pk=entry_id)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep = partial(findings.note, entry_id=entry.pk, user=get_staff(request))
        if _is_noted(request, form, PostingFinding.Finding, keep):
            return _redirect_after_note(
                request, PostingFinding.Finding, "flagged-posting", entry.pk
            )
    (row,) = transactions.read([Position(0, flagged.ENTRY_RANK, entry.pk)])
    (line,) = make_lines([row])
    context = {
        "entry": entry,
        "line": line,
        "happened": describe_flags(entry),
        "facts": list_facts(row, get_staff(request)),
        "notes": findings.list_notes(entry),
        "form": form,
        "findings": PostingFinding.Finding,
        "is_closed": findings.find_closing(entry) is not None,
        "may_note": get_staff(request).has_perm("limits.add_postingfinding"),
    }
    status = 422 if form.errors else 200
    return render(request, "limits/flagged_posting.html", context, status=status)
