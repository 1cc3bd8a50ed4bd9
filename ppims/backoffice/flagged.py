"""The queue of flagged postings."""

from functools import partial
from typing import Any

from django.http import HttpRequest, HttpResponse

from customers import search
from limits.models import LedgerEntry, PostingFinding
from ppims.backoffice.access import open_page
from ppims.backoffice.queue import (
    DONE_PARAMETER,
    read_list,
    respond_with_item,
    respond_with_list,
)
from ppims.backoffice.transaction_detail import describe_flags, list_facts
from ppims.backoffice.transaction_rows import make_lines, write_customer_address
from ppims.models import User
from ppims.reports import flagged, overview_counts
from ppims.reports.keyset import Position
from ppims.reports.records import ENTRY_RANK, read_rows


@open_page("limits.view_ledgerentry")
def flagged_list(request: HttpRequest) -> HttpResponse:
    """List the flagged postings that wait for a finding, or those that were closed."""
    template = "limits/flagged.html"
    if DONE_PARAMETER in request.GET:
        closed = read_list(flagged.list_closed, request)
        names = search.read_names({finding.customer_id for finding in closed.rows})
        rows = [
            (finding, names[finding.customer_id], write_customer_address(finding.customer_id))
            for finding in closed.rows
        ]
        return respond_with_list(request, template, closed, rows, is_done=True)
    waiting = partial(flagged.list_waiting, overview_counts.find_flagged_position())
    found = read_list(waiting, request)
    return respond_with_list(request, template, found, make_lines(found.rows), is_done=False)


@open_page("limits.view_ledgerentry", methods=("GET", "POST"))
def flagged_posting(request: HttpRequest, entry_id: int) -> HttpResponse:
    """Say what happened and what was noted, and take a note, or a finding that closes it."""
    return respond_with_item(
        request,
        "limits/flagged_posting.html",
        LedgerEntry.objects.exclude(flags="").prefetch_related("limit_check"),
        entry_id,
        choices=PostingFinding.Finding,
        permission="limits.add_postingfinding",
        back="flagged",
        describe=_describe,
    )


def _describe(entry: LedgerEntry, user: User) -> dict[str, Any]:
    rows = read_rows([Position(0, ENTRY_RANK, entry.pk)])
    return {
        "line": make_lines(rows)[0],
        "happened": describe_flags(entry),
        "facts": list_facts(rows[0], user),
    }
