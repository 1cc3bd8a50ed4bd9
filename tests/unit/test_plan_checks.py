"""A check, planned: each reason, each window, both sides of each boundary, and the figures it is
answered with. docs/ledger.md, "Limit rules" and "What a check does".
"""

from datetime import UTC, date, datetime, timedelta

import pytest

from ppims.core.errors import UnknownCustomer
from tests.property.memory_store import list_card_digests
from tests.unit.plans import (
    ACCOUNT,
    AT,
    CARD,
    CBS,
    DECEMBER,
    ENT,
    LIMIT,
    MICROSECOND,
    MINUTES_15,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    STRANGER,
    TIER_SINCE,
    answer,
    ask,
    change_person,
    make_rule,
    make_store,
    refuse,
    report,
    spend,
)

BOUNDARY = pytest.mark.parametrize("over", [0, 1])
YEAR_RULE = make_rule("FINANCIAL_YEAR", 5 * LIMIT)
LAST_MOMENT_OF_NOVEMBER = datetime(2026, 11, 30, 18, 29, 59, 999_999, tzinfo=UTC)
LAST_MOMENT_OF_A_YEAR = datetime(2027, 3, 31, 18, 29, 59, 999_999, tzinfo=UTC)


def list_of_rule(check):
    return check.rule_id, check.limit, check.used_paise, check.held_paise, check.remaining_paise


# Who asks, and of whom.


@pytest.mark.parametrize("paise", [1, LIMIT + 1])
def test_a_stranger_is_unknown_and_so_is_a_customer_whom_this_processor_does_not_know(paise):
    store = make_store()
    del store.cif_ids[NEIGHBOUR, ENT]
    assert refuse(store, ask(paise, person=STRANGER)) == (UnknownCustomer, [])
    assert refuse(store, ask(paise, person=NEIGHBOUR)) == (UnknownCustomer, [])
    assert answer(store, ask(1, person=NEIGHBOUR, by=CBS)).cif_id == "CIF2"


def test_a_blocked_customer_is_told_so_before_all_else():
    store = make_store(make_rule("MONTH", 1), make_rule("CREDIT_STOP", 1))
    change_person(store, is_blocked=True)
    check = answer(store, ask(LIMIT, account_number="unknown", card_number=CARD))
    assert (check.is_allowed, check.reason, check.hold_until) == (False, "CUSTOMER_BLOCKED", None)
    assert list_of_rule(check) == (None,) * 5
    assert (check.cumulative_paise, check.available_paise) == (0, 1)
    assert store.holds == {}


@pytest.mark.parametrize(
    ("number", "by", "person", "is_allowed"),
    [
        (ACCOUNT, ENT, PERSON, True),
        (None, ENT, PERSON, True),
        ("A-closed", ENT, PERSON, False),
        ("A-closed", CBS, PERSON, True),
        ("A-unknown", ENT, PERSON, False),
        ("A-closed", ENT, NEIGHBOUR, False),
    ],
)
def test_an_account_that_is_named_is_active_at_this_processor(number, by, person, is_allowed):
    store = make_store()
    store.accounts |= {(PERSON, ENT, "A-closed"): False, (PERSON, CBS, "A-closed"): True}
    check = answer(store, ask(1, by=by, person=person, account_number=number))
    assert (check.is_allowed, check.account_number) == (is_allowed, number or "")
    assert check.reason == ("WITHIN_LIMITS" if is_allowed else "ACCOUNT_NOT_ACTIVE")


@pytest.mark.parametrize(("is_usable", "is_allowed"), [(True, True), (False, False), (None, True)])
def test_a_card_that_is_known_is_active_and_an_unknown_one_is_not_judged(is_usable, is_allowed):
    store = make_store()
    if is_usable is not None:
        store.cards[PERSON, ENT, *list_card_digests(CARD)] = is_usable
    check = answer(store, ask(1, card_number=CARD))
    assert (check.is_allowed, check.card_last_four) == (is_allowed, "9876")
    assert check.reason == ("WITHIN_LIMITS" if is_allowed else "CARD_NOT_ACTIVE")
    assert answer(store, ask(1, "C2", by=CBS, card_number=CARD)).is_allowed
    assert answer(store, ask(1, "C3")).card_last_four == ""


def test_the_account_is_named_before_the_card_and_the_card_before_the_credit_stop():
    store = make_store(make_rule("CREDIT_STOP", 1, "C"), make_rule("MONTH", 1, "C"))
    store.cards[PERSON, ENT, *list_card_digests(CARD)] = False
    both = answer(store, ask(LIMIT, "C1", "C", account_number="unknown", card_number=CARD))
    card = answer(store, ask(LIMIT, "C2", "C", card_number=CARD))
    neither = answer(store, ask(LIMIT, "C3", "C"))
    assert (both.reason, card.reason) == ("ACCOUNT_NOT_ACTIVE", "CARD_NOT_ACTIVE")
    assert neither.reason == "KYC_EXPIRED"


@pytest.mark.parametrize(("before", "is_allowed"), [(MICROSECOND, True), (timedelta(), False)])
def test_loading_stops_at_midnight_in_india_so_many_months_later(before, is_allowed):
    stop = make_rule("CREDIT_STOP", 10, "C")
    store = make_store(stop, make_rule("MONTH", LIMIT, "C"))
    assert datetime(2026, 1, 15, 6, 30, tzinfo=UTC) == TIER_SINCE
    stops_at = datetime(2026, 11, 14, 18, 30, tzinfo=UTC)
    loaded = answer(store, ask(1, "C1", "C"), at=stops_at - before)
    assert (loaded.is_allowed, loaded.reason) == (
        is_allowed,
        "WITHIN_LIMITS" if is_allowed else "KYC_EXPIRED",
    )
    assert is_allowed or list_of_rule(loaded) == (stop.id, 10, None, None, None)
    assert answer(store, ask(1, "C2"), at=stops_at).is_allowed


# Windows.


@BOUNDARY
def test_a_month_takes_what_remains_and_not_one_paisa_more(over):
    store = make_store()
    spend(store, 400_000)
    answer(store, ask(250_000, "C0"))
    check = answer(store, ask(350_000 + over))
    month = (check.limit, check.used_paise, check.resets_on)
    assert month == (LIMIT, 400_000, date(2026, 12, 1))
    if over:
        assert (check.is_allowed, check.reason) == (False, "MONTH_LIMIT")
        assert (check.held_paise, check.remaining_paise) == (250_000, 350_000)
        assert (check.cumulative_paise, check.available_paise) == (650_000, 350_000)
    else:
        assert (check.is_allowed, check.reason) == (True, "WITHIN_LIMITS")
        assert (check.held_paise, check.remaining_paise) == (600_000, 0)
        assert (check.cumulative_paise, check.available_paise) == (LIMIT, 0)


@BOUNDARY
def test_a_financial_year_takes_what_remains_of_its_months_and_not_one_paisa_more(over):
    store = make_store(YEAR_RULE)
    spend(store, 9 * LIMIT, at=datetime(2026, 3, 31, 18, 29, 59, tzinfo=UTC))
    spend(store, 3 * LIMIT, "S1", at=datetime(2026, 3, 31, 18, 30, tzinfo=UTC))
    check = answer(store, ask(2 * LIMIT + over))
    assert check.reason == ("FINANCIAL_YEAR_LIMIT" if over else "WITHIN_LIMITS")
    assert (check.rule_id, check.limit, check.used_paise) == (YEAR_RULE.id, 5 * LIMIT, 3 * LIMIT)
    assert check.resets_on == date(2027, 4, 1)


@BOUNDARY
def test_one_transaction_may_be_its_limit_and_not_one_paisa_more(over):
    rule = make_rule("TRANSACTION", 200_000)
    store = make_store(rule)
    spend(store, 9 * LIMIT)
    check = answer(store, ask(200_000 + over))
    assert check.reason == ("TRANSACTION_LIMIT" if over else "WITHIN_LIMITS")
    of_rule = (rule.id, 200_000, None, None, None) if over else (None,) * 5
    assert list_of_rule(check) == of_rule
    assert (check.cumulative_paise, check.available_paise) == (
        9 * LIMIT + (0 if over else 200_000),
        None,
    )


@BOUNDARY
def test_a_balance_takes_this_processors_open_credit_holds_with_it(over):
    store = make_store(make_rule("BALANCE", LIMIT, "C"))
    answer(store, ask(100_000, "H1", "C"), ask(70_000, "H2", "C", by=CBS), ask(50_000, "H3"))
    check = answer(store, ask(200_000 + over, "C1", "C", balance_paise=700_000))
    assert check.reason == ("BALANCE_LIMIT" if over else "WITHIN_LIMITS")
    assert (check.unjudged, check.balance_paise) == ("", 700_000)


@BOUNDARY
def test_a_credit_hold_of_an_earlier_month_counts_with_the_balance_until_it_ends(over):
    store = make_store(make_rule("BALANCE", LIMIT, "C"))
    answer(store, ask(300_000, "H1", "C"), at=LAST_MOMENT_OF_NOVEMBER)
    ends_at = LAST_MOMENT_OF_NOVEMBER + MICROSECOND + MINUTES_15
    said = {"direction": "C", "balance_paise": 0}
    before = answer(store, ask(700_000 + over, "C1", **said), at=ends_at - MICROSECOND)
    assert before.reason == ("BALANCE_LIMIT" if over else "WITHIN_LIMITS")
    other = make_store(make_rule("BALANCE", LIMIT, "C"))
    answer(other, ask(300_000, "H1", "C"), at=LAST_MOMENT_OF_NOVEMBER)
    after = answer(other, ask(LIMIT + over, "C2", **said), at=ends_at)
    assert after.reason == before.reason


def test_a_balance_that_is_not_told_is_named_as_unjudged():
    store = make_store(make_rule("BALANCE", 1, "C"), make_rule("MONTH", 10, "C"))
    assert answer(store, ask(10, "C1", "C")).unjudged == "BALANCE"
    declined = answer(store, ask(11, "C2", "C"))
    assert (declined.reason, declined.unjudged) == ("MONTH_LIMIT", "BALANCE")
    assert answer(store, ask(10, "C3")).unjudged == ""


def test_without_a_rule_all_is_allowed_and_no_limit_is_shown():
    store = make_store(make_rule("MONTH", 1, tier="N"), make_rule("MONTH", 1, "C"))
    spend(store, 300)
    check = answer(store, ask(10**13))
    assert check.is_allowed
    assert (check.cumulative_paise, check.available_paise) == (10**13 + 300, None)
    assert (*list_of_rule(check), check.resets_on) == (None,) * 6


# Which rule decides, and which is shown.


@pytest.mark.parametrize(
    ("year", "reason"),
    [(LIMIT - 1, "FINANCIAL_YEAR_LIMIT"), (LIMIT, "MONTH_LIMIT"), (LIMIT + 1, "MONTH_LIMIT")],
)
def test_the_rule_with_least_remaining_decides_and_of_two_alike_the_month(year, reason):
    store = make_store(make_rule("MONTH", LIMIT), make_rule("FINANCIAL_YEAR", year))
    check = answer(store, ask(LIMIT + 2))
    assert (check.reason, check.limit) == (reason, min(year, LIMIT))
    assert (check.cumulative_paise, check.available_paise) == (0, min(year, LIMIT))


@pytest.mark.parametrize(
    ("transaction", "reason"), [(599_999, "TRANSACTION_LIMIT"), (600_000, "MONTH_LIMIT")]
)
def test_a_transactions_remaining_is_its_amount(transaction, reason):
    store = make_store(make_rule("TRANSACTION", transaction), make_rule("MONTH", LIMIT))
    spend(store, 400_000)
    assert answer(store, ask(700_000)).reason == reason


@pytest.mark.parametrize(
    ("balance", "reason"), [(400_001, "BALANCE_LIMIT"), (400_000, "TRANSACTION_LIMIT")]
)
def test_a_balances_remaining_is_what_it_leaves(balance, reason):
    store = make_store(make_rule("BALANCE", LIMIT, "C"), make_rule("TRANSACTION", 600_000, "C"))
    assert answer(store, ask(700_000, "C1", "C", balance_paise=balance)).reason == reason


def test_remainings_are_compared_before_they_are_clamped_and_shown_after():
    store = make_store(make_rule("MONTH", LIMIT), make_rule("FINANCIAL_YEAR", LIMIT - 1))
    spend(store, 2 * LIMIT)
    check = answer(store, ask(1))
    assert (check.reason, check.limit, check.remaining_paise) == (
        "FINANCIAL_YEAR_LIMIT",
        LIMIT - 1,
        0,
    )
    assert (check.cumulative_paise, check.available_paise) == (2 * LIMIT, 0)


def test_the_rule_that_failed_decides_and_the_tightest_is_shown():
    store = make_store(make_rule("TRANSACTION", 10), make_rule("MONTH", LIMIT), YEAR_RULE)
    spend(store, 5)
    check = answer(store, ask(11))
    assert (check.reason, check.limit, check.used_paise) == ("TRANSACTION_LIMIT", 10, None)
    assert (check.cumulative_paise, check.available_paise) == (5, LIMIT - 5)


# Directions, months and rules.


def test_each_direction_has_a_limit_of_its_own():
    store = make_store()
    spend(store, LIMIT, direction="C")
    assert answer(store, ask(LIMIT)).is_allowed
    assert answer(store, ask(1, "C2", "C")).reason == "MONTH_LIMIT"


def test_both_processors_and_all_requests_of_a_group_share_one_limit():
    store = make_store()
    asked = [ask(400_000, f"C{n}", by=by) for n, by in enumerate([ENT, CBS, ENT, CBS])]
    assert [check.is_allowed for check in answer(store, *asked)] == [True, True, False, False]
    assert answer(store, ask(200_000, "C9", by=CBS)).is_allowed


@pytest.mark.parametrize(
    ("later", "month", "is_allowed"),
    [(timedelta(), NOVEMBER, False), (MICROSECOND, DECEMBER, True)],
)
def test_a_month_ends_at_midnight_in_india(later, month, is_allowed):
    store = make_store()
    spend(store, LIMIT)
    check = answer(store, ask(LIMIT), at=LAST_MOMENT_OF_NOVEMBER + later)
    assert (check.month, check.is_allowed) == (month, is_allowed)


@pytest.mark.parametrize(("later", "is_allowed"), [(timedelta(), False), (MICROSECOND, True)])
def test_a_financial_year_ends_with_march(later, is_allowed):
    store = make_store(YEAR_RULE)
    spend(store, 5 * LIMIT)
    check = answer(store, ask(LIMIT), at=LAST_MOMENT_OF_A_YEAR + later)
    assert check.is_allowed is is_allowed
    assert check.resets_on == date(2027 + is_allowed, 4, 1)


@pytest.mark.parametrize(("before", "limit"), [(MICROSECOND, LIMIT), (timedelta(), 500)])
def test_a_rule_is_in_force_from_its_start_on(before, limit):
    later = make_rule("MONTH", 500, start=AT, rule_id=77)
    store = make_store(make_rule("MONTH", LIMIT), later)
    assert answer(store, ask(1), at=AT - before).limit == limit


def test_a_rule_without_an_amount_lifts_the_limit_from_its_start_on():
    lifted = make_rule("MONTH", None, start=AT, rule_id=77)
    store = make_store(make_rule("MONTH", LIMIT), lifted)
    assert answer(store, ask(LIMIT + 1), at=AT - MICROSECOND).reason == "MONTH_LIMIT"
    check = answer(store, ask(LIMIT + 1, "C2"))
    assert (check.is_allowed, check.available_paise) == (True, None)


def test_each_tier_has_rules_of_its_own():
    store = make_store(make_rule("MONTH", 100), make_rule("MONTH", 200, tier="N"))
    change_person(store, NEIGHBOUR, tier="N")
    checks = answer(store, ask(101), ask(101, "C2", person=NEIGHBOUR))
    assert [(check.tier, check.is_allowed) for check in checks] == [("P", False), ("N", True)]


# Holds.


@pytest.mark.parametrize(("before", "is_allowed"), [(MICROSECOND, False), (timedelta(), True)])
def test_a_hold_counts_until_the_instant_at_which_it_ends(before, is_allowed):
    store = make_store()
    held = answer(store, ask(LIMIT))
    assert held.hold_until == AT + MINUTES_15
    check = answer(store, ask(1, "C2"), at=held.hold_until - before)
    assert (check.is_allowed, check.cumulative_paise) == (is_allowed, 1 if is_allowed else LIMIT)


@pytest.mark.parametrize(
    ("micros", "minutes", "ends_after"),
    [(0, 15, 900), (1, 15, 901), (999_999, 15, 901), (0, 60, 3600), (1, 1440, 86_401)],
)
def test_a_hold_ends_with_a_whole_second_after_its_processors_time(micros, minutes, ends_after):
    store = make_store()
    check = answer(store, ask(1, minutes=minutes), at=AT + micros * MICROSECOND)
    assert check.hold_until == AT + timedelta(seconds=ends_after)


def test_a_hold_counts_in_the_month_in_which_it_was_placed():
    store = make_store()
    answer(store, ask(LIMIT), at=LAST_MOMENT_OF_NOVEMBER)
    later = LAST_MOMENT_OF_NOVEMBER + MICROSECOND
    assert answer(store, ask(LIMIT, "C2"), at=later).is_allowed
    assert [hold.place.month for hold in store.holds.values()] == [NOVEMBER, DECEMBER]


def test_a_declined_check_holds_nothing():
    store = make_store()
    answer(store, ask(LIMIT + 1))
    assert store.holds == {}
    assert answer(store, ask(LIMIT, "C2")).is_allowed


def test_what_was_asked_is_kept_as_it_was_asked():
    check = answer(make_store(), ask(700, "C7", "C", by=CBS, balance_paise=90))
    assert (check.customer_id, check.unique_id_sent, check.processor_id) == (PERSON, PERSON, CBS)
    assert (check.ref_id, check.at, check.month) == ("C7", AT, NOVEMBER)
    assert (check.direction, check.amount_paise, check.balance_paise) == ("C", 700, 90)
    assert (check.tier, check.cif_id, check.old_unique_id) == ("P", "CIF2", None)


def test_a_posting_and_its_hold_are_counted_once():
    store = make_store()
    check, _, later = answer(
        store, ask(600_000), report("S", 600_000, check="C1"), ask(400_000, "C2")
    )
    assert check.is_allowed
    assert (later.used_paise, later.held_paise) == (600_000, 400_000)
