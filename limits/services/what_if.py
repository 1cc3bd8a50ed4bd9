"""What a proposed change of limits would have done: the real ledger of the last months replayed
under it. docs/ledger.md, "What it would have done".

It reads a thousand customers to a snapshot, one after another, and keeps sums: so it takes little
memory, holds up no writer, and no snapshot grows old.
"""

from collections import defaultdict
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from heapq import merge
from itertools import groupby
from operator import itemgetter
from typing import Any

from customers import survivors
from customers.models import Customer, KycChange, Merge
from limits import queries
from limits.effect import Effect
from limits.models import LedgerEntry, LimitCheck, RuleSet
from limits.posting import MOVE_KIND
from limits.services import rules
from limits.side_by_side import MoveThen, SideBySide
from limits.what_if import CheckThen, EntryThen, Replay, Rulebook, RulePlace, TierChange
from ppims.core import calendar, clock
from ppims.db import statements
from ppims.db.streaming import Reader, read_leanly, stream_joined
from ppims.db.transaction import read_snapshot
from ppims.models import FourEyes, User

MOST_MONTHS, DEFAULT_MONTHS = 12, 3
CUSTOMERS_AT_ONCE = 1_000
LONGEST_HOLD = timedelta(days=2)  # a day at most (PPIMS_HOLD_MINUTES), and to spare
Progress = Callable[[int, int], None]  # how many of how many customers are done

CHECK_READERS = (Reader(LimitCheck, CheckThen._fields),)
ENTRY_READERS = (Reader(LedgerEntry, EntryThen._fields),)
TIER_READERS = (Reader(KycChange, ("customer_id", "at", "to_tier", "tier_since")),)
MERGE_READERS = (Reader(Merge, ("id", "customer_id", "merged_id", "kind")),)
MOVE_READERS = (Reader(LedgerEntry, ("id", "ref_id")),)
FIRST_INSTANT = datetime(1970, 1, 1, tzinfo=UTC)
ROWS_TAIL = """
    WHERE t.customer_id > %s AND t.customer_id <= %s AND t.at >= %s AND t.at <= %s
    ORDER BY t.customer_id, t.number
"""
MERGES_TAIL = "WHERE t.customer_id = %s AND t.state = %s"
MOVES_TAIL = "WHERE t.customer_id = %s AND t.kind = %s"
TIERS_TAIL = "WHERE t.customer_id > %s AND t.customer_id <= %s ORDER BY t.customer_id, t.id"


@dataclass(frozen=True)
class Frame:
    """What is replayed: the checks of some calendar months, the last of which is that of `until`.

    `checks_from` is early enough for every hold that is open when the first month begins, and
    `entries_from` for the sums of its financial year.
    """

    months: tuple[int, ...]
    since: datetime
    checks_from: datetime
    entries_from: datetime
    until: datetime


def make_frame(months: int, until: datetime) -> Frame:
    """Make the frame of so many months, 1 to MOST_MONTHS."""
    assert 1 <= months <= MOST_MONTHS
    numbers = [calendar.number_ist_month(until)]
    while len(numbers) < months:
        numbers.append(calendar.number_month_before(numbers[-1]))
    first = numbers[-1]
    since = calendar.find_midnight(calendar.find_first_day(first))
    year = calendar.list_months_of_financial_year(first)
    begins = calendar.find_midnight(calendar.find_first_day(year[0]))
    checks_from = since - LONGEST_HOLD
    return Frame((*reversed(numbers),), since, checks_from, min(begins, checks_from), until)


def work_out(
    proposed: Mapping[RulePlace, int | None],
    *,
    months: int,
    until: datetime,
    progress: Progress = lambda done, total: None,
) -> dict[str, Any]:
    """Work out what amounts in the place of others would have done, as JSON has it: what Effect
    lists, with the months and the instant up to which rows were read. It writes nothing.
    """
    read_leanly()
    frame, effect, done = make_frame(months, until), Effect(), 0
    total = Customer.objects.count()
    book = Rulebook(_read_approved(), dict(proposed))
    with read_snapshot():  # who is merged from now on has no later rows to be read
        connected = [*survivors.list_connected()]
    kin = {member for members in connected for member in members}
    for span in queries.list_customer_spans(CUSTOMERS_AT_ONCE):
        with read_snapshot():
            _replay_span(span, frame, book, effect, kin)
        done = min(total, done + CUSTOMERS_AT_ONCE)
        progress(done, total)
    for members in connected:
        with read_snapshot():
            _replay_connected(members, frame, book, effect)
        progress(done, total)
    return {"months": [*frame.months], "until": frame.until.isoformat(), **effect.list_plain()}


def work_out_change(
    *, rule_set_id: int, months: int, user: User, progress: Progress = lambda done, total: None
) -> bool:
    """Work out what a proposal would have done, and keep it with the proposal; False: it is decided
    by then, and nothing is kept.
    """
    rule_set = RuleSet.objects.get(pk=rule_set_id)
    if rule_set.state != RuleSet.State.PROPOSED:
        return False
    proposed = {
        (rule.tier, rule.direction, rule.window): rule.amount for rule in rule_set.rules.all()
    }
    effect = work_out(proposed, months=months, until=clock.now(), progress=progress)
    return rules.keep_effect(rule_set_id=rule_set_id, effect=effect, user=user)


def _read_approved() -> list[Sequence[Any]]:
    rows = statements.read_rows(queries.APPROVED_RULES, ())
    starts = [statements.read_instant(row[-1]) for row in rows]
    return [
        (*row[:-1], calendar.to_microseconds(start))
        for row, start in zip(rows, starts, strict=True)
        if start
    ]


def _replay_span(
    span: tuple[int, int], frame: Frame, book: Rulebook, effect: Effect, kin: Container[int]
) -> None:
    """Replay the customers of a span one by one, but for whom merges connected with others."""
    tiers = _read_tiers(span)
    since = calendar.to_microseconds(frame.since)
    for owner, rows in groupby(_stream_rows(span, frame), itemgetter(0)):
        if owner not in kin:
            effect.take(Replay(book, since, tiers[owner]).take(rows))


def _replay_connected(members: Sequence[int], frame: Frame, book: Rulebook, effect: Effect) -> None:
    """Replay all whom merges connected with each other, from their first entries on: those say whom
    each Unique_Id meant. It holds all their rows at once.
    """
    frame = replace(frame, entries_from=FIRST_INSTANT)
    tiers: dict[int, list[TierChange]] = {}
    rows: dict[int, list[CheckThen | EntryThen]] = {}
    for member in members:
        span = member - 1, member
        tiers[member] = _read_tiers(span)[member]
        rows[member] = [*_stream_rows(span, frame)]
    since = calendar.to_microseconds(frame.since)
    for redecided in SideBySide(book, since, tiers, _read_moves(members)).take(rows):
        effect.take(redecided)


def _read_moves(members: Sequence[int]) -> dict[int, MoveThen]:
    """Read the merges and un-merges of some customers, by the entries that they have made."""
    merges: dict[str, MoveThen] = {}
    for member in members:
        approved = (member, FourEyes.State.APPROVED.value)
        for number, survivor, merged, kind in stream_joined(MERGE_READERS, MERGES_TAIL, approved):
            name = f"{kind}-{number}"
            merges[name] = MoveThen(name, survivor, merged, kind == Merge.Kind.MERGE.value)
    return {
        entry: merges[name]
        for member in members
        for entry, name in stream_joined(MOVE_READERS, MOVES_TAIL, (member, MOVE_KIND))
        if name in merges
    }


def _read_tiers(span: tuple[int, int]) -> dict[int, list[TierChange]]:
    tiers: dict[int, list[TierChange]] = defaultdict(list)
    for owner, *change in stream_joined(TIER_READERS, TIERS_TAIL, span):
        tiers[owner].append(TierChange(*change))
    return tiers


def _stream_rows(span: tuple[int, int], frame: Frame) -> Iterator[CheckThen | EntryThen]:
    """Stream the customers' checks and entries in the order of the ledger; of one instant, the
    checks first.
    """
    until = statements.store_value(frame.until)
    asked = (*span, statements.store_value(frame.checks_from), until)
    checks: Iterator[Any] = map(CheckThen._make, stream_joined(CHECK_READERS, ROWS_TAIL, asked))
    asked = (*span, statements.store_value(frame.entries_from), until)
    entries: Iterator[Any] = map(EntryThen._make, stream_joined(ENTRY_READERS, ROWS_TAIL, asked))
    return merge(checks, entries, key=itemgetter(0, 1))
