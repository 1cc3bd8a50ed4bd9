"""The list of customers: who is wanted stands in the address, and pages follow one another."""

from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.models import Customer
from limits.models import NearLimit
from ppims.backoffice.access import open_page, respond
from ppims.backoffice.filters import (
    CURSOR_NAME,
    read_processors,
    set_choices,
    write_next_query,
)
from ppims.core import calendar, clock
from ppims.core.formats import write_month
from ppims.reports.customers import Filters, list_customers
from ppims.reports.keyset import ALL_TIME, PAGE_ROWS, Frame

PAGE_TEMPLATE = "ppims/customers.html"
NEAR_LEVELS = {level.slug: level for level in NearLimit.Level if level != NearLimit.Level.NONE}


class Wanted(forms.Form):
    """Who is wanted. Nothing chosen: everybody."""

    tier = forms.ChoiceField(label=_("KYC"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False)
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    limit = forms.ChoiceField(label=_("Limit"), required=False)
    month = forms.ChoiceField(label=_("On-boarded in"), required=False)

    def __init__(self, chosen: QueryDict) -> None:
        super().__init__(chosen)
        self.processors = read_processors()
        known = [(code, f"{code} · {p.name}") for code, p in self.processors.items()]
        set_choices(self, "tier", Tier.choices)
        set_choices(self, "status", Customer.Status.choices)
        set_choices(self, "processor", known)
        set_choices(self, "month", _list_months(chosen.get("month", "")), _("Any month"))
        set_choices(self, "limit", [("near", _("80% used, or more")), ("reached", _("Reached"))])

    def make_filters(self) -> Filters:
        chosen = self.cleaned_data
        processor = self.processors.get(chosen["processor"])
        return Filters(
            tier=chosen["tier"] or None,
            status=chosen["status"] or None,
            processor_id=processor.pk if processor else None,
            level=NEAR_LEVELS.get(chosen["limit"]),
            frame=_make_frame(int(chosen["month"])) if chosen["month"] else ALL_TIME,
        )


def _list_months(chosen: str) -> list[tuple[str, str]]:
    """List this month and the twelve before it, and a chosen one of before."""
    this_month = calendar.number_ist_month(clock.now())
    months = [this_month]
    while len(months) <= calendar.MONTHS_A_YEAR:
        months.append(calendar.number_month_before(months[-1]))
    if calendar.is_month(chosen) and int(chosen) < months[-1]:
        months.append(int(chosen))
    return [(str(month), write_month(month)) for month in months]


def _make_frame(month: int) -> Frame:
    """Make the time frame of a month in India."""
    first, after = calendar.find_first_day(month), calendar.find_first_day_after_month(month)
    return Frame(calendar.find_midnight(first), calendar.find_midnight(after))


@open_page("customers.view_customer")
def customers(request: HttpRequest) -> HttpResponse:
    """List customers, newest first; htmx asks for the list alone, or for the rows that follow."""
    form, after = Wanted(request.GET), request.GET.get(CURSOR_NAME, "")
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, {"form": form}, partial="list", status=422)
    found = list_customers(form.make_filters(), cursor=after, rows=PAGE_ROWS)
    chosen = {name: value for name, value in form.cleaned_data.items() if value}
    return respond(
        request,
        PAGE_TEMPLATE,
        {
            "form": form,
            "chosen": chosen,
            "after": after,
            "first": urlencode(chosen),
            "rows": [(row, write_used_of_limit(row.permille)) for row in found.rows],
            "more": write_next_query(found, chosen),
            "is_cut_short": found.is_cut_short,
        },
        partial="rows" if after else "list",
    )


def write_used_of_limit(permille: int | None) -> str:
    """Say how much is used of the limit that is used most; of those below 80 % nothing."""
    if permille is None:
        return ""
    return gettext("%(percent)s%% used") % {"percent": permille // 10}
