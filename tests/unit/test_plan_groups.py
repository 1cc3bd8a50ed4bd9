"""A group, planned: what it misses and asks for, what isn't there yet, its instant, and members
that don't disturb each other.
"""

from datetime import UTC, datetime, timedelta

import pytest

from limits.known import ClockBehind, Missing, NotThereYet, Rows
from limits.plan import plan
from ppims.core.errors import Conflict, Unavailable
from tests.unit.plans import (
    AT,
    CBS,
    LIMIT,
    MICROSECOND,
    MONTH_RULES,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    STRANGER,
    answer,
    ask,
    copy_state,
    correct,
    make_rule,
    make_store,
    refuse,
    repeat,
    report,
    spend,
)

YEAR_RULE = make_rule("FINANCIAL_YEAR", 5 * LIMIT)
YEAR_MONTHS = {*range(202604, 202613), *range(202701, 202704)}
SECONDS_60 = timedelta(seconds=60)


def find_missing(store, *requests, at=AT):
    """What is missing of a plan for which nothing but what they name was read."""
    with pytest.raises(Missing) as caught:
        plan(requests, store.read(requests, at))
    return caught.value.months, caught.value.answers


# What is missing.


def test_a_check_misses_its_month_of_its_customer():
    asked = ask(1), ask(1, "C2", person=NEIGHBOUR)
    assert find_missing(make_store(), *asked) == (
        {(PERSON, NOVEMBER), (NEIGHBOUR, NOVEMBER)},
        set(),
    )


def test_with_a_yearly_rule_it_misses_the_months_of_the_financial_year():
    months, _ = find_missing(make_store(YEAR_RULE), ask(1))
    assert months == {(PERSON, month) for month in YEAR_MONTHS}


def test_a_posting_misses_the_month_booked_and_that_of_its_arrival():
    store = make_store()
    answer(store, ask(1))
    months, _ = find_missing(store, report("S", 1, check="C1"), at=AT + timedelta(days=5))
    assert months == {(PERSON, NOVEMBER), (PERSON, 202612)}


def test_a_failure_misses_both_though_it_moves_no_total():
    store = make_store()
    answer(store, ask(1))
    months, _ = find_missing(store, report("F", 1, check="C1"), at=AT + timedelta(days=5))
    assert months == {(PERSON, NOVEMBER), (PERSON, 202612)}


def test_with_a_yearly_rule_it_misses_both_financial_years():
    store = make_store(YEAR_RULE)
    answer(store, ask(1), at=datetime(2027, 3, 31, 12, tzinfo=UTC))
    told = report("S", 1, check="C1")
    months, _ = find_missing(store, told, at=datetime(2027, 4, 1, 12, tzinfo=UTC))
    assert {month for _, month in months} == YEAR_MONTHS | {month + 100 for month in YEAR_MONTHS}


def test_a_reversal_misses_its_postings_month_and_a_correction_its_own():
    store = make_store()
    answer(store, report("S", 1, "U0", tran="T1"))
    months, _ = find_missing(store, report("R", 1, tran="T1"), at=AT + timedelta(days=40))
    assert months == {(PERSON, NOVEMBER), (PERSON, 202701)}
    assert find_missing(store, correct(1, 202601))[0] == {(PERSON, 202601), (PERSON, NOVEMBER)}


def test_a_repeat_misses_whether_its_check_was_answered_and_the_month_of_now():
    store = make_store()
    check = answer(store, ask(1))
    missing = find_missing(store, ask(1), at=check.hold_until)
    assert missing == ({(PERSON, NOVEMBER)}, {(PERSON, check.id)})


def test_a_repeat_whose_hold_is_open_and_a_declined_one_miss_nothing():
    store = make_store()
    answer(store, ask(1), ask(LIMIT + 1, "C2"))
    asked = [ask(1), ask(LIMIT + 1, "C2")]
    outcomes, rows = plan(asked, store.read(asked, AT))
    assert [given[1] for given, _ in outcomes] == [True, True]
    assert rows == Rows()


def test_a_group_misses_all_that_its_members_do_at_once():
    store = make_store()
    check = answer(store, ask(1))
    answer(store, report("S", 1, "U0", tran="T1", person=NEIGHBOUR))
    missing = find_missing(
        store,
        ask(1),
        report("R", 1, tran="T1", person=NEIGHBOUR),
        correct(1, 202601),
        at=AT + timedelta(days=40),
    )
    months = {(PERSON, 202701), (PERSON, 202601), (NEIGHBOUR, NOVEMBER), (NEIGHBOUR, 202701)}
    assert missing == (months, {(PERSON, check.id)})


@pytest.mark.parametrize("rules", [MONTH_RULES, (YEAR_RULE,)], ids=["month", "year"])
def test_planned_again_with_more_it_comes_to_the_same_as_with_all_at_once(rules):
    stores = [make_store(*rules), make_store(*rules, reads_ahead=True)]
    for store in stores:
        answer(store, ask(LIMIT), report("S", 700, "U0", tran="T1"))
        spend(store, LIMIT, person=NEIGHBOUR)
        store.usage.clear()  # so that all months are sums of entries
    later = AT + timedelta(days=5)
    group = [
        ask(LIMIT),
        report("S", LIMIT, "U1", check="C1"),
        ask(LIMIT),
        report("R", 300, "U2", tran="T1"),
        ask(4 * LIMIT, "C2"),
        correct(5, NOVEMBER),
        report("S", 1, "U3", person=NEIGHBOUR),
    ]
    outcomes = [store.run(group, later) for store in stores]
    assert outcomes[0] == outcomes[1]
    assert [given[0].reason for given, _ in outcomes[0][:3:2]] == ["HOLD_EXPIRED", "HOLD_CLOSED"]
    assert copy_state(stores[0]) == copy_state(stores[1])
    assert stores[0].verify() == []


def test_what_is_known_stays_as_it_was_read():
    store = make_store(reads_ahead=True)
    answer(store, ask(700), report("S", 700, "U0", tran="T1"))
    group = [
        ask(1, "C2"),
        report("S", 5, check="C1"),
        report("R", 5, "U2", tran="T1"),
        report("F", 1, "U3", check="C2"),
    ]
    known, same = store.read(group, AT), store.read(group, AT)
    _, rows = plan(group, known)
    assert (len(rows.checks), len(rows.entries)) == (1, 3)
    assert known == same
    assert plan(group, known)[1] == rows


# What isn't there yet.


@pytest.mark.parametrize(
    "asked",
    [ask(1), report("S", 1, "U0"), report("S", 1, check="C1"), report("F", 1, check="C1")],
    ids=["a-check", "an-update", "of-a-success", "of-a-failure"],
)
def test_a_ref_id_whose_row_is_not_there_yet_lets_the_group_be_read_again(asked):
    store = make_store()
    answer(store, ask(1), report("S", 1, "U0"))
    checks, entries = store.checks.copy(), store.entries.copy()
    store.checks.clear()
    store.entries.clear()
    with pytest.raises(NotThereYet):
        plan([ask(1, "C9", person=NEIGHBOUR), asked], store.read([asked], AT))
    store.checks, store.entries = checks, entries
    assert store.run([asked], AT)[0][1] is None


def test_a_row_that_is_not_there_yet_is_no_excuse_for_a_ref_id_that_says_other_things():
    store = make_store()
    answer(store, ask(1))
    store.checks.clear()
    assert refuse(store, ask(2)) == (Conflict, ["amount_paise"])


# The instant.


@pytest.mark.parametrize("behind", [MICROSECOND, SECONDS_60])
def test_an_instant_is_raised_to_the_customers_last(behind):
    store = make_store()
    spend(store, 1)
    check, entry, other = answer(
        store, ask(1), report("S", 1), ask(1, "C2", person=NEIGHBOUR), at=AT - behind
    )
    assert (check.at, entry.at, other.at) == (AT, AT, AT - behind)
    assert store.heads[PERSON].last_at == AT


def test_a_clock_that_is_more_than_a_minute_behind_refuses_that_customer_alone():
    store = make_store()
    spend(store, 1)
    early = AT - SECONDS_60 - MICROSECOND
    for asked in (ask(1), report("S", 1), report("F", 1), correct(1)):
        assert refuse(store, asked, early) == (ClockBehind, [])
    (nothing, refusal), (given, none) = store.run([ask(1), ask(1, "C2", person=NEIGHBOUR)], early)
    assert (nothing, none, given[0].at) == (None, None, early)
    assert (refusal.behind_seconds, isinstance(refusal, Unavailable)) == (60.000001, True)


def test_no_instant_is_before_that_of_the_request_before_in_the_group():
    store = make_store()
    spend(store, 1)
    entries = answer(store, correct(1), report("S", 1), at=AT - SECONDS_60)
    assert [entry.at for entry in entries] == [AT, AT]


def test_a_hold_that_ends_between_the_clocks_instant_and_the_raised_one_is_not_open():
    store = make_store()
    check = answer(store, ask(LIMIT))
    spend(store, 1, at=check.hold_until)
    before = check.hold_until - SECONDS_60
    assert answer(store, ask(LIMIT - 1, "C2"), at=before).is_allowed
    assert repeat(store, ask(LIMIT), before)[0].reason == "HOLD_EXPIRED"
    assert check.id in store.holds  # what the group's instant has not ended stays


# Members of a group.


def test_a_refused_member_leaves_the_rows_of_the_others_as_they_are_without_it():
    requests = [
        ask(600_000),
        report("S", 700, "U1", tran="T1"),
        ask(500_000, "C2", by=CBS),
        ask(1, "C3", person=NEIGHBOUR),
        report("S", 600_000, "U4", check="C1"),
    ]
    refused = [
        ask(600_001),
        ask(1, "C8", person=STRANGER),
        report("S", 700, "U8", tran="T1"),
        report("S", 701, "U8", tran="T1"),
        report("R", 701, "U8", tran="T1"),
        report("F", 1, "U8", check="C3"),
    ]
    alone, mixed = make_store(), make_store()
    outcomes = alone.run(requests, AT)
    at_the_end = mixed.run([*requests, *refused], AT)
    assert at_the_end[: len(requests)] == outcomes
    assert all(given is None for given, _ in at_the_end[len(requests) :])
    assert copy_state(mixed) == copy_state(alone)
    between = make_store()
    group = [requests[0], refused[0], requests[1], *refused[1:5], *requests[2:4], refused[5]]
    between.run([*group, requests[4]], AT)
    assert copy_state(between) == copy_state(alone)


def test_customers_of_one_group_don_t_see_each_other():
    store = make_store()
    spend(store, LIMIT)
    blocked, free = answer(store, ask(1), ask(LIMIT, "C2", person=NEIGHBOUR))
    assert (blocked.is_allowed, free.is_allowed) == (False, True)
    assert (blocked.number, free.number) == (1, 1)


def test_a_check_and_its_success_in_one_group_leave_no_hold():
    store = make_store()
    check, entry = answer(store, ask(LIMIT), report("S", LIMIT, check="C1"))
    assert (entry.flags, entry.limit_check_id) == ("", check.id)
    assert (entry.used_after_paise, entry.held_after_paise) == (LIMIT, 0)
    assert store.holds == {}


def test_a_success_before_its_check_in_one_group_is_unchecked():
    store = make_store()
    entry, check = answer(store, report("S", 1, check="C1"), ask(1))
    assert (entry.flags, check.is_allowed, list(store.holds)) == ("UNCHECKED", True, [check.id])


def test_a_group_of_nothing_but_refusals_has_no_rows():
    store = make_store()
    asked = [ask(1, person=STRANGER), report("R", 1, tran="T1")]
    outcomes, rows = plan(asked, store.read(asked, AT))
    assert [given for given, _ in outcomes] == [None, None]
    assert rows == Rows()


def test_a_group_of_none_has_none():
    assert plan([], make_store().read([], AT)) == ([], Rows())
