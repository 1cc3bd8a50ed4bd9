"""The audit, last first: who did what, about which customer, for which processor."""

from collections.abc import Sequence
from dataclasses import dataclass

from ppims.db.instants import write_microseconds
from ppims.models import AuditEntry
from ppims.reports.keyset import (
    ALL_TIME,
    PAGE_ROWS,
    Condition,
    Frame,
    Page,
    Position,
    Walk,
    find_among_few,
    make_page,
    read_page,
    read_position,
)

AUDIT_RANK = 0  # it is the only source of its list
# What processors do alone: of all else the shorter index knows.
PROCESSOR_ACTIONS = {
    *("customer added", "customer known already", "customer updated", "report refused"),
}
# What the index of staff, and of the installation itself, is of.
NOT_BY_PROCESSOR_ALONE = ('(t."processor_id" IS NULL OR t."user_id" IS NOT NULL)',)
ABOUT_CUSTOMER = """
    SELECT {at} AS moment, id AS row_key, user_id, processor_id, action
    FROM ppims_auditentry t WHERE subject = %s
"""


@dataclass(frozen=True)
class AuditFilters:
    """What is wanted; None: all."""

    user_id: int | None = None
    action: str | None = None
    customer_id: int | None = None
    processor_id: int | None = None
    frame: Frame = ALL_TIME


def list_audit(
    filters: AuditFilters, *, cursor: str = "", rows: int = PAGE_ROWS
) -> Page[AuditEntry]:
    """Read a page of the audit, last first. Raises Http404 for a cursor of another list.

    Where what is wanted is rare a page may be cut short, after keyset.LOOKED_AT index entries.
    """
    wanted = _list_wanted(filters)
    if filters.customer_id is not None:
        after, few = read_position(cursor), ABOUT_CUSTOMER.format(at=write_microseconds("t.at"))
        found = find_among_few(
            few, [filters.customer_id], filters.frame, after, AUDIT_RANK, rows + 1, wanted
        )
        return make_page(found, None, rows, _read_entries)
    columns, within = ["processor_id", "action"], []
    if filters.user_id is not None or _is_never_of_processor(filters.action):
        columns, within = ["user_id", *columns], [NOT_BY_PROCESSOR_ALONE]
    walk = Walk(AUDIT_RANK, "ppims_auditentry", columns=columns, within=within, wanted=wanted)
    return read_page([walk], filters.frame, cursor, rows, _read_entries)


def _is_never_of_processor(action: str | None) -> bool:
    return action is not None and action not in PROCESSOR_ACTIONS


def _list_wanted(filters: AuditFilters) -> list[Condition]:
    asked = {
        "user_id": filters.user_id,
        "action": filters.action,
        "processor_id": filters.processor_id,
    }
    return [(f"{name} = %s", value) for name, value in asked.items() if value is not None]


def _read_entries(positions: Sequence[Position]) -> list[AuditEntry]:
    """Read the entries at positions, in their order, without what signs them."""
    found = AuditEntry.objects.defer("key_id", "mac").in_bulk([each.id for each in positions])
    return [found[each.id] for each in positions]
