"""A merge and a parting while the month turns: each amount in the month that it was booked in."""

from datetime import UTC, datetime, timedelta

import pytest

from limits.models import LedgerEntry
from limits.services import merges
from limits.verify import verify
from ppims.core import clock
from tests.factories import make_check, make_customer, make_posting
from tests.two_people import find_two_people, merge_customers, unmerge_customer

pytestmark = pytest.mark.django_db
NOVEMBER, DECEMBER = 202611, 202612
LAST_OF_NOVEMBER = datetime(2026, 11, 30, 18, 29, 59, tzinfo=UTC)  # India is 5:30 ahead
EFFECT_SIGNS = {"F": 0, "R": -1}


@pytest.fixture(autouse=True)
def at():
    """Whatever was done, verification finds it right."""
    yield
    with clock.freeze(LAST_OF_NOVEMBER + timedelta(minutes=16)):
        assert [str(finding) for finding in verify()] == []


@pytest.fixture
def survivor(ent):
    with clock.freeze(LAST_OF_NOVEMBER - timedelta(days=90)):
        return make_customer(ent)


@pytest.fixture
def merged(cbs):
    with clock.freeze(LAST_OF_NOVEMBER - timedelta(days=60)):
        return make_customer(cbs)


def read_used(customer, month=NOVEMBER):
    rows = LedgerEntry.objects.filter(customer_id=customer, month=month, direction="D")
    return sum(EFFECT_SIGNS.get(row.kind, 1) * row.amount_paise for row in rows)


def list_moves(customer):
    rows = LedgerEntry.objects.filter(customer_id=customer, kind="M").order_by("number")
    return [(row.month, row.direction, row.amount_paise) for row in rows]


def test_they_are_parted_after_the_month_has_turned(ent, cbs, survivor, merged):
    with clock.freeze(LAST_OF_NOVEMBER):
        merge_customers(survivor, merged)
        asked, _ = make_check(cbs, merged, 600_000)
        make_posting(ent, survivor, 300_000, tran_id="T1")
        make_posting(cbs, merged, 50_000, tran_id="T2")
    with clock.freeze(LAST_OF_NOVEMBER + timedelta(seconds=1)):
        make_posting(cbs, survivor, 600_000, enquiry=asked.ref_id, tran_id="T3")
        make_posting(cbs, merged, 7)
        unmerge_customer(merged)
        # What named the survivor stays the survivor's, though it settles a check of the other.
        assert (read_used(survivor), read_used(merged)) == (900_000, 50_000)
        assert (read_used(survivor, DECEMBER), read_used(merged, DECEMBER)) == (0, 7)
        assert list_moves(merged)[-2:] == [(NOVEMBER, "D", 50_000), (DECEMBER, "D", 7)]
        make_posting(cbs, merged, 50_000, kind="R", tran_id="T2")
        assert (read_used(merged), read_used(merged, DECEMBER)) == (0, 7)
        assert make_check(cbs, merged, 1_000_000 - 7)[0].is_allowed


def test_a_hold_of_the_month_before_counts_there_after_a_merge_and_parting(
    ent, cbs, survivor, merged
):
    with clock.freeze(LAST_OF_NOVEMBER):
        asked, _ = make_check(cbs, merged, 600_000)
    with clock.freeze(LAST_OF_NOVEMBER + timedelta(seconds=1)):
        merge_customers(survivor, merged)
        assert list_moves(survivor) == [(DECEMBER, "D", 0)]
        whole, _ = make_check(ent, survivor, 1_000_000)
        assert (whole.is_allowed, whole.held_paise) == (True, 1_000_000)  # its own
        unmerge_customer(merged)
        entry, _ = make_posting(cbs, merged, 600_000, enquiry=asked.ref_id)
        assert (entry.month, entry.flags, entry.customer_id) == (NOVEMBER, "", merged)
        assert make_check(cbs, merged, 1_000_000)[0].is_allowed
        assert not make_check(ent, survivor, 1)[0].is_allowed


def test_a_merge_at_the_turn_of_the_month_has_both_ledgers_of_one_month(survivor, merged):
    maker, checker = find_two_people()
    with clock.freeze(LAST_OF_NOVEMBER):
        proposal = merges.propose_merge(
            unique_id=survivor, other_id=merged, reason="One", user=maker
        )
    with clock.freeze(LAST_OF_NOVEMBER + timedelta(seconds=1)):
        merges.decide(proposal_id=proposal.pk, state="APPROVED", user=checker)
    assert list_moves(survivor) == list_moves(merged) == [(DECEMBER, "D", 0)]
