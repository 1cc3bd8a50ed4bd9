"""Whom staff blocked in a month, each with the KYC of then. The figures and their lists read the
same; how many there were in the month is what it takes.
"""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from customers.models import KycChange
from ppims.core import calendar
from ppims.db import statements
from ppims.db.instants import to_indexed, write_indexed, write_microseconds
from ppims.reports.month_span import Span

BLOCKED_ACTION = "customer blocked"
IDS_AT_ONCE = 500
# Its first condition is that of the index of what staff did.
LIST_BLOCKED = """
    SELECT {micros}, t.id, t.subject FROM ppims_auditentry t
    WHERE (t."processor_id" IS NULL OR t."user_id" IS NOT NULL) AND {at} >= %s AND {at} < %s
        AND t.user_id IS NOT NULL AND t.action = %s
    ORDER BY 1 DESC, 2 DESC
"""


@dataclass(frozen=True)
class Block:
    """A customer who was blocked, when, and the tier of then; `id` is that of the audit's entry."""

    at: datetime
    id: int
    customer_id: int
    tier: str


def list_blocks(span: Span) -> list[Block]:
    """List the blocks of a month by staff, the last first."""
    sql = LIST_BLOCKED.format(micros=write_microseconds('t."at"'), at=write_indexed('t."at"'))
    bounds = [to_indexed(span.since), to_indexed(span.until)]
    rows = list(statements.read_rows(sql, [*bounds, BLOCKED_ACTION]))
    changes = _read_changes(sorted({customer_id for *_, customer_id in rows}), span)
    blocks = []
    for micros, number, customer_id in rows:
        at = calendar.from_microseconds(micros)
        tiers = [tier for since, tier in changes[customer_id] if since <= at]
        if tiers:  # everybody has one from the first instant on
            blocks.append(Block(at, number, customer_id, tiers[-1]))
    return blocks


def _read_changes(ids: list[int], span: Span) -> dict[int, list[tuple[datetime, str]]]:
    """Read when which tier began, of each customer until the month's end."""
    found: dict[int, list[tuple[datetime, str]]] = defaultdict(list)
    for start in range(0, len(ids), IDS_AT_ONCE):
        some = ids[start : start + IDS_AT_ONCE]
        changes = KycChange.objects.filter(customer_id__in=some, at__lt=span.until)
        rows = changes.order_by("at", "pk").values_list("customer_id", "at", "to_tier")
        for customer_id, at, tier in rows:
            found[customer_id].append((at, tier))
    return found
