"""What happened to one customer: last first, in pages, and of nobody else."""

from datetime import timedelta

import pytest

from customers.services import blocking
from limits.models import LedgerEntry, LimitCheck
from ppims.models import User
from ppims.reports.activity import list_activity
from ppims.reports.heads import Filters
from ppims.reports.keyset import ALL_TIME, Frame
from ppims.reports.records import MONEY_SOURCES, Kind
from ppims.reports.transactions import list_records
from tests.factories import make_check, make_customer, make_posting

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
INSTANT = timedelta(microseconds=1)


@pytest.fixture
def two(ent, cbs, day):
    """Two customers, whose checks and postings come in turn, some in one instant; one blocked."""
    with day():
        one, other = make_customer(ent, cbs), make_customer(ent)
    for number in range(12):
        with day(seconds=number % 3):
            for customer in (one, other):
                make_check(ent, customer, 1_000, ref_id=f"C{customer}{number}")
                make_posting(ent, customer, 1_000, enquiry=f"C{customer}{number}")
    with day():
        blocking.block(customer_id=one, reason="asked for", user=User.objects.create())
    return one, other


def read_all_pages(customer, frame=ALL_TIME, rows=3):
    found, cursor = [], ""
    while True:
        page = list_activity(customer, frame, cursor=cursor, rows=rows)
        assert len(page.rows) <= rows
        found += page.rows
        cursor = page.next
        if not cursor:
            return found


def test_it_is_every_record_of_the_customer_and_what_else_happened(two, ent, cbs):
    everything = list_records(Filters(), rows=200).rows
    others = {two[0]: [Kind.STAFF, Kind.ADDED, Kind.ADDED], two[1]: [Kind.ADDED]}
    for customer in two:
        theirs = [row for row in everything if row.customer_id == customer]
        assert len(theirs) == 24
        found = list_activity(customer, rows=200)
        money = [row for row in found.rows if row.source in MONEY_SOURCES]
        assert sorted(money, key=repr) == sorted(theirs, key=repr)
        assert [row.kind for row in found.rows if row not in money] == others[customer]
        instants = [row.at for row in found.rows]
        assert instants == sorted(instants, reverse=True)
        assert found.next == ""


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_pages_of_any_size_give_each_row_once(two, rows):
    assert read_all_pages(two[0], rows=rows) == list(list_activity(two[0], rows=200).rows)


def test_a_frame_holds_its_first_instant_and_not_its_last(two):
    everything = list(list_activity(two[0], rows=200).rows)
    instants = sorted({row.at for row in everything})
    for since in (instants[0], instants[3], instants[3] + INSTANT):
        for until in (instants[5], instants[5] + INSTANT, instants[-1] + INSTANT):
            within = [row for row in everything if since <= row.at < until]
            assert within
            assert read_all_pages(two[0], Frame(since, until), rows=2) == within
    assert read_all_pages(two[0], Frame(instants[-1] + INSTANT)) == []
    assert read_all_pages(two[0], Frame(None, instants[0])) == []


def test_what_arrives_between_two_pages_neither_repeats_a_row_nor_hides_one(two, ent, day):
    before = list(list_activity(two[0], rows=200).rows)
    page = list_activity(two[0], rows=5)
    with day():
        make_check(ent, two[0], 1)
        blocking.propose_unblocking(customer_id=two[0], reason="–", user=User.objects.get())
    after = list_activity(two[0], cursor=page.next, rows=200)
    assert [*page.rows, *after.rows] == before


def test_someone_who_is_only_on_board_has_been_added_and_nothing_else(ent):
    customer = make_customer(ent)
    assert [row.kind for row in list_activity(customer).rows] == [Kind.ADDED]
    assert not LimitCheck.objects.exists()
    assert not LedgerEntry.objects.exists()


def test_nobody_has_no_activity(ent):
    assert list_activity(100000000000001).rows == []
