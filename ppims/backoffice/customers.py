"""The list of customers: who is wanted stands in the address, and pages follow one another."""

from collections.abc import Mapping
from typing import Any
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.models import Customer
from limits.models import Watched
from ppims.backoffice.access import open_page, respond
from ppims.models import Processor
from ppims.reports.customers import Filters, Row
from ppims.reports.customers import list_customers as listed
from ppims.reports.keyset import PAGE_ROWS, Page

PAGE_TEMPLATE, ROWS_PARTIAL = "ppims/customers.html", PAGE_ROWS
NEAR_LEVELS = {level.slug: level for level in Watched.Level if level != Watched.Level.NONE}


class Wanted(forms.Form):
    """Who is wanted. Nothing chosen: everybody."""

    tier = forms.ChoiceField(label=_("KYC"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False)
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    limit = forms.ChoiceField(label=_("Limit"), required=False)

    def __init__(self, chosen: Mapping[str, Any]) -> None:
        super().__init__(chosen)
        self.processors = {p.system_id: p for p in Processor.objects.order_by("system_id")}
        known = [(code, f"{code} · {p.name}") for code, p in self.processors.items()]
        offered: dict[str, list[tuple[Any, Any]]] = {
            "tier": list(Tier.choices),
            "status": list(Customer.Status.choices),
            "processor": known,
            "limit": [("near", _("80% used, or more")), ("reached", _("Reached"))],
        }
        for name, choices in offered.items():
            field = self.fields[name]
            assert isinstance(field, forms.ChoiceField)
            field.choices = [("", _("All")), *choices]

    def make_filters(self) -> Filters:
        chosen = self.cleaned_data
        processor = self.processors.get(chosen["processor"])
        return Filters(
            tier=chosen["tier"] or None,
            status=chosen["status"] or None,
            processor_id=processor.pk if processor else None,
            level=NEAR_LEVELS.get(chosen["limit"]),
        )


@open_page("customers.view_customer")
def customers(request: HttpRequest) -> HttpResponse:
    """List customers, newest first; htmx asks for the list alone, or for the rows that follow."""
    form, after = Wanted(request.GET), request.GET.get("after", "")
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, {"form": form}, partial="list", status=422)
    found = listed(form.make_filters(), cursor=after, rows=ROWS_PARTIAL)
    chosen = {name: value for name, value in form.cleaned_data.items() if value}
    first = f"?{urlencode(chosen)}"
    context = {"form": form, "chosen": chosen, "after": after, "first": first}
    context |= _show(found, chosen)
    return respond(request, PAGE_TEMPLATE, context, partial="rows" if after else "list")


def _show(found: Page[Row], chosen: dict[str, str]) -> dict[str, Any]:
    more = f"?{urlencode({**chosen, 'after': found.next})}" if found.next else ""
    return {
        "rows": [(row, write_used_of_limit(row.permille)) for row in found.rows],
        "more": more,
        "is_cut_short": found.is_cut_short,
    }


def write_used_of_limit(permille: int | None) -> str:
    """Say how much is used of the limit that is used most; of those below 80 % nothing."""
    if permille is None:
        return ""
    return gettext("%(percent)s%% used") % {"percent": permille // 10}
