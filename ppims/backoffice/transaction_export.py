"""Transactions as a file: all that a list's filters let through, masked, audited before it leaves,
and read while it is sent.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.services import disclosures
from ppims.backoffice.access import find_viewer, open_page
from ppims.backoffice.filters import FilterForm
from ppims.backoffice.row_files import Row, send_rows
from ppims.backoffice.transaction_rows import Line, make_lines
from ppims.core import clock
from ppims.core.money import to_rupees
from ppims.reports.keyset import Page, read_every_page
from ppims.reports.transactions import list_records, list_transactions
from ppims.wire.reply_fields import write_instant

ROWS_AT_ONCE = 500
COLUMN_HEADS: Mapping[str, object] = {
    "time": _("Time (India)"),
    "type": _("Type"),
    "amount": _("Amount (₹)"),
    "outcome": _("Outcome"),
    "details": _("Details"),
    "given_back": _("Given back (₹)"),
    "unique_id": _("Unique id"),
    "from": _("From"),
    "reference": _("Reference"),
    "transaction_id": _("Transaction id"),
}


@open_page("limits.export_ledgerentry", methods=("POST",))
def transactions_export(request: HttpRequest) -> HttpResponseBase:
    """Send what the filters let through as a file."""
    form, at = FilterForm(request.POST), clock.now()
    if not form.is_valid():
        messages.error(request, gettext("These filters don’t fit: nothing was exported."))
        return redirect("transactions")
    frame = form.make_frame(at)
    disclosures.export_transactions(
        asked=form.list_asked(), since=frame.since, until=frame.until, viewer=find_viewer(request)
    )
    return send_rows(request, "transactions", at, COLUMN_HEADS, _read_batches(form, at))


def _read_batches(form: FilterForm, at: datetime) -> Iterator[list[Row]]:
    """Read page after page: each is made and sent before the next one is read."""
    filters = form.make_filters(at)

    def read(cursor: str) -> Page[Any]:
        if form.is_of_records:
            return list_records(filters, cursor=cursor, rows=ROWS_AT_ONCE)
        return list_transactions(filters, at, cursor=cursor, rows=ROWS_AT_ONCE)

    for page in read_every_page(read):
        if page.rows:
            yield [
                dict(zip(COLUMN_HEADS, _write_cells(line), strict=True))
                for line in make_lines(page.rows)
            ]


def _write_cells(line: Line) -> list[str]:
    row, one = line.row, line.transaction
    posted = next((each for each in one.records if each.tran_id), row) if one else row
    return [
        write_instant(row.at),
        line.direction,
        "" if line.amount_paise is None else to_rupees(line.amount_paise),
        line.outcome_label,
        line.said,
        to_rupees(one.returned_paise) if one and one.returned_paise else "",
        str(line.owner_id),
        line.who,
        row.ref_id,
        posted.tran_id,
    ]
