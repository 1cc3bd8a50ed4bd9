"""May this customer do this now: every reason, how reasons rank, both sides of every boundary."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from limits import decision
from limits.decision import Question, Rule, Totals, decide

AT = datetime(2026, 11, 20, 6, 30, tzinfo=UTC)
MONTH = Rule(1, "MONTH", 1_000_000)
YEAR = Rule(2, "FINANCIAL_YEAR", 5_000_000)
TRANSACTION = Rule(3, "TRANSACTION", 200_000)
BALANCE = Rule(4, "BALANCE", 1_000_000)
STOP = Rule(5, "CREDIT_STOP", 12)
DECEMBER, APRIL = date(2026, 12, 1), date(2027, 4, 1)


def make_totals(month=(0, 0), year=(0, 0)):
    return {"MONTH": Totals(*month, DECEMBER), "FINANCIAL_YEAR": Totals(*year, APRIL)}


def ask(amount, *rules, month=(0, 0), year=(0, 0), **more):
    return decide(Question(AT, amount, rules, make_totals(month, year), **more))


def test_without_any_rule_all_is_allowed_and_no_limit_is_shown():
    said = ask(10**14, month=(300, 20))
    assert said.is_allowed
    assert said.reason == "WITHIN_LIMITS"
    assert (said.figures.cumulative, said.figures.available) == (10**14 + 320, None)
    assert (said.rule, said.used, said.held, said.remaining, said.resets_on) == (None,) * 5


@pytest.mark.parametrize(("over", "reason"), [(0, "WITHIN_LIMITS"), (1, "MONTH_LIMIT")])
def test_a_month_is_full_at_its_limit_and_refuses_one_paisa_more(over, reason):
    said = ask(300_000 + over, MONTH, month=(500_000, 200_000))
    assert (said.is_allowed, said.reason) == (not over, reason)


@pytest.mark.parametrize(("over", "reason"), [(0, "WITHIN_LIMITS"), (1, "FINANCIAL_YEAR_LIMIT")])
def test_a_financial_year_is_full_at_its_limit_and_refuses_one_paisa_more(over, reason):
    said = ask(300_000 + over, MONTH, YEAR, year=(4_500_000, 200_000))
    assert (said.is_allowed, said.reason) == (not over, reason)
    assert (said.rule, said.resets_on) == (YEAR, APRIL)


@pytest.mark.parametrize(("over", "reason"), [(0, "WITHIN_LIMITS"), (1, "TRANSACTION_LIMIT")])
def test_one_transaction_may_be_its_limit_and_not_one_paisa_more(over, reason):
    said = ask(200_000 + over, TRANSACTION, month=(9_000_000, 0))
    assert (said.is_allowed, said.reason) == (not over, reason)


@pytest.mark.parametrize(("over", "reason"), [(0, "WITHIN_LIMITS"), (1, "BALANCE_LIMIT")])
@pytest.mark.parametrize(
    ("balance", "held_here", "room"),
    [(0, 0, 1_000_000), (700_000, 0, 300_000), (700_000, 100_000, 200_000), (-50, 0, 1_000_050)],
)
def test_a_balance_may_reach_its_limit_with_this_processors_open_credit_holds(
    balance, held_here, room, over, reason
):
    said = ask(room + over, BALANCE, balance=balance, held_credit_here=held_here)
    assert (said.is_allowed, said.reason) == (not over, reason)
    assert said.unjudged == ()


def test_a_balance_that_is_not_told_is_named_as_unjudged_and_refuses_nothing():
    said = ask(10**9, BALANCE)
    assert said.is_allowed
    assert said.unjudged == ("BALANCE",)


def test_what_is_unjudged_is_named_on_a_refusal_too():
    assert ask(1_000_001, MONTH, BALANCE).unjudged == ("BALANCE",)
    assert ask(1, BALANCE, is_blocked=True).unjudged == ("BALANCE",)
    assert ask(1, BALANCE, STOP, stops_at=AT).unjudged == ("BALANCE",)


def test_without_a_balance_rule_nothing_is_unjudged():
    assert ask(1, MONTH, YEAR, TRANSACTION, STOP).unjudged == ()


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (datetime(2026, 11, 20, 18, 29, 59, 999_999, tzinfo=UTC), "WITHIN_LIMITS"),
        (datetime(2026, 11, 20, 18, 30, tzinfo=UTC), "KYC_EXPIRED"),
        (datetime(2026, 11, 20, 18, 30, 0, 1, tzinfo=UTC), "KYC_EXPIRED"),
    ],
)
def test_loading_stops_at_midnight_in_india_and_not_an_instant_before(at, reason):
    midnight = datetime.fromisoformat("2026-11-21T00:00:00+05:30")
    said = decide(Question(at, 1, [STOP], make_totals(), stops_at=midnight))
    assert said.reason == reason
    assert said.is_allowed == (reason == "WITHIN_LIMITS")


def test_a_stop_without_an_instant_stops_nothing():
    assert ask(1, STOP, stops_at=None).is_allowed
    assert ask(1, MONTH, stops_at=AT).is_allowed


WRONG_STATES = [
    ("CUSTOMER_BLOCKED", {"is_blocked": True}),
    ("ACCOUNT_NOT_ACTIVE", {"is_account_active": False}),
    ("CARD_NOT_ACTIVE", {"is_card_active": False}),
    ("KYC_EXPIRED", {"stops_at": AT}),
    ("MONTH_LIMIT", {"month": (1_000_000, 0)}),
]


@pytest.mark.parametrize("first", range(len(WRONG_STATES)))
def test_of_all_that_is_wrong_the_reason_of_the_highest_rank_is_given(first):
    everything = {name: value for _, wrong in WRONG_STATES[first:] for name, value in wrong.items()}
    said = ask(1, MONTH, STOP, **everything)
    assert not said.is_allowed
    assert said.reason == WRONG_STATES[first][0]


@pytest.mark.parametrize(("reason", "wrong"), WRONG_STATES[:3])
def test_where_no_rule_decided_the_figures_of_a_rule_are_absent(reason, wrong):
    said = ask(1, MONTH, month=(400, 30), **wrong)
    assert (said.reason, said.rule) == (reason, None)
    assert (said.used, said.held, said.remaining, said.resets_on) == (None,) * 4
    assert (said.figures.cumulative, said.figures.available) == (430, 999_570)


@pytest.mark.parametrize(
    ("rule", "more"),
    [(TRANSACTION, {}), (BALANCE, {"balance": 999_000}), (STOP, {"stops_at": AT})],
)
def test_a_rule_without_totals_decides_by_name_and_shows_those_of_the_month(rule, more):
    said = ask(200_001, MONTH, rule, month=(400, 30), **more)
    assert (said.is_allowed, said.rule) == (False, rule)
    assert (said.used, said.held, said.remaining, said.resets_on) == (None,) * 4
    assert (said.figures.cumulative, said.figures.available) == (430, 999_570)


LEAVING_ONE_LIMIT = {
    # what each would let pass is 100; the others have a paisa more each time
    "MONTH": lambda more: {"month": (999_900 - more, 0)},
    "FINANCIAL_YEAR": lambda more: {"year": (4_999_900 - more, 0)},
    "TRANSACTION": lambda more: {"transaction": 100 + more},
    "BALANCE": lambda more: {"balance": 999_900 - more},
}


def make_failing_question(amount, **more):
    state = {
        name: value
        for window in LEAVING_ONE_LIMIT
        for name, value in LEAVING_ONE_LIMIT[window](0).items()
    } | more
    one = Rule(3, "TRANSACTION", state.pop("transaction"))
    return ask(amount, BALANCE, one, YEAR, MONTH, **state)


def test_of_rules_that_fail_alike_the_month_comes_first():
    assert make_failing_question(101).reason == "MONTH_LIMIT"


@pytest.mark.parametrize(
    ("window", "then"),
    [("MONTH", "FINANCIAL_YEAR"), ("FINANCIAL_YEAR", "TRANSACTION"), ("TRANSACTION", "BALANCE")],
)
def test_a_tie_goes_to_the_next_window_when_those_before_it_have_more_left(window, then):
    more = {}
    for name in list(LEAVING_ONE_LIMIT)[: list(LEAVING_ONE_LIMIT).index(window) + 1]:
        more |= LEAVING_ONE_LIMIT[name](1)
    assert make_failing_question(102, **more).reason == f"{then}_LIMIT"


@pytest.mark.parametrize("window", LEAVING_ONE_LIMIT)
def test_the_failing_rule_with_the_least_left_is_the_reason(window):
    least = LEAVING_ONE_LIMIT[window](-1)
    assert make_failing_question(101, **least).reason == f"{window}_LIMIT"


def test_what_is_left_is_compared_before_it_is_written_as_zero():
    both_over = ask(1, MONTH, YEAR, month=(1_000_005, 0), year=(5_000_006, 0))
    assert (both_over.reason, both_over.remaining) == ("FINANCIAL_YEAR_LIMIT", 0)
    other_way = ask(1, MONTH, YEAR, month=(1_000_006, 0), year=(5_000_005, 0))
    assert other_way.reason == "MONTH_LIMIT"


def test_a_rule_that_passes_is_never_the_reason_though_it_has_the_least_of_all_amounts():
    said = ask(100_001, TRANSACTION, YEAR, year=(4_900_000, 0))
    assert said.reason == "FINANCIAL_YEAR_LIMIT"


def test_the_figures_are_those_of_the_window_with_the_least_left_and_month_of_two_alike():
    alike = make_totals((100_000, 0), (4_100_000, 0))
    assert decision.find_tightest([YEAR, MONTH], alike).rule == MONTH
    assert decision.sum_figures([YEAR, MONTH], alike).cumulative == 100_000
    year = make_totals((100_000, 0), (4_100_000, 1))
    assert decision.find_tightest([MONTH, YEAR], year).rule == YEAR
    assert decision.sum_figures([MONTH, YEAR], year) == decision.ReplyFigures(4_100_001, 899_999)


def test_without_month_and_year_rules_the_months_total_is_shown_and_no_limit():
    totals = make_totals((70, 7), (900, 90))
    tightest = decision.find_tightest([TRANSACTION, BALANCE], totals)
    shown = decision.make_figures(tightest, totals, added=3)
    assert shown == decision.ReplyFigures(80, None)


def test_what_is_used_over_the_limit_leaves_zero():
    said = ask(1, MONTH, month=(1_200_000, 50))
    assert said.figures == decision.ReplyFigures(1_200_050, 0)
    assert (said.used, said.held, said.remaining) == (1_200_000, 50, 0)
    assert said.resets_on == DECEMBER


PAISE = st.integers(0, 2_000_000)


@given(st.integers(1, 2_000_000), PAISE, PAISE, PAISE, PAISE)
def test_after_an_allowed_check_the_figures_add_up_to_the_limit(amount, used, held, before, more):
    said = ask(amount, MONTH, YEAR, month=(used, held), year=(used + before, held + more))
    room = min(1_000_000 - used - held, 5_000_000 - used - before - held - more)
    assert said.is_allowed == (amount <= room)
    if said.is_allowed:
        assert said.figures.cumulative + said.figures.available == said.rule.amount
        assert said.used + said.held + said.remaining == said.rule.amount
        assert said.figures.available == room - amount
    else:
        assert said.figures.available == max(0, room)


def test_a_refused_check_adds_nothing_to_the_figures():
    said = ask(600_000, MONTH, month=(500_000, 0))
    assert said.figures == decision.ReplyFigures(500_000, 500_000)
    assert (said.used, said.held, said.remaining) == (500_000, 0, 500_000)


def test_a_question_has_nothing_wrong_unless_told():
    assert ask(1).is_allowed
    assert decide(Question(AT - timedelta(days=1), 1, [], make_totals())).is_allowed
