"""Transactions: one row each, last first; and one of them as a timeline of its steps."""

from dataclasses import dataclass
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from ppims.backoffice.access import is_fragment, open_page, respond
from ppims.backoffice.filters import (
    CURSOR_NAME,
    FilterForm,
    write_canonical_query,
    write_next_query,
)
from ppims.backoffice.transaction_detail import Facts, list_facts
from ppims.backoffice.transaction_rows import SOURCE_BY_SLUG, Line, group_by_day, make_lines
from ppims.core import clock
from ppims.models import User
from ppims.reports import keyset
from ppims.reports.records import MONEY_SOURCES, SOURCE_ORDER, Row, read_rows
from ppims.reports.totals import sum_transactions
from ppims.reports.transactions import (
    find_head,
    list_records,
    list_transactions,
    read_transactions,
)
from ppims.services.accounts import get_staff

PAGE_TEMPLATE = "ppims/transactions.html"
SHOWN_DAY = "day"  # whose heading is on the page already, where htmx asks for more rows of it


@dataclass(frozen=True)
class Step:
    """One record of a transaction, with all that is kept of it; `is_asked`: the one whose address
    was opened.
    """

    line: Line
    facts: Facts
    is_asked: bool


@open_page("limits.view_ledgerentry")
def transactions(request: HttpRequest) -> HttpResponse:
    """List what the filters in the address let through; htmx gets the list, or its next rows."""
    if tidier := write_canonical_query(request):
        return redirect(request.path + tidier)
    form, at = FilterForm(request.GET), clock.now()
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, {"form": form}, partial="found", status=422)
    filters, after = form.make_filters(at), request.GET.get(CURSOR_NAME, "")
    found: keyset.Page[Any]
    if form.is_of_records:
        found = list_records(filters, cursor=after, rows=keyset.PAGE_ROWS)
    else:
        found = list_transactions(filters, at, cursor=after, rows=keyset.PAGE_ROWS)
    asked = form.list_asked()
    shown = request.GET.get(SHOWN_DAY, "") if is_fragment(request) else ""
    days = group_by_day(make_lines(found.rows), shown)
    last_day = days[-1][1][-1].day.isoformat() if days else shown
    context = {
        "form": form,
        "asked": asked,
        "days": days,
        "is_cut_short": found.is_cut_short,
        "more": write_next_query(found, {**asked, SHOWN_DAY: last_day} if last_day else asked),
    }
    if asked and not after and not form.is_of_records:
        context["totals"] = sum_transactions(filters, at)
    return respond(request, PAGE_TEMPLATE, context, partial="rows" if after else "found")


@open_page("limits.view_ledgerentry")
def transaction(request: HttpRequest, source: str, row_id: int) -> HttpResponse:
    """Show the transaction that a record is a step of; htmx gets its row, open or closed again."""
    asked = _read_row(source, row_id)
    if ("alone" in request.GET and is_fragment(request)) or asked.source not in MONEY_SOURCES:
        line, records = make_lines([asked])[0], [asked]
    else:
        (one,) = read_transactions([find_head(asked)], clock.now())
        line, records = make_lines([one])[0], one.records
    context: dict[str, Any] = {"line": line, "is_theirs": "theirs" in request.GET}
    if "closed" not in request.GET:
        context["steps"] = _list_steps(records, asked, get_staff(request))
    template = f"{PAGE_TEMPLATE}#row" if is_fragment(request) else "ppims/transaction.html"
    return render(request, template, context)


def _list_steps(records: list[Row], asked: Row, user: User) -> list[Step]:
    return [
        Step(line, list_facts(line.row, user), is_asked=line.row == asked)
        for line in make_lines(records)
    ]


def _read_row(source: str, row_id: int) -> Row:
    if source not in SOURCE_BY_SLUG or row_id > keyset.PAST_ALL_IDS:
        raise Http404
    rank = SOURCE_ORDER.index(SOURCE_BY_SLUG[source])
    try:
        (row,) = read_rows([keyset.Position(0, rank, row_id)])
    except KeyError:
        raise Http404 from None
    return row
