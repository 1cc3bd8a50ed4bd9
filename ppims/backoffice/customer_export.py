"""Customers as a file: all whom a list's filters let through, masked, audited before it leaves, and
read while it is sent.
"""

from collections.abc import Iterator, Mapping

from django.contrib import messages
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.services import disclosures
from ppims.backoffice.access import find_viewer, open_page
from ppims.backoffice.customers import Wanted
from ppims.backoffice.row_files import Row, send_rows
from ppims.core import clock
from ppims.reports import exported_customers
from ppims.reports.keyset import read_every_page

# What a month's list tells of a change; "KYC" is that of then.
OF_CHANGES: Mapping[str, object] = {"kyc_before": _("KYC before"), "changed": _("Changed")}


@open_page("customers.export_customer", methods=("POST",))
def customers_export(request: HttpRequest) -> HttpResponseBase:
    """Send whom the filters let through as a file."""
    form = Wanted(request.POST)
    if not form.is_valid():
        messages.error(request, gettext("These filters don’t fit: nothing was exported."))
        return redirect("customers")
    disclosures.export_customers(asked=form.list_chosen(), viewer=find_viewer(request))
    columns = dict(exported_customers.COLUMN_HEADS)
    if form.of_month is not None:
        columns |= OF_CHANGES
    return send_rows(request, "customers", clock.now(), columns, _read_batches(form))


def _read_batches(form: Wanted) -> Iterator[list[Row]]:
    """Read page after page: each is made and sent before the next one is read."""
    at_once = exported_customers.ROWS_AT_ONCE
    for page in read_every_page(lambda cursor: form.read_page(cursor, at_once)):
        known = {
            row["unique_id"]: row
            for row in exported_customers.read_rows([each.unique_id for each in page.rows])
        }
        yield [
            {
                **known[each.unique_id],
                "kyc": each.tier,
                "kyc_before": each.from_tier,
                "changed": each.changed_at,
            }
            for each in page.rows
        ]
