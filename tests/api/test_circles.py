"""A hand in the database has made a circle of whom customers were merged into: whoever follows it
comes to an end, all of it to the same one, and verification finds it.
"""

import pytest

from customers import people, survivors
from customers.models import Customer
from limits.roots import Roots
from limits.verify import verify
from tests.api.answers import check_limit, read_done
from tests.factories import make_customer, make_posting
from tests.two_people import merge_customers
from tests.web.admin_pages import open_browser

pytestmark = pytest.mark.django_db


@pytest.fixture
def circle(ent):
    """Two in a circle, and a third one below them, by their ids."""
    made = [make_customer(ent.processor) for _ in range(3)]
    merge_customers(made[0], made[1])
    merge_customers(made[0], made[2])
    for one, above in zip(made, (made[1], made[0], made[1]), strict=True):
        Customer.objects.filter(pk=one).update(survivor_id=above)
    return made


def test_every_walk_ends_at_one_of_the_circle(circle):
    *two, below = circle
    root = min(two)
    assert survivors.find_roots(circle) == dict.fromkeys(circle, root)
    assert {survivors.find_root(each) for each in circle} == {root}
    assert {people.lock_person(each).pk for each in circle} == {root}
    assert survivors.list_way_up(below)[0] == below
    for each in circle:
        assert survivors.list_family(each) == sorted(circle)
        assert each in survivors.list_branch(each)


def test_one_who_is_their_own_after_steps_is_no_circle():
    assert survivors.list_steps(3, {3: 2, 2: 1, 1: 1}) == [3, 2, 1]
    assert survivors.list_steps(3, {3: 2, 2: 3}) == [3, 2]
    assert survivors.list_steps(2, {3: 2, 2: 3}) == [2]
    assert survivors.list_steps(4, {4: 3, 3: 2, 2: 3}) == [4, 3, 2]


def test_every_operation_is_answered(ent, circle):
    for each in map(str, circle):
        check_limit(ent, each, "1.00")
        read_done(ent.call("check-customer-kyc", Unique_Id=each))
        read_done(ent.call("update-customer", Unique_Id=each, Email_Id="a@b.in"))
        make_posting(ent.processor, int(each), 100)


def test_every_page_is_shown_and_verification_finds_it(circle):
    viewer = open_browser("viewer")
    for each in circle:
        page = viewer.get(f"/customers/{each}", follow=True)
        assert page.status_code in {200, 404}
        assert len(page.redirect_chain) <= 1
    led_astray = {f"customer {each}" for each in (circle[0], circle[2])}
    assert led_astray <= {finding.row for finding in verify()}


def test_moves_in_a_circle_end_too():
    roots = Roots()
    roots.change(1, 2, 0)
    roots.change(2, 1, 0)
    assert {roots.find(1), roots.find(2)} == {1, 2}
    assert roots.list_branch(1, (1, 2)) == {1, 2}
