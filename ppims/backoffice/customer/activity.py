"""What happened to a customer, as the customer's page lists it: of a time frame, in pages."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest

from customers import people
from customers.models import Customer
from ppims.backoffice.filters import CURSOR_NAME, OWN_FRAME, FrameForm
from ppims.backoffice.transaction_rows import describe_days
from ppims.core import clock
from ppims.reports.activity import list_activity

PAGE_ROWS = 20


def read_activity(request: HttpRequest, customer: Customer) -> tuple[dict[str, Any], int]:
    """Return what the page shows of the time frame in the address, and the answer's status.

    Raises Http404 for a cursor of another list.
    """
    asked = {name: request.GET[name] for name in FrameForm.base_fields if name in request.GET}
    form, after = FrameForm(asked), request.GET.get(CURSOR_NAME, "")
    context = {"form": form, "asked": asked, "is_theirs": True, "first": urlencode(asked)}
    if not form.is_valid():
        return {**context, "has_days": True}, 422
    at = clock.now()
    ids = people.list_ids(customer)
    found = list_activity(ids, at, form.make_frame(at), cursor=after, rows=PAGE_ROWS)
    shown = {
        "has_days": asked.get("when") == OWN_FRAME,
        "is_later": after,
        **describe_days(request, found, asked),
    }
    return context | shown, 200
