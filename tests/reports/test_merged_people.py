"""What happened to one person by several ids: each transaction whole, wherever its records are."""

import pytest
from django.urls import reverse

from ppims.core import clock
from ppims.reports import keyset
from ppims.reports.activity import list_activity, list_every_record
from ppims.reports.heads import ANY_FLAG, Filters
from ppims.reports.outcomes import Outcome
from ppims.reports.records import Kind
from ppims.reports.totals import sum_transactions
from ppims.reports.transactions import Transaction, find_head, list_transactions
from tests.factories import make_check, make_customer, make_posting
from tests.two_people import merge_customers, unmerge_customer
from tests.web.admin_pages import open_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(ent):
    return make_customer(ent), make_customer(ent)


def list_money(ids):
    rows = list_activity(ids, clock.now(), rows=100).rows
    return [row for row in rows if isinstance(row, Transaction)]


def test_a_check_from_before_the_merge_has_the_posting_and_reversal_from_after_it(ent, two):
    check, _ = make_check(ent, two[1], 5_000)
    merge_customers(*two)
    posting, _ = make_posting(ent, two[1], 5_000, tran_id="T", enquiry=check.ref_id)
    reversal, _ = make_posting(ent, two[1], 2_000, "R", tran_id="T")
    assert (check.customer_id, posting.customer_id, reversal.customer_id) == (
        two[1],
        two[0],
        two[0],
    )
    [found] = list_money(two)
    assert (found.outcome, found.amount_paise, found.returned_paise) == (
        Outcome.POSTED,
        5_000,
        2_000,
    )
    client = open_browser("viewer")
    for source, row in (("check", check), ("entry", posting), ("entry", reversal)):
        page = client.get(reverse("transaction", args=[source, row.pk]))
        assert page.status_code == 200
        assert len(page.context["steps"]) == 3


def test_a_hold_that_a_merge_has_moved_is_on_hold_still(ent, two):
    make_check(ent, two[1], 5_000)
    merge_customers(*two)
    [found] = list_money(two)
    assert found.outcome == Outcome.ON_HOLD


def test_what_a_merge_moves_among_the_ids_of_one_person_is_no_transaction(ent, two):
    make_posting(ent, two[1], 5_000)
    merge_customers(*two)
    assert [one.head.kind for one in list_money(two)] == [Kind.POSTED]
    moved = [row for row in list_every_record(two).rows if row.kind == Kind.MOVED]
    assert sorted(row.amount_paise for row in moved) == [-5_000, 5_000]


def test_parted_each_has_what_was_moved_in_its_list(ent, two):
    merge_customers(*two)
    make_posting(ent, two[1], 5_000)
    unmerge_customer(two[1])
    kinds = [one.head.kind for one in list_money([two[1]])]
    assert kinds.count(Kind.MOVED) == 2
    assert Kind.POSTED not in kinds
    assert Kind.POSTED in [one.head.kind for one in list_money([two[0]])]


@pytest.mark.parametrize("rows", [1, 2, 3, 7])
def test_pages_of_any_size_have_every_record_of_every_id_once(ent, two, rows):
    for number in range(4):
        make_posting(ent, two[number % 2], 1_000 + number)
    merge_customers(*two)
    whole = list_every_record(two, rows=200).rows
    found, cursor = [], ""
    while True:
        page = list_every_record(two, cursor=cursor, rows=rows)
        found += page.rows
        cursor = page.next
        if not cursor:
            break
    assert [(row.source, row.id) for row in found] == [(row.source, row.id) for row in whole]
    assert len({(row.source, row.id) for row in found}) == len(found)


def test_a_step_leads_to_the_head_in_the_ledger_of_the_other_id(ent, two):
    check, _ = make_check(ent, two[1], 5_000)
    merge_customers(*two)
    posting, _ = make_posting(ent, two[1], 5_000, tran_id="T", enquiry=check.ref_id)
    [row] = [r for r in list_every_record(two).rows if r.id == posting.pk and r.kind == Kind.POSTED]
    assert find_head(row).id == check.pk


# Filters and sums: a check of the one, and what became of it in the ledger of the other.


@pytest.fixture
def told(ent, two):
    """One transaction of each outcome, begun before a merge and ended after it; a step of each of
    them is in the other ledger. What both have spent, by outcome.
    """
    refs = {
        name: make_check(ent, two[1], 1_000 + n)[0].ref_id for n, name in enumerate(CHECKED_NAMES)
    }
    refs["late"] = make_check(ent, two[1], 2_000_000)[0].ref_id
    make_posting(ent, two[1], 700, tran_id="OWN")
    make_posting(ent, two[1], 800, tran_id="OWN-PART")
    merge_customers(*two)
    for name, paise in (("posted", 990), ("reversed", 1_002), ("late", 1_999_999)):
        make_posting(ent, two[1], paise, tran_id=name, enquiry=refs[name])
    make_posting(ent, two[1], 1_001, kind="F", enquiry=refs["released"])
    for tran_id, paise in (("reversed", 1_002), ("OWN", 700), ("OWN-PART", 1)):
        make_posting(ent, two[0], paise, kind="R", tran_id=tran_id)
    make_check(ent, two[0], 3_000_000)
    return {
        Outcome.POSTED: [800, 990, 1_999_999],
        Outcome.RELEASED: [1_001],
        Outcome.REVERSED: [700, 1_002],
        Outcome.ON_HOLD: [1_003],
        Outcome.DECLINED: [3_000_000],
    }


CHECKED_NAMES = ("posted", "released", "reversed", "held")


def list_amounts(filters, rows=50):
    page = list_transactions(filters, clock.now(), rows=rows)
    return sorted(one.amount_paise for one in page.rows if one.head.kind != Kind.MOVED)


@pytest.mark.parametrize("is_parted", [False, True])
@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_is_found_in_whosever_ledger_it_came(told, two, outcome, is_parted):
    if is_parted:
        unmerge_customer(two[1])
    assert list_amounts(Filters(outcome=outcome)) == told[outcome]
    assert list_amounts(Filters(outcome=outcome, direction="D")) == told[outcome]
    assert list_amounts(Filters(outcome=outcome, direction="C")) == []


@pytest.mark.parametrize("outcome", [None, *Outcome])
def test_it_is_found_alike_on_many_machines(told, outcome, monkeypatch):
    asked = [Filters(outcome=outcome, flag=flag) for flag in (None, "DECLINED", ANY_FLAG)]
    on_one = [list_amounts(filters) for filters in asked]
    sums = [sum_transactions(filters, clock.now()) for filters in asked]
    monkeypatch.setattr(keyset.nodes, "are_many", lambda: True)
    assert [list_amounts(filters) for filters in asked] == on_one
    assert [sum_transactions(filters, clock.now()) for filters in asked] == sums


def test_a_flag_is_found_in_whosever_ledger_the_posting_is(told):
    assert list_amounts(Filters(flag="DECLINED")) == [1_999_999]
    assert list_amounts(Filters(flag="AMOUNT_DIFFERS")) == [990, 1_999_999]
    assert list_amounts(Filters(flag="DECLINED", outcome=Outcome.POSTED)) == [1_999_999]
    assert list_amounts(Filters(flag="DECLINED", outcome=Outcome.RELEASED)) == []
    assert list_amounts(Filters(reason="MONTH_LIMIT")) == [3_000_000]


@pytest.mark.parametrize("outcome", [None, *Outcome])
@pytest.mark.parametrize("is_alone", [False, True])
def test_the_sums_are_those_of_the_list(ent, told, outcome, is_alone):
    if is_alone:  # somebody whom no merge is about
        other = make_customer(ent)
        make_posting(ent, other, 70, enquiry=make_check(ent, other, 71)[0].ref_id)
    filters = Filters(outcome=outcome)
    listed = list_transactions(filters, clock.now()).rows
    totals = sum_transactions(filters, clock.now())
    assert totals.count == len(listed)
    assert totals.spent.paise == sum(one.amount_paise for one in listed)
    assert not totals.is_cut


def test_pages_are_full_though_others_are_left_out(ent, two):
    refs = [make_check(ent, two[1], 1_000 + number)[0].ref_id for number in range(9)]
    merge_customers(*two)
    for number, ref in enumerate(refs):
        if number % 3:
            make_posting(ent, two[1], 1_000 + number, enquiry=ref)
    at, held = clock.now(), Filters(outcome=Outcome.ON_HOLD)
    first = list_transactions(held, at, rows=2)
    assert [one.amount_paise for one in first.rows] == [1_006, 1_003]
    assert [one.amount_paise for one in list_transactions(held, at, cursor=first.next).rows] == [
        1_000
    ]


def test_a_move_of_nothing_is_posted(two):
    merge_customers(*two)
    unmerge_customer(two[1])
    assert {one.outcome for one in list_money([two[1]])} == {Outcome.POSTED}
