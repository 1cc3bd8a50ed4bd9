"""Transactions: one row each, last first; and one of them as a timeline of its steps."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render

from limits.models import LedgerEntry
from limits.queries import sum_given_back
from ppims.backoffice.access import is_fragment, open_page, respond
from ppims.backoffice.filters import (
    CURSOR_NAME,
    FilterForm,
    write_canonical_query,
)
from ppims.backoffice.transaction_detail import (
    Facts,
    list_facts,
    write_correction_address,
    write_transaction_address,
)
from ppims.backoffice.transaction_rows import SOURCE_BY_SLUG, Line, describe_days, make_lines
from ppims.core import clock
from ppims.models import User
from ppims.reports import keyset
from ppims.reports.records import MONEY_SOURCES, SOURCE_ORDER, Kind, Row, read_rows
from ppims.reports.totals import is_summed_quickly, sum_transactions
from ppims.reports.transactions import (
    find_head,
    list_records,
    list_transactions,
    read_transactions,
)
from ppims.services.accounts import get_staff

PAGE_TEMPLATE = "ppims/transactions.html"
# In a list of every record, a record opens without the others of its transaction.
ALONE_PARAMETER = "alone"
SUM_PARAMETER = "sum"  # asks for what a list comes to, however long that takes


@dataclass(frozen=True)
class Step:
    """One record of a transaction, with all that is kept of it; `is_asked`: the one of
    several whose page this is.
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
    asked, after = form.list_asked(), request.GET.get(CURSOR_NAME, "")
    context: dict[str, Any] = {"form": form, "asked": asked}
    if asked and not after and not form.is_of_records:
        context |= _sum_up(form, at, is_asked=SUM_PARAMETER in request.GET)
    if SUM_PARAMETER in request.GET and is_fragment(request):
        return render(request, f"{PAGE_TEMPLATE}#totals", context)
    found = _read_page(form, at, after)
    context |= {
        "is_alone": form.is_of_records,
        "may_export": found.rows and get_staff(request).has_perm("limits.export_ledgerentry"),
        **describe_days(request, found, asked),
    }
    return respond(request, PAGE_TEMPLATE, context, partial="rows" if after else "found")


def _read_page(form: FilterForm, at: datetime, after: str) -> keyset.Page[Any]:
    filters = form.make_filters(at)
    if form.is_of_records:
        return list_records(filters, cursor=after, rows=keyset.PAGE_ROWS)
    return list_transactions(filters, at, cursor=after, rows=keyset.PAGE_ROWS)


def _sum_up(form: FilterForm, at: datetime, *, is_asked: bool) -> dict[str, Any]:
    """Sum up what is listed, where that is quick or asked for; else say how to ask for it."""
    filters = form.make_filters(at)
    if is_asked or is_summed_quickly(filters, at):
        return {"totals": sum_transactions(filters, at)}
    return {"uncounted": urlencode({**form.list_asked(), SUM_PARAMETER: 1})}


@open_page("limits.view_ledgerentry")
def transaction(request: HttpRequest, source: str, row_id: int) -> HttpResponse:
    """Show the transaction that a record is a step of; htmx gets its row, open or closed again."""
    asked = _read_row(source, row_id)
    is_alone = asked.source not in MONEY_SOURCES or (
        ALONE_PARAMETER in request.GET and is_fragment(request)
    )
    if is_alone:
        line, records = make_lines([asked])[0], [asked]
    else:
        (one,) = read_transactions([find_head(asked)], clock.now())
        line, records = make_lines([one])[0], one.records
    context: dict[str, Any] = {
        "line": line,
        "is_theirs": "theirs" in request.GET,
        "is_alone": is_alone,
    }
    may_correct = get_staff(request).has_perm("limits.propose_adjustment")
    if may_correct and not (is_alone or is_fragment(request)):
        context["correct_address"] = _find_correction(records)
    if "closed" not in request.GET:
        context["steps"] = _list_steps(
            records, asked, get_staff(request), is_page=not is_fragment(request)
        )
    template = f"{PAGE_TEMPLATE}#row" if is_fragment(request) else "ppims/transaction.html"
    return render(request, template, context)


def _find_correction(records: Sequence[Row]) -> str:
    """Find where what is left of a transaction's posting is corrected; "": nothing was posted, or
    all was given back.
    """
    posted = next((row for row in records if row.kind == Kind.POSTED), None)
    if posted is None or posted.customer_id is None:
        return ""
    entry = LedgerEntry.objects.get(customer_id=posted.customer_id, pk=posted.id)
    given_back = sum_given_back([entry]).get(entry.pk, 0)
    return write_correction_address(entry) if given_back < entry.amount_paise else ""


def _list_steps(records: list[Row], asked: Row, user: User, *, is_page: bool) -> list[Step]:
    """List what is kept of each record, without the links to those that stand beside it."""
    beside = {write_transaction_address(row.source, row.id) for row in records}
    return [
        Step(
            line,
            [fact for fact in list_facts(line.row, user) if fact.address not in beside],
            is_asked=is_page and line.row == asked and len(records) > 1,
        )
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
