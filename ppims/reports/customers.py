"""The list of customers: newest first, or of one processor by when they came through it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from django.db.models import Case, F, Q, When

from customers import people, survivors
from customers.models import Customer, Kin, Registration
from limits.models import NearLimit
from ppims.core import calendar, clock
from ppims.models import Processor
from ppims.reports.heads import OF_KIN
from ppims.reports.keyset import (
    ALL_TIME,
    PAGE_ROWS,
    Condition,
    Frame,
    Page,
    Position,
    RowBeside,
    Walk,
    read_full_page,
    read_page,
)

MERGED_CONDITION = Q(survivor_id__isnull=False) & ~Q(survivor_id=F("unique_id"))
BLOCKED_CONDITION = ("t.\"status\" = 'BLOCKED'",)
# Who was ever merged may be known by another id, or be what is asked by another's: they are looked
# up whatever is asked, and left out by what was read of them.
THROUGH_CONDITION = RowBeside(
    "customers_registration r",
    "r.customer_id = w.row_key AND r.processor_id = %s",
    otherwise=RowBeside("customers_kin k", "k.customer_id = w.row_key"),
)


@dataclass(frozen=True)
class Filters:
    """Who is wanted; None: all. `level` is a NearLimit.Level, at least so near a limit: as of the
    figures, which may be a minute old. `frame` is when they came; of one processor, to that one.
    `first_tier` is how well they were known when they came.
    """

    tier: str | None = None
    status: str | None = None
    processor_id: int | None = None
    level: int | None = None
    frame: Frame = ALL_TIME
    first_tier: str | None = None

    @property
    def is_of_arrivals(self) -> bool:
        """Whether all who came in a time frame are wanted: who was merged since came, too."""
        return self.frame != ALL_TIME and self.processor_id is None and not self.level


@dataclass(frozen=True)
class Row:
    """A customer of the list. `permille` is how much is used of the limit used most, of those who
    are watched; `is_merged`: into another, by now. Of a list of KYC changes, `tier` is what it was
    changed to, `from_tier` what before, and `changed_at` when; of a list of blocks, the tier of
    then, and when.
    """

    unique_id: int
    name: str = field(repr=False)
    tier: str
    status: str
    created_at: datetime
    permille: int | None = None
    is_merged: bool = False
    from_tier: str = ""
    changed_at: datetime | None = None


def list_customers(filters: Filters, *, cursor: str = "", rows: int = PAGE_ROWS) -> Page[Row]:
    """Read a page of customers, each once: not those who were merged into another, but of a
    processor's the one who survived. Of those who came in a time frame none is left out, so that
    they are as many as a month's figures say. Raises Http404 for a cursor of another list.

    Where who is wanted is rare a page may be cut short, after keyset.LOOKED_AT of them.
    """
    walk = _walk(filters)

    def read(positions: Sequence[Position]) -> list[Row]:
        ids = [each.id for each in positions]
        if filters.is_of_arrivals:
            return read_customers(ids)
        processor = Processor(pk=filters.processor_id)
        if walk.table == "customers_registration":
            ids = _find_survivors(_find_customers(ids), processor)
        elif filters.processor_id is not None:
            ids = _list_known(ids, processor)
        rows = read_customers(ids)
        return [row for row in rows if not row.is_merged and _is_wanted(row, filters)]

    return read_full_page(
        lambda after, most: read_page([walk], filters.frame, after, most, read), cursor, rows
    )


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
        wanted=[
            *_list_conditions(filters, tier="tier = %s", status=status),
            *_list_first_tier(filters, "row_key"),
        ],
        needs_rows=filters.first_tier is not None,
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
        wanted=[
            ("level >= %s", filters.level),
            *wanted,
            *_list_first_tier(filters, "row_key"),
        ],
    )


def _walk_processor(filters: Filters) -> Walk:
    tier, status = (
        replace(condition, otherwise=OF_KIN)
        for condition in _make_conditions_of_customer("customer_id")
    )
    wanted = _list_conditions(filters, tier=tier, status=status, through="")
    return Walk(
        0,
        "customers_registration",
        at="registered_at",
        columns=["customer_id"],
        within=[('t."processor_id" = %s', filters.processor_id)],
        wanted=[*wanted, *_list_first_tier(filters, "customer_id")],
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


def _list_first_tier(filters: Filters, key: str) -> list[Condition]:
    """List the condition of how well the customer whom a column names was known at first."""
    if filters.first_tier is None:
        return []
    first = f"k.customer_id = w.{key} AND k.from_tier = '' AND k.to_tier = %s"
    return [(RowBeside("customers_kycchange k", first), filters.first_tier)]


def _find_customers(registrations: Sequence[int]) -> list[int]:
    found = Registration.objects.only("customer_id").in_bulk(registrations)
    return [found[each].customer_id for each in registrations]


def _is_wanted(row: Row, filters: Filters) -> bool:
    """Whether somebody is what was asked: a survivor may be, or not, other than who was merged."""
    return filters.tier in {None, row.tier} and filters.status in {None, row.status}


def _list_known(ids: Sequence[int], processor: Processor) -> list[int]:
    """List which of these a processor knows, by whichever of their ids."""
    known = set(ids)
    for each in _list_of_kin(ids):
        family = survivors.find_family(each)
        if people.find_registration_in_family(processor, each, family) is None:
            known.remove(each)
    return [each for each in ids if each in known]


def _find_survivors(ids: Sequence[int], processor: Processor) -> list[int]:
    """Find whom the ids mean by which a processor knows people; one whom it knows by several only
    by that of its Cif_Id, so that a list has them once.
    """
    means = {each: each for each in ids}
    for each in _list_of_kin(ids):
        family = survivors.find_family(each)
        known_as = people.find_registration_in_family(processor, family.root, family)
        if known_as and known_as.customer_id == each:
            means[each] = family.root
        else:
            del means[each]
    return [means[each] for each in ids if each in means]


def _list_of_kin(ids: Sequence[int]) -> set[int]:
    """List which of these were ever merged."""
    of_kin = Kin.objects.filter(customer_id__in=ids)
    return set(of_kin.values_list("customer_id", flat=True))


def read_customers(ids: Sequence[int]) -> list[Row]:
    """Read customers in the order of these ids, the merged ones too."""
    names = ("unique_id", "name", "tier", "status", "created_at")
    asked = Customer.objects.filter(pk__in=ids).annotate(
        is_merged=Case(When(MERGED_CONDITION, then=True), default=False)
    )
    found = {row["unique_id"]: row for row in asked.values(*names, "is_merged")}
    month = calendar.number_ist_month(clock.now())
    near = NearLimit.objects.filter(customer_id__in=ids, month=month)
    permille = dict(near.values_list("customer_id", "permille"))
    return [Row(permille=permille.get(each), **found[each]) for each in ids if each in found]
