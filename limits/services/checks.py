"""Ask before a transaction: check limit, and the registration status with what is left to spend.
docs/ledger.md, "What a check does" and "Which figures a reply shows".
"""

from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from customers import records
from customers.choices import MOBILE_KIND, Tier
from customers.models import Customer, Registration
from limits import decision, ledger, queries
from limits.models import Direction, Hold, LedgerEntry, LimitCheck
from ppims.core import calendar, clock
from ppims.db.transaction import run_in_transaction
from ppims.models import Processor, ReplayKey
from ppims.services import idempotency

HOLD_CLOSED, HOLD_EXPIRED = "HOLD_CLOSED", "HOLD_EXPIRED"


@dataclass(frozen=True)
class Ask:
    """A transaction that is about to happen. `balance_paise` is before it."""

    unique_id: int
    direction: str
    amount_paise: int
    balance_paise: int | None = None
    account_number: str | None = None
    card_number: str | None = None


class RegistrationStatus(NamedTuple):
    """Who was found; and the debit figures of now, or a new customer's."""

    customer: queries.Found | None
    figures: decision.ReplyFigures


def check_limit(*, call: idempotency.Call, ask: Ask) -> tuple[LimitCheck, bool]:
    """Decide, keep the answer and, allowed, hold the amount: (the answer, is it a replay).
    docs/ledger.md, "What a check does".

    Raises UnknownCustomer, Conflict or Unavailable; nothing is kept then.
    """

    def work() -> tuple[LimitCheck, bool]:
        # The claim is the transaction's first write: of two with one Ref_Id the second waits here.
        first = idempotency.claim(call)
        if first is not None:
            return _repeat(first)
        # Whatever the answer rests on is read after the lock, which is held until COMMIT: so no two
        # checks count the same rupee as free.
        head, at = ledger.lock(ask.unique_id)
        registration = records.find_registration(call.processor, ask.unique_id)
        check, usage = _decide_check(call, ask, registration, at)
        ledger.keep_check(head, check, said=call.digests, has_expired=usage.has_expired)
        idempotency.settle(call, customer_id=ask.unique_id, row_id=check.pk)
        return check, False

    return run_in_transaction(work)


def find_registration_status(
    *, processor: Processor, mobile: str, document: tuple[str, str] | None
) -> RegistrationStatus:
    """Find a customer of any processor by document, else by mobile, and what is left to spend.
    Keeps nothing.
    """
    found = queries.find_customer(processor, *document) if document else None
    found = found or queries.find_customer(processor, MOBILE_KIND, mobile)
    at = clock.now()
    if not found:
        return RegistrationStatus(None, _read_figures_of_a_newcomer(at))
    # Nothing is locked here: as under the lock, never earlier than the customer's last instant.
    figures = read_figures(found, Direction.DEBIT, max(at, found.last_at or at))
    return RegistrationStatus(found, figures)


def read_figures(
    customer: Customer | queries.Found, direction: str, at: datetime
) -> decision.ReplyFigures:
    """Read what is used + held and what is left, as they stand at an instant."""
    month = calendar.number_ist_month(at)
    rules = queries.find_rules(customer.tier, direction, at)
    usage = ledger.read_usage(customer.unique_id, ledger.list_months_needed(month, rules), at)
    return decision.sum_figures(rules, usage.sum_totals(month, direction))


def _read_figures_of_a_newcomer(at: datetime) -> decision.ReplyFigures:
    nothing = ledger.Usage({}, {}).sum_totals(calendar.number_ist_month(at), Direction.DEBIT)
    return decision.sum_figures(queries.find_rules(Tier.MIN, Direction.DEBIT, at), nothing)


def _decide_check(
    call: idempotency.Call, ask: Ask, registration: Registration, at: datetime
) -> tuple[LimitCheck, ledger.Usage]:
    customer, processor = registration.customer, call.processor
    month = calendar.number_ist_month(at)
    rules = queries.find_rules(customer.tier, ask.direction, at)
    usage = ledger.read_usage(customer.pk, ledger.list_months_needed(month, rules), at)
    owner = (customer.pk, processor.pk)
    question = decision.Question(
        at=at,
        amount=ask.amount_paise,
        rules=rules,
        totals=usage.sum_totals(month, ask.direction),
        balance=ask.balance_paise,
        held_credit_here=usage.sum_held_credit(processor.pk),
        stops_at=queries.find_loading_stop(rules, customer.tier_since),
        is_blocked=customer.is_blocked,
        is_account_active=queries.is_account_usable(*owner, ask.account_number or ""),
        is_card_active=queries.is_card_usable(*owner, ask.card_number or ""),
    )
    return _make_check(call, ask, registration, at, decision.decide(question)), usage


def _make_check(
    call: idempotency.Call,
    ask: Ask,
    registration: Registration,
    at: datetime,
    decided: decision.Decision,
) -> LimitCheck:
    return ledger.CHECKS.make_row(
        customer_id=registration.customer_id,
        processor_id=call.processor.pk,
        unique_id_sent=ask.unique_id,
        ref_id=call.ref_id,
        at=at,
        month=calendar.number_ist_month(at),
        direction=ask.direction,
        amount_paise=ask.amount_paise,
        balance_paise=ask.balance_paise,
        account_number=ask.account_number or "",
        card_last_four=(ask.card_number or "")[-4:],
        tier=registration.customer.tier,
        is_allowed=decided.is_allowed,
        reason=decided.reason,
        rule_id=decided.rule.id if decided.rule else None,
        limit=decided.rule.amount if decided.rule else None,
        used_paise=decided.used,
        held_paise=decided.held,
        remaining_paise=decided.remaining,
        resets_on=decided.resets_on,
        hold_until=_find_hold_end(call.processor, at) if decided.is_allowed else None,
        unjudged=",".join(decided.unjudged),
        cumulative_paise=decided.figures.cumulative,
        available_paise=decided.figures.available,
        cif_id=registration.cif_id,
    )


def _find_hold_end(processor: Processor, at: datetime) -> datetime:
    minutes = processor.hold_minutes or settings.PPIMS_HOLD_MINUTES
    return calendar.round_up_to_second(at + timedelta(minutes=minutes))


def _repeat(first: ReplayKey) -> tuple[LimitCheck, bool]:
    """Answer a repeat: as at first; but an allowed one whose hold is no longer open is declined
    with figures of now.
    """
    check = LimitCheck.objects.get(pk=first.row_id)
    if not check.is_allowed:
        return check, True
    # Under the lock, or a posting might close the hold between this look and the answer.
    _, at = ledger.lock(check.customer_id)
    if Hold.objects.filter(pk=check.pk, expires_at__gt=at).exists():
        return check, True
    answers = LedgerEntry.objects.filter(customer_id=check.customer_id, limit_check=check)
    figures = read_figures(check.customer, check.direction, at)
    # A copy to answer with: the row that was kept never changes.
    now = copy(check)
    now.is_allowed, now.reason = False, HOLD_CLOSED if answers.exists() else HOLD_EXPIRED
    now.rule_id = now.limit = now.used_paise = now.held_paise = now.remaining_paise = None
    now.resets_on = now.hold_until = None
    now.unjudged = ""
    now.cumulative_paise, now.available_paise = figures.cumulative, figures.available
    return now, False
