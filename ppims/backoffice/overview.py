"""The overview: how the day goes, what waits for staff, who is near a limit, and the last thirty
days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.timesince import timesince
from django.utils.translation import gettext as _

from customers.choices import Tier
from ppims.backoffice import labels
from ppims.backoffice.access import open_page
from ppims.backoffice.transaction_rows import make_lines, write_customer_address
from ppims.core import clock
from ppims.core.formats import inr, ist_date
from ppims.models import Processor
from ppims.reports.overview import Day, Overview, Waiting, read_overview
from ppims.services.accounts import get_staff

# As the regulator's returns number them.
TIER_CLASSES = {Tier.MIN: "Y1", Tier.NEW_MIN: "Y2", Tier.FULL: "Y3"}
CHART_HEIGHT, DAY_WIDTH = 100, 10  # of the chart, in units of its own
A_MINUTE = 60


@dataclass(frozen=True)
class Figure:
    """A figure, what it counts, and the list that it is the length of; `address` "": no list."""

    label: str
    value: object
    address: str = ""
    note: str = ""
    is_part: bool = False


@dataclass(frozen=True)
class Bar:
    """A day of the chart: what was spent, and on top of it what was loaded."""

    day: Day
    left: int
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
    summary, at = read_overview(), clock.now()
    user = get_staff(request)
    context: dict[str, Any] = {"told": summary, "age": write_age(summary.as_of, at)}
    if summary.is_complete and not sum(summary.customers.values()):
        context["first_steps"] = _list_first_steps(can_add=user.has_perm("ppims.add_processor"))
        return render(request, "ppims/overview.html", context)
    context |= {
        "posted": list_of("transactions", outcome="posted", when="today"),
        "today": _list_today(summary.today),
        "waiting": _list_waiting(summary, at),
        "customers": _list_customers(summary),
        "bars": draw_bars(summary.days),
        "highest": max(day.posted.paise for day in summary.days),
        "chart": describe_chart(summary.days),
        "days": [
            (day, list_of("transactions", when="own", since=f"{day.day}", until=f"{day.day}"))
            for day in reversed(summary.days)
        ],
        "spenders": [
            (each, write_customer_address(each.customer_id)) for each in summary.top_spenders
        ],
        "lines": make_lines(summary.last),
    }
    return render(request, "ppims/overview.html", context)


def write_age(since: datetime, at: datetime) -> str:
    if (at - since).total_seconds() < A_MINUTE:
        return _("less than a minute")
    return str(timesince(since, at, depth=1))


def list_of(name: str, **asked: str) -> str:
    """Write a list's address with its filters."""
    return f"{reverse(name)}?{urlencode(asked)}" if asked else reverse(name)


def draw_bars(days: Sequence[Day]) -> list[Bar]:
    """Draw the days beside each other, the highest as high as the chart."""
    most = max(day.posted.paise for day in days)
    return [
        Bar(
            day,
            number * DAY_WIDTH,
            _scale_height(day.spent.paise, most),
            _scale_height(day.loaded.paise, most),
        )
        for number, day in enumerate(days)
    ]


def describe_chart(days: Sequence[Day]) -> str:
    best = max(days, key=lambda day: day.posted.paise)
    if not best.posted.paise:
        return _("Nothing was posted in the last 30 days.")
    return _(
        "In the last 30 days %(spent)s was spent and %(loaded)s loaded; most on %(day)s: %(most)s."
    ) % {
        "spent": inr(sum(day.spent.paise for day in days)),
        "loaded": inr(sum(day.loaded.paise for day in days)),
        "day": ist_date(best.day),
        "most": inr(best.posted.paise),
    }


def _scale_height(paise: int, most: int) -> int:
    """Scale an amount; one that is there can be seen."""
    return max(1, paise * CHART_HEIGHT // most) if paise else 0


def _list_today(day: Day) -> list[Figure]:
    def link_listed(**asked: str) -> str:
        return list_of("transactions", **asked, when="today")

    reasons = sorted(day.declined.items(), key=lambda pair: (-pair[1], pair[0]))
    return [
        Figure(_("Postings"), day.posted.count, link_listed(outcome="posted")),
        Figure(_("Declined"), day.declines, link_listed(outcome="declined")),
        *(
            Figure(labels.name_reason(code), count, link_listed(outcome=code), is_part=True)
            for code, count in reasons
        ),
        Figure(_("Customers on-boarded"), day.added, list_of("customers")),
    ]


def _list_waiting(summary: Overview, at: datetime) -> list[Figure]:
    def make_figure(label: str, waiting: Waiting, name: str) -> Figure:
        oldest = write_age(waiting.oldest_at, at) if waiting.oldest_at else ""
        note = _("oldest: %(age)s") % {"age": oldest} if oldest else ""
        return Figure(label, waiting.count, list_of(name), note)

    return [
        make_figure(_("Flagged postings"), summary.flagged, "flagged"),
        make_figure(_("Refused reports"), summary.refused, "refused-reports"),
        make_figure(_("Review items"), summary.reviews, "reviews"),
        make_figure(_("Proposals"), summary.proposals, "approvals"),
    ]


def _list_customers(summary: Overview) -> list[Figure]:
    near = summary.near + summary.at_limit
    return [
        Figure(_("All"), sum(summary.customers.values()), list_of("customers")),
        *(
            Figure(
                f"{tier.label} ({TIER_CLASSES[tier]})",
                summary.customers[tier],
                list_of("customers", tier=tier.value),
                is_part=True,
            )
            for tier in Tier
        ),
        Figure(_("80% of a limit used, or more"), near, list_of("customers", limit="near")),
        Figure(
            _("Limit reached"),
            summary.at_limit,
            list_of("customers", limit="reached"),
            is_part=True,
        ),
    ]


def _list_first_steps(*, can_add: bool) -> list[tuple[str, str, bool]]:
    """List what to do first: what, where, and whether it is done."""
    has_processor = Processor.objects.exists()
    return [
        (
            _("An admin adds a payment processor; its password is shown once."),
            reverse("admin:ppims_processor_add") if can_add else "",
            has_processor,
        ),
        (
            _("The processor adds a customer by the API, with its first call."),
            reverse("api-1:openapi-view"),
            False,
        ),
        (_("What it then checks and posts is seen here."), "", False),
    ]
