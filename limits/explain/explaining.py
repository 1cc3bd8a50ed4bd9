"""Explain one check or one entry: what stood, what came of it, and whether the same comes of it
anew. docs/operations.md, "Explain a decision".
"""

from collections.abc import Iterator
from itertools import islice

from limits.explain import rows
from limits.explain.cuts import Cut
from limits.explain.derive import Derived, compare, derive, is_held, sum_given_back
from limits.explain.figures import Account, make_line
from limits.explain.results import Explained, GivenBack, Line, NamedCheck, StateThen, WhyNot
from limits.explain.scene import Scene, read_scene
from limits.known import Check, Entry
from limits.models import LedgerEntry, LimitCheck
from limits.posting import POST_KIND, RELEASE_KIND
from limits.standing import list_signed
from ppims.core import calendar
from ppims.core.chain import find_mac_problem, sign_link, sign_row
from ppims.db.column_limits import find_unfit_row
from ppims.db.transaction import read_snapshot

MOST_GUESSES = 500


def explain_check(customer_id: int, row_id: int) -> Explained | None:
    """Explain a check by its customer and key, of one snapshot; None: there is none."""
    with read_snapshot():
        row = rows.read_check([customer_id], row_id)
        return _explain(row) if row else None


def explain_entry(customer_id: int, row_id: int) -> Explained | None:
    """Explain an entry, as `explain_check` does a check."""
    with read_snapshot():
        row = rows.read_entry([customer_id], row_id)
        return _explain(row) if row else None


def _explain(row: Check | Entry) -> Explained:
    scene = read_scene(row)
    derived = _find_best(scene)
    account, cut = Account(scene, derived), derived.guess.cut
    problems = [*_find_problems_of_row(scene, cut), *scene.problems]
    return Explained(
        row=row,
        state=_describe_state(scene, derived),
        windows=account.windows,
        entries=account.sum_up_entries(),
        holds=account.sum_up_holds(),
        used_by_month=account.list_used_by_month(),
        named=_describe_named(scene, cut) if isinstance(row, Entry) else None,
        given_back=_find_given_back(scene, cut),
        flags=tuple(_list_flags(row, derived)) if isinstance(row, Entry) else (),
        compared=compare(scene, derived),
        refusals=derived.refusals,
        problems=[*([derived.problem] if derived.problem else []), *problems],
    )


def _find_best(scene: Scene) -> Derived:
    """Find the likeliest guess of which the same comes; where there is none, the one that differs
    least.
    """
    best: tuple[int, Derived] | None = None
    for guess in islice(scene.list_guesses(), MOST_GUESSES):
        derived = derive(scene, guess)
        differing = sum(not each.is_same for each in compare(scene, derived))
        rank = differing + bool(derived.problem) if derived.row else len(scene.row)
        if best is None or rank < best[0]:
            best = rank, derived
        if rank == 0:
            break
    assert best
    return best[1]


def _describe_state(scene: Scene, derived: Derived) -> StateThen:
    guess, person = derived.guess, scene.person
    usable = person.may_be_usable(scene.account, scene.at) if scene.account else {True}
    is_sure = len(person.may_be_blocked(scene.at)) == len(usable) == len(scene.list_tiers()) == 1
    return StateThen(
        guess.tier.code,
        calendar.from_microseconds(guess.tier.since),
        guess.is_blocked,
        guess.is_account_active if scene.account else None,
        is_sure,
    )


def _list_flags(row: Entry, derived: Derived) -> Iterator[tuple[str, bool, bool]]:
    recorded = _split(row.flags)
    anew = _split(derived.row.flags) if isinstance(derived.row, Entry) else recorded
    for flag in dict.fromkeys([*recorded, *anew]):
        yield flag, flag in recorded, flag in anew


def _split(flags: str) -> list[str]:
    return flags.split(",") if flags else []


# What an entry names.


def _describe_named(scene: Scene, cut: Cut) -> NamedCheck | None:
    """Describe the check that an update named, and why it was not taken for it, if it wasn't."""
    row, check = scene.row, scene.named_check
    assert isinstance(row, Entry)
    if not row.enquiry_ref_id:
        return None
    if check is None or not cut.has(check):
        return NamedCheck(why_not=WhyNot.UNKNOWN)
    before = [each for each in scene.named_answers if cut.has(each)]
    by_kind = {each.kind: _read_line(scene, each.id) for each in before}
    settled, released = by_kind.get(POST_KIND), by_kind.get(RELEASE_KIND)
    roots = scene.follow_moves(cut)
    why_not: WhyNot | None = None
    if roots.find(check.unique_id_sent) != roots.find(row.unique_id_sent):
        return NamedCheck(why_not=WhyNot.ANOTHERS)  # nothing of another customer's is told
    if check.direction != row.direction:
        why_not = WhyNot.OTHER_DIRECTION
    elif settled:
        why_not = WhyNot.SETTLED
    return NamedCheck(check, is_held(scene, cut), settled, released, why_not)


def _read_line(scene: Scene, entry_id: int) -> Line | None:
    entry = rows.read_entry(scene.kin, entry_id)
    return make_line(entry) if entry else None


def _find_given_back(scene: Scene, cut: Cut) -> GivenBack | None:
    row = scene.row
    if isinstance(row, Check) or row.reverses_id is None:
        return None
    posting = next((each for each in scene.posted if each.id == row.reverses_id), None)
    posting = posting or rows.read_entry(scene.kin, row.reverses_id)
    return GivenBack(posting, sum_given_back(scene, posting, cut)) if posting else None


# Whether the row itself is whole.


def _find_problems_of_row(scene: Scene, cut: Cut) -> Iterator[str]:
    row, key = scene.row, rows.read_own_key(scene.row)
    cause = None
    if row.processor_id is not None:
        if key is None:
            cause = f"its Ref_Id {row.ref_id} is gone"
        elif (key.customer_id, key.row_id) != (row.customer_id, row.id):
            cause = f"its Ref_Id {row.ref_id} points at another row"
    if cause:
        yield cause
        return
    said = key.digests if key else b""
    problem = _find_signature_problem(scene, said)
    if problem:
        yield problem
    if given_back := _find_overdrawn(scene, cut):
        yield given_back


def _find_signature_problem(scene: Scene, digests: bytes) -> str | None:
    row, values = scene.row, list_signed(scene.row)
    model = LimitCheck if isinstance(row, Check) else LedgerEntry
    # One that SQLite took and no column should have may be read as the right one.
    if unfit := find_unfit_row(model, row.customer_id, row.id):
        return unfit
    if isinstance(row, Check):
        said = None if row.id <= scene.before.last_check_id else digests
        mac = bytes(row.mac)
        return find_mac_problem(
            scene.ring, row.key_id, mac, lambda key: sign_row(key, "check", values, said)
        )
    previous = rows.read_digest_before(row)
    if previous is None:
        return "the entry before it is gone"
    said = None if row.id <= scene.before.last_entry_id else digests
    return find_mac_problem(
        scene.ring,
        row.key_id,
        bytes(row.digest),
        lambda key: sign_link(key, "entry", values, previous, said),
        name="its digest",
    )


def _find_overdrawn(scene: Scene, cut: Cut) -> str | None:
    """Say where more was given back of a posting than it was, by a correction too."""
    row = scene.row
    given_back = _find_given_back(scene, cut)
    if given_back is None or isinstance(row, Check):
        return None
    if given_back.before + abs(row.amount_paise) <= given_back.posting.amount_paise:
        return None
    return "more is given back of its posting than that was"
