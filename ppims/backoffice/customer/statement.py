"""A statement of what happened to a customer: CSV, masked, and audited."""

import csv
import io
from collections.abc import Sequence

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils.translation import gettext as _

from customers.models import Customer
from customers.services import disclosures
from ppims.backoffice.access import open_page
from ppims.backoffice.filters import FrameForm
from ppims.backoffice.transaction_rows import Line, make_lines
from ppims.core import calendar, clock
from ppims.core.money import to_rupees
from ppims.reports.activity import list_activity
from ppims.reports.keyset import Frame
from ppims.reports.records import Row
from ppims.services.accounts import get_staff
from ppims.wire.reply_fields import write_date, write_instant

ROWS_AT_ONCE, MOST_ROWS = 1_000, 10_000
FORMULA_SIGNS = ("=", "+", "-", "@", "\t", "\r")  # what a spreadsheet would reckon with
BYTE_ORDER_MARK = "\ufeff"  # so that spreadsheets read UTF-8


@open_page("customers.export_customer", methods=("POST",))
def customer_statement(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Send what happened in a time frame as a file; where it is too much, say so."""
    found = get_object_or_404(Customer, pk=unique_id)
    form = FrameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That is no time frame: nothing was exported."))
        return redirect("customer", unique_id)
    at = clock.now()
    frame = form.make_frame(at)
    rows = _read_rows(found.pk, frame)
    if len(rows) > MOST_ROWS:
        said = _("More than %(n)s rows: choose a shorter time frame.") % {"n": f"{MOST_ROWS:,}"}
        messages.error(request, said)
        return redirect("customer", unique_id)
    disclosures.export_statement(
        customer_id=found.pk,
        since=frame.since,
        until=frame.until,
        rows=len(rows),
        user=get_staff(request),
    )
    name = f"statement-{unique_id}-{write_date(calendar.find_ist_day(at))}.csv"
    response = HttpResponse(_write_file(make_lines(rows)), content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


def _read_rows(customer_id: int, frame: Frame) -> Sequence[Row]:
    """Read what happened, last first; of too much no more than shows that it is."""
    page = list_activity(customer_id, frame, rows=ROWS_AT_ONCE)
    found = list(page.rows)
    while page.next and len(found) <= MOST_ROWS:
        page = list_activity(customer_id, frame, cursor=page.next, rows=ROWS_AT_ONCE)
        found += page.rows
    return found


def _write_file(lines: Sequence[Line]) -> str:
    file = io.StringIO()
    file.write(BYTE_ORDER_MARK)
    writer = csv.writer(file)
    head = (_("When (India)"), _("What"), _("Way"), _("Rupees"), _("More"), _("By"))
    writer.writerow([*head, "Ref_Id", "Tran_Id"])
    writer.writerows(map(_write_cells, lines))
    return file.getvalue()


def _write_cells(line: Line) -> list[str]:
    row = line.row
    texts = (line.said, line.who, row.ref_id, row.tran_id)
    return [
        write_instant(row.at),
        line.kind,
        line.direction,
        "" if row.amount_paise is None else to_rupees(row.amount_paise),
        *(f"'{text}" if text.startswith(FORMULA_SIGNS) else text for text in texts),
    ]
