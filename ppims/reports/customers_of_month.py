"""The customers that a month's figures count: whose KYC was raised or lowered, and who was blocked,
a row for each time; how many there were of each KYC at the month's end; and who was over a limit
then.

Each list and its figure agree, row by row. One who was merged into another at the time is no
customer of its own; who was merged later is one here.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from customers.choices import Tier
from customers.models import KycChange
from limits.models import Direction
from ppims.core import calendar
from ppims.db.statements import store_value
from ppims.reports.customers import Row, read_customers
from ppims.reports.keyset import (
    PAGE_ROWS,
    Condition,
    Frame,
    Page,
    Position,
    RowBeside,
    Walk,
    make_page,
    read_page,
    read_position,
)
from ppims.reports.merge_times import read_merge_times, was_merged
from ppims.reports.month_blocks import list_blocks
from ppims.reports.month_span import Span, make_span
from ppims.reports.over_limit import list_over

# As the partial index says it.
CHANGED_CONDITIONS = (("NOT (t.\"from_tier\" = '')",), ('NOT (t."from_tier" = (t."to_tier"))',))
# The last change before an instant was to this tier.
TIER_THEN = RowBeside(
    "(customers_kycchange k LEFT JOIN customers_kycchange l ON l.customer_id = k.customer_id"
    " AND l.at < %s AND (l.at > k.at OR l.at = k.at AND l.id > k.id))",
    "k.customer_id = w.row_key AND k.at < %s AND k.to_tier = %s AND l.id IS NULL",
)


class What(StrEnum):
    """What of a month's customers is wanted."""

    RAISED = "raised"
    LOWERED = "lowered"
    BLOCKED = "blocked"
    AT_END = "end"
    OVER_SPEND = "over-spend"
    OVER_LOAD = "over-load"


OVER_DIRECTIONS = {What.OVER_SPEND: Direction.DEBIT, What.OVER_LOAD: Direction.CREDIT}


@dataclass(frozen=True)
class OfMonth:
    """Who is wanted: of a month (202611), what; and of those whom KYC tells apart, the KYC: the new
    one of changes, that of the block or of the month's end; None: any.
    """

    month: int
    what: What
    tier: str | None = None


def list_customers_of_month(
    asked: OfMonth, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[Row]:
    """Read a page of them: the last first, but who was over a limit by Unique_Id. Raises Http404
    for a cursor of another list.

    A page may be cut short, after keyset.LOOKED_AT changes of KYC, or keyset.LOOKED_UP customers.
    """
    span = make_span(asked.month)
    if asked.what in OVER_DIRECTIONS:
        return _list_over(span, OVER_DIRECTIONS[asked.what], cursor, rows)
    if asked.what == What.BLOCKED:
        return _list_blocked(span, asked.tier, cursor, rows)
    if asked.what == What.AT_END:
        return _list_at_end(span, asked.tier, cursor, rows)
    return _list_changes(span, asked, cursor, rows)


# KYC raised and lowered.


def _list_changes(span: Span, asked: OfMonth, cursor: str, rows: int) -> Page[Row]:
    pairs = [
        f"'{before}{after}'"
        for before in Tier
        for after in Tier
        if before != after and (before.rank < after.rank) == (asked.what == What.RAISED)
    ]
    wanted: list[Condition] = [(f"w.from_tier || w.to_tier IN ({', '.join(pairs)})",)]
    if asked.tier:
        wanted.append(("w.to_tier = %s", asked.tier))
    walk = Walk(
        0,
        "customers_kycchange",
        columns=["from_tier", "to_tier"],
        within=CHANGED_CONDITIONS,
        wanted=wanted,
    )
    return read_page([walk], span.frame, cursor, rows, _read_changes)


def _read_changes(positions: Sequence[Position]) -> list[Row]:
    changes = KycChange.objects.in_bulk([each.id for each in positions])
    if not changes:
        return []
    whose = {change.customer_id for change in changes.values()}
    found = {row.unique_id: row for row in read_customers(sorted(whose))}
    last = max(change.at for change in changes.values())
    times = read_merge_times(until=last, ids=whose)
    return [
        replace(
            found[each.customer_id],
            from_tier=each.from_tier,
            tier=each.to_tier,
            changed_at=each.at,
        )
        for each in (changes[position.id] for position in positions)
        if not was_merged(times.get(each.customer_id, ()), each.at)
    ]


# Who was blocked.


def _list_blocked(span: Span, tier: str | None, cursor: str, rows: int) -> Page[Row]:
    blocks = {
        Position(calendar.to_microseconds(block.at), 0, block.id): block
        for block in list_blocks(span)
        if tier in {None, block.tier}
    }
    after = read_position(cursor)

    def read(positions: Sequence[Position]) -> list[Row]:
        some = [blocks[position] for position in positions]
        found = {row.unique_id: row for row in read_customers([each.customer_id for each in some])}
        return [
            replace(found[each.customer_id], tier=each.tier, changed_at=each.at) for each in some
        ]

    return make_page([each for each in blocks if each < after], None, rows, read)


# How many there were at the month's end.


def _list_at_end(span: Span, tier: str | None, cursor: str, rows: int) -> Page[Row]:
    until = store_value(span.until)
    walk = Walk(
        0,
        "customers_customer",
        key="unique_id",
        at="created_at",
        wanted=[(TIER_THEN, until, until, tier)] if tier else [],
        needs_rows=True,
    )

    def read(positions: Sequence[Position]) -> list[Row]:
        ids = [each.id for each in positions]
        times = read_merge_times(until=span.last, ids=ids)
        return _read_as_at_end(
            span, [each for each in ids if not was_merged(times.get(each, ()), span.last)]
        )

    return read_page([walk], Frame(until=span.until), cursor, rows, read)


def _read_as_at_end(span: Span, ids: Sequence[int]) -> list[Row]:
    """Read customers with the tier that each had at the month's end."""
    changes = KycChange.objects.filter(customer_id__in=ids, at__lt=span.until)
    tiers = dict(changes.order_by("at", "pk").values_list("customer_id", "to_tier"))
    return [replace(row, tier=tiers.get(row.unique_id, row.tier)) for row in read_customers(ids)]


# Who was over the limit.


def _list_over(span: Span, way: Direction, cursor: str, rows: int) -> Page[Row]:
    found, end = list_over(span, way, read_position(cursor).id, rows + 1)
    cut_at = None if end is None else Position(0, 0, end)
    return make_page(
        [Position(0, 0, each) for each in found],
        cut_at,
        rows,
        lambda positions: _read_as_at_end(span, [each.id for each in positions]),
    )
