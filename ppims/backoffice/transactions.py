"""Transactions: what was received and done, last first; and one of them with all that is kept."""

from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from ppims.backoffice.access import is_fragment, page, respond, staff
from ppims.backoffice.filters import OWN, FilterForm, canonical
from ppims.backoffice.transaction_detail import facts_of
from ppims.backoffice.transaction_rows import SOURCES, lines_of
from ppims.core import clock
from ppims.reports import keyset
from ppims.reports import transactions as report
from ppims.reports.keyset import PAST_ALL_IDS, Position
from ppims.reports.transactions import Row

TEMPLATE = "ppims/transactions.html"
CURSOR = "after"


@page("limits.view_ledgerentry")
def transactions(request: HttpRequest) -> HttpResponse:
    """List what the filters in the address let through; htmx gets the list, or its next rows."""
    if tidier := canonical(request):
        return redirect(request.path + tidier)
    form = FilterForm(request.GET)
    if not form.is_valid():
        context = {"form": form, "has_days": True}
        return respond(request, TEMPLATE, context, partial="found", status=422)
    filters, after = form.filters(clock.now()), request.GET.get(CURSOR, "")
    found = report.transactions(filters, cursor=after, rows=keyset.PAGE_ROWS)
    asked = {name: value for name, value in request.GET.items() if name != CURSOR}
    context = {
        "form": form,
        "has_days": asked.get("when") == OWN,
        "is_filtered": bool(asked),
        "lines": lines_of(found.rows),
        "is_cut_short": found.is_cut_short,
        "more": urlencode({**asked, CURSOR: found.next}) if found.next else "",
    }
    return respond(request, TEMPLATE, context, partial="rows" if CURSOR in request.GET else "found")


@page("limits.view_ledgerentry")
def transaction(request: HttpRequest, source: str, row_id: int) -> HttpResponse:
    """Show all that is kept of one thing that happened; htmx gets its row, open or closed again."""
    row = _row(source, row_id)
    (line,) = lines_of([row])
    is_open = "closed" not in request.GET
    context: dict[str, Any] = {"line": line, "is_theirs": "theirs" in request.GET}
    if is_open:
        context["facts"] = facts_of(row, staff(request))
    template = f"{TEMPLATE}#row" if is_fragment(request) else "ppims/transaction.html"
    return render(request, template, context)


def _row(source: str, row_id: int) -> Row:
    if source not in SOURCES or row_id > PAST_ALL_IDS:
        raise Http404
    rank = report.SOURCES.index(SOURCES[source])
    try:
        (row,) = report.read([Position(0, rank, row_id)])
    except KeyError:
        raise Http404 from None
    return row
