"""What becomes of a group of requests, one after another over what is known of them: the answers,
and the rows to write. Pure: no database, no clock. docs/ledger.md, "What a check does" and "What an
update does".

A refusal is an answer. The second request of a customer sees what the first one has led to.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from limits import booking, decision
from limits.decision import list_months_needed
from limits.known import (
    Answer,
    ApprovedMove,
    ApprovedOpening,
    Ask,
    Check,
    Entry,
    FirstAnswer,
    Known,
    NotThereYet,
    Outcome,
    Report,
    Request,
    Rows,
)
from limits.standing import Standing
from ppims.core import calendar
from ppims.core.errors import Conflict, Refusal, UnknownCustomer
from ppims.core.field_digests import list_differing_by_any

HOLD_CLOSED, HOLD_EXPIRED = "HOLD_CLOSED", "HOLD_EXPIRED"


def plan(requests: Sequence[Request], known: Known) -> tuple[list[Outcome], Rows]:
    """Answer the requests of a group, in the order in which they came.

    Raises Missing where not enough is known, and NotThereYet: then nothing was planned.
    """
    standing = Standing(known)
    outcomes = [_answer(request, standing) for request in requests]
    return outcomes, standing.finish()


def _answer(request: Request, standing: Standing) -> Outcome:
    try:
        first = standing.keys.get(request.key) if request.key else None
        if first is not None:
            return _answer_again(request, first, standing), None
        at = standing.take_instant(standing.known.find_root(request.said.unique_id))
        if isinstance(request.said, Ask):
            return (_check(request, request.said, at, standing), False), None
        if isinstance(request.said, Report):
            return (booking.update(request, request.said, at, standing), False), None
        if isinstance(request.said, ApprovedMove):
            return (booking.move(request, request.said, at, standing), False), None
        if isinstance(request.said, ApprovedOpening):
            return (booking.open_usage(request, request.said, at, standing), False), None
        return (booking.adjust(request, request.said, at, standing), False), None
    except Refusal as refusal:
        return None, refusal


# A Ref_Id that was answered before.


def _answer_again(request: Request, first: FirstAnswer, standing: Standing) -> Answer:
    digests = (request.digests, request.older_digests)
    differing = list_differing_by_any(request.field_names, first.digests, *digests)
    if differing:
        raise Conflict((name, "differs from what this Ref_Id said before") for name in differing)
    rows: dict[int, Check] | dict[int, Entry] = (
        standing.checks if isinstance(request.said, Ask) else standing.entries
    )
    row = rows.get(first.row_id)
    if row is None:
        raise NotThereYet
    if isinstance(row, Check) and row.is_allowed:
        return _repeat_allowed(row, standing)
    return row, True


def _repeat_allowed(check: Check, standing: Standing) -> Answer:
    """Answer the repeat of an allowed check: as at first; but one whose hold is no longer open is
    declined with figures of now.
    """
    # Whom the id means now: as at first, or another since a merge.
    customer_id = standing.known.find_root(check.unique_id_sent)
    at = standing.take_instant(customer_id)
    hold = standing.named_holds.get(check.id)
    if hold and hold.place.expires_at > at:
        return check, True
    person = standing.known.people[customer_id]
    rules = standing.find_rules(person.tier, check.direction, at)
    month = calendar.number_ist_month(at)
    usage = standing.read_usage(customer_id, list_months_needed(month, rules), at)
    figures = decision.sum_figures(rules, usage.sum_totals(month, check.direction))
    # To answer with: the row that was kept never changes.
    now = check._replace(
        is_allowed=False,
        reason=HOLD_CLOSED if standing.was_answered(check) else HOLD_EXPIRED,
        rule_id=None,
        limit=None,
        used_paise=None,
        held_paise=None,
        remaining_paise=None,
        resets_on=None,
        hold_until=None,
        unjudged="",
        cumulative_paise=figures.cumulative,
        available_paise=figures.available,
    )
    return now, False


# A check.


def _check(request: Request, ask: Ask, at: datetime, standing: Standing) -> Check:
    cif_id = standing.known.cif_ids.get((ask.unique_id, request.processor_id))
    if cif_id is None:
        raise UnknownCustomer
    customer_id = standing.known.find_root(ask.unique_id)
    decided = decision.decide(_make_question(request, ask, at, standing))
    held_for = timedelta(minutes=request.hold_minutes)
    check = Check(
        id=0,
        customer_id=customer_id,
        number=0,
        processor_id=request.processor_id,
        unique_id_sent=ask.unique_id,
        ref_id=request.ref_id,
        at=at,
        month=calendar.number_ist_month(at),
        direction=ask.direction,
        amount_paise=ask.amount_paise,
        balance_paise=ask.balance_paise,
        account_number=ask.account_number or "",
        card_last_four=(ask.card_number or "")[-4:],
        tier=standing.known.people[customer_id].tier,
        is_allowed=decided.is_allowed,
        reason=decided.reason,
        rule_id=decided.rule.id if decided.rule else None,
        limit=decided.rule.amount if decided.rule else None,
        used_paise=decided.used,
        held_paise=decided.held,
        remaining_paise=decided.remaining,
        resets_on=decided.resets_on,
        hold_until=calendar.round_up_to_second(at + held_for) if decided.is_allowed else None,
        unjudged=",".join(decided.unjudged),
        cumulative_paise=decided.figures.cumulative,
        available_paise=decided.figures.available,
        cif_id=cif_id,
        old_unique_id=None if ask.unique_id == customer_id else ask.unique_id,
        key_id="",
        mac=b"",
    )
    return standing.keep_check(request, check)


def _make_question(
    request: Request, ask: Ask, at: datetime, standing: Standing
) -> decision.Question:
    known, owner = standing.known, (ask.unique_id, request.processor_id)
    customer_id = known.find_root(ask.unique_id)
    person, month = known.people[customer_id], calendar.number_ist_month(at)
    rules = standing.find_rules(person.tier, ask.direction, at)
    usage = standing.read_usage(customer_id, list_months_needed(month, rules), at)
    account = (*owner, ask.account_number or "")
    cards = ((*owner, digest) for digest in request.card_digests)
    card = next((each for each in cards if each in known.cards), None)
    return decision.Question(
        at=at,
        amount=ask.amount_paise,
        rules=rules,
        totals=usage.sum_totals(month, ask.direction),
        balance=ask.balance_paise,
        held_credit_here=usage.sum_held_credit(request.processor_id),
        stops_at=decision.find_loading_stop(rules, person.tier_since),
        is_blocked=person.is_blocked,
        is_account_active=not ask.account_number or known.accounts.get(account, False),
        is_card_active=not ask.card_number or card is None or known.cards[card],
    )
