"""The overview: what waits for staff, how the day goes, who is nearest a limit, and the last thirty
days.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext

from customers.models import Customer
from ppims.backoffice import labels
from ppims.backoffice.access import open_page
from ppims.backoffice.queue import OLDEST_PARAMETER
from ppims.backoffice.transaction_rows import write_customer_address
from ppims.core import clock
from ppims.core.formats import inr
from ppims.models import Processor, User
from ppims.reports import waiting as queues
from ppims.reports.overview import Day, read_overview
from ppims.reports.records import Kind
from ppims.reports.totals import Sum
from ppims.reports.waiting import Waiting
from ppims.services.accounts import get_staff

QUEUE_LABELS: Mapping[str, object] = {
    queues.FLAGGED_LIST: gettext_lazy("Flagged postings"),
    queues.REVIEWS_LIST: gettext_lazy("Reviews"),
    queues.APPROVALS_LIST: gettext_lazy("Approvals"),
    queues.REFUSED_LIST: gettext_lazy("Refused reports"),
    queues.NOTICES_LIST: gettext_lazy("Notices"),
}
CHART_HEIGHT = 100  # in units of its own
A_MINUTE = 60


@dataclass(frozen=True)
class Figure:
    """A figure, what it counts, and the list that tells of it. `notes` are said below it, each with
    the address of its list, or "".
    """

    label: object
    value: object
    address: str
    notes: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Bar:
    """A day of the chart: what was spent, and on top of it what was loaded."""

    day: Day
    spent: int
    loaded: int

    @property
    def spent_top(self) -> int:
        return CHART_HEIGHT - self.spent

    @property
    def loaded_top(self) -> int:
        return CHART_HEIGHT - self.spent - self.loaded


@open_page("limits.view_ledgerentry")
def overview(request: HttpRequest) -> HttpResponse:
    """Show the figures, a minute old at most; of an empty installation, what to do first."""
    if not Customer.objects.exists():
        steps = _list_first_steps(get_staff(request))
        return render(request, "ppims/overview.html", {"first_steps": steps})
    summary, at = read_overview(), clock.now()
    context: dict[str, Any] = {
        "told": summary,
        "age": write_age(summary.as_of, at),
        "waiting": list_waiting(summary.waiting, at),
        "today": _list_today(summary.today),
        "near_address": list_of("customers", limit="near"),
        "nearest": [(each, write_customer_address(each.customer_id)) for each in summary.nearest],
        "bars": draw_bars(summary.days),
        "days": [
            (day, list_of("transactions", when="own", since=f"{day.day}", until=f"{day.day}"))
            for day in reversed(summary.days)
        ],
    }
    return render(request, "ppims/overview.html", context)


def write_age(since: datetime, at: datetime) -> str:
    if (at - since).total_seconds() < A_MINUTE:
        return _("less than a minute")
    return str(timesince(since, at, depth=1))


def list_of(name: str, **asked: str) -> str:
    """Write a list's address with its filters."""
    return f"{reverse(name)}?{urlencode(asked)}" if asked else reverse(name)


def list_waiting(found: Mapping[str, Waiting], at: datetime) -> list[Figure]:
    """List the queues in which something waits."""
    return [
        Figure(
            QUEUE_LABELS[name],
            each.count,
            list_of(name, **{OLDEST_PARAMETER: "1"}),
            [(_write_oldest(each, at), "")],
        )
        for name, each in found.items()
        if each.count
    ]


def _write_oldest(waiting: Waiting, at: datetime) -> str:
    age = write_age(waiting.oldest_at, at) if waiting.oldest_at else ""
    return _("oldest %(age)s") % {"age": age} if age else ""


def draw_bars(days: Sequence[Day]) -> list[Bar]:
    """Draw the days, the highest as high as the chart."""
    most = max(day.posted_paise for day in days)
    return [
        Bar(day, _scale_height(day.spent.paise, most), _scale_height(day.loaded.paise, most))
        for day in days
    ]


def _scale_height(paise: int, most: int) -> int:
    """Scale an amount; one that is there can be seen."""
    return max(1, paise * CHART_HEIGHT // most) if paise else 0


def _list_today(day: Day) -> list[Figure]:
    def link_listed(**asked: str) -> str:
        return list_of("transactions", **asked, when="today")

    def make_sum(label: str, number: str, posted: Sum, undone: Sum, way: str) -> Figure:
        notes = [(number, "")]
        if undone.count:
            said = _("%(amount)s reversed") % {"amount": inr(undone.paise)}
            notes.append((said, link_listed(every=Kind.REVERSED.value, type=way)))
        return Figure(
            label, inr(posted.paise), link_listed(every=Kind.POSTED.value, type=way), notes
        )

    spends = ngettext("%(n)d spend", "%(n)d spends", day.spent.count) % {"n": day.spent.count}
    loads = ngettext("%(n)d load", "%(n)d loads", day.loaded.count) % {"n": day.loaded.count}
    reasons = sorted(day.declined.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        make_sum(_("Spent"), spends, day.spent, day.spent_reversed, "spend"),
        make_sum(_("Loaded"), loads, day.loaded, day.loaded_reversed, "load"),
        Figure(
            _("Declined"),
            day.declines,
            link_listed(outcome="declined"),
            [
                (f"{labels.name_reason(code)}: {count}", link_listed(outcome=code))
                for code, count in reasons
            ],
        ),
    ]


def _list_first_steps(user: User) -> list[tuple[str, str, bool]]:
    """List what to do first: what, where that person may do it, and whether it is done."""
    has_processor = Processor.objects.exists()
    can_add = user.has_perm("ppims.propose_processorchange")
    can_bring = user.has_perm("customers.propose_customerimport")
    return [
        (
            _("An admin adds a payment processor; its password is shown once."),
            reverse("processor-new") if can_add else "",
            has_processor,
        ),
        (
            _("The processor adds a customer by the API, with its first call."),
            reverse("api:docs"),
            False,
        ),
        (
            _("A maker brings a file of the customers that the processor already has."),
            reverse("import-new") if can_bring else "",
            False,
        ),
        (_("What it then checks and posts is seen here."), "", False),
    ]
