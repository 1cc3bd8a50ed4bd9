"""A month's figures: sums along indexes by time, none of which names a customer. Changes of KYC and
cached months are read whole, and so take longer with each year.

What happened is counted in the month in which it arrived, by India's clock; so it stays as it is
once the month is over. What of it is still open, and who is over the month's limit, is as it stands
when somebody looks (docs/ledger.md, "A month's figures").
"""

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from customers.choices import Tier
from customers.models import KycChange
from limits.models import Direction, LedgerEntry, Seal
from ppims.db import statements
from ppims.db.instants import to_indexed, write_indexed
from ppims.models import Processor
from ppims.reports import over_limit
from ppims.reports.heads import ANY_FLAG
from ppims.reports.merge_times import read_merge_times, was_merged
from ppims.reports.month_blocks import list_blocks
from ppims.reports.month_span import Span, make_span

IDS_AT_ONCE = 500
Kind = LedgerEntry.Kind

SUM_ENTRIES = """
    SELECT kind, direction, tier, processor_id, amount_paise > 0, COUNT(*),
           CAST(SUM(amount_paise) AS bigint)
    FROM limits_ledgerentry t WHERE {at} >= %s AND {at} < %s AND kind IN ('S', 'R', 'A', 'O')
    GROUP BY 1, 2, 3, 4, 5
"""
COUNT_DECLINES = """
    SELECT reason, COUNT(*) FROM limits_limitcheck t
    WHERE NOT t."is_allowed" AND {at} >= %s AND {at} < %s GROUP BY reason
"""
COUNT_FLAGGED = """
    SELECT t.flags, f.finding, COUNT(*) FROM limits_ledgerentry t
    LEFT JOIN limits_postingfinding f
        ON f.customer_id = t.customer_id AND f.entry_id = t.id AND NOT (f.finding = '')
    WHERE NOT (t."flags" = '') AND {at} >= %s AND {at} < %s GROUP BY t.flags, f.finding
"""
# All there were until the month's end, and which of them came in it: so one reading gives what
# happened, and how many there were of each tier in the end.
COUNT_KYC_CHANGES = """
    SELECT from_tier, to_tier, at >= %s, COUNT(*) FROM customers_kycchange
    WHERE at < %s GROUP BY 1, 2, 3
"""


class Section(StrEnum):
    """A table of a month's figures."""

    CUSTOMERS = "customers"
    POSTINGS = "postings"
    REVERSALS = "reversals"
    DECLINES = "declines"
    FLAGGED = "flagged"
    CORRECTIONS = "corrections"
    OPENINGS = "openings"  # listed where there are some: no import was before the first
    OVER = "over"


class People(StrEnum):
    """What became of customers in a month, and how many there were at its end."""

    ONBOARDED = "onboarded"
    RAISED = "raised"
    LOWERED = "lowered"
    BLOCKED = "blocked"
    AT_END = "at end"


SECTION_OF_KIND = {
    Kind.REVERSE: Section.REVERSALS,
    Kind.ADJUST: Section.CORRECTIONS,
    Kind.OPENING: Section.OPENINGS,
}
ADDED_WAY, TAKEN_WAY = "added", "taken away"
WAITING_STATE = ""  # of a flagged posting: no finding yet


@dataclass(frozen=True)
class Figure:
    """One figure: what it is of, a code for each column of its section; how many, and in paise."""

    section: Section
    of: tuple[str, ...]
    count: int
    paise: int | None = None


@dataclass(frozen=True)
class MonthFigures:
    """A month (202611), its figures in their order, and the newest seal's number; 0: there is none
    yet.
    """

    month: int
    figures: Sequence[Figure]
    seal_number: int = field(compare=False)

    @property
    def digest(self) -> str:
        """The digest of month and figures: what shows that a paper and a file say the same."""
        rows = [[each.section, *each.of, each.count, each.paise] for each in self.figures]
        text = json.dumps([self.month, rows], separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def list_of(self, section: Section) -> list[Figure]:
        return [each for each in self.figures if each.section == section]


def read_month_figures(month: int) -> MonthFigures:
    """Read a month's figures, by so many statements however many customers there are."""
    span = make_span(month)
    figures = [
        *_count_customers(span),
        *_sum_entries(span),
        *_count_declines(span),
        *_count_flagged(span),
        *_count_over(span),
    ]
    seal = Seal.objects.order_by("-number").values_list("number", flat=True).first()
    return MonthFigures(month, figures, seal or 0)


def _read_span(sql: str, span: Span) -> list[tuple[Any, ...]]:
    """Read along an index by time."""
    bounds = [to_indexed(span.since), to_indexed(span.until)]
    return list(statements.read_rows(sql.format(at=write_indexed('t."at"')), bounds))


# Customers.


def _count_customers(span: Span) -> Iterator[Figure]:
    counted: Counter[tuple[str, str]] = Counter()
    bounds = [statements.store_value(span.since), statements.store_value(span.until)]
    for before, after, is_in_month, count in statements.read_rows(COUNT_KYC_CHANGES, bounds):
        counted[People.AT_END, after] += count
        if before:
            counted[People.AT_END, before] -= count
        if is_in_month and before != after:
            counted[_name_change(before, after), after] += count
    _take_out_merged(counted, span)
    counted.update((People.BLOCKED, block.tier) for block in list_blocks(span))
    for what in People:
        for tier in Tier.values:
            yield Figure(Section.CUSTOMERS, (what, tier), counted[what, tier])


def _take_out_merged(counted: Counter[tuple[str, str]], span: Span) -> None:
    """Take out of the counts what was of one who was merged into another then: no customer of its
    own, whose KYC changes stand in the survivor's history too.
    """
    times = read_merge_times(until=span.last)
    merged_ids = sorted(times)
    for start in range(0, len(merged_ids), IDS_AT_ONCE):
        tiers: dict[int, str] = {}
        some = merged_ids[start : start + IDS_AT_ONCE]
        changes = KycChange.objects.filter(customer_id__in=some, at__lt=span.until)
        names = ("customer_id", "at", "from_tier", "to_tier")
        for customer_id, at, before, after in changes.order_by("at", "pk").values_list(*names):
            tiers[customer_id] = after
            is_counted = at >= span.since and before and before != after
            if is_counted and was_merged(times[customer_id], at):
                counted[_name_change(before, after), after] -= 1
        for customer_id, tier in tiers.items():
            if was_merged(times[customer_id], span.last):
                counted[People.AT_END, tier] -= 1


def _name_change(before: str, after: str) -> People:
    if not before:
        return People.ONBOARDED
    return People.RAISED if Tier(before).rank < Tier(after).rank else People.LOWERED


# Money.


def _sum_entries(span: Span) -> Iterator[Figure]:
    names = dict(Processor.objects.values_list("pk", "system_id"))
    posted: dict[tuple[str, ...], list[int]] = {}
    others = {(Kind.REVERSE, way): [0, 0] for way in Direction.values}
    others |= {(Kind.ADJUST, way): [0, 0] for way in (ADDED_WAY, TAKEN_WAY)}
    for kind, direction, tier, processor_id, is_more, count, paise in _read_span(SUM_ENTRIES, span):
        if kind == Kind.POST:
            sums = posted.setdefault((direction, tier, names[processor_id]), [0, 0])
        elif kind == Kind.ADJUST:
            sums = others[kind, ADDED_WAY if is_more else TAKEN_WAY]
        else:
            sums = others.setdefault((kind, direction), [0, 0])
        sums[0] += count
        sums[1] += abs(paise)
    rank = Tier.values.index
    for of in sorted(posted, key=lambda of: (of[0] != Direction.DEBIT, rank(of[1]), of[2])):
        yield Figure(Section.POSTINGS, of, *posted[of])
    for (kind, way), sums in others.items():
        yield Figure(SECTION_OF_KIND[Kind(kind)], (way,), *sums)


def _count_declines(span: Span) -> Iterator[Figure]:
    for reason, count in sorted(_read_span(COUNT_DECLINES, span)):
        yield Figure(Section.DECLINES, (reason,), count)


def _count_flagged(span: Span) -> Iterator[Figure]:
    """Count flagged entries by flag and by what they were found to be: under each flag that one
    has, and under ANY_FLAG once.
    """
    counted: Counter[tuple[str, str]] = Counter()
    for flags, finding, count in _read_span(COUNT_FLAGGED, span):
        for flag in (*flags.split(","), ANY_FLAG):
            counted[flag, finding or WAITING_STATE] += count
    kinds = [*LedgerEntry.Flag.values, ANY_FLAG]
    for flag, state in sorted(counted, key=lambda of: (kinds.index(of[0]), of[1])):
        yield Figure(Section.FLAGGED, (flag, state), counted[flag, state])


def _count_over(span: Span) -> Iterator[Figure]:
    for way in Direction:
        yield Figure(Section.OVER, (way.value,), over_limit.count_over(span, way))
