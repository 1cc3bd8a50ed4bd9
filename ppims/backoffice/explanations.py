"""Why a check was answered, or an entry booked, as it was: for who may read the audit."""

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from ppims.backoffice.access import open_page
from ppims.backoffice.explanation import explain_in_words
from ppims.backoffice.transaction_detail import write_transaction_address
from ppims.backoffice.transaction_rows import SOURCE_BY_SLUG, write_customer_address
from ppims.reports import keyset
from ppims.reports.records import Row, Source, read_checks, read_entries

ROW_READERS = {Source.CHECK: read_checks, Source.ENTRY: read_entries}


@open_page("ppims.view_auditentry")
def transaction_explained(request: HttpRequest, source: str, row_id: int) -> HttpResponse:
    """Explain one step of a transaction, as `manage explain` does."""
    row = _read_row(source, row_id)
    owner, is_check = row.customer_id or 0, row.source == Source.CHECK
    sheet = explain_in_words(is_check=is_check, customer_id=owner, row_id=row.id)
    if sheet is None:
        raise Http404
    context = {
        "sheet": sheet,
        "address": write_transaction_address(row.source, row.id),
        "customer_address": write_customer_address(owner),
    }
    return render(request, "ppims/explained.html", context)


def _read_row(source: str, row_id: int) -> Row:
    reader = ROW_READERS.get(SOURCE_BY_SLUG.get(source, Source.AUDIT))
    rows = reader([row_id]) if reader and row_id <= keyset.PAST_ALL_IDS else []
    if not rows:
        raise Http404
    return rows[0]
