"""Report after a transaction: posted, released or reversed. A real spend is never lost: limits.md
section 6.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from django.db.models import Sum

from customers import records
from customers.models import Customer
from limits import decision, ledger
from limits.decision import Gauge
from limits.models import Direction, LedgerEntry, LedgerHead, LimitCheck
from limits.queries import find_rules, is_account_usable
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.db import statements
from ppims.db.statements import store_value
from ppims.db.transaction import run_in_transaction
from ppims.models import Operation, ReplayKey
from ppims.services import idempotency
from ppims.services.idempotency import Call

Kind, Flag = LedgerEntry.Kind, LedgerEntry.Flag

# In the index's own words: SQLite takes a partial index by no others.
FIND_POSTED = """
    WHERE customer_id = %s AND processor_id = %s AND tran_id = %s AND direction = %s
        AND kind = 'S' AND NOT (tran_id = '')
"""
FIND_NAMED = """
    JOIN ppims_replaykey k ON k.row_id = t.id
    WHERE k.processor_id = %s AND k.operation = 'CL' AND k.ref_id = %s
        AND k.customer_id = %s AND t.direction = %s
"""
READ_STATE = """
    SELECT EXISTS (SELECT 1 FROM limits_ledgerentry
                   WHERE customer_id = %s AND limit_check_id = %s AND kind = 'S'),
           EXISTS (SELECT 1 FROM limits_hold WHERE limit_check_id = %s AND expires_at > %s)
"""
SETTLES_ITS_MONTH_WITHIN = timedelta(days=30)


@dataclass(frozen=True)
class Report:
    """A transaction that happened, failed or was undone. `balance_paise` is after it; `kind` is S,
    F or R.
    """

    unique_id: int
    kind: str
    direction: str
    amount_paise: int
    balance_paise: int | None = None
    tran_id: str | None = None
    enquiry_ref_id: str | None = None


class OtherAmount(Conflict):
    """An S by a Tran_Id that is posted already, though with another amount: a 409 that staff have
    to look at, for a transaction of its own may stand behind it.
    """

    def __init__(self, posting: LedgerEntry) -> None:
        super().__init__([("tran_id", "is posted already, with another amount: staff look at it")])
        self.posting = posting


@dataclass(frozen=True)
class Booking:
    """Where an update goes in the ledger: its month, and what it settles or undoes."""

    month: int
    limit_check: LimitCheck | None = None
    reverses: LedgerEntry | None = None
    flags: tuple[str, ...] = ()


def update_limit(*, call: Call, report: Report) -> tuple[LedgerEntry, bool]:
    """Book what happened: (the entry, is it a replay). An S is never refused for a limit, a state
    or a hold.

    Raises UnknownCustomer, Conflict (limits.md section 6) or Unavailable; nothing is booked then.
    """

    def work() -> tuple[LedgerEntry, bool]:
        first = idempotency.claim(call)
        if first is not None:
            return LedgerEntry.objects.get(pk=first.row_id), True
        head, at = ledger.lock(report.unique_id)
        customer = records.find_registration(call.processor, report.unique_id).customer
        place = {Kind.POST: _post, Kind.RELEASE: _release, Kind.REVERSE: _reverse}[
            Kind(report.kind)
        ]
        entry = _book(call, report, customer, head, place(call, report, at), at)
        idempotency.settle(call, customer_id=customer.pk, row_id=entry.pk)
        return entry, False

    return run_in_transaction(work)


def _post(call: Call, report: Report, at: datetime) -> Booking:
    posting = _find_posted(call, report)
    if posting and posting.amount_paise != report.amount_paise:
        raise OtherAmount(posting)
    if posting:
        raise Conflict([("tran_id", "is posted already")])
    check = _find_check_named(call, report)
    month = clock.number_ist_month(at)
    is_settled, is_held = _read_state(check, at) if check else (False, False)
    if check is None or is_settled:
        return Booking(month, flags=(Flag.UNCHECKED,))
    flags = []
    if not check.is_allowed:
        flags.append(Flag.DECLINED)
    elif not is_held:
        flags.append(Flag.LATE)
    if report.amount_paise != check.amount_paise:
        flags.append(Flag.AMOUNT_DIFFERS)
    if check.is_allowed and at - check.at <= SETTLES_ITS_MONTH_WITHIN:
        month = check.month
    ledger.close_hold(check.pk)
    return Booking(month, limit_check=check, flags=tuple(flags))


def _release(call: Call, report: Report, at: datetime) -> Booking:
    errors = []
    check = _find_check_named(call, report)
    is_anothers = check is None and _find_key_named(call, report) is not None
    if is_anothers or (check is not None and _read_state(check, at)[0]):
        errors.append(("enquiry_ref_id", "is settled, or another customer's or direction's"))
    if report.tran_id and _find_posted(call, report):
        errors.append(("tran_id", "is posted: what undoes it is an R"))
    if errors:
        raise Conflict(errors)
    if check is None:
        return Booking(clock.number_ist_month(at))
    ledger.close_hold(check.pk)
    return Booking(check.month, limit_check=check)


def _reverse(call: Call, report: Report, at: datetime) -> Booking:
    posting = _find_posted(call, report)
    if posting is None:
        raise Conflict([_explain_not_posted(call, report)])
    undone = LedgerEntry.objects.filter(
        customer_id=report.unique_id, month=posting.month, reverses=posting
    )
    reversed_paise = undone.aggregate(paise=Sum("amount_paise", default=0))["paise"]
    if reversed_paise + report.amount_paise > posting.amount_paise:
        raise Conflict([("amount", "is more than is left to reverse")])
    return Booking(posting.month, reverses=posting)


def _find_posted(call: Call, report: Report) -> LedgerEntry | None:
    """Find what is posted by this Tran_Id in the report's direction: a transfer between two wallets
    of one person has one number for its debit and its credit.
    """
    if not report.tran_id:
        return None
    key = [report.unique_id, call.processor.pk, report.tran_id, report.direction]
    return ledger.ENTRIES.read_row(FIND_POSTED, key)


def _explain_not_posted(call: Call, report: Report) -> tuple[str, str]:
    """Name the field for which there is nothing to reverse."""
    (other,) = set(Direction.values) - {report.direction}
    if _find_posted(call, replace(report, direction=other)):
        return "tran_type", "is not the one that this Tran_Id is posted with"
    return "tran_id", "is not posted by you for this customer"


def _find_key_named(call: Call, report: Report) -> ReplayKey | None:
    """Find the check that is named, among this processor's own only."""
    if not report.enquiry_ref_id:
        return None
    return ReplayKey.objects.filter(
        pk=(call.processor.pk, Operation.CHECK_LIMIT, report.enquiry_ref_id)
    ).first()


def _find_check_named(call: Call, report: Report) -> LimitCheck | None:
    """Find the check that is named, if it is this customer's and of this direction."""
    if not report.enquiry_ref_id:
        return None
    asked = [call.processor.pk, report.enquiry_ref_id, report.unique_id, report.direction]
    return ledger.CHECKS.read_row(FIND_NAMED, asked)


def _read_state(check: LimitCheck, at: datetime) -> tuple[bool, bool]:
    """Tell whether a check has been settled, and whether its hold is open."""
    state = statements.read_row(
        READ_STATE, [check.customer_id, check.pk, check.pk, store_value(at)]
    )
    assert state
    return bool(state[0]), bool(state[1])


def _book(
    call: Call, report: Report, customer: Customer, head: LedgerHead, booking: Booking, at: datetime
) -> LedgerEntry:
    check, undone = booking.limit_check, booking.reverses
    entry = ledger.ENTRIES.make_row(
        customer_id=customer.pk,
        unique_id_sent=report.unique_id,
        processor_id=call.processor.pk,
        ref_id=call.ref_id,
        at=at,
        arrival_month=clock.number_ist_month(at),
        month=booking.month,
        kind=report.kind,
        direction=report.direction,
        amount_paise=report.amount_paise,
        balance_paise=report.balance_paise,
        tran_id=report.tran_id or "",
        enquiry_ref_id=report.enquiry_ref_id or "",
        limit_check_id=check.pk if check else None,
        reverses_id=undone.pk if undone else None,
        tier=customer.tier,
    )
    account = check.account_number if check else ""
    return book(head, entry, customer, flags=booking.flags, account=account, said=call.digests)


def book(
    head: LedgerHead,
    entry: LedgerEntry,
    customer: Customer,
    *,
    flags: tuple[str, ...],
    account: str = "",
    said: bytes = b"",
) -> LedgerEntry:
    """Append an entry with its figures, the flags that it has so far and those that follow from
    it; under the customer's lock. `account` is the one that its check named, `said` what its
    Ref_Id said.
    """
    rules = find_rules(customer.tier, entry.direction, entry.at)
    months = {
        *ledger.list_months_needed(entry.arrival_month, rules),
        *ledger.list_months_needed(entry.month, rules),
    }
    after = ledger.read_usage(customer.pk, months, entry.at).add_entry(entry)
    totals = after.sum_totals(entry.month, entry.direction)
    gauge = decision.find_tightest(rules, totals)
    judged = gauge.totals if gauge else totals[decision.MONTH_WINDOW]
    entry.used_after_paise, entry.held_after_paise = judged.used, judged.held
    entry.limit_paise = gauge.rule.amount if gauge else None
    entry.rule_id = gauge.rule.id if gauge else None
    entry.flags = ",".join([*flags, *_judge_flags(entry, customer, gauge, account)])
    if entry.arrival_month != entry.month:
        totals = after.sum_totals(entry.arrival_month, entry.direction)
        gauge = decision.find_tightest(rules, totals)
    shown = decision.make_figures(gauge, totals)
    entry.cumulative_paise, entry.available_paise = shown.cumulative, shown.available
    ledger.append(head, entry, after, said)
    return entry


def _judge_flags(
    entry: LedgerEntry, customer: Customer, gauge: Gauge | None, account: str
) -> list[str]:
    """Judge what adds to the month booked: never to refuse it."""
    if ledger.find_effect_paise(entry) <= 0:
        return []
    flags = []
    if gauge and gauge.remaining < 0:
        flags.append(Flag.OVER_LIMIT)
    if entry.kind == Kind.POST and _is_blocked(entry, customer, account):
        flags.append(Flag.BLOCKED)
    return [flag.value for flag in flags]


def _is_blocked(entry: LedgerEntry, customer: Customer, account: str) -> bool:
    """Tell whether the customer is blocked, or the account that the check named is not active."""
    is_usable = is_account_usable(customer.pk, entry.processor_id or 0, account)
    return customer.is_blocked or not is_usable
