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
from limits import ledger, queries
from limits.known import ApprovedCorrection, Request
from limits.models import (
    Adjustment,
    Direction,
    LedgerEntry,
    LedgerHead,
    MonthlyUsage,
    PostingFinding,
)
from limits.services import findings
from limits.services.owned import sum_owned
from limits.stores.carry_out import carry_out
from limits.stores.kin import lock_root
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed, UnknownCustomer
from ppims.core.free_text import require_text, trim
from ppims.db.group_commit import run_alone
from ppims.db.transaction import wrap_in_transaction
from ppims.models import LONGEST_NOTE, FourEyes, User
from ppims.services.four_eyes import Proposals

Kind = LedgerEntry.Kind
FIRST_MONTH = 190001
MOST_PAISE = 10**14
UNBOOKABLE_REASON = (
    "takes away what is not used, or what its processor is to reverse by its Tran_Id; or more than"
    " is left of the posting that it names"
)


@dataclass(frozen=True)
class Correction:
    """What is to be added to a customer's usage of a month (202611); below zero: taken away.
    `posting_id` names the posting that it is taken away of: its month and direction are that one's.
    """

    unique_id: int
    month: int
    direction: str
    amount_paise: int
    reason: str
    posting_id: int | None = None


@wrap_in_transaction
def propose(
    *,
    correction: Correction,
    user: User,
    operator: str = "",
    closes: LedgerEntry | None = None,
) -> Adjustment:
    """Propose a correction; nothing changes until another person approves it. `operator` is who
    typed it at the machine, if it was there. `closes`: the flagged entry that it puts right, which
    is closed as such, with the same reason.

    Raises Malformed naming each wrong field, or UnknownCustomer; Conflict where what it closes is
    closed.
    """
    at = clock.now()
    _judge(correction, at)
    adjustment = Adjustment(
        customer_id=correction.unique_id,
        month=correction.month,
        direction=correction.direction,
        amount_paise=correction.amount_paise,
        reason=trim(correction.reason),
        posting_id=correction.posting_id,
        maker=user,
        operator=operator,
        proposed_at=at,
    )
    kept = ADJUSTMENT_PROPOSALS.keep(adjustment)
    if closes is not None:
        put_right = PostingFinding.Finding.PUT_RIGHT
        findings.note(closes, finding=put_right, note=correction.reason, user=user)
    return kept


def is_month_until(number: int, this_month: int) -> bool:
    """Return whether a number such as 202611 is a month that may be corrected."""
    return number % 100 in range(1, 13) and FIRST_MONTH <= number <= this_month


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
    named = _read_named(takes)
    found = set()
    for row in takes:
        customer_id = roots[row.customer_id]
        to_reverse = reversible.get((customer_id, row.month, row.direction), 0)
        if row.posting_id is not None:
            posting, left = named.get(row.posting_id, (None, 0))
            if posting is None or left + row.amount_paise < 0:
                found.add(row.pk)
                continue
            if survivors.find_root(posting.unique_id_sent) != customer_id:
                found.add(row.pk)  # they were parted since
                continue
            if posting.tran_id:  # with it its processor may reverse so much less
                to_reverse += row.amount_paise
        usage = cached.get((customer_id, row.month))
        used = (
            ledger.read_usage(customer_id, [row.month], at).used[row.month, row.direction]
            if usage is None
            else _get_direction(usage, row.direction)
        )
        if used + row.amount_paise < to_reverse:
            found.add(row.pk)
    return found


def list_waiting_for(posting: LedgerEntry) -> list[Adjustment]:
    """List the corrections that wait and name a posting, the first of them first."""
    owners = survivors.list_kin(posting.customer_id)
    named = Adjustment.objects.filter(customer_id__in=owners, posting_id=posting.pk)
    return list(named.filter(state=FourEyes.State.PROPOSED).order_by("pk"))


def _sum_reversible(of_months: dict[str, Any]) -> dict[tuple[int, int, str], int]:
    """Sum what processors may still reverse, by customer, month and direction."""
    # Corrections that name such a posting have its Tran_Id, and are below zero.
    booked = Q(kind__in=[Kind.POST, Kind.ADJUST]) & ~Q(tran_id="")
    still = Sum("amount_paise", filter=booked, default=0) - Sum(
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


def _read_named(rows: Sequence[Adjustment]) -> dict[int, tuple[LedgerEntry, int]]:
    """Read the postings that corrections name, and what is left of each: paise."""
    if not any(row.posting_id for row in rows):
        return {}
    postings = LedgerEntry.objects.filter(
        customer_id__in=survivors.list_all_kin({row.customer_id for row in rows}),
        pk__in=[row.posting_id for row in rows if row.posting_id],
        kind=Kind.POST,
    )
    given_back = queries.sum_given_back(postings)
    return {each.pk: (each, each.amount_paise - given_back.get(each.pk, 0)) for each in postings}


def _get_direction(usage: MonthlyUsage, direction: str) -> int:
    return usage.debit_paise if direction == Direction.DEBIT else usage.credit_paise


def _judge(correction: Correction, at: datetime) -> None:
    errors = []
    if not Customer.objects.filter(pk=correction.unique_id).exists():
        raise UnknownCustomer
    if not is_month_until(correction.month, calendar.number_ist_month(at)):
        errors.append(("month", "is a month until now, such as 202611"))
    if correction.direction not in Direction.values:
        errors.append(("direction", "is D or C"))
    if not 0 < abs(correction.amount_paise) < MOST_PAISE:
        errors.append(("amount_paise", "is not zero, and below a lakh crore rupees"))
    if correction.posting_id is not None:
        errors += _judge_named(correction, correction.posting_id)
    try:
        require_text(correction.reason, "reason", most=LONGEST_NOTE)
    except Malformed as malformed:
        errors += malformed.errors
    if errors:
        raise Malformed(errors)


def _judge_named(correction: Correction, posting_id: int) -> list[tuple[str, str]]:
    posting = LedgerEntry.objects.filter(
        customer_id__in=survivors.list_kin(correction.unique_id), pk=posting_id, kind=Kind.POST
    ).first()
    root = survivors.find_root(correction.unique_id)
    if posting is None or survivors.find_root(posting.unique_id_sent) != root:
        return [("posting_id", "is a posting of this customer")]
    if (posting.month, posting.direction) != (correction.month, correction.direction):
        return [("posting_id", "is posted in another month, or in the other direction")]
    left = posting.amount_paise - queries.sum_given_back([posting]).get(posting.pk, 0)
    if not 0 < -correction.amount_paise <= left:
        return [("amount_paise", "takes away at most what is left of the posting")]
    return []


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
        adjustment.posting_id,
        _find_tran_id(adjustment),
    )
    run_alone(Request(correction), carry_out)
    return []  # the ledger proves the entry itself


def _find_tran_id(adjustment: Adjustment) -> str:
    if adjustment.posting_id is None:
        return ""
    owners = survivors.list_kin(adjustment.customer_id)
    named = LedgerEntry.objects.filter(customer_id__in=owners)
    return named.get(pk=adjustment.posting_id).tran_id


def _describe(adjustment: Adjustment) -> dict[str, object]:
    """Describe it for the audit, with what is used of the month before it and after, in paise."""
    fields = ["month", "direction", "amount_paise", "reason"]
    month, at = adjustment.month, adjustment.decided_at or adjustment.proposed_at
    usage = ledger.read_usage(survivors.find_root(adjustment.customer_id), [month], at)
    is_booked = adjustment.state == Adjustment.State.APPROVED
    used = usage.used[month, adjustment.direction]
    before = used - adjustment.amount_paise if is_booked else used
    named = {} if adjustment.posting_id is None else {"posting": adjustment.posting_id}
    return {
        "adjustment": adjustment.pk,
        **{n: getattr(adjustment, n) for n in fields},
        **named,
        "before": before,
        "after": before + adjustment.amount_paise,
    }


ADJUSTMENT_PROPOSALS = Proposals(
    model=Adjustment,
    name="adjustment",
    lock=lambda adjustment: lock_root(adjustment.customer_id),
    carry_out=_carry_out,
    describe=_describe,
)
decide = ADJUSTMENT_PROPOSALS.decide
