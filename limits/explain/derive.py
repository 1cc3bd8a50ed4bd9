"""Works a row out anew: what was known then goes through `limits.plan`, which writes all rows, and
what comes out is compared with what was recorded.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from limits import plan as planning
from limits.explain import rows
from limits.explain.cuts import Cut
from limits.explain.results import Compared
from limits.explain.scene import Guess, Scene
from limits.known import (
    CHECK_OPERATION,
    ApprovedCorrection,
    ApprovedMove,
    ApprovedOpening,
    ApprovedRule,
    Ask,
    Check,
    Entry,
    Head,
    Hold,
    HoldPlace,
    Known,
    Missing,
    NotThereYet,
    Person,
    Posting,
    Report,
    Request,
)
from limits.models import Adjustment
from limits.posting import ADJUST_KIND, MOVE_KIND, OPENING_KIND, POST_KIND, find_effect_paise
from limits.services.owned import sum_owned_before
from ppims.core import calendar
from ppims.core.errors import Refusal
from ppims.core.keys import Key

NO_CARD = b""
# What says itself what a row is, or that it is whole: not worked out, but signed.
GIVEN_FIELDS = {"id", "number", "key_id", "mac", "digest"}
WENT_ELSEWHERE = "the Unique_Id that it named did not mean this customer then"


@dataclass(frozen=True)
class Derived:
    """What comes out of a guess: the row; without one, why it would have been refused."""

    guess: Guess
    row: Check | Entry | None
    refusals: tuple[tuple[str, str], ...] = ()
    problem: str = ""


def derive(scene: Scene, guess: Guess) -> Derived:
    """Work the row out anew, as one guess says what stood."""
    request = make_request(scene, guess.cut)
    if request is None:
        return Derived(guess, None, problem="what two people made of it is not there")
    try:
        outcomes, written = planning.plan([request], make_known(scene, guess))
    except NotThereYet:
        return Derived(guess, None, problem="the check that it names is not there")
    except Missing:
        return Derived(guess, None, problem="it is booked in a month that nothing names")
    (answer, refusal) = outcomes[0]
    if refusal or answer is None:
        return Derived(guess, None, refusals=_describe_refusal(refusal))
    made: list[Any] = [answer[0]]
    if scene.own_move:
        made = [each for each in written.entries if each.customer_id == scene.row.customer_id]
    return Derived(guess, made[0], problem=_find_whose(scene, guess.cut))


def compare(scene: Scene, derived: Derived) -> tuple[Compared, ...]:
    """Compare all fields but what only says which row it is."""
    row, anew = scene.row, derived.row
    if anew is None:
        return ()
    pairs = zip(row._fields, row, anew, strict=True)
    return tuple(Compared(*each) for each in pairs if each[0] not in GIVEN_FIELDS)


def _describe_refusal(refusal: Refusal | None) -> tuple[tuple[str, str], ...]:
    found = tuple((name, message) for name, message in getattr(refusal, "errors", ()))
    return found or (("unique_id", type(refusal).__name__),)


def _find_whose(scene: Scene, cut: Cut) -> str:
    row = scene.row
    if scene.own_move:
        return ""
    sent = scene.adjustment.customer_id if scene.adjustment else row.unique_id_sent
    meant = scene.follow_moves(cut).find(sent)
    return "" if meant == row.customer_id else WENT_ELSEWHERE


# What was asked.


def make_request(scene: Scene, cut: Cut) -> Request | None:
    """Make the request that a row came of; None: two people made it, and it is gone."""
    row = scene.row
    if isinstance(row, Check):
        ask = Ask(
            row.unique_id_sent,
            row.direction,
            row.amount_paise,
            row.balance_paise,
            row.account_number or None,
            row.card_last_four or None,
        )
        return Request(
            ask,
            row.processor_id,
            row.ref_id,
            hold_minutes=_find_minutes(row),
            card_digests=(NO_CARD,),
        )
    if row.kind == ADJUST_KIND:
        return _make_correction(scene)
    if row.kind == MOVE_KIND:
        return _make_move(scene, row)
    if row.kind == OPENING_KIND:
        return _make_opening(scene, row)
    report = Report(
        row.unique_id_sent,
        row.kind,
        row.direction,
        row.amount_paise,
        row.balance_paise,
        row.tran_id or None,
        row.enquiry_ref_id or None,
    )
    return Request(report, row.processor_id or 0, row.ref_id)


def _find_minutes(check: Check) -> int:
    """Find for how long a check was held: each processor may have had its own time, by then."""
    if check.hold_until is None:
        return settings.PPIMS_HOLD_MINUTES
    return int((check.hold_until - check.at).total_seconds()) // 60


def _make_correction(scene: Scene) -> Request | None:
    adjustment = scene.adjustment
    if adjustment is None or adjustment.state != Adjustment.State.APPROVED:
        return None
    return Request(
        ApprovedCorrection(
            adjustment.customer_id,
            adjustment.month,
            adjustment.direction,
            adjustment.amount_paise,
            adjustment.pk,
            adjustment.posting_id,
            scene.posted[0].tran_id if scene.posted else "",
        )
    )


def _make_opening(scene: Scene, row: Entry) -> Request | None:
    """Make it of what the row says: the file that said so is gone, its approval is not."""
    if scene.customer_import is None:
        return None
    named = (row.unique_id_sent, row.month, row.direction, row.amount_paise, row.ref_id)
    return Request(ApprovedOpening(*named))


def _make_move(scene: Scene, row: Entry) -> Request | None:
    """Make what one entry of a merge came of: a merge moves all that the merged one had used, an
    un-merge what the rows of its ids had come to.
    """
    move = scene.own_move
    if move is None or row.customer_id not in {move.giver_id, move.taker_id}:
        return None
    if move.is_merge:
        number = move.numbers.get(move.giver_id, 0)
        before = rows.Before("t.number < %s", number)
        sums = rows.sum_before(move.giver_id, [row.month], before)
        _, paise = sums.get((row.month, row.direction), (0, 0))
    else:
        roots = scene.follow_moves(_make_cut_of_move(scene), with_own=False)
        branch = roots.list_branch(move.merged_id, scene.kin)
        place = row.month, row.direction
        paise = sum_owned_before(branch, scene.kin, place, move.at, move.numbers)
    amounts = ((row.month, row.direction, paise),)
    return Request(ApprovedMove(move.giver_id, move.taker_id, move.name, amounts))


def _make_cut_of_move(scene: Scene) -> Cut:
    move = scene.own_move
    assert move
    owner = scene.row.customer_id
    return Cut(owner, move.at, move.numbers.get(owner, 0), 0, with_others=True)


# What was known.


def make_known(scene: Scene, guess: Guess) -> Known:
    """Make what was known of the customer, as one guess says it."""
    row, cut = scene.row, guess.cut
    owner, is_move = row.customer_id, scene.own_move is not None
    known = Known(at=row.at, key=_find_key(scene), check_ids=[row.id], entry_ids=[row.id, row.id])
    known.rules = [
        ApprovedRule(rule_id, rule.tier, rule.direction, rule.window, rule.amount, row.at)
        for rule_id in guess.rule_ids
        if (rule := scene.rules.get(rule_id))
    ]
    person = Person(guess.tier.code, calendar.from_microseconds(guess.tier.since), guess.is_blocked)
    parties = {owner, row.unique_id_sent} if is_move else {owner}
    for each in parties:
        known.people[each] = person
        known.heads[each] = Head(each, row.number - 1, row.number - 1)
        known.used[each] = defaultdict(int, {(m, way): 0 for m in scene.months for way in "DC"})
    known.used[owner] |= sum_used(scene, cut)
    known.holds[owner] = _sum_holds(scene.list_held(cut))
    if row.processor_id is not None:
        cif_id = row.cif_id if isinstance(row, Check) else ""
        known.cif_ids[row.unique_id_sent, row.processor_id] = cif_id
    if not is_move:
        _add_kin(scene, cut, known)
    if isinstance(row, Check):
        _add_instruments(row, guess, known)
    else:
        _add_named(scene, guess, known)
    return known


def sum_used(scene: Scene, cut: Cut) -> dict[tuple[int, str], int]:
    """Sum up what was used, by month and direction."""
    used = Counter({place: paise for place, (_, paise) in scene.sums.items()})
    for each in scene.list_between(cut):
        used[each.month, each.direction] += find_effect_paise(each.kind, each.amount_paise)
    return dict(used)


def _find_key(scene: Scene) -> Key:
    return scene.ring.get(scene.row.key_id) or settings.PPIMS_LEDGER_KEYS[0]


def _sum_holds(held: list[Check]) -> dict[HoldPlace, int]:
    holds: dict[HoldPlace, int] = {}
    for check in held:
        place = _find_place(check)
        holds[place] = holds.get(place, 0) + check.amount_paise
    return holds


def _find_place(check: Check) -> HoldPlace:
    assert check.hold_until
    return HoldPlace(check.processor_id, check.month, check.direction, check.hold_until)


def _add_kin(scene: Scene, cut: Cut, known: Known) -> None:
    """Add whom the Unique_Ids meant. Where it wasn't this customer, it is said elsewhere."""
    row = scene.row
    if not scene.has_kin and row.unique_id_sent == row.customer_id:
        return
    roots = scene.follow_moves(cut)
    known.roots = {each: roots.find(each) for each in scene.kin}
    known.roots[row.unique_id_sent] = row.customer_id
    first = [row.unique_id_sent, row.customer_id]
    ordered = tuple(dict.fromkeys([*first, *rows.list_oldest_first(scene.kin)]))
    known.kin = dict.fromkeys([row.unique_id_sent, row.customer_id], ordered)
    if scene.adjustment:
        known.roots[scene.adjustment.customer_id] = row.customer_id


def _add_instruments(row: Check, guess: Guess, known: Known) -> None:
    """Add the account, and the card: of a card four digits alone are kept, so it is taken to have
    been as the answer says.
    """
    of_row = row.unique_id_sent, row.processor_id
    if row.account_number:
        known.accounts[*of_row, row.account_number] = guess.is_account_active
    known.cards[*of_row, NO_CARD] = row.reason != "CARD_NOT_ACTIVE"


def _add_named(scene: Scene, guess: Guess, known: Known) -> None:
    """Add what an update names: its check with what had become of it, and the posting that it
    gives back of.
    """
    row, cut, check = scene.row, guess.cut, scene.named_check
    assert isinstance(row, Entry)
    key = scene.named_key
    if key and row.processor_id is not None and (check is None or cut.has(check)):
        known.keys[CHECK_OPERATION, row.processor_id, row.enquiry_ref_id] = key
    if check:
        known.checks[check.id] = check
        if is_held(scene, cut):
            known.named_holds[check.id] = Hold(
                row.customer_id, _find_place(check), check.amount_paise
            )
        if any(each.kind == POST_KIND and cut.has(each) for each in scene.named_answers):
            known.settled.add(check.id)
        account = check.unique_id_sent, check.processor_id, check.account_number
        known.accounts[account] = guess.is_account_active
    if row.kind == ADJUST_KIND:
        return
    for each in scene.posted:
        if each.id != row.id and cut.has(each) and each.processor_id is not None:
            named = (each.unique_id_sent, each.processor_id, each.tran_id, each.direction)
            known.posted[named] = Posting(each.id, each.month, each.amount_paise)
            known.reversed_paise[each.id] = sum_given_back(scene, each, cut)


def is_held(scene: Scene, cut: Cut) -> bool:
    """Return whether the hold of the check that an update names was open."""
    check = scene.named_check
    if check is None or check.hold_until is None or check.hold_until <= scene.row.at:
        return False
    return cut.has(check) and not any(cut.has(each) for each in scene.named_answers)


def sum_given_back(scene: Scene, posting: Entry, cut: Cut) -> int:
    """Sum up what was given back of a posting before the row."""
    theirs = [each for each in scene.giving_back if each.reverses_id == posting.id]
    return sum(
        abs(each.amount_paise) for each in theirs if each.id != scene.row.id and cut.has(each)
    )
