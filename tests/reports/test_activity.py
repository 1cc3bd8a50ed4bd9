"""What happened to one customer: last first, in pages, and of nobody else; a row a transaction, or
a row a record.
"""

from datetime import timedelta

import pytest

from customers.services import blocking
from limits.models import LedgerEntry, LimitCheck
from ppims.core import clock
from ppims.models import User
from ppims.reports import keyset
from ppims.reports.activity import list_activity, list_every_record
from ppims.reports.heads import Filters
from ppims.reports.keyset import ALL_TIME, Frame
from ppims.reports.outcomes import Outcome
from ppims.reports.records import MONEY_SOURCES, Kind
from ppims.reports.transactions import Transaction, list_records, list_transactions
from tests.factories import make_check, make_customer, make_posting

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
INSTANT = timedelta(microseconds=1)
BOTH_LISTS = pytest.mark.parametrize("is_whole", [False, True], ids=["transactions", "records"])


@pytest.fixture
def two(ent, cbs, day):
    """Two customers, whose checks and postings come in turn, some in one instant, some without a
    check, some reversed; one blocked.
    """
    with day():
        one, other = make_customer(ent, cbs), make_customer(ent)
    for number in range(12):
        with day(seconds=number % 3):
            for customer in (one, other):
                make_check(ent, customer, 1_000, ref_id=f"C{customer}{number}")
                asked = f"C{customer}{number}" if number % 4 else None
                make_posting(ent, customer, 1_000, tran_id=f"T{number}", enquiry=asked)
                if number % 5 == 2:
                    make_posting(ent, customer, 300, kind="R", tran_id=f"T{number}")
    with day():
        blocking.block(customer_id=one, reason="asked for", user=User.objects.create())
    return one, other


def read_page(customer, frame=ALL_TIME, *, is_whole=False, **more):
    if is_whole:
        return list_every_record([customer], frame, **more)
    return list_activity([customer], clock.now(), frame, **more)


def read_all_pages(customer, frame=ALL_TIME, *, rows=3, is_whole=False):
    found, cursor = [], ""
    while True:
        page = read_page(customer, frame, cursor=cursor, rows=rows, is_whole=is_whole)
        assert len(page.rows) <= rows
        found += page.rows
        cursor = page.next
        if not cursor:
            return found


def test_every_record_is_every_check_and_entry_and_what_else_happened(two):
    everything = list_records(Filters(), rows=200).rows
    others = {two[0]: [Kind.STAFF, Kind.ADDED, Kind.ADDED], two[1]: [Kind.ADDED]}
    for customer in two:
        theirs = [row for row in everything if row.customer_id == customer]
        assert len(theirs) == 26
        found = list_every_record([customer], rows=200)
        money = [row for row in found.rows if row.source in MONEY_SOURCES]
        assert sorted(money, key=repr) == sorted(theirs, key=repr)
        assert [row.kind for row in found.rows if row not in money] == others[customer]
        instants = [row.at for row in found.rows]
        assert instants == sorted(instants, reverse=True)
        assert found.next == ""


def test_activity_has_each_transaction_once_as_the_list_of_all_has_it(two):
    at = clock.now()
    everything = list_transactions(Filters(), at, rows=200).rows
    others = {two[0]: [Kind.STAFF, Kind.ADDED, Kind.ADDED], two[1]: [Kind.ADDED]}
    for customer in two:
        theirs = [each for each in everything if each.head.customer_id == customer]
        assert len(theirs) == 15  # twelve checks, and three postings without one
        found = list_activity([customer], at, rows=200).rows
        money = [each for each in found if isinstance(each, Transaction)]
        assert sorted(money, key=repr) == sorted(theirs, key=repr)
        assert {each.outcome for each in money} >= {Outcome.POSTED}
        assert [row.kind for row in found if row not in money] == others[customer]
        assert [each.at for each in found] == sorted((each.at for each in found), reverse=True)


@BOTH_LISTS
@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_pages_of_any_size_give_each_row_once(two, rows, is_whole):
    whole = list(read_page(two[0], rows=200, is_whole=is_whole).rows)
    assert read_all_pages(two[0], rows=rows, is_whole=is_whole) == whole


@BOTH_LISTS
def test_a_frame_holds_its_first_instant_and_not_its_last(two, is_whole):
    everything = list(read_page(two[0], rows=200, is_whole=is_whole).rows)
    instants = sorted({row.at for row in everything})

    def read_within(*frame):
        return read_all_pages(two[0], Frame(*frame), rows=2, is_whole=is_whole)

    for since in (instants[0], instants[3], instants[3] + INSTANT):
        for until in (instants[5], instants[5] + INSTANT, instants[-1] + INSTANT):
            within = [row for row in everything if since <= row.at < until]
            assert within
            assert read_within(since, until) == within
    assert read_within(instants[-1] + INSTANT) == []
    assert read_within(None, instants[0]) == []


@BOTH_LISTS
def test_what_arrives_between_two_pages_neither_repeats_a_row_nor_hides_one(
    two, ent, day, is_whole
):
    before = list(read_page(two[0], rows=200, is_whole=is_whole).rows)
    page = read_page(two[0], rows=5, is_whole=is_whole)
    with day():
        make_check(ent, two[0], 1)
        blocking.propose_unblocking(customer_id=two[0], reason="–", user=User.objects.get())
    after = read_page(two[0], cursor=page.next, rows=200, is_whole=is_whole)
    assert [*page.rows, *after.rows] == before


@pytest.mark.parametrize("looked_at", [1, 2, 5])
def test_where_few_entries_begin_a_transaction_a_page_is_cut_short_and_goes_on(
    two, monkeypatch, looked_at
):
    whole = list(list_activity([two[0]], clock.now(), rows=200).rows)
    monkeypatch.setattr(keyset, "LOOKED_AT", looked_at)
    page = list_activity([two[0]], clock.now(), rows=200)
    assert page.is_cut_short
    assert page.next
    assert len(page.rows) < len(whole)
    assert read_all_pages(two[0], rows=200) == whole
    assert read_all_pages(two[0], rows=2) == whole


@BOTH_LISTS
def test_someone_who_is_only_on_board_has_been_added_and_nothing_else(ent, is_whole):
    customer = make_customer(ent)
    assert [row.kind for row in read_page(customer, is_whole=is_whole).rows] == [Kind.ADDED]
    assert not LimitCheck.objects.exists()
    assert not LedgerEntry.objects.exists()


@BOTH_LISTS
def test_nobody_has_no_activity(ent, is_whole):
    assert list(read_page(100000000000001, is_whole=is_whole).rows) == []
