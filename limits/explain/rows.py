"""Reads rows of a customer's ledger, and of whom merges connected with it, as they stand beside one
row. Each statement names the customers; none joins two of them.
"""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from limits.known import CHECK_OPERATION, UPDATE_OPERATION, Check, Entry, FirstAnswer
from limits.ledger import CHECKS, EFFECT_PAISE, ENTRIES
from ppims.db import statements
from ppims.db.instants import to_indexed, write_indexed

LONGEST_HOLD = timedelta(days=1, seconds=1)  # it ends with a second
IDS_AT_ONCE = 5_000
# Each is filled in by `_write`: {kin}, {months} and {ids} are places of values.
ANSWER_COLUMNS = "t.limit_check_id, t.id, t.customer_id, t.number, {plus}t.at, t.kind, t.ref_id"
# A check is answered within its hold in its own month, and so found by that.
READ_ANSWERS = """
    SELECT {answers} FROM limits_ledgerentry t
    WHERE t.customer_id IN ({kin}) AND t.month IN ({months}) AND t.limit_check_id IN ({ids})
"""
READ_ANSWERS_OF_ONE = """
    SELECT {answers} FROM limits_ledgerentry t
    WHERE t.customer_id IN ({kin}) AND t.limit_check_id = %s AND t.kind = 'S'
    UNION ALL SELECT {answers} FROM limits_ledgerentry t
    WHERE t.customer_id IN ({kin}) AND t.month = %s AND t.limit_check_id = %s AND t.kind = 'F'
"""
BY_ID = "WHERE t.customer_id IN ({kin}) AND t.id = %s"
# The plus keeps SQLite from going through all that a customer has: an instant has few rows.
OF_INSTANT = "WHERE {plus}t.customer_id IN ({kin}) AND {at} = %s ORDER BY t.number"
MAY_HOLD = """
    WHERE t.customer_id IN ({kin}) AND t.is_allowed AND t.at > %s AND t.at <= %s
        AND t.hold_until > %s
    ORDER BY t.customer_id, t.number
"""
# Releases move nothing.
SUM_BEFORE = """
    SELECT month, direction, COUNT(*), CAST(SUM({effect}) AS bigint) FROM limits_ledgerentry t
    WHERE t.customer_id = %s AND t.month IN ({months}) AND {before} AND t.kind <> 'F'
    GROUP BY month, direction
"""
NEWEST_BEFORE = """
    WHERE t.customer_id = %s AND t.month IN ({months}) AND {before} AND t.kind <> 'F'
        AND t.direction = %s
    ORDER BY t.number DESC LIMIT %s
"""
READ_MOVES = """
    SELECT t.id, t.customer_id, t.number, {plus}t.at, t.ref_id FROM limits_ledgerentry t
    WHERE t.customer_id IN ({kin}) AND t.kind = 'M'
"""
BY_TRAN_ID = """
    WHERE t.tran_id = %s AND t.customer_id IN ({kin}) AND t.processor_id = %s AND t.kind = 'S'
"""
GIVING_BACK = """
    WHERE t.customer_id IN ({kin}) AND t.month IN ({months}) AND t.reverses_id IN ({ids})
"""
READ_KEY = """
    SELECT customer_id, row_id, digests FROM ppims_replaykey
    WHERE processor_id = %s AND operation = %s AND ref_id = %s
"""
READ_DIGEST_BEFORE = "SELECT digest FROM limits_ledgerentry WHERE customer_id = %s AND number = %s"
READ_CREATED = (
    "SELECT unique_id, {plus}created_at FROM customers_customer WHERE unique_id IN ({kin})"
)


class MoveRow(NamedTuple):
    """Where an entry of a merge stands."""

    id: int
    customer_id: int
    number: int
    at: datetime
    ref_id: str


class Answer(NamedTuple):
    """An entry that settled or released a check."""

    check_id: int
    id: int
    customer_id: int
    number: int
    at: datetime
    kind: str
    ref_id: str


class Before(NamedTuple):
    """What came before a row, as a statement says it of entries."""

    sql: str
    value: Any


def read_check(customer_ids: Sequence[int], row_id: int) -> Check | None:
    found = _read_checks(BY_ID, customer_ids, [row_id])
    return found[0] if found else None


def read_entry(customer_ids: Sequence[int], row_id: int) -> Entry | None:
    found = _read_entries(BY_ID, customer_ids, [row_id])
    return found[0] if found else None


def list_entries_of_instant(customer_ids: Sequence[int], at: datetime) -> list[Entry]:
    """List the entries of one instant: what of them came before a check, its figures tell."""
    return _read_entries(OF_INSTANT, customer_ids, [to_indexed(at)])


def list_checks_of_instant(customer_ids: Sequence[int], at: datetime) -> list[Check]:
    return _read_checks(OF_INSTANT, customer_ids, [to_indexed(at)])


def list_checks_that_may_hold(customer_ids: Sequence[int], at: datetime) -> list[Check]:
    """List the allowed checks whose time is not up at an instant, answered or not."""
    values = [at - LONGEST_HOLD, at, at]
    return _read_checks(MAY_HOLD, customer_ids, [statements.store_value(each) for each in values])


def list_answers(customer_ids: Sequence[int], checks: Sequence[Check]) -> list[Answer]:
    """List what answered some checks while they were held."""
    found: list[Answer] = []
    for start in range(0, len(checks), IDS_AT_ONCE):
        some = checks[start : start + IDS_AT_ONCE]
        months = sorted({check.month for check in some})
        sql = _write(READ_ANSWERS, kin=customer_ids, months=months, ids=some)
        found += _read_answers(sql, [*customer_ids, *months, *(check.id for check in some)])
    return found


def list_answers_of_one(customer_ids: Sequence[int], check: Check) -> list[Answer]:
    """List whatever settled or released a check, however late."""
    sql = _write(READ_ANSWERS_OF_ONE, kin=customer_ids)
    values = [*customer_ids, check.id, *customer_ids, check.month, check.id]
    return _read_answers(sql, values)


def sum_before(
    customer_id: int, months: Sequence[int], before: Before
) -> dict[tuple[int, str], tuple[int, int]]:
    """Sum up what came before in some months: how many entries, and their paise, by month and
    direction.
    """
    sql = _write(SUM_BEFORE.replace("{before}", before.sql), months=months)
    rows = statements.read_rows(sql, [customer_id, *months, before.value])
    return {(month, direction): (count, paise) for month, direction, count, paise in rows}


def list_newest_before(
    customer_id: int, months: Sequence[int], direction: str, before: Before, most: int
) -> list[Entry]:
    """List the newest entries that came before and moved something, newest first."""
    tail = _write(NEWEST_BEFORE.replace("{before}", before.sql), months=months)
    values = [customer_id, *months, before.value, direction, most]
    return _make_entries(statements.read_rows(ENTRIES.write_select(tail), values))


def list_move_rows(customer_ids: Sequence[int]) -> list[MoveRow]:
    sql = _write(READ_MOVES, kin=customer_ids)
    return [
        MoveRow(row_id, owner, number, _read_at(at), ref_id)
        for row_id, owner, number, at, ref_id in statements.read_rows(sql, [*customer_ids])
    ]


def list_posted(customer_ids: Sequence[int], processor_id: int, tran_id: str) -> list[Entry]:
    tail = _write(BY_TRAN_ID, kin=customer_ids)
    values = [tran_id, *customer_ids, processor_id]
    return _make_entries(statements.read_rows(ENTRIES.write_select(tail), values))


def list_giving_back(customer_ids: Sequence[int], postings: Sequence[Entry]) -> list[Entry]:
    """List the reversals of postings, and the corrections that name them."""
    if not postings:
        return []
    months = sorted({each.month for each in postings})
    tail = _write(GIVING_BACK, kin=customer_ids, months=months, ids=postings)
    values = [*customer_ids, *months, *(each.id for each in postings)]
    return _make_entries(statements.read_rows(ENTRIES.write_select(tail), values))


def read_key(processor_id: int, operation: str, ref_id: str) -> FirstAnswer | None:
    """Read what a Ref_Id led to."""
    row = statements.read_row(READ_KEY, [processor_id, operation, ref_id])
    return FirstAnswer(row[0], row[1], bytes(row[2])) if row else None


def read_own_key(row: Check | Entry) -> FirstAnswer | None:
    """Read what a row's own Ref_Id led to; None also of what has none."""
    operation = CHECK_OPERATION if isinstance(row, Check) else UPDATE_OPERATION
    return read_key(row.processor_id, operation, row.ref_id) if row.processor_id else None


def read_digest_before(entry: Entry) -> bytes | None:
    """Read the digest that an entry is chained to; None: it is gone."""
    if entry.number == 1:
        return b""
    found = statements.read_row(READ_DIGEST_BEFORE, [entry.customer_id, entry.number - 1])
    return bytes(found[0]) if found else None


def list_oldest_first(customer_ids: Sequence[int]) -> list[int]:
    """List customers in the order in which they were added."""
    sql = _write(READ_CREATED, kin=customer_ids)
    since = {row[0]: _read_at(row[1]) for row in statements.read_rows(sql, [*customer_ids])}
    return sorted(since, key=lambda each: (since[each], each))


def _read_checks(tail: str, customer_ids: Sequence[int], values: Sequence[Any]) -> list[Check]:
    sql = CHECKS.write_select(_write(tail, kin=customer_ids))
    rows = statements.read_rows(sql, [*customer_ids, *values])
    return [Check(*CHECKS.read_values(row)) for row in rows]


def _read_entries(tail: str, customer_ids: Sequence[int], values: Sequence[Any]) -> list[Entry]:
    sql = ENTRIES.write_select(_write(tail, kin=customer_ids))
    return _make_entries(statements.read_rows(sql, [*customer_ids, *values]))


def _make_entries(rows: Iterable[Sequence[Any]]) -> list[Entry]:
    return [Entry(*ENTRIES.read_values(row)) for row in rows]


def _read_answers(sql: str, values: Sequence[Any]) -> list[Answer]:
    return [
        Answer(check_id, row_id, owner, number, _read_at(at), kind, ref_id)
        for check_id, row_id, owner, number, at, kind, ref_id in statements.read_rows(sql, values)
    ]


def _read_at(value: Any) -> datetime:
    at = statements.read_instant(value)
    assert at
    return at


def _write(sql: str, **places: Sequence[Any]) -> str:
    """Fill in a statement: with constants, and with places for values."""
    listed = {name: ", ".join(["%s"] * len(values)) for name, values in places.items()}
    plus = statements.choose_by_database({"sqlite": "+", "postgresql": ""})
    answers = ANSWER_COLUMNS.format(plus=plus)
    return sql.format(
        **listed, plus=plus, answers=answers, at=write_indexed("t.at"), effect=EFFECT_PAISE
    )
