"""What happened to one person by several ids: each transaction whole, wherever its records are."""

import pytest
from django.urls import reverse

from ppims.core import clock
from ppims.reports.activity import list_activity, list_every_record
from ppims.reports.outcomes import Outcome
from ppims.reports.records import Kind
from ppims.reports.transactions import Transaction, find_head
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
