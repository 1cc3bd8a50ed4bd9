"""The list of customers: newest first, or of one processor by when they came through it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db.models import F, Q

from customers import survivors
from customers.models import Customer, Registration
from limits.models import NearLimit
from ppims.core import calendar, clock
from ppims.reports.keyset import (
    ALL_TIME,
    PAGE_ROWS,
    Condition,
    Frame,
    Page,
    Position,
    RowBeside,
    Walk,
    read_page,
)

NOT_MERGED = Q(survivor_id__isnull=True) | Q(survivor_id=F("unique_id"))
BLOCKED_CONDITION = ("t.\"status\" = 'BLOCKED'",)
THROUGH_CONDITION = RowBeside(
    "customers_registration r", "r.customer_id = w.row_key AND r.processor_id = %s"
)


@dataclass(frozen=True)
class Filters:
    """Who is wanted; None: all. `level` is a NearLimit.Level, at least so near a limit: as of the
    figures, which may be a minute old. `frame` is when they came; of one processor, to that one.
    """

    tier: str | None = None
    status: str | None = None
    processor_id: int | None = None
    level: int | None = None
    frame: Frame = ALL_TIME


@dataclass(frozen=True)
class Row:
    """A customer of the list. `permille` is how much is used of the limit used most, of those who
    are watched.
    """

    unique_id: int
    name: str = field(repr=False)
    tier: str
    status: str
    created_at: datetime
    permille: int | None = None


def list_customers(filters: Filters, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[Row]:
    """Read a page of customers, each once: not those who were merged into another, but of a
    processor's the one who survived. Raises Http404 for a cursor of another list.

    Where who is wanted is rare a page may be cut short, after keyset.LOOKED_AT of them.
    """
    walk = _walk(filters)

    def read(positions: Sequence[Position]) -> list[Row]:
        ids = [each.id for each in positions]
        if walk.table != "customers_registration":
            return _read(ids)
        found = _read(list(dict.fromkeys(_find_survivors(_read_customers(ids)))))
        return [row for row in found if _is_wanted(row, filters)]

    return read_page([walk], filters.frame, cursor, rows, read)


def _walk(filters: Filters) -> Walk:
    is_of_blocked = filters.status == Customer.Status.BLOCKED
    if filters.level:
        return _walk_near(filters)
    if filters.processor_id is not None and not is_of_blocked:
        return _walk_processor(filters)
    status = "" if is_of_blocked else "status = %s"  # the blocked have an index of their own
    return Walk(
        0,
        "customers_customer",
        key="unique_id",
        at="created_at",
        columns=["tier", "status"],
        within=[BLOCKED_CONDITION] if is_of_blocked else [],
        wanted=_list_conditions(filters, tier="tier = %s", status=status),
    )


def _walk_near(filters: Filters) -> Walk:
    tier, status = _make_conditions_of_customer("row_key")
    wanted = _list_conditions(filters, tier=tier, status=status)
    return Walk(
        0,
        "limits_watched",
        key="customer_id",
        at="created_at",
        columns=["level"],
        within=[('t."month" = %s', calendar.number_ist_month(clock.now()))],
        wanted=[("level >= %s", filters.level), *wanted],
    )


def _walk_processor(filters: Filters) -> Walk:
    tier, status = _make_conditions_of_customer("customer_id")
    wanted = _list_conditions(filters, tier=tier, status=status, through="")
    return Walk(
        0,
        "customers_registration",
        at="registered_at",
        columns=["customer_id"],
        within=[('t."processor_id" = %s', filters.processor_id)],
        wanted=wanted,
    )


def _make_conditions_of_customer(key: str) -> list[RowBeside]:
    """Make the conditions of the customer whom a column names: the tier, and the status."""
    return [
        RowBeside("customers_customer c", f"c.unique_id = w.{key} AND c.{column} = %s")
        for column in ("tier", "status")
    ]


def _list_conditions(
    filters: Filters,
    *,
    tier: str | RowBeside,
    status: str | RowBeside,
    through: str | RowBeside = THROUGH_CONDITION,
) -> list[Condition]:
    """List the conditions of what is asked; "" is one that the walk meets by itself."""
    asked = ((tier, filters.tier), (status, filters.status), (through, filters.processor_id))
    return [(sql, value) for sql, value in asked if sql and value is not None]


def _read_customers(registrations: Sequence[int]) -> list[int]:
    found = Registration.objects.only("customer_id").in_bulk(registrations)
    return [found[each].customer_id for each in registrations]


def _is_wanted(row: Row, filters: Filters) -> bool:
    """Whether a survivor is what was asked of the one who was merged into them."""
    return filters.tier in {None, row.tier} and filters.status in {None, row.status}


def _find_survivors(ids: Sequence[int]) -> list[int]:
    roots = survivors.find_roots(ids)
    return [roots[each] for each in ids]


def _read(ids: Sequence[int]) -> list[Row]:
    names = ("unique_id", "name", "tier", "status", "created_at")
    themselves = Customer.objects.filter(NOT_MERGED, pk__in=ids)
    found = {row["unique_id"]: row for row in themselves.values(*names)}
    month = calendar.number_ist_month(clock.now())
    near = NearLimit.objects.filter(customer_id__in=ids, month=month)
    permille = dict(near.values_list("customer_id", "permille"))
    return [Row(permille=permille.get(each), **found[each]) for each in ids if each in found]
