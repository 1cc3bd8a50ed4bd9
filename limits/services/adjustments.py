"""Staff corrections of what is used in a month: proposed by one person, approved by another, and
then a ledger entry like any other (docs/ledger.md, "Adjustments").
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Model, Q, Sum

from customers import survivors
from customers.models import Customer, Kin
from limits import ledger
from limits.known import ApprovedCorrection, Request
from limits.models import Adjustment, Direction, LedgerEntry, LedgerHead, MonthlyUsage
from limits.services.owned import sum_owned
from limits.stores.carry_out import carry_out
from limits.stores.kin import lock_root
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed, UnknownCustomer
from ppims.core.free_text import require_text, trim
from ppims.db.group_commit import run_alone
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, User
from ppims.services.four_eyes import Proposals

Kind = LedgerEntry.Kind
FIRST_MONTH = 190001
MOST_PAISE = 10**14
UNBOOKABLE_REASON = (
    "takes away what is not used, or what its processor is to reverse by its Tran_Id"
)


@dataclass(frozen=True)
class Correction:
    """What is to be added to a customer's usage of a month (202611); below zero: taken away."""

    unique_id: int
    month: int
    direction: str
    amount_paise: int
    reason: str


@wrap_in_transaction
def propose(*, correction: Correction, user: User, operator: str = "") -> Adjustment:
    """Propose a correction; nothing changes until another person approves it. `operator` is who
    typed it at the machine, if it was there.

    Raises Malformed naming each wrong field, or UnknownCustomer.
    """
    at = clock.now()
    _judge(correction, at)
    adjustment = Adjustment(
        customer_id=correction.unique_id,
        month=correction.month,
        direction=correction.direction,
        amount_paise=correction.amount_paise,
        reason=trim(correction.reason),
        maker=user,
        operator=operator,
        proposed_at=at,
    )
    return ADJUSTMENT_PROPOSALS.keep(adjustment)


def find_unbookable(rows: Sequence[Adjustment], at: datetime) -> set[int]:
    """Tell which proposals would be refused if they were approved now, by their keys.

    What is used has to stay enough for every reversal that may still come: those are never
    refused, and nothing may fall below zero.
    """
    takes = [row for row in rows if row.amount_paise < 0]
    roots = survivors.find_roots(row.customer_id for row in takes)
    of_customers = {"customer_id__in": {*roots.values()}}
    of_months = {**of_customers, "month__in": {row.month for row in takes}}
    reversible = _sum_reversible(of_months)
    cached = {(u.customer_id, u.month): u for u in MonthlyUsage.objects.filter(**of_months)}
    found = set()
    for row in takes:
        customer_id = roots[row.customer_id]
        usage = cached.get((customer_id, row.month))
        used = (
            ledger.read_usage(customer_id, [row.month], at).used[row.month, row.direction]
            if usage is None
            else _get_direction(usage, row.direction)
        )
        if used + row.amount_paise < reversible.get((customer_id, row.month, row.direction), 0):
            found.add(row.pk)
    return found


def _sum_reversible(of_months: dict[str, Any]) -> dict[tuple[int, int, str], int]:
    """Sum what processors may still reverse, by customer, month and direction."""
    still = Sum("amount_paise", filter=Q(kind=Kind.POST) & ~Q(tran_id=""), default=0) - Sum(
        "amount_paise", filter=Q(kind=Kind.REVERSE), default=0
    )
    keys = ("customer_id", "month", "direction")
    sums = LedgerEntry.objects.filter(**of_months).order_by().values(*keys).annotate(still=still)
    found = {
        (customer, month, way): paise
        for customer, month, way, paise in sums.values_list(*keys, "still")
    }
    return found | _sum_reversible_of_kin(of_months)


def _sum_reversible_of_kin(of_months: dict[str, Any]) -> dict[tuple[int, int, str], int]:
    """Sum the same of whom merges connected with others, whosever ledger the postings are in."""
    customers = Kin.objects.filter(customer_id__in=of_months["customer_id__in"])
    found: dict[tuple[int, int, str], int] = {}
    for customer in set(customers.values_list("customer_id", flat=True)):
        owned = sum_owned(survivors.list_family(customer), survivors.list_kin(customer))
        found |= {
            (customer, month, way): owned.reversible[month, way]
            for month in of_months["month__in"]
            for way in Direction.values
        }
    return found


def _get_direction(usage: MonthlyUsage, direction: str) -> int:
    return usage.debit_paise if direction == Direction.DEBIT else usage.credit_paise


def _judge(correction: Correction, at: datetime) -> None:
    errors = []
    if not Customer.objects.filter(pk=correction.unique_id).exists():
        raise UnknownCustomer
    is_month = correction.month % 100 in range(1, 13)
    if not (is_month and FIRST_MONTH <= correction.month <= calendar.number_ist_month(at)):
        errors.append(("month", "is a month until now, such as 202611"))
    if correction.direction not in Direction.values:
        errors.append(("direction", "is D or C"))
    if not 0 < abs(correction.amount_paise) < MOST_PAISE:
        errors.append(("amount_paise", "is not zero, and below a lakh crore rupees"))
    try:
        require_text(correction.reason, "reason", most=LONGEST_NOTE)
    except Malformed as malformed:
        errors += malformed.errors
    if errors:
        raise Malformed(errors)


def _carry_out(adjustment: Adjustment, head: LedgerHead, at: datetime) -> list[Model]:
    """Book it. Raises Conflict where it would take away what can't be taken."""
    if find_unbookable([adjustment], at):
        raise Conflict([("amount_paise", UNBOOKABLE_REASON)])
    correction = ApprovedCorrection(
        adjustment.customer_id,
        adjustment.month,
        adjustment.direction,
        adjustment.amount_paise,
        adjustment.pk,
    )
    run_alone(Request(correction), carry_out)
    return []  # the ledger proves the entry itself


def _describe(adjustment: Adjustment) -> dict[str, object]:
    fields = ["month", "direction", "amount_paise", "reason"]
    return {"adjustment": adjustment.pk, **{n: getattr(adjustment, n) for n in fields}}


ADJUSTMENT_PROPOSALS = Proposals(
    model=Adjustment,
    name="adjustment",
    lock=lambda adjustment: lock_root(adjustment.customer_id),
    carry_out=_carry_out,
    describe=_describe,
)
decide = ADJUSTMENT_PROPOSALS.decide
