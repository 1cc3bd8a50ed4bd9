"""Ask before a transaction: check limit, and the registration status with what is left to spend.
docs/ledger.md, "What a check does" and "Which figures a reply shows".
"""

from datetime import datetime
from typing import NamedTuple

from django.conf import settings

from customers.choices import MOBILE_KIND, Tier
from customers.models import Card, Customer
from limits import decision, ledger, queries
from limits.decision import list_months_needed
from limits.known import Ask, Check, Request, Usage
from limits.models import Direction
from limits.stores.carry_out import carry_out
from ppims.core import calendar, clock
from ppims.db.group_commit import run_alone
from ppims.models import Processor
from ppims.services.idempotency import Call


class RegistrationStatus(NamedTuple):
    """Who was found; and the debit figures of now, or a new customer's."""

    customer: queries.Found | None
    figures: decision.ReplyFigures


def check_limit(*, call: Call, ask: Ask) -> tuple[Check, bool]:
    """Decide, keep the answer and, allowed, hold the amount: (the answer, is it a replay).
    docs/ledger.md, "What a check does".

    Raises UnknownCustomer, Conflict or Unavailable; nothing is kept then.
    """
    answer: tuple[Check, bool] = run_alone(make_request(call, ask), carry_out)
    return answer


def make_request(call: Call, ask: Ask) -> Request:
    """Make a request for a group, of what a processor asks."""
    processor, card = call.processor, ask.card_number
    return Request(
        ask,
        processor.pk,
        call.ref_id,
        call.digests,
        tuple(call.content),
        hold_minutes=processor.hold_minutes or settings.PPIMS_HOLD_MINUTES,
        card_digests=tuple(Card.list_digests(card)) if card else (),
        older_digests=call.digest_by_older,
    )


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
    usage = ledger.read_usage(customer.unique_id, list_months_needed(month, rules), at)
    return decision.sum_figures(rules, usage.sum_totals(month, direction))


def _read_figures_of_a_newcomer(at: datetime) -> decision.ReplyFigures:
    nothing = Usage({}, {}).sum_totals(calendar.number_ist_month(at), Direction.DEBIT)
    return decision.sum_figures(queries.find_rules(Tier.MIN, Direction.DEBIT, at), nothing)
