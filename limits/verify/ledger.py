"""Walk through every customer: audit, records, checks, entries, holds, head, cached usage.
docs/ledger.md, "What shows what".
"""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from limits import queries
from limits.models import Adjustment, Hold, LedgerEntry, LedgerHead, LimitCheck, MonthlyUsage
from limits.queries import EVERY_ID
from limits.verify import judge
from limits.verify.audit import Audits
from limits.verify.chains import (
    UNREADABLE_ROW,
    Feed,
    Finding,
    add_up_counts,
    find_surely,
    map_ledger_keys,
)
from limits.verify.history import TAKEN_OVER, AboutNone, History, Taken
from limits.verify.judge import Check, Customer, Entry, MergedCustomer, SignedBefore
from limits.verify.ownerless import read_rules_then
from limits.verify.records import Records
from limits.verify.ref_ids import stream_with_ref_ids
from limits.verify.seals import Bounds, Marks, Moved, Sealed, find_moved_heads
from ppims.core import clock, keys
from ppims.core.chain import KeysByName, describe_difference, find_head_problem
from ppims.core.process_pool import run_jobs
from ppims.db import signed_rows, statements
from ppims.db.streaming import Reader, Row, read_leanly, stream_joined
from ppims.db.transaction import read_snapshot
from ppims.models import AuditEntry

CUSTOMERS_AT_ONCE = 1_000
Progress = Callable[[int], None]

HEAD_READER = Reader(LedgerHead, [*signed_rows.list_fields(LedgerHead), "key_id", "mac"])
USAGE_READER = Reader(MonthlyUsage, ["customer_id", "month", "debit_paise", "credit_paise"])
CHECK_READER = (
    Reader(LimitCheck, [*signed_rows.list_fields(LimitCheck), "id", "key_id", "mac"]),
    Reader(Hold, judge.OF_HOLD, "h"),
)
ENTRY_READER = (
    Reader(LedgerEntry, [*signed_rows.list_fields(LedgerEntry), "id", "key_id", "digest"]),
    Reader(LimitCheck, judge.OF_CHECK, "c"),
    Reader(LedgerEntry, judge.OF_POSTING, "p"),
    Reader(Adjustment, judge.OF_ADJUSTMENT, "a"),
)
PARTS_OF_HEAD = (
    "its count of entries",
    "its count of checks",
    "its last digest",
    "its last instant",
)
TAKEN_ROW = Reader(AuditEntry, ["at", "detail", "key_id"])
CUSTOMERS_BETWEEN = (
    "SELECT unique_id, survivor_id FROM customers_customer WHERE unique_id > %s AND unique_id <= %s"
)
HEADS_TAIL = "WHERE customer_id > %s AND customer_id <= %s"
LAST_HEADS = "WHERE customer_id > %s"  # text, which SQLite takes, is more than any number
USAGES_TAIL = "WHERE customer_id > %s AND customer_id <= %s ORDER BY customer_id, month"
CHECKS_TAIL = """
    LEFT JOIN limits_hold h ON h.customer_id = t.customer_id AND h.limit_check_id = t.id
    {keys} WHERE t.customer_id > %s AND t.customer_id <= %s ORDER BY t.customer_id, t.number
"""
ENTRIES_TAIL = """
    LEFT JOIN limits_limitcheck c ON c.customer_id = t.customer_id AND c.id = t.limit_check_id
    LEFT JOIN limits_ledgerentry p ON p.customer_id = t.customer_id AND p.id = t.reverses_id
    LEFT JOIN limits_adjustment a ON a.customer_id = t.customer_id AND a.id = t.adjustment_id
    {keys} WHERE t.customer_id > %s AND t.customer_id <= %s ORDER BY t.customer_id, t.number
"""


@dataclass(frozen=True)
class Job:
    """The customers after one id and up to another; and the audit entries that have taken rows of
    theirs as they were.
    """

    after: int
    upto: int
    taken: tuple[int, ...]


@dataclass
class Walked:
    """What was found among some customers, their heads at each seal, and how many rows they had."""

    findings: list[Finding]
    moved: list[Moved]
    audits: list[Moved]
    rows: int


def walk(
    sealed: Sealed, about_none: AboutNone, progress: Progress, processes: int
) -> Iterator[Finding]:
    """Walk through all customers, a thousand to a snapshot, so that no snapshot grows old; in so
    many processes beside this one.
    """
    before = SignedBefore(about_none.last_check_id, about_none.last_entry_id)
    work = partial(walk_customers, sealed.bounds, before)
    with run_jobs(work, _list_jobs(about_none.taken), processes=processes) as done:
        for each in done:
            yield from each.findings
            sealed.take(each.moved)
            sealed.take_audits(each.audits)
            progress(each.rows)


def walk_customers(bounds: Bounds, before: SignedBefore, job: Job) -> Walked:
    """Walk through the customers of a job."""
    read_leanly()
    batch: Batch | None = None

    def find() -> list[Finding]:
        nonlocal batch
        with read_snapshot():
            batch = Batch(map_ledger_keys(), bounds, before, job)
            return list(batch.verify())

    findings = find_surely(find)
    assert batch
    rows = add_up_counts(count for head in batch.heads.values() for count in head[1:3])
    return Walked(findings, batch.moved, batch.audits.moved, rows + batch.audits.rows)


def _list_jobs(taken: list[Taken]) -> Iterator[Job]:
    for after, upto in queries.list_customer_spans(CUSTOMERS_AT_ONCE):
        yield make_job(after, upto, taken)


def make_job(after: int, upto: int, taken: Sequence[Taken]) -> Job:
    """Make the job of the customers after one id and up to another."""
    theirs = (each.row_id for each in taken if each.last > after and each.first <= upto)
    return Job(after, upto, tuple(theirs))


class Batch:
    """Some customers' rows, as one snapshot has them."""

    def __init__(self, ring: KeysByName, bounds: Bounds, before: SignedBefore, job: Job) -> None:
        self._ring, self._bounds, self._before = ring, bounds, before
        span = (job.after, job.upto)
        customers = statements.read_rows(CUSTOMERS_BETWEEN, span)
        tail, values = (LAST_HEADS, span[:1]) if job.upto == EVERY_ID else (HEADS_TAIL, span)
        self.heads = {head[0]: head for head in stream_joined((HEAD_READER,), tail, values)}
        self._rules = read_rules_then()
        self._begun = begin_histories(job)
        self.audits = Audits(ring, bounds.audits, *span)
        self._records = Records(ring, *span)
        self._owners = {*(pk for pk, _ in customers), *self.heads, *self.audits.heads}
        self._merged = {pk for pk, survivor_id in customers if survivor_id is not None}
        self.moved: list[Moved] = []
        # Read after the snapshot's first look: what has been swept by then had expired by now.
        self._now = int(keys.make_plain(clock.now()) or 0)
        self._usage = Feed(stream_joined((USAGE_READER,), USAGES_TAIL, span))
        self._checks = Feed(stream_with_ref_ids(CHECK_READER, CHECKS_TAIL, span, "CL"))
        self._entries = Feed(stream_with_ref_ids(ENTRY_READER, ENTRIES_TAIL, span, "UL"))

    def verify(self) -> Iterator[Finding]:
        for owner in self._owners:
            if not isinstance(owner, int):
                yield Finding(f"ledger head of customer {owner}", UNREADABLE_ROW)
        for owner in sorted(owner for owner in self._owners if isinstance(owner, int)):
            yield from self._find_strays(owner)
            history = self._begun.get(owner) or History()
            yield from self.audits.verify(owner, history)
            yield from self._records.verify(owner, history)
            if owner in self.heads:
                yield from self._verify_customer(self.heads[owner])
            else:
                yield from self._find_strays(owner + 1)
        yield from self._find_strays(EVERY_ID)

    def _find_strays(self, upto: int) -> Iterator[Finding]:
        yield from self.audits.find_strays(upto)
        yield from self._records.find_strays(upto)
        for what, feed in (("check", self._checks), ("ledger entry", self._entries)):
            for row in feed.find_strays(upto):
                yield Finding(name_row(what, row), "its customer has no ledger head")
        for row in self._usage.find_strays(upto):
            yield Finding(f"usage of customer {row[0]} in {row[1]}", "there is no ledger head")

    def _verify_customer(self, head: Row) -> Iterator[Finding]:
        customer_id = head[0]
        person = self._records.person
        kind = MergedCustomer if customer_id in self._merged else Customer
        customer = kind(self._ring, self._rules, person, self._before)
        checks, entries = Marks(self._bounds.checks), Marks(self._bounds.entries)
        for row in self._checks.take(customer_id):
            check = Check._make(row)
            problem = judge_whatever_it_holds(customer.judge_check, check, self._now)
            if problem:
                yield Finding(name_row("check", row), problem)
            else:
                checks.note(check.id, check.number, b"", check.at)
        for row in self._entries.take(customer_id):
            entry = Entry._make(row)
            problem = judge_whatever_it_holds(customer.judge_entry, entry)
            if problem:
                yield Finding(name_row("ledger entry", row), problem)
            else:
                entries.note(entry.id, entry.number, entry.digest, entry.at)
        yield from self._verify_rest(customer, head)
        self.moved += find_moved_heads(customer_id, entries, checks, len(self._bounds.entries))

    def _verify_rest(self, customer: Customer, head: Row) -> Iterator[Finding]:
        """Judge what rests on all of a customer's rows: head, holds, cached usage."""
        customer_id, checks, entries = head[0], customer.checks, customer.entries
        came = (entries.count, checks.count, entries.last_mac, customer.last_at)
        parts = zip(PARTS_OF_HEAD, head[1:-2], came, strict=True)
        problem = find_head_problem(self._ring, "head", head, parts)
        if problem:
            yield Finding(f"ledger head of customer {customer_id}", problem)
        for check in customer.may_hold:
            problem = judge_whatever_it_holds(customer.find_hold_problem, check, self._now)
            if problem:
                yield Finding(name_row("check", check), problem)
        for _, month, *cached in self._usage.take(customer_id):
            summed = [customer.totals.get((month, way), 0) for way in "DC"]
            if cached != summed:
                yield Finding(
                    f"usage of customer {customer_id} in {month}",
                    describe_difference("it", cached, summed),
                )


def judge_whatever_it_holds(judge: Callable[..., str | None], *row: Any) -> str | None:
    """Judge a row, whatever its columns hold: SQLite takes text where a number should be."""
    try:
        return judge(*row)
    except (TypeError, ValueError):
        return UNREADABLE_ROW


def name_row(what: str, row: Any) -> str:
    """Name a check or an entry by its customer and its place; both are its first columns."""
    return f"{what} {row[1]} of customer {row[0]}"


def begin_histories(job: Job) -> dict[int, History]:
    """Begin the histories of customers whose rows were taken as they were."""
    begun = {}
    for row_id in job.taken:
        for at, detail, key_id in stream_joined((TAKEN_ROW,), "WHERE id = %s", (row_id,)):
            for customer, rows in json.loads(detail)[TAKEN_OVER].items():
                proofs = {name: (text, key_id) for name, text in rows.items()}
                begun[int(customer)] = History(proofs, at)
    return begun
