"""Transactions: what was received and done, last first; and one of them with all that is kept."""

from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from ppims.backoffice.access import is_fragment, open_page, respond
from ppims.backoffice.filters import (
    CURSOR_NAME,
    OWN_FRAME,
    FilterForm,
    write_canonical_query,
    write_next_query,
)
from ppims.backoffice.transaction_detail import list_facts
from ppims.backoffice.transaction_rows import SOURCE_BY_SLUG, make_lines
from ppims.core import clock
from ppims.reports import keyset
from ppims.reports.transactions import SOURCE_ORDER, Row, list_transactions, read_rows
from ppims.services.accounts import get_staff

PAGE_TEMPLATE = "ppims/transactions.html"


@open_page("limits.view_ledgerentry")
def transactions(request: HttpRequest) -> HttpResponse:
    """List what the filters in the address let through; htmx gets the list, or its next rows."""
    if tidier := write_canonical_query(request):
        return redirect(request.path + tidier)
    form = FilterForm(request.GET)
    if not form.is_valid():
        context = {"form": form, "has_days": True}
        return respond(request, PAGE_TEMPLATE, context, partial="found", status=422)
    filters, after = form.make_filters(clock.now()), request.GET.get(CURSOR_NAME, "")
    found = list_transactions(filters, cursor=after, rows=keyset.PAGE_ROWS)
    asked = {name: value for name, value in request.GET.items() if name != CURSOR_NAME}
    context = {
        "form": form,
        "has_days": asked.get("when") == OWN_FRAME,
        "is_filtered": bool(asked),
        "lines": make_lines(found.rows),
        "is_cut_short": found.is_cut_short,
        "more": write_next_query(found, asked),
    }
    return respond(
        request, PAGE_TEMPLATE, context, partial="rows" if CURSOR_NAME in request.GET else "found"
    )


@open_page("limits.view_ledgerentry")
def transaction(request: HttpRequest, source: str, row_id: int) -> HttpResponse:
    """Show all that is kept of one thing that happened; htmx gets its row, open or closed again."""
    row = _read_row(source, row_id)
    (line,) = make_lines([row])
    is_open = "closed" not in request.GET
    context: dict[str, Any] = {"line": line, "is_theirs": "theirs" in request.GET}
    if is_open:
        context["facts"] = list_facts(row, get_staff(request))
    template = f"{PAGE_TEMPLATE}#row" if is_fragment(request) else "ppims/transaction.html"
    return render(request, template, context)


def _read_row(source: str, row_id: int) -> Row:
    if source not in SOURCE_BY_SLUG or row_id > keyset.PAST_ALL_IDS:
        raise Http404
    rank = SOURCE_ORDER.index(SOURCE_BY_SLUG[source])
    try:
        (row,) = read_rows([keyset.Position(0, rank, row_id)])
    except KeyError:
        raise Http404 from None
    return row
