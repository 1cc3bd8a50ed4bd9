"""What a Tran_Id comes to in a processor's file and in our books, judged. Pure: no clock, no
database. docs/operations.md, "Reconcile a processor's file", has the rules in words.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

# The values of ReconciliationDifference.Kind, and what needs no row.
MATCHED_KIND = "MATCHED"
AMOUNT_KIND, DIRECTION_KIND, OTHER_DAY_KIND = "AMOUNT", "DIRECTION", "OTHER_DAY"
ONLY_THEIRS_KIND, ONLY_OURS_KIND, REFUSED_KIND = "ONLY_THEIRS", "ONLY_OURS", "REFUSED"


class Posting(NamedTuple):
    """A posting of ours with the Tran_Id, of whatever day; and what was given back of it, by
    reversals and corrections, until now.
    """

    entry_id: int
    unique_id: int
    paise: int
    given_back_paise: int
    is_told_elsewhere: bool  # the file of other days, already compared, has it

    @property
    def left_paise(self) -> int:
        return self.paise - self.given_back_paise


@dataclass(frozen=True)
class Pair:
    """One Tran_Id and direction: what it comes to on each side within the days that are compared,
    None where a side has nothing. `postings` are all of ours, of any day.
    """

    tran_id: str
    direction: str
    their_paise: int | None
    our_paise: int | None
    ref_id: str = ""
    row_number: int | None = None
    row_count: int = 0
    entry_id: int | None = None
    unique_id: int | None = None
    postings: Sequence[Posting] = ()


class Judged(NamedTuple):
    """What a pair was found to be: one of the kinds above."""

    kind: str
    pair: Pair


def judge(pairs: Sequence[Pair], *, has_status: bool) -> Iterator[Judged]:
    """Judge the pairs of one Tran_Id that don't agree within the days. `has_status`: the file can
    tell what was taken back.
    """
    judged = [Judged(_judge_pair(pair, has_status=has_status), pair) for pair in pairs]
    theirs = [pair for kind, pair in judged if kind == ONLY_THEIRS_KIND]
    ours = [pair for kind, pair in judged if kind == ONLY_OURS_KIND]
    if theirs and ours:  # there are two directions: one of each side is the other's
        (one,), (other,) = theirs, ours
        yield Judged(DIRECTION_KIND, _join(one, other))
        return
    yield from judged


def _join(theirs: Pair, ours: Pair) -> Pair:
    return replace(
        theirs,
        our_paise=ours.our_paise,
        entry_id=ours.entry_id,
        unique_id=ours.unique_id,
        postings=ours.postings,
    )


def _judge_pair(pair: Pair, *, has_status: bool) -> str:
    if pair.their_paise is None:
        return OTHER_DAY_KIND if _is_explained(pair, has_status=has_status) else ONLY_OURS_KIND
    if pair.their_paise in _list_agreeing(pair):
        return OTHER_DAY_KIND
    return AMOUNT_KIND if pair.our_paise is not None or _list_untold(pair) else ONLY_THEIRS_KIND


def _is_explained(pair: Pair, *, has_status: bool) -> bool:
    """Judge whether what only we have of the days needs nobody: the posting was given back whole
    since, or it was in the file of other days; or it is a reversal of an earlier posting, which
    such a file can't tell.
    """
    assert pair.our_paise is not None
    if pair.our_paise < 0:
        return not has_status
    if any(posting.is_told_elsewhere for posting in pair.postings):
        return True
    return bool(pair.postings) and not sum(posting.left_paise for posting in pair.postings)


def _list_agreeing(pair: Pair) -> set[int]:
    """List what their file may say of the days, and agree with what we have of all days."""
    if not pair.postings:
        return set()
    left = sum(posting.left_paise for posting in pair.postings)
    if pair.our_paise is not None:
        return {left}
    given_back = sum(posting.given_back_paise for posting in pair.postings)
    untold = _list_untold(pair)
    return {-given_back} | ({left, left + given_back} if untold else set())


def _list_untold(pair: Pair) -> list[Posting]:
    """List the postings that no file of other days has: what such a file has, their file of these
    days doesn't tell again.
    """
    return [posting for posting in pair.postings if not posting.is_told_elsewhere]
