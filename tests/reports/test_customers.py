"""The list of customers: filtered, newest first, each once."""

import pytest

from customers.models import Customer
from customers.services import blocking
from limits.models import NearLimit
from ppims.models import User
from ppims.reports import keyset
from ppims.reports.customers import Filters, list_customers
from ppims.reports.keyset import read_every_page
from tests.factories import make_customer, set_tier
from tests.reports.conftest import NOON
from tests.two_people import merge_customers, unmerge_customer

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
MONTH = 203106
NEAR_LIMIT, AT_LIMIT = NearLimit.Level.NEAR, NearLimit.Level.AT_LIMIT


@pytest.fixture
def people(ent, cbs, day):
    """Eight customers, every second of them known to CBS too, every third Min KYC, two blocked."""
    made = []
    for number in range(8):
        with day():
            through = (ent, cbs) if number % 2 else (ent,)
            made.append(make_customer(*through, kyc_flag="N" if number % 3 == 0 else "P"))
    staff = User.objects.create(username="farhan")
    for number in (2, 3):
        blocking.block(customer_id=made[number], reason="asked for", user=staff)
    for number, level in ((1, NEAR_LIMIT), (3, AT_LIMIT), (4, NEAR_LIMIT)):
        customer = Customer.objects.get(pk=made[number])
        NearLimit.objects.create(
            customer=customer,
            created_at=customer.created_at,
            month=MONTH,
            level=level,
            permille=850 if level == NEAR_LIMIT else 1_000,
        )
    with day():
        yield made


def list_numbers(people, filters, **more):
    return [people.index(row.unique_id) for row in list_customers(filters, **more).rows]


CASES = {
    "all": (Filters(), [7, 6, 5, 4, 3, 2, 1, 0]),
    "tier": (Filters(tier="N"), [6, 3, 0]),
    "nobody's tier": (Filters(tier="F"), []),
    "active": (Filters(status="ACTIVE"), [7, 6, 5, 4, 1, 0]),
    "blocked": (Filters(status="BLOCKED"), [3, 2]),
    "blocked of a tier": (Filters(status="BLOCKED", tier="N"), [3]),
    "near": (Filters(level=NEAR_LIMIT), [4, 3, 1]),
    "at the limit": (Filters(level=AT_LIMIT), [3]),
    "near, of a tier": (Filters(level=NEAR_LIMIT, tier="P"), [4, 1]),
    "near and active": (Filters(level=NEAR_LIMIT, status="ACTIVE"), [4, 1]),
}
OF_CBS = {
    "all": (Filters(), [7, 5, 3, 1]),
    "tier": (Filters(tier="N"), [3]),
    "active": (Filters(status="ACTIVE"), [7, 5, 1]),
    "blocked": (Filters(status="BLOCKED"), [3]),
    "near": (Filters(level=NEAR_LIMIT), [3, 1]),
    "near and active": (Filters(level=NEAR_LIMIT, status="ACTIVE", tier="P"), [1]),
}


@pytest.mark.parametrize("case", CASES)
def test_a_filter_gives_those_whom_it_names_newest_first(people, case):
    filters, wanted = CASES[case]
    assert list_numbers(people, filters) == wanted


@pytest.mark.parametrize("case", OF_CBS)
def test_of_a_processor_it_gives_those_who_came_through_it(people, cbs, case):
    filters, wanted = OF_CBS[case]
    filters = Filters(filters.tier, filters.status, cbs.pk, filters.level)
    assert list_numbers(people, filters) == wanted


@pytest.mark.parametrize("rows", [1, 2, 3])
@pytest.mark.parametrize("most", [2, 20_000])
def test_pages_give_each_customer_once(people, cbs, monkeypatch, rows, most):
    asked = [*(f for f, _ in CASES.values()), Filters(processor_id=cbs.pk, tier="N")]
    wanted = {filters: list(list_customers(filters).rows) for filters in asked}
    monkeypatch.setattr(keyset, "LOOKED_AT", most)
    for filters in asked:
        found, cursor = [], ""
        while True:
            page = list_customers(filters, cursor=cursor, rows=rows)
            found += page.rows
            cursor = page.next
            if not cursor:
                break
        assert found == wanted[filters]


def test_who_arrives_between_two_pages_neither_repeats_nor_hides_anyone(people, ent, day):
    page = list_customers(Filters(), rows=3)
    with day():
        make_customer(ent)
        after = list_customers(Filters(), cursor=page.next)
    assert [people.index(row.unique_id) for row in (*page.rows, *after.rows)] == [*range(7, -1, -1)]


def test_a_row_tells_who_it_is_and_how_near(people):
    rows = {people.index(row.unique_id): row for row in list_customers(Filters()).rows}
    assert (rows[3].tier, rows[3].status, rows[3].permille) == ("N", "BLOCKED", 1_000)
    assert (rows[0].status, rows[0].permille) == ("ACTIVE", None)
    assert rows[0].created_at > NOON
    assert rows[0].name == "Meera Iyer"
    assert "Meera" not in repr(rows[0])


def test_what_was_near_last_month_is_not_now(people):
    NearLimit.objects.filter(customer_id=people[4]).update(month=MONTH - 1)
    assert list_numbers(people, Filters(level=NEAR_LIMIT)) == [3, 1]
    assert {row.permille for row in list_customers(Filters()).rows} == {None, 850, 1_000}


def read_all_pages(people, filters, rows):
    pages = read_every_page(lambda cursor: list_customers(filters, cursor=cursor, rows=rows))
    return [[people.index(row.unique_id) for row in page.rows] for page in pages]


def test_pages_are_full_where_merged_ones_are_left_out(people):
    merge_customers(people[5], people[6])
    merge_customers(people[2], people[4])
    assert read_all_pages(people, Filters(), 3) == [[7, 5, 3], [2, 1, 0]]
    unmerge_customer(people[6])
    assert read_all_pages(people, Filters(), 3) == [[7, 6, 5], [3, 2, 1], [0]]


@pytest.mark.parametrize("rows", [1, 2, 3, 50])
def test_of_a_processor_that_knows_one_by_two_ids_it_gives_them_once(people, cbs, rows):
    merge_customers(people[1], people[7])
    merge_customers(people[2], people[5])
    pages = read_all_pages(people, Filters(processor_id=cbs.pk), rows)
    assert [number for page in pages for number in page] == [2, 3, 1]
    assert {len(page) for page in pages[:-1]} <= {rows}


def test_of_a_processor_that_knows_the_merged_one_the_survivors_tier_counts(people, cbs):
    set_tier(people[4], "F")
    merge_customers(people[4], people[7])
    for tier, wanted in (("F", [4]), ("P", [5, 1])):
        assert list_numbers(people, Filters(processor_id=cbs.pk, tier=tier)) == wanted
    blocking.block(customer_id=people[7], reason="asked for", user=User.objects.first())
    for tier, status, wanted in (
        ("F", "ACTIVE", []),
        ("F", "BLOCKED", [4]),
        (None, "ACTIVE", [5, 1]),
    ):
        filters = Filters(processor_id=cbs.pk, tier=tier, status=status)
        assert list_numbers(people, filters) == wanted


def test_of_two_who_were_blocked_the_survivor_is_a_processors_once(people, cbs):
    merge_customers(people[2], people[3])
    blocked = Filters(status="BLOCKED", processor_id=cbs.pk)
    assert list_numbers(people, blocked) == [2]
    unmerge_customer(people[3])
    assert list_numbers(people, blocked) == [3]


def test_who_is_near_a_limit_is_a_processors_by_the_merged_id_too(people, cbs, ent):
    merge_customers(people[4], people[5])
    near = Filters(level=NEAR_LIMIT, processor_id=cbs.pk)
    assert list_numbers(people, near) == [4, 3, 1]
    unmerge_customer(people[5])
    assert list_numbers(people, near) == [3, 1]
