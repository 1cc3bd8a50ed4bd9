"""The list of customers: newest first, or of one processor by when they came through it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from customers.models import Customer, Registration
from limits.models import Watched
from ppims.core import clock
from ppims.reports import keyset
from ppims.reports.keyset import ALL_TIME, Condition, Page, Position, Walk

BLOCKED_CONDITION = ("t.\"status\" = 'BLOCKED'",)
OF_TIER = "EXISTS (SELECT 1 FROM customers_customer c WHERE c.unique_id = {key} AND c.tier = %s)"
OF_STATUS = (
    "EXISTS (SELECT 1 FROM customers_customer c WHERE c.unique_id = {key} AND c.status = %s)"
)
THROUGH_CONDITION = (
    "EXISTS (SELECT 1 FROM customers_registration r"
    " WHERE r.customer_id = row_key AND r.processor_id = %s)"
)


@dataclass(frozen=True)
class Filters:
    """Who is wanted; None: all. `level` is a Watched.Level, at least so near a limit: as of the
    figures, which may be a minute old.
    """

    tier: str | None = None
    status: str | None = None
    processor_id: int | None = None
    level: int | None = None


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


def list_customers(
    filters: Filters, *, cursor: str = "", rows: int = keyset.PAGE_ROWS
) -> Page[Row]:
    """Give a page of customers. Raises Http404 for a cursor of another list.

    Where who is wanted is rare a page may be cut short, after keyset.LOOKED_AT of them.
    """
    walk = _walk(filters)

    def read(positions: Sequence[Position]) -> list[Row]:
        ids = [each.id for each in positions]
        return _read(_read_customers(ids) if walk.table == "customers_registration" else ids)

    return keyset.read_page([walk], ALL_TIME, cursor, rows, read)


def _walk(filters: Filters) -> Walk:
    if filters.level:
        return _walk_near(filters)
    if filters.processor_id is not None and filters.status != Customer.Status.BLOCKED:
        return _walk_processor(filters, filters.processor_id)
    wanted = _list_conditions(filters, tier="tier = %s", status="status = %s")
    within = []
    if filters.status == Customer.Status.BLOCKED:
        within = [BLOCKED_CONDITION]
        wanted = _list_conditions(
            Filters(filters.tier, None, filters.processor_id), tier="tier = %s"
        )
    return Walk(
        0,
        "customers_customer",
        key="unique_id",
        at="created_at",
        columns=["tier", "status"],
        within=within,
        wanted=wanted,
    )


def _walk_near(filters: Filters) -> Walk:
    """Walk through those who are near a limit this month."""
    wanted = _list_conditions(
        filters, tier=OF_TIER.format(key="row_key"), status=OF_STATUS.format(key="row_key")
    )
    return Walk(
        0,
        "limits_watched",
        key="customer_id",
        at="created_at",
        columns=["level"],
        within=[('t."month" = %s', clock.number_ist_month(clock.now())), ('t."level" > 0',)],
        wanted=[("level >= %s", filters.level), *wanted],
    )


def _walk_processor(filters: Filters, processor_id: int) -> Walk:
    """Walk through one processor's registrations."""
    wanted = _list_conditions(
        Filters(filters.tier, filters.status),
        tier=OF_TIER.format(key="customer_id"),
        status=OF_STATUS.format(key="customer_id"),
    )
    return Walk(
        0,
        "customers_registration",
        at="registered_at",
        columns=["customer_id"],
        within=[('t."processor_id" = %s', processor_id)],
        wanted=wanted,
    )


def _list_conditions(filters: Filters, *, tier: str, status: str = "") -> list[Condition]:
    asked = (
        (tier, filters.tier),
        (status, filters.status),
        (THROUGH_CONDITION, filters.processor_id),
    )
    return [each for each in asked if each[1] is not None]


def _read_customers(registrations: Sequence[int]) -> list[int]:
    found = Registration.objects.filter(pk__in=registrations).values_list("pk", "customer_id")
    customer_of = dict(found)
    return [customer_of[each] for each in registrations]


def _read(ids: Sequence[int]) -> list[Row]:
    names = ("unique_id", "name", "tier", "status", "created_at")
    found = {row["unique_id"]: row for row in Customer.objects.filter(pk__in=ids).values(*names)}
    month = clock.number_ist_month(clock.now())
    near = Watched.objects.filter(customer_id__in=ids, month=month, level__gt=0)
    permille = dict(near.values_list("customer_id", "permille"))
    return [Row(permille=permille.get(each), **found[each]) for each in ids]
