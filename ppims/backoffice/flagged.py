"""The queue of flagged postings."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render

from customers import search
from limits.models import LedgerEntry, PostingFinding
from limits.services import flagged as findings
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
from ppims.backoffice.transaction_detail import facts_of, happened
from ppims.backoffice.transaction_rows import customer_address, lines_of
from ppims.reports import flagged, overview_counts, transactions
from ppims.reports.keyset import Position


@page("limits.view_ledgerentry")
def flagged_list(request: HttpRequest) -> HttpResponse:
    """List the flagged postings that wait for a finding, or those that were closed."""
    if DONE in request.GET:
        closed = _read(flagged.closed, request)
        names = search.names({finding.customer_id for finding in closed.rows})
        rows: list[Any] = [
            (finding, names[finding.customer_id], customer_address(finding.customer_id))
            for finding in closed.rows
        ]
        return _list(request, "limits/flagged.html", closed, rows, is_done=True)
    found = _read(partial(flagged.waiting, overview_counts.flagged_after()), request)
    return _list(request, "limits/flagged.html", found, lines_of(found.rows), is_done=False)


@page("limits.view_ledgerentry", methods=("GET", "POST"))
def flagged_posting(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Say what happened and what was noted, and take a note, or a finding that closes it."""
    _refuse_unless(request, "limits.add_postingfinding")
    entries = LedgerEntry.objects.exclude(flags="").select_related("limit_check")
    entry = get_object_or_404(entries, pk=entry_id)
    form = NoteForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        keep = partial(findings.note, entry_id=entry.pk, user=staff(request))
        if _is_noted(request, form, PostingFinding.Finding, keep):
            return _after_note(request, PostingFinding.Finding, "flagged-posting", entry.pk)
    (row,) = transactions.read([Position(0, flagged.RANK, entry.pk)])
    (line,) = lines_of([row])
    context = {
        "entry": entry,
        "line": line,
        "happened": happened(entry),
        "facts": facts_of(row, staff(request)),
        "notes": findings.notes_of(entry),
        "form": form,
        "findings": PostingFinding.Finding,
        "is_closed": findings.closing_of(entry) is not None,
        "may_note": staff(request).has_perm("limits.add_postingfinding"),
    }
    status = 422 if form.errors else 200
    return render(request, "limits/flagged_posting.html", context, status=status)
