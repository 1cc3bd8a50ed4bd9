"""A Ref_Id that comes again, planned: the first answer, 409 by the fields that differ, and an
allowed check that is no longer open. docs/ledger.md, "What a check does".
"""

from dataclasses import replace
from datetime import timedelta

import pytest

from limits.known import Ask
from ppims.core.errors import Conflict
from tests.property.memory_store import digest_fields, make_request
from tests.unit.plans import (
    AT,
    CARD,
    CBS,
    DECEMBER,
    ENT,
    LIMIT,
    MICROSECOND,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    answer,
    ask,
    change_person,
    make_rule,
    make_store,
    refuse,
    repeat,
    report,
    spend,
)

NO_LONGER = {
    "is_allowed": False,
    "rule_id": None,
    "limit": None,
    "used_paise": None,
    "held_paise": None,
    "remaining_paise": None,
    "resets_on": None,
    "hold_until": None,
    "unjudged": "",
}


def ask_first(paise=5_000, *rules, **more):
    store = make_store(*rules)
    return store, answer(store, ask(paise, **more))


# The same again.


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=400)])
@pytest.mark.parametrize("kind", ["S", "F", "R"])
def test_an_update_that_comes_again_is_answered_as_at_first(kind, later):
    store, _ = ask_first()
    answer(store, report("S", 5_000, "U0", tran="T1"))
    asked = report(kind, 5_000, "U1", tran="T1" if kind == "R" else "T2", check=None)
    first = answer(store, asked)
    spend(store, 1)
    change_person(store, is_blocked=True)
    assert repeat(store, asked, AT + later) == (first, True)


@pytest.mark.parametrize("later", [timedelta(), timedelta(days=400)])
def test_a_declined_check_stays_declined_for_its_ref_id(later):
    store, first = ask_first(LIMIT + 1)
    store.rules = [make_rule("MONTH", 2 * LIMIT)]
    assert repeat(store, ask(LIMIT + 1), AT + later) == (first, True)
    assert answer(store, ask(LIMIT + 1, "C2")).is_allowed


def test_an_allowed_check_is_answered_as_at_first_while_its_hold_is_open():
    store, first = ask_first()
    spend(store, LIMIT)
    change_person(store, is_blocked=True)
    last_moment = first.hold_until - MICROSECOND
    assert repeat(store, ask(5_000), last_moment) == (first, True)


def test_a_ref_id_is_of_one_processor_and_one_operation():
    store, first = ask_first()
    other = answer(store, ask(7_000, by=CBS))
    update = answer(store, report("S", 5_000, "C1"))
    assert (other.amount_paise, update.ref_id) == (7_000, "C1")
    assert repeat(store, ask(5_000)) == (first, True)


def test_two_of_one_ref_id_in_one_group_have_one_effect():
    store = make_store()
    asked, told = ask(5_000), report("S", 5_000, check="C1")
    outcomes = store.run([asked, asked, told, told], AT)
    (check, _), (entry, _) = outcomes[0][0], outcomes[2][0]
    assert outcomes[:2] == [((check, False), None), ((check, True), None)]
    assert outcomes[2:] == [((entry, False), None), ((entry, True), None)]
    assert (len(store.checks), len(store.entries), len(store.keys)) == (1, 1, 2)
    assert entry.used_after_paise == 5_000


def test_two_of_one_ref_id_in_one_group_that_differ_are_one_effect_and_a_conflict():
    store = make_store()
    (first, none), (nothing, refusal) = store.run([ask(5_000), ask(5_001)], AT)
    assert (first[0].amount_paise, none, nothing) == (5_000, None, None)
    assert [name for name, _ in refusal.errors] == ["amount_paise"]
    assert len(store.checks) == 1


def test_two_customers_with_one_ref_id_in_one_group_are_one_effect_and_a_conflict():
    store = make_store()
    _, (nothing, refusal) = store.run([ask(5_000), ask(5_000, person=NEIGHBOUR)], AT)
    assert (nothing, [name for name, _ in refusal.errors]) == (None, ["unique_id"])
    assert NEIGHBOUR not in store.heads


def test_what_was_refused_may_be_asked_anew_with_its_ref_id():
    store = make_store()
    asked = report("R", 5_000, tran="T1")
    assert refuse(store, asked) == (Conflict, ["tran_id"])
    answer(store, report("S", 5_000, "U0", tran="T1"))
    assert answer(store, asked).kind == "R"


# What differs.


@pytest.mark.parametrize(
    ("again", "fields"),
    [
        (ask(5_001), ["amount_paise"]),
        (ask(5_000, direction="C"), ["direction"]),
        (ask(5_000, person=NEIGHBOUR), ["unique_id"]),
        (ask(5_000, balance_paise=0), ["balance_paise"]),
        (ask(5_000, account_number="A-1"), ["account_number"]),
        (ask(4_999, direction="C", card_number=CARD), ["direction", "amount_paise", "card_number"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_a_check_that_says_other_things_is_refused_naming_each(again, fields):
    store, _ = ask_first()
    assert refuse(store, again) == (Conflict, fields)


@pytest.mark.parametrize(
    ("again", "fields"),
    [
        (report("S", 5_001, tran="T1"), ["amount_paise"]),
        (report("F", 5_000, tran="T1"), ["kind"]),
        (report("S", 5_000, tran="T2"), ["tran_id"]),
        (report("S", 5_000), ["tran_id"]),
        (report("S", 5_000, tran="T1", check="C1"), ["enquiry_ref_id"]),
        (report("R", 1, "U1", "C", tran="T1"), ["kind", "direction", "amount_paise"]),
    ],
    ids=lambda value: "-".join(value) if isinstance(value, list) else "",
)
def test_an_update_that_says_other_things_is_refused_naming_each(again, fields):
    store = make_store()
    answer(store, report("S", 5_000, tran="T1"))
    assert refuse(store, again) == (Conflict, fields)


def test_what_a_ref_id_said_is_compared_before_the_customer_and_the_clock_are():
    store, _ = ask_first()
    behind = AT - timedelta(days=1)
    assert refuse(store, ask(5_001), behind) == (Conflict, ["amount_paise"])
    assert refuse(store, ask(5_000, person=99), behind) == (Conflict, ["unique_id"])


@pytest.mark.parametrize("channel", [None, "app"])
def test_a_field_that_an_operation_has_gained_was_absent_before(channel):
    store, first = ask_first()
    asked = make_request(Ask(PERSON, "D", 5_000), ENT, "C1")
    gained = bytes(6) if channel is None else digest_fields("C1", Ask(channel, "", 0))[:6]
    now = replace(
        asked, digests=asked.digests + gained, field_names=(*asked.field_names, "channel")
    )
    if channel is None:
        assert repeat(store, now) == (first, True)
    else:
        assert refuse(store, now) == (Conflict, ["channel"])


# An allowed check whose hold is no longer open.


@pytest.mark.parametrize("kind", ["S", "F"])
def test_an_allowed_check_that_was_answered_is_declined_as_closed_with_figures_of_now(kind):
    store, first = ask_first(5_000, balance_paise=7)
    answer(store, report(kind, 5_000, check="C1"))
    spend(store, 300)
    now, is_replay = repeat(store, ask(5_000, balance_paise=7))
    used = 300 + 5_000 * (kind == "S")
    shown = {"cumulative_paise": used, "available_paise": LIMIT - used}
    assert now == first._replace(reason="HOLD_CLOSED", **shown, **NO_LONGER)
    assert not is_replay


def test_an_allowed_check_is_declined_as_expired_from_the_instant_at_which_its_hold_ends():
    store, first = ask_first()
    spend(store, 300)
    now, is_replay = repeat(store, ask(5_000), first.hold_until)
    shown = {"cumulative_paise": 300, "available_paise": LIMIT - 300}
    assert now == first._replace(reason="HOLD_EXPIRED", **shown, **NO_LONGER)
    assert not is_replay


def test_a_success_after_its_hold_has_ended_turns_expired_into_closed():
    store, first = ask_first()
    later = first.hold_until + timedelta(minutes=1)
    assert repeat(store, ask(5_000), later)[0].reason == "HOLD_EXPIRED"
    answer(store, report("S", 5_000, check="C1"), at=later)
    assert repeat(store, ask(5_000), later)[0].reason == "HOLD_CLOSED"


def test_a_success_that_its_check_is_not_settled_by_leaves_the_hold_open():
    store, first = ask_first()
    answer(store, report("S", 5_000, direction="C", check="C1"))
    assert repeat(store, ask(5_000)) == (first, True)


def test_figures_of_now_are_of_the_month_and_rules_and_tier_of_now():
    store, first = ask_first(5_000, make_rule("MONTH", LIMIT), make_rule("MONTH", 700, tier="N"))
    change_person(store, tier="N")
    in_december = AT + timedelta(days=5)
    spend(store, 100, at=in_december)
    now, _ = repeat(store, ask(5_000), in_december)
    assert (now.cumulative_paise, now.available_paise) == (100, 600)
    assert (now.month, now.tier, now.at) == (NOVEMBER, "P", first.at)


def test_figures_of_now_are_of_a_financial_year_where_that_has_least_left():
    store, first = ask_first(5_000, make_rule("FINANCIAL_YEAR", LIMIT))
    spend(store, 300)
    in_december = AT + timedelta(days=5)
    now, _ = repeat(store, ask(5_000), in_december)
    assert (now.cumulative_paise, now.available_paise) == (300, LIMIT - 300)
    other = answer(store, ask(1, "C2"), at=in_december)
    assert (other.month, first.month) == (DECEMBER, NOVEMBER)


def test_a_check_its_answer_and_its_repeat_in_one_group_are_seen_one_after_another():
    store = make_store()
    asked = ask(5_000)
    outcomes = store.run([asked, report("F", 1, check="C1"), asked, ask(LIMIT, "C2")], AT)
    first, _, again, other = [given for given, _ in outcomes]
    assert (first[0].reason, again[0].reason) == ("WITHIN_LIMITS", "HOLD_CLOSED")
    assert (again[1], again[0].cumulative_paise) == (False, 0)
    assert other[0].is_allowed
    assert repeat(store, asked)[0].reason == "HOLD_CLOSED"


@pytest.mark.parametrize("is_expired", [False, True])
def test_an_expired_hold_whose_row_has_gone_is_still_expired(is_expired):
    store, first = ask_first()
    later = first.hold_until + timedelta(days=1)
    answer(store, ask(1, "C2"), at=later)
    assert first.id not in store.holds
    if not is_expired:
        answer(store, report("F", 1, check="C1"), at=later)
    expected = "HOLD_EXPIRED" if is_expired else "HOLD_CLOSED"
    assert repeat(store, ask(5_000), later)[0].reason == expected


def test_a_repeat_under_a_clock_that_is_behind_has_an_answer_or_is_refused_as_first_calls_are():
    store, first = ask_first()
    seconds_60 = timedelta(seconds=60)
    assert repeat(store, ask(5_000), AT - seconds_60) == (first, True)
    kind, _ = refuse(store, ask(5_000), AT - seconds_60 - MICROSECOND)
    assert kind.__name__ == "ClockBehind"


def test_a_replay_needs_no_clock():
    store, first = ask_first(LIMIT + 1)
    entry = answer(store, report("S", 5))
    behind = AT - timedelta(days=1)
    assert repeat(store, ask(LIMIT + 1), behind) == (first, True)
    assert repeat(store, report("S", 5), behind) == (entry, True)
