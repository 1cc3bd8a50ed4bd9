"""Merges and un-merges in a story of the ledger against its model: drawn, made and compared."""

from customers.models import Customer, Merge
from limits.services import merges
from ppims.core import clock
from ppims.core.errors import Conflict
from tests.property.model import Refused
from tests.two_people import find_two_people, merge_customers, unmerge_customer


def merge_two(story):
    """Two of those who are there turn out to be one person."""
    roots = [uid for uid in story.details if uid not in story.model.above]
    if len(roots) < 2 or len(story.model.above) > len(story.details) // 2:
        return
    both = story.draw.sample(roots, 2)
    if not move_past_both(story, both):
        return
    people = story.model.people
    survivor, merged = sorted(both, key=lambda uid: (people[uid]["created"], uid))
    with clock.freeze(story.now):
        merge_customers(*both)
    story.model.above[merged] = survivor
    compare_both(story, survivor, merged)
    story.seen["merged"] += 1


def part_two(story):
    """One who was merged turns out to be another after all; at times it can't be so."""
    if not story.model.above:
        return
    merged = story.draw.choice([*story.model.above])
    survivor = story.model.find_root(merged)
    if not move_past_both(story, (survivor, merged)):
        return
    try:
        story.model.part(merged)
        expected = "parted"
    except Refused:
        expected = "not parted"
    with clock.freeze(story.now):
        assert expect_parted(merged) == expected
    compare_both(story, survivor, merged)
    story.seen[expected] += 1


def expect_parted(merged):
    try:
        unmerge_customer(merged)
    except Conflict:
        proposal = Merge.objects.get(state="PROPOSED")
        decided = {"state": "REJECTED", "user": find_two_people()[1], "note": "Not so"}
        merges.decide(proposal_id=proposal.pk, **decided)
        return "not parted"
    return "parted"


def move_past_both(story, both):
    """Whether the clock is not behind what has happened: verification would doubt that."""
    lasts = [story.model.people[uid]["last"] for uid in both]
    return story.now >= max((last for last in lasts if last), default=story.now)


def compare_both(story, *both):
    """Take over who they are now, which is the customers' part; and compare what stands."""
    story.changed_at = story.now
    for uid in both:
        customer, state = Customer.objects.get(pk=uid), story.model.people[uid]
        state.update(tier=customer.tier, blocked=customer.is_blocked, last=story.now)
    for uid in story.details:
        story.compare_what_stands(uid)
