"""How a group books its updates, corrections, merges and opening entries: a real spend is never
lost. Pure. docs/ledger.md, "What an update does", "Adjustments", "Merges" and "Opening entries".
"""

from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from limits import decision, posting
from limits.decision import MONTH_WINDOW, list_months_needed
from limits.known import (
    CHECK_OPERATION,
    CREDIT_DIRECTION,
    DEBIT_DIRECTION,
    ApprovedCorrection,
    ApprovedMove,
    ApprovedOpening,
    Check,
    Entry,
    FirstAnswer,
    NotThereYet,
    OtherAmount,
    Posting,
    Report,
    Request,
)
from limits.posting import (
    ADJUST_KIND,
    MOVE_KIND,
    OPENING_KIND,
    POST_KIND,
    RELEASE_KIND,
    REVERSE_KIND,
    KnownCheck,
    find_effect_paise,
)
from limits.standing import Standing
from ppims.core import calendar
from ppims.core.errors import Conflict, UnknownCustomer
from ppims.core.keys import ONE_MICROSECOND


class Named(NamedTuple):
    """What a report names: its check, or the posting that it reverses."""

    check: Check | None = None
    check_now: KnownCheck | None = None
    undone: Posting | None = None


NOTHING_NAMED = Named()


def update(request: Request, report: Report, at: datetime, standing: Standing) -> Entry:
    """Book what a report says. Raises UnknownCustomer or Conflict."""
    if (report.unique_id, request.processor_id) not in standing.known.cif_ids:
        raise UnknownCustomer
    named = REQUIRED_OF_KIND[report.kind](request, report, at, standing)
    place = posting.place_update(
        report.kind,
        report.amount_paise,
        calendar.number_ist_month(at),
        check=named.check_now,
        named_month=named.undone.month if named.undone else 0,
    )
    check = named.check if place.answers_check else None
    if check:
        # Before the totals are read: they are to count the amount once, as used and not as held.
        standing.close_hold(check.id)
    customer_id = standing.known.find_root(report.unique_id)
    entry = _make_entry(customer_id, report.unique_id, at, standing)._replace(
        processor_id=request.processor_id,
        ref_id=request.ref_id,
        month=place.month,
        direction=report.direction,
        amount_paise=report.amount_paise,
        balance_paise=report.balance_paise,
        kind=report.kind,
        tran_id=report.tran_id or "",
        enquiry_ref_id=report.enquiry_ref_id or "",
        limit_check_id=check.id if check else None,
        reverses_id=named.undone.id if named.undone else None,
    )
    entry = _book(request, entry, place.flags, check, standing)
    if report.kind == POST_KIND:
        if check:
            standing.settled.add(check.id)
        if report.tran_id:
            known_as = _name_posting(report.unique_id, request, report, report.direction)
            standing.posted[known_as] = Posting(entry.id, entry.month, entry.amount_paise)
    if named.undone:
        standing.give_back(named.undone.id, report.amount_paise)
    return entry


def adjust(
    request: Request, correction: ApprovedCorrection, at: datetime, standing: Standing
) -> Entry:
    """Book a correction; what it takes of the posting that it names can't be reversed any more."""
    customer_id = standing.known.find_root(correction.unique_id)
    entry = _make_entry(customer_id, correction.unique_id, at, standing)._replace(
        kind=ADJUST_KIND,
        month=correction.month,
        direction=correction.direction,
        amount_paise=correction.amount_paise,
        tran_id=correction.tran_id,
        reverses_id=correction.posting_id,
        adjustment_id=correction.adjustment_id,
    )
    if correction.posting_id is not None:
        standing.give_back(correction.posting_id, -correction.amount_paise)
    return _book(request, entry, (), None, standing)


def move(request: Request, move: ApprovedMove, at: datetime, standing: Standing) -> Entry:
    """Book what a merge or an un-merge moves: of each amount an entry in both ledgers, at one
    instant. Gives the last one.
    """
    assert move.amounts
    at = max(at, standing.take_instant(move.taker_id))
    for check_id, hold in move.holds:
        standing.move_hold(check_id, hold, move.taker_id)
    sides = ((move.unique_id, move.taker_id, -1), (move.taker_id, move.unique_id, 1))
    for month, direction, paise in move.amounts:
        for customer_id, other_id, sign in sides:
            entry = _make_entry(customer_id, other_id, at, standing)._replace(
                ref_id=move.name,
                kind=MOVE_KIND,
                month=month,
                direction=direction,
                amount_paise=sign * paise,
            )
            entry = _book(request, entry, (), None, standing)
    return entry


def open_usage(
    request: Request, opening: ApprovedOpening, at: datetime, standing: Standing
) -> Entry:
    """Book what a customer had used before an import brought them."""
    assert opening.amount_paise > 0
    customer_id = standing.known.find_root(opening.unique_id)
    entry = _make_entry(customer_id, opening.unique_id, at, standing)._replace(
        ref_id=opening.name,
        kind=OPENING_KIND,
        month=opening.month,
        direction=opening.direction,
        amount_paise=opening.amount_paise,
    )
    return _book(request, entry, (), None, standing)


def _require_unposted(request: Request, report: Report, at: datetime, standing: Standing) -> Named:
    """Find the check that an S settles; refuse a Tran_Id that is posted already."""
    posted = _find_posted(request, report, report.direction, standing)
    if posted and posted.amount_paise != report.amount_paise:
        raise OtherAmount(posted)
    if posted:
        raise Conflict([("tran_id", "is posted already")])
    return _find_check(request, report, at, standing)


def _require_releasable(
    request: Request, report: Report, at: datetime, standing: Standing
) -> Named:
    """Find the check that an F releases; refuse one that is settled or another's, and what only an
    R may undo.
    """
    errors = []
    named = _find_check(request, report, at, standing)
    is_anothers = named.check is None and _find_key_named(request, report, standing) is not None
    if is_anothers or (named.check_now and named.check_now.is_settled):
        errors.append(("enquiry_ref_id", "is settled, or another customer's or direction's"))
    if _find_posted(request, report, report.direction, standing):
        errors.append(("tran_id", "is posted: what undoes it is an R"))
    if errors:
        raise Conflict(errors)
    return named


def _require_reversible(
    request: Request, report: Report, at: datetime, standing: Standing
) -> Named:
    """Find the posting that an R undoes; refuse more than is left of it."""
    posted = _find_posted(request, report, report.direction, standing)
    if posted is None:
        other_direction = (
            CREDIT_DIRECTION if report.direction == DEBIT_DIRECTION else DEBIT_DIRECTION
        )
        if _find_posted(request, report, other_direction, standing):
            raise Conflict([("tran_type", "is not the one that this Tran_Id is posted with")])
        raise Conflict([("tran_id", "is not posted by you for this customer")])
    reversed_paise = standing.reversed_paise.get(posted.id, 0)
    if reversed_paise + report.amount_paise > posted.amount_paise:
        raise Conflict([("amount", "is more than is left to reverse")])
    return Named(undone=posted)


# By kind: what must be so for a report to be booked. Each finds what the report names.
REQUIRED_OF_KIND: dict[str, Callable[[Request, Report, datetime, Standing], Named]] = {
    POST_KIND: _require_unposted,
    RELEASE_KIND: _require_releasable,
    REVERSE_KIND: _require_reversible,
}


def _name_posting(
    owner_id: int, request: Request, report: Report, direction: str
) -> tuple[int, int, str, str]:
    return owner_id, request.processor_id, report.tran_id or "", direction


def _find_posted(
    request: Request, report: Report, direction: str, standing: Standing
) -> Posting | None:
    """Find what is posted by this Tran_Id in a direction: a transfer between two wallets of one
    person has one number for its debit and its credit. Two Unique_Ids that were merged may have
    posted one each before.
    """
    for owner_id in standing.known.list_family(report.unique_id):
        posted = standing.posted.get(_name_posting(owner_id, request, report, direction))
        if posted:
            return posted
    return None


def _find_key_named(request: Request, report: Report, standing: Standing) -> FirstAnswer | None:
    """Find the check that is named, among this processor's own only."""
    if not report.enquiry_ref_id:
        return None
    return standing.keys.get((CHECK_OPERATION, request.processor_id, report.enquiry_ref_id))


def _find_check(request: Request, report: Report, at: datetime, standing: Standing) -> Named:
    """Find the check that is named, if it is this customer's and of this direction; whether it is
    settled, and its hold open at an instant.
    """
    first, known = _find_key_named(request, report, standing), standing.known
    if first is None or first.customer_id not in known.list_kin(report.unique_id):
        return NOTHING_NAMED
    check = standing.checks.get(first.row_id)
    if check is None:
        raise NotThereYet
    is_own = known.find_root(check.unique_id_sent) == known.find_root(report.unique_id)
    if not is_own or check.direction != report.direction:
        return NOTHING_NAMED
    hold = standing.named_holds.get(check.id)
    check_now = KnownCheck(
        check.is_allowed,
        check.month,
        check.amount_paise,
        (at - check.at) // ONE_MICROSECOND,
        is_held=bool(hold and hold.place.expires_at > at),
        is_settled=check.id in standing.settled,
    )
    return Named(check, check_now)


def _make_entry(customer_id: int, named_id: int, at: datetime, standing: Standing) -> Entry:
    """Begin an entry of a customer's ledger with what all kinds have."""
    return Entry(
        id=0,
        customer_id=customer_id,
        number=0,
        unique_id_sent=named_id,
        processor_id=None,
        ref_id="",
        at=at,
        arrival_month=calendar.number_ist_month(at),
        month=0,
        kind="",
        direction="",
        amount_paise=0,
        balance_paise=None,
        tran_id="",
        enquiry_ref_id="",
        limit_check_id=None,
        reverses_id=None,
        adjustment_id=None,
        flags="",
        tier=standing.known.people[customer_id].tier,
        used_after_paise=0,
        held_after_paise=0,
        limit_paise=None,
        rule_id=None,
        cumulative_paise=0,
        available_paise=None,
        key_id="",
        digest=b"",
    )


def _book(
    request: Request,
    entry: Entry,
    flags: tuple[str, ...],
    check: Check | None,
    standing: Standing,
) -> Entry:
    """Append an entry with its figures, the flags that it has so far and those that follow from
    it. `check` is the one that it answers.
    """
    customer_id, direction, at = entry.customer_id, entry.direction, entry.at
    rules = standing.find_rules(entry.tier, direction, at)
    months = list_months_needed(entry.arrival_month, rules)
    months |= list_months_needed(entry.month, rules)
    if effect := find_effect_paise(entry.kind, entry.amount_paise):
        standing.add_usage(customer_id, entry.month, direction, effect)
    after = standing.read_usage(customer_id, months, at)
    totals = after.sum_totals(entry.month, direction)
    gauge = decision.find_tightest(rules, totals)
    judged = gauge.totals if gauge else totals[MONTH_WINDOW]
    flags_all = posting.list_flags(
        entry.kind,
        entry.amount_paise,
        flags,
        limit_paise=gauge.rule.amount if gauge else None,
        used_and_held_paise=judged.used + judged.held,
        is_blocked=_is_blocked(entry, check, standing),
    )
    # The flags are of the month booked; what the reply shows is of the month in which it arrived.
    gauge_shown = gauge
    if entry.arrival_month != entry.month:
        totals = after.sum_totals(entry.arrival_month, direction)
        gauge_shown = decision.find_tightest(rules, totals)
    shown = decision.make_figures(gauge_shown, totals)
    return standing.append(
        request,
        entry._replace(
            used_after_paise=judged.used,
            held_after_paise=judged.held,
            limit_paise=gauge.rule.amount if gauge else None,
            rule_id=gauge.rule.id if gauge else None,
            flags=",".join(flags_all),
            cumulative_paise=shown.cumulative,
            available_paise=shown.available,
        ),
    )


def _is_blocked(entry: Entry, check: Check | None, standing: Standing) -> bool:
    """Judge whether the customer is blocked, or the account that the check named not active."""
    is_usable = True
    if check and check.account_number:
        account = check.unique_id_sent, check.processor_id, check.account_number
        is_usable = standing.known.accounts.get(account, False)
    return standing.known.people[entry.customer_id].is_blocked or not is_usable
