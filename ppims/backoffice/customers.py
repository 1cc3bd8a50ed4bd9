"""The list of customers: who is wanted stands in the address, and pages follow one another."""

from collections.abc import Iterable, Mapping
from urllib.parse import urlencode

from django import forms
from django.http import HttpRequest, HttpResponse, QueryDict
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from customers.choices import Tier
from customers.models import Customer
from limits.models import NearLimit
from ppims.backoffice import labels
from ppims.backoffice.access import open_page, respond
from ppims.backoffice.filters import (
    CURSOR_NAME,
    read_processors,
    set_choices,
    write_next_query,
)
from ppims.core import calendar, clock
from ppims.core.formats import write_month
from ppims.reports.customers import Filters, Row, list_customers
from ppims.reports.customers_of_month import OfMonth, What, list_customers_of_month
from ppims.reports.keyset import ALL_TIME, PAGE_ROWS, Page
from ppims.reports.month_span import make_span

PAGE_TEMPLATE = "ppims/customers.html"
WHAT_TEXTS: Mapping[str, object] = {
    What.RAISED: _("KYC raised"),
    What.LOWERED: _("KYC lowered"),
    What.BLOCKED: _("Blocked"),
    What.AT_END: _("At the month’s end"),
    What.OVER_SPEND: _("Over the spend limit"),
    What.OVER_LOAD: _("Over the load limit"),
}
MONTH_TEXTS: Mapping[str, object] = {
    "": _("On-boarded in %(month)s"),
    What.RAISED: _("KYC raised in %(month)s"),
    What.LOWERED: _("KYC lowered in %(month)s"),
    What.BLOCKED: _("Blocked in %(month)s"),
    What.AT_END: _("Customers at the end of %(month)s"),
    What.OVER_SPEND: _("Over the spend limit at the end of %(month)s"),
    What.OVER_LOAD: _("Over the load limit at the end of %(month)s"),
}
# What the instant of each row is, where it isn't that the customer was added.
INSTANT_TEXTS: Mapping[str | None, object] = {
    What.RAISED: _("Changed"),
    What.LOWERED: _("Changed"),
    What.BLOCKED: _("Blocked"),
}
OVER_LISTS = {What.OVER_SPEND, What.OVER_LOAD}
OF_TODAY = ("tier", "status", "processor", "limit")  # filters by what a customer is now
NONE_CHOSEN: Mapping[str, object] = {"month": _("Any month"), "what": _("On-boarded")}
NEAR_LEVELS = {level.slug: level for level in NearLimit.Level if level != NearLimit.Level.NONE}


class Wanted(forms.Form):
    """Who is wanted. Nothing chosen: everybody."""

    tier = forms.ChoiceField(label=_("KYC"), required=False)
    status = forms.ChoiceField(label=_("Status"), required=False)
    processor = forms.ChoiceField(label=_("Processor"), required=False)
    limit = forms.ChoiceField(label=_("Limit"), required=False)
    month = forms.ChoiceField(label=_("On-boarded in"), required=False)
    what = forms.ChoiceField(label=_("What"), required=False)
    then = forms.ChoiceField(label=_("KYC then"), required=False)

    def __init__(self, chosen: QueryDict) -> None:
        super().__init__(chosen)
        self.processors = read_processors()
        self._keep_what_counts(chosen)
        known = [(code, f"{code} · {p.name}") for code, p in self.processors.items()]
        choices: Mapping[str, Iterable[tuple[str, object]]] = {
            "tier": Tier.choices,
            "status": Customer.Status.choices,
            "processor": known,
            "limit": [("near", _("80% used, or more")), ("reached", _("Reached"))],
            "month": _list_months(chosen.get("month", "")),
            "what": WHAT_TEXTS.items(),
            "then": Tier.choices,
        }
        for name in self.fields:
            set_choices(self, name, choices[name], NONE_CHOSEN.get(name, _("All")))

    def _keep_what_counts(self, chosen: QueryDict) -> None:
        """Leave out what doesn't count: what of a month, where none is named; and of a month's
        lists all but the KYC of then, as the figure is of that.
        """
        idle: Iterable[str] = ()
        if not chosen.get("month"):
            idle = ("what", "then")
        elif what := chosen.get("what"):
            self.fields["month"].label = _("Month")
            idle = (*OF_TODAY, "then") if what in OVER_LISTS else OF_TODAY
        for name in idle:
            del self.fields[name]

    @property
    def of_month(self) -> OfMonth | None:
        """Whom of a month a valid form asks for; None: for those on-boarded, or of any month."""
        what = self.cleaned_data.get("what")
        if not what:
            return None
        then = self.cleaned_data.get("then") or None
        return OfMonth(int(self.cleaned_data["month"]), What(what), then)

    def list_chosen(self) -> dict[str, str]:
        """List what a valid form asks for."""
        return {name: value for name, value in self.cleaned_data.items() if value}

    def read_page(self, cursor: str, rows: int | None = None) -> Page[Row]:
        """Read a page of whom a valid form asks for, of so many rows; else of PAGE_ROWS."""
        asked, rows = self.of_month, rows or PAGE_ROWS
        if asked is not None:
            return list_customers_of_month(asked, cursor=cursor, rows=rows)
        return list_customers(self.make_filters(), cursor=cursor, rows=rows)

    def describe_month(self) -> str:
        """Say in words whom of which month a valid form asks for; "": of any."""
        said = self.cleaned_data
        if not said.get("month"):
            return ""
        text = str(MONTH_TEXTS[said["what"]]) % {"month": write_month(int(said["month"]))}
        if tier := said.get("then"):
            return gettext("%(text)s, %(tier)s") % {"text": text, "tier": labels.name_tier(tier)}
        return text

    def make_filters(self) -> Filters:
        chosen = self.cleaned_data
        processor = self.processors.get(chosen["processor"])
        return Filters(
            tier=chosen["tier"] or None,
            status=chosen["status"] or None,
            processor_id=processor.pk if processor else None,
            level=NEAR_LEVELS.get(chosen["limit"]),
            frame=make_span(int(chosen["month"])).frame if chosen["month"] else ALL_TIME,
            first_tier=chosen.get("then") or None,
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


@open_page("customers.view_customer")
def customers(request: HttpRequest) -> HttpResponse:
    """List customers, newest first; htmx asks for the list alone, or for the rows that follow."""
    form, after = Wanted(request.GET), request.GET.get(CURSOR_NAME, "")
    if not form.is_valid():
        return respond(request, PAGE_TEMPLATE, {"form": form}, partial="list", status=422)
    found = form.read_page(after)
    chosen = form.list_chosen()
    return respond(
        request,
        PAGE_TEMPLATE,
        {
            "form": form,
            "chosen": chosen,
            "instant_text": INSTANT_TEXTS.get(form.cleaned_data.get("what"), _("Added")),
            "month_text": form.describe_month(),
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
