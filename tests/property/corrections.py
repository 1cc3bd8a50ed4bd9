"""Corrections by staff in a story of the ledger against its model: drawn, made and compared."""

from limits.models import LedgerEntry
from ppims.core import clock
from ppims.core.errors import Conflict, Malformed, Unavailable
from tests.ledger import histories
from tests.property.model import Refused, number_month


def correct_a_month(story):
    """Staff correct what is used in this month or an earlier one."""
    uid, direction = story.draw.choice([*story.details]), story.draw.choice("DC")
    this = number_month(story.now)
    months = [month for month in story.model.sum_used(uid, direction) if month <= this]
    said = uid, story.draw.choice([*months, this]), story.draw.choice([-9, -10_000, 7, 400_000])
    compare_correction(story, "A", *said, direction)


def correct_a_posting(story):
    """Staff take away of a posting: some, what is left of it, or a paisa more."""
    postings = [e for e in story.list_entries() if e["kind"] == "S"]
    if not postings:
        return
    e = story.draw.choice(postings[-8:] if story.draw_chance(75) else postings)
    left = e["amount"] - story.model.sum_given_back(e)
    paise = max(1, story.draw.choice([left // 3, left, left, left + 1]))
    said = e["uid"], e["month"], -paise, e["direction"]
    compare_correction(story, "A of a posting", *said, named=e, posting_id=e["key"])


def compare_correction(story, what, *said, named=None, posting_id=None):
    with clock.freeze(story.now):
        answer = expect_correction(*said, posting_id)
    try:
        expected = story.model.adjust(*said, named=named, now=story.now)
    except Refused as refused:
        expected = refused.args
    assert answer == expected, (said, posting_id, story.now)
    story.seen[what] += isinstance(expected[0], int)
    story.compare_what_stands(story.model.find_root(said[0]))


def expect_correction(*said):
    try:
        adjustment = histories.adjust(*said)
    except Malformed as malformed:
        return "malformed", sorted(field for field, _ in malformed.errors)
    except Conflict as conflict:
        return "conflict", sorted(field for field, _ in conflict.errors)
    except Unavailable:
        return "unavailable", []
    entry = LedgerEntry.objects.get(adjustment=adjustment)
    return entry.month, entry.flag_list
