"""From one that waits to the next: its place among them, what was done, and the last of them."""

from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Unblocking
from customers.services import blocking
from ppims.core import clock
from ppims.reports import queue_place
from tests.factories import make_customer, make_posting, refuse
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.test_queues import claim

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
LISTS = ["flagged", "reviews", "refused", "approvals"]
DECISIONS = {
    "flagged": {"finding": "GENUINE", "note": "ENT confirms it"},
    "reviews": {"finding": "DIFFERENT_PEOPLE", "note": "Both were called"},
    "refused": {"finding": "REPEAT", "note": "ENT confirms it"},
    "approvals": {"decision": "approve"},
}
SAID = {
    "flagged": "Closed: happened as posted.",
    "reviews": "Decided: different people.",
    "refused": "Closed: nothing to book: it was posted rightly.",
    "approvals": "Approved.",
}
WORKERS = {"approvals": "checker"}


def make_waiting(name, ent, cbs, number):
    """Let so many wait, a second apart: their addresses, the oldest first."""
    customer = make_customer(ent)
    if name == "refused":
        with clock.freeze(AT):
            make_posting(ent, customer, 10_000, tran_id="T1")
    return [make_one(name, ent, cbs, customer, AT + timedelta(seconds=n)) for n in range(number)]


def make_one(name, ent, cbs, customer, at):
    if name == "reviews":
        mobile = f"9198123400{at.second:02d}"
        return f"/work/reviews/{claim(ent, cbs, mobile=mobile, at=at).pk}"
    with clock.freeze(at):
        if name == "flagged":
            return f"/work/flagged/{make_posting(ent, customer, 100 + at.second)[0].pk}"
        if name == "refused":
            return f"/work/refused/{refuse(ent, customer, 100 + at.second, 'T1').pk}"
        blocked, maker = make_customer(ent), make_user("maker")
        blocking.block(customer_id=blocked, reason="lost", user=maker)
        row = blocking.propose_unblocking(customer_id=blocked, reason="found", user=maker)
    return f"/work/approvals/unblocking/{row.pk}"


def open_worker(name):
    return open_browser(WORKERS.get(name, "maker"))


def read_skip(page):
    return page.context.get("next_address")


@pytest.mark.parametrize("name", LISTS)
def test_what_is_done_leads_to_the_next_which_says_what_was_done_and_where_one_is(ent, cbs, name):
    first, second, third = make_waiting(name, ent, cbs, 3)
    client = open_worker(name)
    page = client.get(first)
    assert "1 of 3 Skip to the next All that wait" in read_words(page)
    assert read_skip(page) == second
    page = client.post(first, DECISIONS[name], follow=True)
    assert page.redirect_chain[-1][0] == second
    assert SAID[name] in read_words(page)
    assert "1 of 2 Skip to the next" in read_words(page)
    page = client.get(third)
    assert "2 of 2" in read_words(page)
    assert read_skip(page) == second  # after the last the first that was skipped
    assert client.post(third, DECISIONS[name])["Location"] == second
    page = client.get(second)
    assert "1 of 1 All that wait" in read_words(page)
    page = client.post(second, DECISIONS[name], follow=True)
    assert page.redirect_chain[-1][0] == f"/work/{name}"
    assert SAID[name] in read_words(page)
    assert "Nothing waits." in read_words(page)


@pytest.mark.parametrize("name", LISTS)
def test_of_many_only_so_many_are_counted(ent, cbs, name, monkeypatch):
    monkeypatch.setattr(queue_place, "MOST_COUNTED", 1)
    made = make_waiting(name, ent, cbs, 3)
    pages = [open_worker(name).get(address) for address in made]
    places = ["1 of more than 1", "2 of more than 1", "one of more than 1"]
    assert [page.context["place"] for page in pages] == places
    assert [read_skip(page) for page in pages] == [made[1], made[2], made[0]]


@pytest.mark.parametrize("name", LISTS)
def test_who_works_on_it_is_led_to_the_oldest_and_others_to_the_list(ent, cbs, name):
    oldest = f"/work/{name}?oldest=1"
    assert "Nothing waits." in read_words(open_worker(name).get(oldest))
    first, _ = make_waiting(name, ent, cbs, 2)
    assert open_worker(name).get(oldest)["Location"] == first
    page = open_browser("viewer").get(oldest)
    assert (page.status_code, len(page.context["rows"])) == (200, 2)


@pytest.mark.parametrize("name", LISTS)
def test_a_viewer_sees_no_form_no_place_and_no_next(ent, cbs, name):
    first, _ = make_waiting(name, ent, cbs, 2)
    page = open_browser("viewer").get(first)
    assert not page.context.get("place")
    assert not read_skip(page)
    assert "<textarea" not in page.content.decode()
    assert 'method="post" class="narrow-form"' not in page.content.decode()


@pytest.mark.parametrize("name", LISTS)
def test_one_that_another_has_done_meanwhile_says_so_and_keeps_what_was_found(ent, cbs, name):
    first, second = make_waiting(name, ent, cbs, 2)
    open_worker(name).post(first, DECISIONS[name])
    late = open_worker(name)
    page = late.post(first, DECISIONS[name])
    assert page.status_code == 422
    assert "before" in read_words(page)
    assert not page.context.get("place")
    assert late.get(second).status_code == 200
    assert "1 of 1" in read_words(late.get(second))


def test_of_proposals_those_count_that_one_may_decide_or_withdraw(ent, cbs):
    first, _ = make_waiting("approvals", ent, cbs, 2)
    own = make_one("approvals", ent, cbs, None, AT + timedelta(seconds=9))
    row = Unblocking.objects.latest("pk")
    client = open_browser("viewer")
    client.force_login(row.maker)
    page = client.get(own)
    assert "1 of 1 All that wait" in read_words(page)  # a maker decides nobody else's
    assert "Skip to the next" not in read_words(client.get(first))
    row.maker.groups.add(*make_user("checker").groups.all())
    page = client.get(own)
    assert "3 of 3 Skip to the next" in read_words(page)
    assert read_skip(page) == first
