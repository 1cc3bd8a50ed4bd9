"""Ask before a transaction: check limit; and the registration status, which tells what is left."""

from copy import copy
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from django.conf import settings

from customers import records
from customers.choices import MOBILE_KIND, USABLE_STATUSES, Tier
from customers.models import Customer, Identifier, Registration
from limits import decision, ledger
from limits.decision import CREDIT_STOP, Decision, Question, ReplyFigures, Rule
from limits.ledger import Usage
from limits.models import Direction, Hold, LedgerEntry, LimitCheck
from ppims.core import clock
from ppims.db import shared_snapshot, statements
from ppims.db.statements import read_instant, store_value
from ppims.db.transaction import run_in_transaction
from ppims.models import Processor, ReplayKey
from ppims.services import idempotency
from ppims.services.idempotency import Call

# In force is the approved rule with the latest start so far: the last one that is given for a
# window. COALESCE, here and below, keeps SQLite's driver from asking Django what an instant is.
FIND_APPROVED = """
    SELECT id, "window", amount, COALESCE(in_force_from, NULL) FROM limits_limitrule
    WHERE state = 'APPROVED' AND tier = %s AND direction = %s
    ORDER BY in_force_from, id
"""
FIND_CUSTOMER = """
    SELECT c.unique_id, c.tier, c.kyc_updated_channel, COALESCE(c.kyc_updated_on, NULL),
           r.cif_id, COALESCE(h.last_at, NULL)
    FROM customers_customer c
    JOIN customers_identifier i ON i.customer_id = c.unique_id
    LEFT JOIN customers_registration r ON r.customer_id = c.unique_id AND r.processor_id = %s
    LEFT JOIN limits_ledgerhead h ON h.customer_id = c.unique_id
    WHERE i.kind = %s AND i.digest = %s
"""
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


class Found(NamedTuple):
    """A customer, with the Cif_Id that the asking processor has given, and the last instant in the
    ledger, or None for either.
    """

    unique_id: int
    tier: str
    kyc_updated_channel: str
    kyc_updated_on: datetime | None
    cif_id: str | None
    last_at: datetime | None


class RegistrationStatus(NamedTuple):
    """Who was found; and the debit figures of now, or a new customer's."""

    customer: Found | None
    figures: ReplyFigures


def check_limit(*, call: Call, ask: Ask) -> tuple[LimitCheck, bool]:
    """Decide, keep the answer and, allowed, hold the amount: (the answer, is it a replay).
    limits.md section 5.

    Raises UnknownCustomer, Conflict or Unavailable; nothing is kept then.
    """

    def work() -> tuple[LimitCheck, bool]:
        first = idempotency.claim(call)
        if first is not None:
            return _repeat(first)
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
    found = (document and _find_customer(processor, *document)) or _find_customer(
        processor, MOBILE_KIND, mobile
    )
    at = clock.now()
    if not found:
        return RegistrationStatus(None, _read_figures_of_a_newcomer(at))
    figures = read_figures(found, Direction.DEBIT, max(at, found.last_at or at))
    return RegistrationStatus(found, figures)


def _find_customer(processor: Processor, kind: str, value: str) -> Found | None:
    """Find a customer by mobile number or document."""
    row = statements.read_row(
        FIND_CUSTOMER, [processor.pk, kind, Identifier.digest_of(kind, value)]
    )
    if row is None:
        return None
    unique_id, tier, channel, updated_on, cif_id, last_at = row
    return Found(unique_id, tier, channel, read_instant(updated_on), cif_id, read_instant(last_at))


def find_rules(tier: str, direction: str, at: datetime) -> list[Rule]:
    """Give the limits in force; a rule without an amount is no limit."""
    rows, until = shared_snapshot.read_rows(FIND_APPROVED, (tier, direction)), store_value(at)
    latest = {
        window: (rule_id, window, amount)
        for rule_id, window, amount, in_force_from in rows
        if in_force_from <= until
    }
    return [Rule(*rule) for rule in latest.values() if rule[2] is not None]


def read_figures(customer: Customer | Found, direction: str, at: datetime) -> ReplyFigures:
    """Give used + held and what is left, as they stand at an instant."""
    month = clock.number_ist_month(at)
    rules = find_rules(customer.tier, direction, at)
    usage = ledger.read_usage(customer.unique_id, ledger.list_months_needed(month, rules), at)
    return decision.sum_figures(rules, usage.sum_totals(month, direction))


def _read_figures_of_a_newcomer(at: datetime) -> ReplyFigures:
    nothing = Usage({}, {}).sum_totals(clock.number_ist_month(at), Direction.DEBIT)
    return decision.sum_figures(find_rules(Tier.MIN, Direction.DEBIT, at), nothing)


def _decide_check(
    call: Call, ask: Ask, registration: Registration, at: datetime
) -> tuple[LimitCheck, Usage]:
    customer, processor = registration.customer, call.processor
    month = clock.number_ist_month(at)
    rules = find_rules(customer.tier, ask.direction, at)
    usage = ledger.read_usage(customer.pk, ledger.list_months_needed(month, rules), at)
    question = Question(
        at=at,
        amount=ask.amount_paise,
        rules=rules,
        totals=usage.sum_totals(month, ask.direction),
        balance=ask.balance_paise,
        held_credit_here=usage.sum_held_credit(processor.pk),
        stops_at=_find_stop(rules, customer),
        is_blocked=customer.is_blocked,
        is_account_active=not ask.account_number
        or is_account_usable(customer.pk, processor.pk, ask.account_number),
        is_card_active=_is_card_usable(ask, processor),
    )
    return _make_check(call, ask, registration, at, decision.decide(question)), usage


def _make_check(
    call: Call, ask: Ask, registration: Registration, at: datetime, decided: Decision
) -> LimitCheck:
    return ledger.CHECKS.make_row(
        customer_id=registration.customer_id,
        processor_id=call.processor.pk,
        unique_id_sent=ask.unique_id,
        ref_id=call.ref_id,
        at=at,
        month=clock.number_ist_month(at),
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
    return clock.round_up_to_second(at + timedelta(minutes=minutes))


def _find_stop(rules: list[Rule], customer: Customer) -> datetime | None:
    stop = next((rule for rule in rules if rule.window == CREDIT_STOP), None)
    return clock.add_months(customer.tier_since, stop.amount) if stop else None


def is_account_usable(customer_id: int, processor_id: int, number: str) -> bool:
    """Tell whether this processor has registered the account for the customer, and it is active or
    new.
    """
    return records.find_account_status(customer_id, processor_id, number) in USABLE_STATUSES


def _is_card_usable(ask: Ask, processor: Processor) -> bool:
    """Tell whether a card that was named is active or new; one that is unknown is not judged."""
    if not ask.card_number:
        return True
    status = records.find_card_status(ask.unique_id, processor.pk, ask.card_number)
    return status is None or status in USABLE_STATUSES


def _repeat(first: ReplayKey) -> tuple[LimitCheck, bool]:
    """Answer a repeat: as at first; but an allowed one whose hold is no longer open is declined
    with figures of now.
    """
    check = LimitCheck.objects.get(pk=first.row_id)
    if not check.is_allowed:
        return check, True
    _, at = ledger.lock(check.customer_id)
    if Hold.objects.filter(pk=check.pk, expires_at__gt=at).exists():
        return check, True
    answers = LedgerEntry.objects.filter(customer_id=check.customer_id, limit_check=check)
    figures = read_figures(check.customer, check.direction, at)
    now = copy(check)
    now.is_allowed, now.reason = False, HOLD_CLOSED if answers.exists() else HOLD_EXPIRED
    now.rule_id = now.limit = now.used_paise = now.held_paise = now.remaining_paise = None
    now.resets_on = now.hold_until = None
    now.unjudged = ""
    now.cumulative_paise, now.available_paise = figures.cumulative, figures.available
    return now, False
