"""Run all of the verification, one walk after another. docs/ledger.md, "Verification"."""

from collections.abc import Generator, Iterator
from itertools import islice

from customers.models import Customer
from limits.models import LedgerEntry, LimitCheck, Seal
from limits.verify import kin, ledger, openings, ownerless
from limits.verify.chains import Finding, find_surely, map_ledger_keys
from limits.verify.history import AboutNone
from limits.verify.seals import Sealed
from ppims.db import append_only, column_limits, nodes, statements
from ppims.db.streaming import Row, read_leanly
from ppims.db.transaction import read_snapshot
from ppims.models import AuditEntry

# Whose rows a Ref_Id answers for: operation, table, what a row is, and which rows have one.
ANSWER_TABLES = (
    ("CL", "limits_limitcheck", "check", "id IS NOT NULL"),
    ("UL", "limits_ledgerentry", "ledger entry", "processor_id IS NOT NULL"),
    ("AC", "customers_receipt", "customer added", "operation = 'AC'"),
    ("UC", "customers_receipt", "customer updated", "operation = 'UC'"),
)
COUNT_ROWS = """
    SELECT (SELECT COUNT(*) FROM ppims_replaykey WHERE operation = '{operation}'),
           (SELECT COUNT(*) FROM {table} WHERE {having})
"""
# The walks find each row's Ref_Id: so one that points at no row of its own is one too many.
LOST_KEY = """
    WITH k AS MATERIALIZED (
        SELECT processor_id, ref_id, customer_id, row_id FROM ppims_replaykey
        WHERE operation = '{operation}')
    SELECT k.ref_id FROM k LEFT JOIN {table} t ON t.customer_id = k.customer_id AND t.id = k.row_id
    WHERE t.id IS NULL OR t.ref_id <> k.ref_id
        OR t.processor_id IS NULL OR t.processor_id <> k.processor_id
    LIMIT 1
"""
STRANGE_KEY = """
    SELECT ref_id FROM ppims_replaykey WHERE operation NOT IN ('CL', 'UL', 'AC', 'UC') LIMIT 1
"""
LIST_CLAIMANTS = """
    SELECT id, claimant_id FROM customers_duplicatereview WHERE claimant_id IS NOT NULL ORDER BY id
"""
IDS_AT_ONCE = 500
LOST_HOLD = """
    SELECT h.limit_check_id FROM limits_hold h LEFT JOIN limits_limitcheck c
        ON c.customer_id = h.customer_id AND c.id = h.limit_check_id
    JOIN customers_customer u ON u.unique_id = h.customer_id
    WHERE c.id IS NULL AND u.survivor_id IS NULL LIMIT 1
"""


def verify(
    *,
    exported: Seal | None = None,
    progress: ledger.Progress = lambda _: None,
    processes: int = 0,
    with_columns: bool = True,
) -> Generator[Finding, None, None]:
    """Find every row that is not as it should be, while others write; the first one first.

    `exported` is a seal that was kept elsewhere. `progress` is told how many rows were read;
    `processes` do most of it, beside this one. `with_columns` looks also for what would not fit
    into PostgreSQL's columns.
    """
    read_leanly()
    ring = map_ledger_keys()
    with read_snapshot():
        sealed = Sealed(ring, exported)
    yield from sealed.findings
    history = AboutNone()
    yield from ownerless.walk(ring, sealed, history)
    yield from ledger.walk(sealed, history, progress, processes)
    yield from kin.walk(history)
    yield from find_surely(openings.find_unapproved)
    yield from find_surely(_find_lost)
    yield from sealed.verify_heads()
    for name in append_only.list_missing():
        yield Finding(f"trigger {name}", "is missing, or not as it was made")
    for problem in nodes.list_problems():
        yield Finding(problem, "is missing, or not as it was made")
    if with_columns:
        yield from (Finding(*unfit) for unfit in column_limits.find_unfit())


def count_rows_to_read() -> int:
    """Count what `progress` will be told of in all, as it is now."""
    models = (LimitCheck, LedgerEntry, AuditEntry)
    with read_snapshot():
        return sum(model._default_manager.count() for model in models)


def _find_lost() -> Iterator[Finding]:
    """Find Ref_Ids without their answers, and holds without a check."""
    for operation, table, what, having in ANSWER_TABLES:
        words = {"operation": operation, "table": table, "having": having}
        ((ref_ids, answers),) = _read_rows(COUNT_ROWS.format(**words))
        if ref_ids != answers:
            for (ref_id,) in _read_rows(LOST_KEY.format(**words)):
                yield Finding(f"Ref_Id {ref_id} of a {what}", "points at no row of its own")
    for (ref_id,) in _read_rows(STRANGE_KEY):
        yield Finding(f"Ref_Id {ref_id}", "is of no operation")
    for (check_id,) in _read_rows(LOST_HOLD):
        yield Finding(f"hold of check {check_id}", "its check is not there")
    yield from _find_lost_claimants()


def _find_lost_claimants() -> Iterator[Finding]:
    """Find reviews whose claimant is no customer: on many machines no foreign key holds that."""
    claimed: dict[int, int] = dict(_read_rows(LIST_CLAIMANTS))
    for start in range(0, len(claimed), IDS_AT_ONCE):
        reviews = dict(islice(claimed.items(), start, start + IDS_AT_ONCE))
        known = Customer.objects.filter(pk__in=set(reviews.values())).values_list("pk", flat=True)
        there = set(known)
        for review_id, claimant in reviews.items():
            if claimant not in there:
                yield Finding(f"review {review_id}", "its claimant is not there")


def _read_rows(sql: str) -> list[Row]:
    with read_snapshot():
        return statements.read_rows(sql, ())
