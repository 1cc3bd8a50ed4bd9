"""What was received, last first: filtered, in pages, each row once."""

from datetime import timedelta

import pytest
from django.http import Http404

from customers.details import CustomerDetails
from customers.services import blocking, customers
from limits.models import LedgerEntry, LimitCheck
from ppims.models import Operation, User
from ppims.reports import keyset
from ppims.reports.keyset import Frame
from ppims.reports.transactions import Filters, Kind, Source, list_transactions
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_check, make_customer, make_posting, refuse
from tests.ledger.histories import adjust

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
ALL_FILTERS = Filters()


def update(processor, **details):
    call = Call(processor, Operation.UPDATE_CUSTOMER, draw_ref(), {})
    return customers.update_customer(call=call, details=CustomerDetails(**details))


@pytest.fixture
def story(ent, cbs, day):
    """One of each kind, a second apart: the customer they are about."""
    with day():
        customer = make_customer(ent)
    with day():
        make_customer(cbs)
    with day():
        update(ent, unique_id=customer, email_id="meera@example.in")
    with day():
        update(ent, unique_id=customer, kyc_flag="F", ovid_type="PAN", ovid_value="ABCPE1234F")
    with day():
        make_check(ent, customer, 50_000, ref_id="C1")
    with day():
        make_posting(ent, customer, 40_000, enquiry="C1", tran_id="T1")
    with day():
        make_posting(ent, customer, 10_000, kind="R", tran_id="T1")
    with day():
        make_posting(ent, customer, 10_000, kind="F")
    with day():
        adjust(customer, 203106, 1_000)
    with day():
        blocking.block(
            customer_id=customer, reason="asked for", user=User.objects.create(username="farhan")
        )
    with day():
        make_check(ent, customer, 1, direction="C")
    return customer


def list_kinds(filters=ALL_FILTERS, **more):
    return [row.kind for row in list_transactions(filters, **more).rows]


def read_all_pages(filters=ALL_FILTERS, rows=3):
    found, cursor = [], ""
    while True:
        page = list_transactions(filters, cursor=cursor, rows=rows)
        found += page.rows
        cursor = page.next
        if not cursor:
            return found


def test_all_that_was_received_is_there_last_first(story):
    assert list_kinds() == [
        *(Kind.CHECK, Kind.STAFF, Kind.ADJUSTED, Kind.STAFF, Kind.STAFF),
        *(Kind.RELEASED, Kind.REVERSED, Kind.POSTED, Kind.CHECK, Kind.KYC, Kind.UPDATED),
        *(Kind.UPDATED, Kind.ADDED, Kind.ADDED),
        Kind.STAFF,  # the first rules were loaded
    ]


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind != Kind.MOVED])
def test_a_kind_gives_just_the_rows_of_that_kind(story, ent, day, kind):
    with day():
        refuse(ent, story, 30_000, "T1")
    with day():
        make_customer(ent, ent)  # whom it knows already, the second time
    there = [row for row in list_transactions(ALL_FILTERS).rows if row.kind == kind]
    assert there
    assert list_transactions(Filters(kind=kind)).rows == there


def test_nothing_has_moved_yet(story):
    assert list_kinds(Filters(kind=Kind.MOVED)) == []


def test_a_row_tells_what_happened(story, ent):
    (posted,) = list_transactions(Filters(kind=Kind.POSTED)).rows
    entry = LedgerEntry.objects.get(kind="S")
    assert (posted.source, posted.id, posted.at) == (Source.ENTRY, entry.pk, entry.at)
    assert (posted.customer_id, posted.processor_id) == (story, ent.pk)
    assert (posted.amount_paise, posted.direction) == (40_000, "D")
    assert (posted.flags, posted.tran_id) == (("AMOUNT_DIFFERS",), "T1")
    declined, allowed = list_transactions(Filters(kind=Kind.CHECK)).rows
    assert (declined.is_allowed, declined.what) == (False, "CUSTOMER_BLOCKED")
    assert (allowed.is_allowed, allowed.what) == (True, "WITHIN_LIMITS")
    (changed,) = list_transactions(Filters(kind=Kind.KYC)).rows
    assert changed.what == "P>F"
    blocked = list_transactions(Filters(kind=Kind.STAFF)).rows[0]
    assert (blocked.what, blocked.user_id) == (
        "customer blocked",
        User.objects.get(username="farhan").pk,
    )


def test_a_processor_gives_what_came_through_it(story, ent, cbs):
    assert list_kinds(Filters(processor_id=cbs.pk)) == [Kind.ADDED]
    rows = list_transactions(Filters(processor_id=ent.pk)).rows
    assert len(rows) == 9
    assert {row.processor_id for row in rows} == {ent.pk}


def test_an_outcome_gives_checks_alone(story):
    assert list_kinds(Filters(is_allowed=True)) == [Kind.CHECK]
    assert [row.what for row in list_transactions(Filters(is_allowed=False)).rows] == [
        "CUSTOMER_BLOCKED"
    ]
    assert list_kinds(Filters(is_allowed=True, kind=Kind.POSTED)) == []


def test_a_reason_gives_the_checks_that_were_declined_for_it(story, cbs):
    assert [r.what for r in list_transactions(Filters(reason="CUSTOMER_BLOCKED")).rows] == [
        "CUSTOMER_BLOCKED"
    ]
    assert [r.what for r in list_transactions(Filters(reason="WITHIN_LIMITS")).rows] == [
        "WITHIN_LIMITS"
    ]
    assert list_kinds(Filters(reason="MONTH_LIMIT")) == []
    assert list_kinds(Filters(reason="CUSTOMER_BLOCKED", processor_id=cbs.pk)) == []


def test_a_flag_gives_the_entries_that_bear_it(story, ent, day):
    with day():
        make_posting(ent, story, 5, tran_id="T2")
    assert [r.flags for r in list_transactions(Filters(flag="ANY")).rows] == [
        ("UNCHECKED", "BLOCKED"),
        ("AMOUNT_DIFFERS",),
    ]
    for flag in ("UNCHECKED", "BLOCKED"):
        assert [r.tran_id for r in list_transactions(Filters(flag=flag)).rows] == ["T2"]
    assert [r.tran_id for r in list_transactions(Filters(flag="AMOUNT_DIFFERS")).rows] == ["T1"]
    assert list_kinds(Filters(flag="LATE")) == []


def test_a_frame_holds_its_first_instant_and_not_its_last(story):
    at = LimitCheck.objects.earliest("at").at
    instant = timedelta(microseconds=1)
    assert list_kinds(Filters(frame=Frame(at, at + instant))) == [Kind.CHECK]
    assert list_kinds(Filters(frame=Frame(at + instant, at + timedelta(seconds=1)))) == []
    assert list_kinds(Filters(frame=Frame(at - instant, at))) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 20])
def test_pages_of_any_size_give_each_row_once(story, rows):
    assert read_all_pages(rows=rows) == list(list_transactions(ALL_FILTERS).rows)


def test_rows_of_one_instant_are_each_on_one_page(ent, day):
    customer = make_customer(ent)
    with day():
        for paise in range(1, 8):
            make_check(ent, customer, paise)
            make_posting(ent, customer, paise)
        blocking.block(customer_id=customer, reason="asked for", user=User.objects.create())
    for rows in (1, 2, 3):
        found = read_all_pages(rows=rows)
        assert len({(row.source, row.id) for row in found}) == len(found)
        assert found == list(list_transactions(ALL_FILTERS).rows)


def test_what_arrives_between_two_pages_neither_repeats_a_row_nor_hides_one(story, ent, day):
    before = list(list_transactions(ALL_FILTERS).rows)
    page = list_transactions(ALL_FILTERS, rows=4)
    with day():
        make_check(ent, story, 2)
    after = list_transactions(ALL_FILTERS, cursor=page.next, rows=50)
    assert [*page.rows, *after.rows] == before


def test_rare_rows_are_looked_for_only_so_far_and_then_on_from_there(story, ent, monkeypatch):
    wanted = Filters(kind=Kind.ADDED)
    there = list(list_transactions(wanted).rows)
    monkeypatch.setattr(keyset, "LOOKED_AT", 3)
    page = list_transactions(wanted)
    assert (page.rows, page.is_cut_short) == ([], True)
    pages = [page]
    while pages[-1].next:
        pages.append(list_transactions(wanted, cursor=pages[-1].next))
    assert [row for page in pages for row in page.rows] == there
    assert len(pages) > 2


def test_a_walk_cut_short_hides_nothing_of_the_others(story, ent, monkeypatch):
    wanted = Filters(processor_id=ent.pk)
    there = list(list_transactions(wanted).rows)
    for most in (1, 2, 3, 5):
        monkeypatch.setattr(keyset, "LOOKED_AT", most)
        assert read_all_pages(wanted, rows=2) == there


@pytest.mark.parametrize("cursor", ["x", "1-2", "1-2-3-4", "-1-0-1", "g-0-1", "1-0-1 "])
def test_what_is_no_cursor_is_not_found(ent, cursor):
    with pytest.raises(Http404):
        list_transactions(ALL_FILTERS, cursor=cursor)


def test_the_application_may_read_it(story):
    assert list_transactions(ALL_FILTERS, cursor="fffffffffffff-9-ffffffffffffffff").rows
