"""Transactions, last first: one row each, with what became of it; filtered, in pages, each once."""

from datetime import timedelta

import pytest
from django.db import connection
from django.http import Http404

from limits.models import Direction, LimitCheck
from ppims.core import clock
from ppims.reports import keyset
from ppims.reports.heads import ANY_FLAG, Filters
from ppims.reports.keyset import Frame, Position
from ppims.reports.outcomes import Outcome
from ppims.reports.records import CHECK_RANK, ENTRY_RANK, Kind, Source, read_rows
from ppims.reports.transactions import (
    find_head,
    list_records,
    list_transactions,
    read_transactions,
)
from tests.factories import make_check, make_customer, make_posting
from tests.ledger.histories import adjust
from tests.reports.conftest import NOON

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
ALL_FILTERS = Filters()
INSTANT = timedelta(microseconds=1)
JUNE = 203106
LATER_INSTANT = NOON + timedelta(days=2)  # when no hold is open any more


def list_all(at, filters=ALL_FILTERS, **more):
    return list(list_transactions(filters, at, **more).rows)


def list_outcomes(at, filters=ALL_FILTERS):
    return [(row.outcome, row.amount_paise) for row in list_all(at, filters)]


def read_all_pages(at, filters=ALL_FILTERS, rows=3):
    found, cursor = [], ""
    while True:
        page = list_transactions(filters, at, cursor=cursor, rows=rows)
        found += page.rows
        cursor = page.next
        if not cursor:
            return found


def read_one(at, filters=ALL_FILTERS):
    (one,) = list_all(at, filters)
    return one


def test_each_transaction_is_one_row_at_the_instant_of_its_first_record(story, day):
    assert list_outcomes(day.at) == [
        (Outcome.ON_HOLD, 5_000),
        (Outcome.POSTED, 500),
        (Outcome.POSTED, 4_000),
        (Outcome.DECLINED, 1_000_001),
        (Outcome.RELEASED, 3_000),
        (Outcome.REVERSED, 2_000),
        (Outcome.POSTED, 900),
    ]
    *_, first = list_all(day.at)
    assert first.at == LimitCheck.objects.get(ref_id="POSTED").at
    assert [row.kind for row in first.records] == [Kind.CHECK, Kind.POSTED]


def test_a_row_never_moves_whatever_comes_later(story, ent, day):
    before = [(row.head.source, row.head.id) for row in list_all(day.at)]
    with day(hours=1):
        make_posting(ent, story, 100, kind="R", tran_id="T1")
    with day(hours=1):
        make_posting(ent, story, 5_000, enquiry="HELD", direction="C")
    assert [(row.head.source, row.head.id) for row in list_all(day.at)] == before


def test_steps_are_the_head_then_its_answers_then_reversals_by_number(ent, customer, day):
    with day():
        make_check(ent, customer, 1_000, ref_id="C1")
    with day():
        make_posting(ent, customer, 1_000, kind="F", enquiry="C1")
    with day():
        make_posting(ent, customer, 1_000, enquiry="C1", tran_id="T1")
    for paise in (1, 2, 3):
        with day():
            make_posting(ent, customer, paise, kind="R", tran_id="T1")
    one = read_one(day.at)
    assert [(row.kind, row.amount_paise) for row in one.records] == [
        (Kind.CHECK, 1_000),
        (Kind.RELEASED, 1_000),
        (Kind.POSTED, 1_000),
        *((Kind.REVERSED, paise) for paise in (1, 2, 3)),
    ]
    assert (one.outcome, one.returned_paise, one.flags) == (Outcome.POSTED, 6, ("LATE",))


@pytest.mark.parametrize("enquiry", ["C1", None])
@pytest.mark.parametrize(
    ("returned", "outcome"), [(999, Outcome.POSTED), (1_000, Outcome.REVERSED)]
)
def test_it_is_reversed_when_all_is_given_back_and_not_a_paisa_sooner(
    ent, customer, day, enquiry, returned, outcome
):
    if enquiry:
        with day():
            make_check(ent, customer, 1_000, ref_id=enquiry)
    with day():
        make_posting(ent, customer, 1_000, enquiry=enquiry, tran_id="T1")
    with day():
        make_posting(ent, customer, 500, kind="R", tran_id="T1")
    with day():
        make_posting(ent, customer, returned - 500, kind="R", tran_id="T1")
    one = read_one(day.at)
    assert (one.outcome, one.amount_paise, one.returned_paise) == (outcome, 1_000, returned)
    for each in (Outcome.POSTED, Outcome.REVERSED):
        assert len(list_all(day.at, Filters(outcome=each))) == (each == outcome)


def test_a_hold_is_open_until_its_last_microsecond_and_then_released(ent, customer, day):
    with day():
        check, _ = make_check(ent, customer, 1_000)
    ends = check.hold_until
    for at, outcome in ((ends - INSTANT, Outcome.ON_HOLD), (ends, Outcome.RELEASED)):
        one = read_one(at)
        assert (one.outcome, one.is_time_up) == (outcome, outcome == Outcome.RELEASED)
        for each in Outcome:
            assert len(list_all(at, Filters(outcome=each))) == (each == outcome)


def test_a_release_is_no_time_that_was_up(story, day):
    released = read_one(day.at, Filters(outcome=Outcome.RELEASED))
    assert not released.is_time_up
    assert not read_one(
        LATER_INSTANT, Filters(frame=Frame(released.at, released.at + INSTANT))
    ).is_time_up


def test_a_late_posting_after_a_release_is_posted_with_its_flag(story, ent, day):
    with day():
        make_posting(ent, story, 3_000, enquiry="RELEASED")
    one = read_one(day.at, Filters(flag="LATE"))
    assert (one.outcome, one.head.ref_id) == (Outcome.POSTED, "RELEASED")
    assert list_all(day.at, Filters(outcome=Outcome.RELEASED)) == []


def test_a_declined_check_that_was_posted_all_the_same_is_posted_with_its_flag(story, ent, day):
    declined = read_one(day.at, Filters(outcome=Outcome.DECLINED))
    assert declined.reason == "MONTH_LIMIT"
    with day():
        make_posting(ent, story, 1_000_001, enquiry="DECLINED")
    assert list_all(day.at, Filters(outcome=Outcome.DECLINED)) == []
    assert list_all(day.at, Filters(reason="MONTH_LIMIT")) == []
    one = read_one(day.at, Filters(flag="DECLINED"))
    assert (one.outcome, one.head, one.reason) == (Outcome.POSTED, declined.head, "")
    assert one in list_all(day.at, Filters(outcome=Outcome.POSTED))


def test_what_belongs_to_no_check_has_a_row_of_its_own(ent, customer, day):
    with day():
        make_posting(ent, customer, 700, tran_id="T1")
    with day():
        make_posting(ent, customer, 200, kind="R", tran_id="T1")
    with day():
        make_posting(ent, customer, 300, kind="F")
    with day():
        adjust(customer, JUNE, 400)
    adjusted, released, posted = list_all(day.at)
    assert (adjusted.outcome, adjusted.is_by_staff) == (Outcome.POSTED, True)
    assert (released.outcome, released.is_time_up) == (Outcome.RELEASED, False)
    assert (posted.outcome, posted.returned_paise) == (Outcome.POSTED, 200)
    assert posted.flags == ("UNCHECKED",)
    assert not posted.is_by_staff


@pytest.mark.parametrize("outcome", Outcome)
def test_an_outcome_gives_just_the_transactions_of_that_outcome(story, day, outcome):
    there = [row for row in list_all(day.at) if row.outcome == outcome]
    assert there
    assert list_all(day.at, Filters(outcome=outcome)) == there


def test_a_type_and_a_processor_give_what_is_theirs(story, ent, cbs, day):
    for direction in Direction:
        there = [row for row in list_all(day.at) if row.head.direction == direction]
        assert there
        assert list_all(day.at, Filters(direction=direction.value)) == there
    through = list_all(day.at, Filters(processor_id=ent.pk))
    assert through == [row for row in list_all(day.at) if not row.is_by_staff]
    assert list_all(day.at, Filters(processor_id=cbs.pk)) == []


def test_a_reason_gives_what_was_declined_for_it(story, cbs, ent, day):
    there = list_all(day.at, Filters(outcome=Outcome.DECLINED))
    assert list_all(day.at, Filters(reason="MONTH_LIMIT", processor_id=ent.pk)) == there
    assert list_all(day.at, Filters(reason="CARD_NOT_ACTIVE")) == []
    assert list_all(day.at, Filters(reason="MONTH_LIMIT", processor_id=cbs.pk)) == []


def test_a_flag_gives_the_transactions_that_bear_it(story, day):
    assert [row.flags for row in list_all(day.at, Filters(flag=ANY_FLAG))] == [
        ("UNCHECKED",),
        ("AMOUNT_DIFFERS",),
    ]
    assert read_one(day.at, Filters(flag="AMOUNT_DIFFERS")).head.ref_id == "POSTED"
    assert read_one(day.at, Filters(flag="UNCHECKED")).amount_paise == 4_000
    assert list_all(day.at, Filters(flag="LATE")) == []


def test_a_frame_holds_its_first_instant_and_not_its_last(story, day):
    at = LimitCheck.objects.get(ref_id="DECLINED").at
    assert read_one(day.at, Filters(frame=Frame(at, at + INSTANT))).head.ref_id == "DECLINED"
    assert list_all(day.at, Filters(frame=Frame(at + INSTANT, at + timedelta(seconds=1)))) == []
    assert list_all(day.at, Filters(frame=Frame(at - INSTANT, at))) == []


@pytest.mark.parametrize("rows", [1, 2, 3, 20])
def test_pages_of_any_size_give_each_row_once(story, day, rows):
    assert read_all_pages(day.at, rows=rows) == list_all(day.at)


def test_rows_of_one_instant_are_each_on_one_page(ent, day):
    customer = make_customer(ent)
    with day():
        for paise in range(1, 8):
            make_check(ent, customer, paise)
            make_posting(ent, customer, paise)
    for rows in (1, 2, 3):
        found = read_all_pages(day.at, rows=rows)
        assert len({(row.head.source, row.head.id) for row in found}) == len(found) == 14
        assert found == list_all(day.at)


def test_what_arrives_between_two_pages_neither_repeats_a_row_nor_hides_one(story, ent, day):
    before = list_all(day.at)
    page = list_transactions(ALL_FILTERS, day.at, rows=4)
    with day():
        make_check(ent, story, 2)
    after = list_transactions(ALL_FILTERS, day.at, cursor=page.next, rows=50)
    assert [*page.rows, *after.rows] == before


@pytest.mark.parametrize(
    "wanted", [Filters(outcome=Outcome.REVERSED), Filters(flag="AMOUNT_DIFFERS")]
)
def test_rare_rows_are_looked_for_only_so_far_and_then_on_from_there(
    story, day, wanted, monkeypatch
):
    there = list_all(day.at, wanted)
    monkeypatch.setattr(keyset, "LOOKED_AT", 2)
    page = list_transactions(wanted, day.at)
    assert (page.rows, page.is_cut_short) == ([], True)
    assert read_all_pages(day.at, wanted) == there != []


def test_a_walk_cut_short_hides_nothing_of_the_other(story, ent, day, monkeypatch):
    wanted = Filters(processor_id=ent.pk)
    there = list_all(day.at, wanted)
    for most in (1, 2, 3, 5):
        monkeypatch.setattr(keyset, "LOOKED_AT", most)
        assert read_all_pages(day.at, wanted, rows=2) == there


@pytest.mark.parametrize("cursor", ["x", "1-2", "1-2-3-4", "-1-0-1", "g-0-1", "1-0-1 "])
def test_what_is_no_cursor_is_not_found(ent, cursor):
    for ask in (list_records, lambda *a, **k: list_transactions(*a, NOON, **k)):
        with pytest.raises(Http404):
            ask(ALL_FILTERS, cursor=cursor)


def test_what_two_customers_do_alike_is_never_mixed(ent, cbs, day):
    people = [make_customer(ent, cbs) for _ in range(2)]
    for customer in people:
        with day():
            make_check(ent, customer, 1_000, ref_id=f"C{customer}")
        with day():
            make_posting(ent, customer, 1_000, enquiry=f"C{customer}", tran_id="T1")
    with day():
        make_posting(ent, people[0], 1_000, kind="R", tran_id="T1")
    other, one = list_all(day.at)
    assert (one.head.customer_id, one.outcome) == (people[0], Outcome.REVERSED)
    assert (other.head.customer_id, other.outcome) == (people[1], Outcome.POSTED)
    for row in (one, other):
        assert {each.customer_id for each in row.records} == {row.head.customer_id}


def test_a_check_and_an_entry_of_one_id_are_never_mixed(ent, customer, day):
    makers = {
        Source.CHECK: lambda: make_check(ent, customer, 1),
        Source.ENTRY: lambda: make_posting(ent, customer, 1, kind="F"),
    }
    tables = {Source.CHECK: "limits_limitcheck", Source.ENTRY: "limits_ledgerentry"}
    made = {}
    with day():
        for source, make in makers.items():
            made[source] = make()[0].pk
        while made[Source.CHECK] != made[Source.ENTRY]:
            behind = min(made, key=made.get)
            skip_ids(max(made.values()) - made[behind] - 1, tables[behind])
            made[behind] = makers[behind]()[0].pk
    heads = [Position(0, rank, made[Source.CHECK]) for rank in (CHECK_RANK, ENTRY_RANK)]
    check, entry = read_transactions(heads, day.at)
    assert (check.outcome, entry.outcome) == (Outcome.ON_HOLD, Outcome.RELEASED)


def skip_ids(count, table):
    """Leave out so many ids. SQLite's go back with each test's rows: there it is never many."""
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            one = "nextval(pg_get_serial_sequence(%s, 'id'))"
            cursor.execute(f"SELECT count({one}) FROM generate_series(1, %s)", [table, count])


def test_each_record_leads_to_the_transaction_that_it_is_a_step_of(story, day):
    for one in list_all(day.at):
        for row in one.records:
            assert read_transactions([find_head(row)], day.at) == [one]


def test_a_page_takes_a_bounded_number_of_queries(
    story, ent, day, django_assert_num_queries, django_assert_max_num_queries
):
    with django_assert_max_num_queries(14) as few:
        list_all(day.at)
    for paise in range(1, 30):
        customer = make_customer(ent)
        with day():
            make_check(ent, customer, paise, ref_id=f"C{paise}")
        with day():
            make_posting(ent, customer, paise, enquiry=f"C{paise}", tran_id="T9")
        with day():
            make_posting(ent, customer, paise, kind="R", tran_id="T9")
    with django_assert_num_queries(len(few)):
        assert len(list_all(day.at)) == 36


def test_the_application_may_read_it(story):
    with clock.freeze(LATER_INSTANT):
        at = clock.now()
    assert list_transactions(ALL_FILTERS, at, cursor="fffffffffffff-9-ffffffffffffffff").rows
    assert read_rows([]) == []
