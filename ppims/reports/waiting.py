"""What waits for staff: how many of each kind, and since when the oldest does."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min, Model, Q, QuerySet, Value

from customers.models import (
    CustomerImport,
    DuplicateReview,
    KycProposal,
    Merge,
    NumberPassedOn,
    Unblocking,
)
from limits.models import (
    Adjustment,
    LimitRule,
    Notice,
    OverviewSnapshot,
    PostingFinding,
    RefusedReport,
    ReportFinding,
    RuleSet,
)
from ppims.core import calendar
from ppims.models import KeyRotation, ProcessorChange, StaffChange
from ppims.reports import reviews
from ppims.reports.notices import NO_NOTICES

FLAGGED_LIST, REVIEWS_LIST, APPROVALS_LIST, REFUSED_LIST, NOTICES_LIST = (
    "flagged",
    "reviews",
    "approvals",
    "refused-reports",
    "notices",
)
CLOSED_POSTINGS, CLOSED_REPORTS = "closed flagged", "closed refused"
CLOSED_NOTICES = "closed notices"
Part = tuple[str, type[Model], Q, str]  # its name, of what, which, and since when they wait
# What is few is counted as it stands.
COUNTED_PARTS: list[Part] = [
    (REVIEWS_LIST, DuplicateReview, reviews.UNDECIDED_CONDITION, "opened_at"),
    (REVIEWS_LIST, DuplicateReview, reviews.TO_BE_MERGED, "opened_at"),
    *(
        (APPROVALS_LIST, model, model.WAITING, "proposed_at")
        for model in (
            *(KycProposal, Unblocking, Adjustment, RuleSet, Merge, NumberPassedOn),
            *(StaffChange, ProcessorChange, KeyRotation),
            CustomerImport,
        )
    ),
    (APPROVALS_LIST, LimitRule, LimitRule.WAITING & Q(rule_set=None), "proposed_at"),
]


@dataclass(frozen=True)
class Waiting:
    """How many things wait for staff, and since when the oldest does."""

    count: int = 0
    oldest_at: datetime | None = None


def read_waiting() -> dict[str, Waiting]:
    """Read what waits, by the name of its list's address: two queries, and one for the oldest
    refused report. Flagged postings, refused reports and notices, which may be lakhs, are as of the
    overview's figures, a minute old where people look, less what was closed since.
    """
    row = OverviewSnapshot.objects.filter(pk=1).first()
    state: Mapping[str, Any] = json.loads(row.state) if row else {}
    counted = state.get("counted", {})
    found = _count_by_name(
        [
            *COUNTED_PARTS,
            _describe_closings(CLOSED_POSTINGS, PostingFinding, counted.get("finding", 0)),
            _describe_closings(CLOSED_REPORTS, ReportFinding, counted.get("report finding", 0)),
            _describe_closed_notices(state),
        ]
    )
    return {
        FLAGGED_LIST: _read_flagged(state, found[CLOSED_POSTINGS].count),
        REVIEWS_LIST: found[REVIEWS_LIST],
        APPROVALS_LIST: found[APPROVALS_LIST],
        REFUSED_LIST: _read_refused(state, found[CLOSED_REPORTS].count),
        NOTICES_LIST: _read_notices(state, found[CLOSED_NOTICES].count),
    }


def _describe_closings(
    name: str, model: type[Model], after: int
) -> tuple[str, type[Model], Q, str]:
    return name, model, Q(pk__gt=after) & ~Q(finding=""), "at"


def _describe_closed_notices(state: Mapping[str, Any]) -> Part:
    *_, at = state.get("notices", NO_NOTICES)
    closed = Q(state=Notice.State.CLOSED, closed_at__gt=calendar.from_microseconds(at))
    return CLOSED_NOTICES, Notice, closed, "closed_at"


def _count_by_name(parts: Iterable[Part]) -> dict[str, Waiting]:
    """Count what each part finds, by one statement; parts of one name are added up."""
    parts = list(parts)
    first, *others = [_count_part(*part) for part in parts]
    found = {name: Waiting() for name, *_ in parts}
    for name, count, oldest in first.union(*others, all=True):
        known = found[name]
        instants = [at for at in (known.oldest_at, oldest) if at]
        found[name] = Waiting(known.count + count, min(instants, default=None))
    return found


def _count_part(name: str, model: type[Model], condition: Q, since: str) -> QuerySet[Any, Any]:
    rows = model._base_manager.filter(condition).order_by().annotate(list_name=Value(name))
    counted: Any = rows.values("list_name").annotate(n=Count("pk"), oldest=Min(since))
    found: QuerySet[Any, Any] = counted.values_list("list_name", "n", "oldest")
    return found


def _read_flagged(state: Mapping[str, Any], closed: int) -> Waiting:
    waiting = max(0, state.get("flagged", 0) - state.get("closed", 0) - closed)
    oldest = calendar.from_microseconds(state["flagged_after"][0]) if waiting else None
    return Waiting(waiting, oldest)


def _read_refused(state: Mapping[str, Any], closed: int) -> Waiting:
    waiting = max(0, state.get("refused", 0) - state.get("refused_closed", 0) - closed)
    after = state.get("refused_after", 0)
    oldest = RefusedReport.objects.filter(pk=after + 1).first() if waiting else None
    return Waiting(waiting, oldest.at if oldest else None)


def _read_notices(state: Mapping[str, Any], closed: int) -> Waiting:
    count, oldest, _ = state.get("notices", NO_NOTICES)
    waiting = max(0, count - closed)
    return Waiting(waiting, calendar.from_microseconds(oldest) if waiting else None)
