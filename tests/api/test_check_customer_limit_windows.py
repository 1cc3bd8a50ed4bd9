"""check-customer-limit under rules of every window: which decides, whose figures are given."""

import pytest

from tests.api.answers import (
    add_person,
    add_rule,
    book_posting,
    check_for_ref,
    check_limit,
    freeze_at,
)

NOT_OF_A_GAUGE = ("Used", "Held", "Remaining", "Resets_On")


@pytest.fixture
def holder(ent):
    return add_person(ent, KYC_Updated_On="15-01-2026 10:00:00")


def assert_declined(caller, unique_id, amount, reason, **fields):
    data, decision = check_limit(caller, unique_id, amount, **fields)
    assert (data["Allow_Customer"], decision["Reason"]) == ("F", reason), decision
    return data, decision


@pytest.mark.parametrize(("amount", "answer"), [("2000.00", "T"), ("2000.01", "F")])
def test_one_transaction_has_its_own_limit(ent, holder, amount, answer):
    limit = add_rule("TRANSACTION", 200_000)
    data, decision = check_limit(ent, holder, amount)
    assert data["Allow_Customer"] == answer
    if answer == "F":
        assert decision["Reason"] == "TRANSACTION_LIMIT"
        assert (decision["Rule"], decision["Limit"]) == (str(limit.pk), "2000.00")
        assert [decision[name] for name in NOT_OF_A_GAUGE] == ["NA"] * 4
    left = "8000.00" if answer == "T" else "10000.00"
    assert data["Avail_Amount_Limit"] == left  # of the MONTH rule: the other windows only decide


def test_a_financial_year_runs_from_april_to_march(ent, holder):
    add_rule("MONTH", None)
    add_rule("FINANCIAL_YEAR", 1_000_000)
    with freeze_at("01-04-2026 00:00:00"):
        book_posting(ent, holder, "4000.00")
    with freeze_at("31-03-2027 23:59:59"):
        data, decision = assert_declined(ent, holder, "6000.01", "FINANCIAL_YEAR_LIMIT")
        assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("4000.00", "6000.00")
        assert decision["Resets_On"] == "01-04-2027"
        check_for_ref(ent, holder, "6000.00")
    with freeze_at("01-04-2027 00:00:00"):
        data, decision = check_limit(ent, holder, "10000.00")
    assert (data["Allow_Customer"], decision["Resets_On"]) == ("T", "01-04-2028")


def test_what_march_used_is_not_aprils_year(ent, holder):
    add_rule("FINANCIAL_YEAR", 1_500_000)
    with freeze_at("31-03-2026 23:59:59"):
        book_posting(ent, holder, "9000.00")
    with freeze_at("01-04-2026 00:00:00"):
        assert check_limit(ent, holder, "10000.00")[0]["Allow_Customer"] == "T"


def test_the_figures_are_those_with_the_least_remaining(ent, holder):
    add_rule("FINANCIAL_YEAR", 1_500_000)
    with freeze_at("10-10-2026 12:00:00"):
        book_posting(ent, holder, "8000.00")
    with freeze_at("10-11-2026 12:00:00"):
        data, decision = check_limit(ent, holder, "1000.00")
        assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("9000.00", "6000.00")
        assert (decision["Limit"], decision["Resets_On"]) == ("15000.00", "01-04-2027")
        assert_declined(ent, holder, "6000.01", "FINANCIAL_YEAR_LIMIT")


def test_of_two_alike_the_month_is_named(ent, holder):
    add_rule("FINANCIAL_YEAR", 1_000_000)
    _, decision = assert_declined(ent, holder, "10000.01", "MONTH_LIMIT")
    assert decision["Limit"] == "10000.00"
    assert check_limit(ent, holder, "1.00")[1]["Resets_On"] != "01-04-2027"


def test_the_failing_rule_with_the_least_remaining_is_named(ent, holder):
    add_rule("TRANSACTION", 300_000)
    assert_declined(ent, holder, "20000.00", "TRANSACTION_LIMIT")
    book_posting(ent, holder, "8000.00")
    assert_declined(ent, holder, "20000.00", "MONTH_LIMIT")


def test_remainders_are_compared_before_they_are_clamped(ent, holder):
    add_rule("FINANCIAL_YEAR", 1_100_000)
    book_posting(ent, holder, "12000.00")  # 2000 over the month, 1000 over the year
    assert_declined(ent, holder, "1.00", "MONTH_LIMIT")


@pytest.mark.parametrize(("balance", "answer"), [("9000.00", "T"), ("9000.01", "F")])
def test_a_balance_and_a_load_stay_within_their_limit(ent, holder, balance, answer):
    limit = add_rule("BALANCE", 1_000_000, direction="C")
    data, decision = check_limit(ent, holder, "1000.00", Tran_Type="C", Avail_Bal=balance)
    assert (data["Allow_Customer"], decision["Unjudged"]) == (answer, [])
    if answer == "F":
        assert (decision["Reason"], decision["Rule"]) == ("BALANCE_LIMIT", str(limit.pk))
        assert [decision[name] for name in NOT_OF_A_GAUGE] == ["NA"] * 4


def test_a_balance_counts_this_processors_open_loads_and_no_others(ent, cbs):
    unique_id = add_person(ent, cbs)
    add_rule("BALANCE", 1_000_000, direction="C")
    load = {"Tran_Type": "C", "Avail_Bal": "8000.00"}
    check_for_ref(cbs, unique_id, "1500.00", Tran_Type="C")
    check_for_ref(ent, unique_id, "1500.00", **load)
    assert_declined(ent, unique_id, "500.01", "BALANCE_LIMIT", **load)
    assert check_limit(ent, unique_id, "500.00", **load)[0]["Allow_Customer"] == "T"


def test_a_balance_that_was_not_sent_is_unjudged_and_a_spend_is_never_judged_by_it(ent, holder):
    add_rule("BALANCE", 100, direction="C")
    data, decision = check_limit(ent, holder, "5000.00", Tran_Type="C")
    assert (data["Allow_Customer"], decision["Unjudged"]) == ("T", ["BALANCE"])
    assert check_limit(ent, holder, "5000.00", Avail_Bal="9999.00")[1]["Unjudged"] == []


@pytest.mark.parametrize(
    ("now", "answer"), [("14-01-2027 23:59:59", "T"), ("15-01-2027 00:00:00", "F")]
)
def test_loading_stops_some_months_after_the_tier_was_reached(ent, holder, now, answer):
    stop = add_rule("CREDIT_STOP", 12, direction="C")
    with freeze_at(now):
        data, decision = check_limit(ent, holder, "1.00", Tran_Type="C")
        assert check_limit(ent, holder, "1.00")[0]["Allow_Customer"] == "T"  # spending goes on
    assert data["Allow_Customer"] == answer
    if answer == "F":
        assert (decision["Reason"], decision["Rule"]) == ("KYC_EXPIRED", str(stop.pk))
        assert decision["Limit"] == "12"
        assert [decision[name] for name in NOT_OF_A_GAUGE] == ["NA"] * 4


def test_the_months_end_on_the_last_day_of_a_shorter_month(ent):
    unique_id = add_person(ent, KYC_Updated_On="31-08-2026 10:00:00")
    add_rule("CREDIT_STOP", 6, direction="C")
    with freeze_at("27-02-2027 23:59:59"):
        assert check_limit(ent, unique_id, "1.00", Tran_Type="C")[0]["Allow_Customer"] == "T"
    with freeze_at("28-02-2027 00:00:00"):
        assert_declined(ent, unique_id, "1.00", "KYC_EXPIRED", Tran_Type="C")


def test_sending_the_tier_again_does_not_restart_the_months(ent, holder):
    add_rule("CREDIT_STOP", 12, direction="C")
    again = {"KYC_Flag": "P", "KYC_Updated_On": "01-12-2026 00:00:00"}
    ent.call("update-customer", Unique_Id=holder, **again)
    with freeze_at("15-01-2027 00:00:00"):
        assert_declined(ent, holder, "10000.01", "KYC_EXPIRED", Tran_Type="C")


def test_a_rule_without_an_amount_ends_its_predecessor(ent, holder):
    add_rule("MONTH", None)
    data, decision = check_limit(ent, holder, "50000.00")
    assert (data["Allow_Customer"], data["Avail_Amount_Limit"]) == ("T", "NA")
    assert (data["Cumulative_Bal"], decision["Limit"]) == ("50000.00", "NA")
