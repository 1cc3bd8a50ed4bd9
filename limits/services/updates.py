"""Report after a transaction: posted, released or reversed. A real spend is never lost:
docs/ledger.md, "What an update does".
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import NamedTuple

from django.db.models import Sum

from customers import records
from customers.models import Customer
from limits import decision, ledger, posting
from limits.models import Direction, LedgerEntry, LedgerHead, LimitCheck
from limits.posting import POST_KIND, RELEASE_KIND, REVERSE_KIND, KnownCheck
from limits.queries import find_rules, is_account_usable
from ppims.core import calendar
from ppims.core.errors import Conflict
from ppims.core.keys import ONE_MICROSECOND
from ppims.db import statements
from ppims.db.statements import store_value
from ppims.db.transaction import run_in_transaction
from ppims.models import Operation, ReplayKey
from ppims.services import idempotency
from ppims.services.idempotency import Call

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
    to look at, for a transaction of its own may stand behind it. docs/ledger.md, "Refused reports".
    """

    def __init__(self, posting: LedgerEntry) -> None:
        super().__init__([("tran_id", "is posted already, with another amount: staff look at it")])
        self.posting = posting


class Known(NamedTuple):
    """What the ledger has of what a report names: its check, or the posting that it reverses."""

    check: LimitCheck | None = None
    check_now: KnownCheck | None = None
    undone: LedgerEntry | None = None


def update_limit(*, call: Call, report: Report) -> tuple[LedgerEntry, bool]:
    """Book what happened: (the entry, is it a replay). An S is never refused for a limit, a state
    or a hold.

    Raises UnknownCustomer, Conflict (docs/ledger.md, "What an update does") or Unavailable; nothing
    is booked then.
    """

    def work() -> tuple[LedgerEntry, bool]:
        # The claim is the transaction's first write: of two with one Ref_Id the second waits here,
        # and then finds the first one's answer.
        first = idempotency.claim(call)
        if first is not None:
            return LedgerEntry.objects.get(pk=first.row_id), True
        # Whatever the entry rests on is read after the lock, which stands still until COMMIT.
        head, at = ledger.lock(report.unique_id)
        customer = records.find_registration(call.processor, report.unique_id).customer
        known = REQUIRED_OF_KIND[report.kind](call, report, at)
        entry = _book(call, report, customer, head, known, at)
        idempotency.settle(call, customer_id=customer.pk, row_id=entry.pk)
        return entry, False

    return run_in_transaction(work)


def _require_unposted(call: Call, report: Report, at: datetime) -> Known:
    """Find the check that an S settles; refuse a Tran_Id that is posted already."""
    posted = _find_posted(call, report)
    if posted and posted.amount_paise != report.amount_paise:
        raise OtherAmount(posted)
    if posted:
        raise Conflict([("tran_id", "is posted already")])
    return _read_check(call, report, at)


def _require_releasable(call: Call, report: Report, at: datetime) -> Known:
    """Find the check that an F releases; refuse one that is settled or another's, and what only an
    R may undo.
    """
    errors = []
    known = _read_check(call, report, at)
    is_anothers = known.check is None and _find_key_named(call, report) is not None
    if is_anothers or (known.check_now and known.check_now.is_settled):
        errors.append(("enquiry_ref_id", "is settled, or another customer's or direction's"))
    if report.tran_id and _find_posted(call, report):
        errors.append(("tran_id", "is posted: what undoes it is an R"))
    if errors:
        raise Conflict(errors)
    return known


def _require_reversible(call: Call, report: Report, at: datetime) -> Known:
    """Find the posting that an R undoes; refuse more than is left of it."""
    posted = _find_posted(call, report)
    if posted is None:
        raise Conflict([_explain_not_posted(call, report)])
    reversals = LedgerEntry.objects.filter(
        customer_id=report.unique_id, month=posted.month, reverses=posted
    )
    reversed_paise = reversals.aggregate(paise=Sum("amount_paise", default=0))["paise"]
    if reversed_paise + report.amount_paise > posted.amount_paise:
        raise Conflict([("amount", "is more than is left to reverse")])
    return Known(undone=posted)


# By kind: what must be so for a report to be booked. Each finds what the report names.
REQUIRED_OF_KIND: dict[str, Callable[[Call, Report, datetime], Known]] = {
    POST_KIND: _require_unposted,
    RELEASE_KIND: _require_releasable,
    REVERSE_KIND: _require_reversible,
}


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


def _read_check(call: Call, report: Report, at: datetime) -> Known:
    """Find the check that is named, and whether it is settled and its hold open at an instant."""
    check = _find_check_named(call, report)
    if check is None:
        return Known()
    state = statements.read_row(
        READ_STATE, [check.customer_id, check.pk, check.pk, store_value(at)]
    )
    assert state
    is_settled, is_held = state
    age_micros = (at - check.at) // ONE_MICROSECOND
    told = (check.is_allowed, check.month, check.amount_paise, age_micros)
    return Known(check, KnownCheck(*told, is_held=bool(is_held), is_settled=bool(is_settled)))


def _book(
    call: Call, report: Report, customer: Customer, head: LedgerHead, known: Known, at: datetime
) -> LedgerEntry:
    arrival_month, undone = calendar.number_ist_month(at), known.undone
    place = posting.place_update(
        report.kind,
        report.amount_paise,
        arrival_month,
        check=known.check_now,
        named_month=undone.month if undone else 0,
    )
    check = known.check if place.answers_check else None
    if check:
        # Before the totals are read: they are to count the amount once, as used and not as held.
        ledger.close_hold(check.pk)
    entry = ledger.ENTRIES.make_row(
        customer_id=customer.pk,
        unique_id_sent=report.unique_id,
        processor_id=call.processor.pk,
        ref_id=call.ref_id,
        at=at,
        arrival_month=arrival_month,
        month=place.month,
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
    return book(head, entry, customer, flags=place.flags, account=account, said=call.digests)


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
    entry.flags = ",".join(
        posting.list_flags(
            entry.kind,
            entry.amount_paise,
            flags,
            limit_paise=entry.limit_paise,
            used_and_held_paise=judged.used + judged.held,
            # Asked of a posting alone: of others it is no flag, and looking costs a statement.
            is_blocked=entry.kind == POST_KIND and _is_blocked(entry, customer, account),
        )
    )
    # The flags are of the month booked; what the reply shows is of the month in which it arrived.
    if entry.arrival_month != entry.month:
        totals = after.sum_totals(entry.arrival_month, entry.direction)
        gauge = decision.find_tightest(rules, totals)
    shown = decision.make_figures(gauge, totals)
    entry.cumulative_paise, entry.available_paise = shown.cumulative, shown.available
    ledger.append(head, entry, after, said)
    return entry


def _is_blocked(entry: LedgerEntry, customer: Customer, account: str) -> bool:
    """Judge whether the customer is blocked, or the account that the check named not active."""
    is_usable = is_account_usable(customer.pk, entry.processor_id or 0, account)
    return customer.is_blocked or not is_usable
