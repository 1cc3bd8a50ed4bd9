"""The overview: how the day goes, who is near a limit, what waits for staff."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db.models import Count, Min, Model, Q

from customers import search
from customers.choices import Tier
from customers.models import DuplicateReview, KycProposal, Unblocking
from limits.models import (
    Adjustment,
    Direction,
    LimitRule,
    NearLimit,
    OverviewSnapshot,
    RefusedReport,
)
from ppims.core import calendar, clock
from ppims.models import FourEyes
from ppims.reports import near_limit, overview_counts, reviews
from ppims.reports.heads import Filters
from ppims.reports.totals import Sum
from ppims.reports.transactions import Transaction, list_transactions

SHOWN_DAYS, SHOWN_TRANSACTIONS = 30, 10
WAITING_REVIEWS = [
    (DuplicateReview, query, "opened_at")
    for query in (reviews.UNDECIDED_CONDITION, reviews.TO_BE_MERGED)
]
WAITING_PROPOSALS = [
    (model, Q(state=FourEyes.State.PROPOSED), "proposed_at")
    for model in (KycProposal, Unblocking, Adjustment, LimitRule)
]


@dataclass(frozen=True)
class Day:
    """One day in India: what was posted (before reversals), declined by reason, who was added."""

    day: date
    spent: Sum
    loaded: Sum
    declined: Mapping[str, int]
    added: int

    @property
    def posted(self) -> Sum:
        return Sum(self.spent.count + self.loaded.count, self.spent.paise + self.loaded.paise)

    @property
    def declines(self) -> int:
        return sum(self.declined.values())


@dataclass(frozen=True)
class Waiting:
    """How many things wait for staff, and since when the oldest does."""

    count: int
    oldest_at: datetime | None


@dataclass(frozen=True)
class Spender:
    """A customer, and what was spent this month."""

    customer_id: int
    name: str = field(repr=False)
    debit_paise: int


@dataclass(frozen=True)
class Overview:
    """The overview's figures. Those that are counted are as of `as_of`; until `is_complete` they
    are too small: the first time, in a new month and after a change of rules, counting takes a
    few looks. `days` are thirty, the last of them today.
    """

    as_of: datetime
    is_complete: bool
    customers: Mapping[str, int]
    near: int
    at_limit: int
    days: Sequence[Day]
    flagged: Waiting
    refused: Waiting
    reviews: Waiting
    proposals: Waiting
    top_spenders: Sequence[Spender]
    last: Sequence[Transaction]

    @property
    def today(self) -> Day:
        return self.days[-1]


def read_overview() -> Overview:
    """Read the overview; the counted figures are brought up to date first if they are a minute
    old, which takes overview_counts.STEP_SECONDS at most.
    """
    overview_counts.refresh()
    at = clock.now()
    row = OverviewSnapshot.objects.filter(pk=1).first()
    state = json.loads(row.state) if row else {}
    is_this_month = state.get("month") == calendar.number_ist_month(at)
    near, at_limit = state.get("near", (0, 0)) if is_this_month else (0, 0)
    return Overview(
        as_of=row.at if row else at,
        is_complete=bool(state.get("is_complete")),
        customers={tier.value: state.get("tiers", {}).get(tier.value, 0) for tier in Tier},
        near=near,
        at_limit=at_limit,
        days=_list_days(state.get("days", {}), at),
        flagged=_count_waiting_flagged(state),
        refused=_count_waiting_refused(state),
        reviews=_count_waiting(WAITING_REVIEWS),
        proposals=_count_waiting(WAITING_PROPOSALS),
        top_spenders=_list_top_spenders(calendar.number_ist_month(at)),
        last=list_transactions(Filters(), at, rows=SHOWN_TRANSACTIONS).rows,
    )


def _list_days(known: Mapping[str, overview_counts.State], at: datetime) -> list[Day]:
    today = overview_counts.number_day(at)
    return [
        _make_day(day, known.get(str(day), {})) for day in range(today - SHOWN_DAYS + 1, today + 1)
    ]


def _make_day(number: int, figures: overview_counts.State) -> Day:
    posted = figures.get("posted", {})
    return Day(
        overview_counts.FIRST_DAY + timedelta(days=number),
        Sum(*posted.get(Direction.DEBIT, (0, 0))),
        Sum(*posted.get(Direction.CREDIT, (0, 0))),
        figures.get("declined", {}),
        figures.get("added", 0),
    )


def _count_waiting_flagged(state: Mapping[str, Any]) -> Waiting:
    waiting = state.get("flagged", 0) - state.get("closed", 0)
    return Waiting(
        waiting, calendar.from_microseconds(state["flagged_after"][0]) if waiting else None
    )


def _count_waiting_refused(state: Mapping[str, Any]) -> Waiting:
    waiting = state.get("refused", 0) - state.get("refused_closed", 0)
    oldest = RefusedReport.objects.filter(pk=state.get("refused_after", 0) + 1).first()
    return Waiting(waiting, oldest.at if waiting and oldest else None)


def _count_waiting(queries: Sequence[tuple[type[Model], Q, str]]) -> Waiting:
    """Count what queries find together, and since when, by a column, the oldest has waited."""
    found = [
        model._base_manager.filter(query).aggregate(count=Count("pk"), oldest=Min(since))
        for model, query, since in queries
    ]
    oldest = [each["oldest"] for each in found if each["oldest"]]
    return Waiting(sum(each["count"] for each in found), min(oldest, default=None))


def _list_top_spenders(month: int) -> list[Spender]:
    spent = NearLimit.objects.filter(month=month, debit_paise__gt=0).order_by("-debit_paise", "pk")
    top = list(spent.values_list("pk", "debit_paise")[: near_limit.SHOWN_SPENDERS])
    names = search.read_names([customer_id for customer_id, _ in top])
    return [Spender(customer_id, names[customer_id], paise) for customer_id, paise in top]
