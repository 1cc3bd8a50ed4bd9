"""A statement of what happened to a customer: every record, as CSV, masked, and audited."""

from collections.abc import Sequence
from itertools import chain, islice

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.text import capfirst
from django.utils.translation import gettext as _

from customers import people
from customers.services import disclosures
from ppims.backoffice.access import find_viewer, open_page
from ppims.backoffice.csv_files import send_file
from ppims.backoffice.customer.merged_ids import find_person
from ppims.backoffice.filters import FrameForm
from ppims.backoffice.transaction_rows import Line, make_lines
from ppims.core import calendar, clock
from ppims.core.money import to_rupees
from ppims.reports.activity import list_every_record
from ppims.reports.keyset import Frame, Page, read_every_page
from ppims.reports.records import Row
from ppims.wire.reply_fields import write_date, write_instant

ROWS_AT_ONCE, MOST_ROWS = 1_000, 10_000


@open_page("customers.export_customer", methods=("POST",))
def customer_statement(request: HttpRequest, unique_id: int) -> HttpResponse:
    """Send what happened in a time frame as a file; where it is too much, say so."""
    found = find_person(unique_id)
    form = FrameForm(request.POST)
    if not form.is_valid():
        messages.error(request, _("That is no time frame: nothing was exported."))
        return redirect("customer", found.pk)
    at = clock.now()
    frame = form.make_frame(at)
    rows = _read_rows(people.list_ids(found), frame)
    if len(rows) > MOST_ROWS:
        said = _("More than %(n)s rows: choose a shorter time frame.") % {"n": f"{MOST_ROWS:,}"}
        messages.error(request, said)
        return redirect("customer", found.pk)
    disclosures.export_statement(
        customer_id=found.pk,
        since=frame.since,
        until=frame.until,
        rows=len(rows),
        viewer=find_viewer(request),
    )
    name = f"statement-{found.pk}-{write_date(calendar.find_ist_day(at))}.csv"
    head = (_("Time (India)"), _("Event"), _("Type"), _("Amount (₹)"), _("Outcome"), _("From"))
    return send_file(
        name,
        [*head, _("Who"), _("Reference"), _("Transaction id")],
        map(_write_cells, make_lines(rows)),
    )


def _read_rows(ids: Sequence[int], frame: Frame) -> Sequence[Row]:
    """Read what happened, last first; of too much no more than shows that it is."""

    def read(cursor: str) -> Page[Row]:
        return list_every_record(ids, frame, cursor=cursor, rows=ROWS_AT_ONCE)

    pages = read_every_page(read)
    return list(islice(chain.from_iterable(page.rows for page in pages), MOST_ROWS + 1))


def _write_cells(line: Line) -> list[str]:
    row = line.row
    outcome = [line.outcome_label] if line.is_declined else []
    return [
        write_instant(row.at),
        line.kind,
        line.direction,
        "" if row.amount_paise is None else to_rupees(row.amount_paise),
        capfirst(", ".join([*outcome, *filter(None, [line.said])])),
        line.processor,
        line.person,
        row.ref_id,
        row.tran_id,
    ]
