"""check-customer-limit: may this go ahead, why, and what is then held."""

import pytest

from customers.models import Customer
from limits.models import Hold, LedgerEntry, LedgerHead, LimitCheck, LimitRule
from ppims.core import clock
from tests.api.answers import (
    NOBODY,
    add_person,
    add_rule,
    assert_malformed,
    assert_unknown,
    book_posting,
    check_for_ref,
    check_limit,
    freeze_at,
    make_aadhaar,
    read_done,
    read_ist,
)

FIGURES = ("Used", "Held", "Remaining", "Resets_On", "Rule", "Limit")


def assert_refused_to_spend(caller, unique_id, amount="100.00", **fields):
    data, decision = check_limit(caller, unique_id, amount, **fields)
    assert (data["Allow_Customer"], decision["Hold_Until"]) == ("F", "NA"), decision
    return data, decision


def test_an_allowed_check_answers_with_the_figures_after_it(ent):
    unique_id = add_person(ent, Cif_Id="CIF-1")
    with freeze_at("10-11-2026 12:00:00"):
        data, decision = check_limit(ent, unique_id, "2500.00")
    assert data == {
        "Resp_Code": "000",
        "Unique_Id": unique_id,
        "Allow_Customer": "T",
        "Cumulative_Bal": "2500.00",
        "Avail_Amount_Limit": "7500.00",
        "Cif_Id": "CIF-1",
        "Old_Unique_Id": "NA",
    }
    assert decision == {
        "Reason": "WITHIN_LIMITS",
        "Rule": str(LimitRule.objects.get(tier="P", direction="D").pk),
        "Limit": "10000.00",
        "Used": "0.00",
        "Held": "2500.00",
        "Remaining": "7500.00",
        "Resets_On": "01-12-2026",
        "Hold_Until": "10-11-2026 12:15:00",
        "Unjudged": [],
    }


def test_a_declined_check_answers_with_the_figures_as_they_stand(ent):
    unique_id = add_person(ent)
    book_posting(ent, unique_id, "4000.00")
    check_for_ref(ent, unique_id, "1000.00")
    data, decision = assert_refused_to_spend(ent, unique_id, "5000.01")
    assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("5000.00", "5000.00")
    assert decision["Reason"] == "MONTH_LIMIT"
    assert (decision["Used"], decision["Held"]) == ("4000.00", "1000.00")
    assert decision["Remaining"] == "5000.00"
    assert Hold.objects.count() == 1


@pytest.mark.parametrize(("amount", "answer"), [("10000.00", "T"), ("10000.01", "F")])
@pytest.mark.parametrize("direction", ["D", "C"])
@pytest.mark.parametrize("tier", ["N", "P"])
def test_the_limit_is_exact_to_the_paisa(ent, tier, direction, amount, answer):
    unique_id = add_person(ent, KYC_Flag=tier)
    assert check_limit(ent, unique_id, amount, Tran_Type=direction)[0]["Allow_Customer"] == answer


def test_a_hold_counts_at_once_and_debits_and_credits_apart(ent):
    unique_id = add_person(ent)
    check_for_ref(ent, unique_id, "10000.00")
    assert_refused_to_spend(ent, unique_id, "0.01")
    assert check_limit(ent, unique_id, "10000.00", Tran_Type="C")[0]["Allow_Customer"] == "T"
    assert_refused_to_spend(ent, unique_id, "0.01", Tran_Type="C")


def test_a_limit_is_a_persons_over_all_processors(ent, cbs):
    unique_id = add_person(ent, cbs)
    check_for_ref(ent, unique_id, "6000.00")
    assert_refused_to_spend(cbs, unique_id, "4000.01")
    assert check_limit(cbs, unique_id, "4000.00")[0]["Cumulative_Bal"] == "10000.00"


def test_what_is_used_over_the_limit_leaves_nothing(ent):
    unique_id = add_person(ent)
    book_posting(ent, unique_id, "10000.50")
    data, decision = assert_refused_to_spend(ent, unique_id, "0.01")
    assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("10000.50", "0.00")
    assert decision["Remaining"] == "0.00"


def test_full_kyc_has_no_limit(ent):
    unique_id = add_person(ent, KYC_Flag="F", **make_aadhaar("123456789012"))
    data, decision = check_limit(ent, unique_id, "999999999999.99")
    assert (data["Allow_Customer"], data["Avail_Amount_Limit"]) == ("T", "NA")
    assert data["Cumulative_Bal"] == "999999999999.99"
    assert [decision[name] for name in FIGURES] == ["NA"] * 6
    assert decision["Hold_Until"] != "NA"


# Holds.


@pytest.mark.parametrize(
    ("now", "answer"), [("10-11-2026 12:14:59", "F"), ("10-11-2026 12:15:00", "T")]
)
def test_a_hold_ends_at_its_instant(ent, now, answer):
    unique_id = add_person(ent)
    with freeze_at("10-11-2026 12:00:00"):
        check_for_ref(ent, unique_id, "10000.00")
    with freeze_at(now):
        assert check_limit(ent, unique_id, "0.01")[0]["Allow_Customer"] == answer


def test_a_hold_ends_on_a_whole_second_rounded_up(ent, settings):
    unique_id = add_person(ent)
    settings.PPIMS_HOLD_MINUTES = 1
    with clock.freeze(read_ist("10-11-2026 12:00:00").replace(microsecond=1)):
        decision = check_limit(ent, unique_id)[1]
    assert decision["Hold_Until"] == "10-11-2026 12:01:01"
    assert Hold.objects.get().expires_at == read_ist("10-11-2026 12:01:01")


def test_a_processor_may_have_its_own_hold(ent, cbs):
    unique_id = add_person(ent, cbs)
    cbs.processor.hold_minutes = 1440
    cbs.processor.save()
    with freeze_at("10-11-2026 12:00:00"):
        assert check_limit(cbs, unique_id)[1]["Hold_Until"] == "11-11-2026 12:00:00"
        assert check_limit(ent, unique_id)[1]["Hold_Until"] == "10-11-2026 12:15:00"


@pytest.mark.parametrize(
    ("now", "left"), [("30-11-2026 23:59:59", "0.00"), ("01-12-2026 00:00:00", "10000.00")]
)
def test_a_month_ends_at_midnight_in_india_for_what_is_used_and_held(ent, now, left):
    unique_id = add_person(ent)
    with freeze_at("30-11-2026 23:59:58"):
        book_posting(ent, unique_id, "4000.00")
        check_for_ref(ent, unique_id, "6000.00")
    with freeze_at(now):
        data, decision = assert_refused_to_spend(ent, unique_id, "10000.01")
    assert data["Avail_Amount_Limit"] == left
    assert decision["Resets_On"] == ("01-12-2026" if left == "0.00" else "01-01-2027")


def test_a_clock_far_behind_the_customers_last_instant_is_503(ent):
    unique_id = add_person(ent)
    with freeze_at("10-11-2026 12:01:00"):
        check_for_ref(ent, unique_id)
    with freeze_at("10-11-2026 12:00:00"):
        assert check_limit(ent, unique_id)[1]["Hold_Until"] == "10-11-2026 12:16:00"
    with freeze_at("10-11-2026 11:59:59"):
        answer = ent.call("check-customer-limit", Unique_Id=unique_id, Amount="1.00", Tran_Type="D")
    assert (answer[0], answer[1]["Data"]["Resp_Code"]) == (503, "503")
    assert answer[1]["Data"]["Allow_Customer"] == "F"
    assert int(answer[2]["Retry-After"]) >= 1


# Who and what may.


def test_a_blocked_customer_is_declined_first_of_all(ent):
    unique_id = add_person(ent)
    book_posting(ent, unique_id, "10000.00")
    Customer.objects.update(status="BLOCKED", blocked_reason="Asked by her")
    data, decision = assert_refused_to_spend(ent, unique_id, Account_Number="UNKNOWN")
    assert decision["Reason"] == "CUSTOMER_BLOCKED"
    assert [decision[name] for name in FIGURES] == ["NA"] * 6
    assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("10000.00", "0.00")


@pytest.mark.parametrize("kind", ["Account", "Card"])
@pytest.mark.parametrize("status", ["A", "I", "C", "F", "N"])
def test_an_account_or_card_that_was_sent_must_be_active_or_new(ent, kind, status):
    number = {f"{kind}_Number": "NUMBER-1"}
    unique_id = add_person(ent, **number, **{f"{kind}_Status": status})
    data, decision = check_limit(ent, unique_id, **number)
    reason = "WITHIN_LIMITS" if status in "AN" else f"{kind.upper()}_NOT_ACTIVE"
    assert decision["Reason"] == reason
    assert data["Allow_Customer"] == ("T" if status in "AN" else "F")


def test_an_account_must_be_one_that_this_processor_registered(ent, cbs):
    unique_id = add_person(ent, Account_Number="ACC-1")
    add_person(ent, Account_Number="ACC-OTHER")
    read_done(ent.call("update-customer", Unique_Id=unique_id, Account_Number="ACC-2"))
    assert check_limit(ent, unique_id, Account_Number="ACC-2")[0]["Allow_Customer"] == "T"
    for number in ("ACC-3", "ACC-OTHER"):
        _, decision = assert_refused_to_spend(ent, unique_id, Account_Number=number)
        assert decision["Reason"] == "ACCOUNT_NOT_ACTIVE"


def test_an_unknown_card_is_not_judged_nor_another_processors(ent, cbs):
    unique_id = add_person(ent, cbs, Card_Number="CARD-1")
    read_done(
        ent.call("update-customer", Unique_Id=unique_id, Card_Number="CARD-1", Card_Status="C")
    )
    assert check_limit(ent, unique_id, Card_Number="CARD-2")[0]["Allow_Customer"] == "T"
    assert check_limit(cbs, unique_id, Card_Number="CARD-1")[0]["Allow_Customer"] == "T"
    assert (
        assert_refused_to_spend(ent, unique_id, Card_Number="CARD-1")[1]["Reason"]
        == "CARD_NOT_ACTIVE"
    )


def test_an_account_ranks_before_a_card_and_both_before_a_limit(ent):
    unique_id = add_person(ent, Card_Number="CARD-1", Card_Status="C")
    both = {"Account_Number": "UNKNOWN", "Card_Number": "CARD-1"}
    assert (
        assert_refused_to_spend(ent, unique_id, "10000.01", **both)[1]["Reason"]
        == "ACCOUNT_NOT_ACTIVE"
    )
    _, decision = assert_refused_to_spend(ent, unique_id, "10000.01", Card_Number="CARD-1")
    assert decision["Reason"] == "CARD_NOT_ACTIVE"


def test_another_processors_customer_and_none_at_all_are_500(ent, cbs):
    unique_id = add_person(ent)
    message = {"Amount": "1.00", "Tran_Type": "D"}
    assert_unknown(cbs.call("check-customer-limit", Unique_Id=unique_id, **message))
    assert_unknown(cbs.call("check-customer-limit", Unique_Id=NOBODY, **message))
    assert not LimitCheck.objects.exists()
    assert not LedgerHead.objects.exists()


@pytest.mark.parametrize("balance", ["0", "-12.50", "0.00", "-0.01", "999999999999.99"])
def test_a_balance_may_be_zero_or_negative(ent, balance):
    check_limit(ent, add_person(ent), Avail_Bal=balance)


@pytest.mark.parametrize("balance", ["rubbish", "1e3", "+1", "--1", "1.001", " 1", "1,000", 5, []])
def test_an_unreadable_balance_is_400(ent, balance):
    answer = ent.call(
        "check-customer-limit",
        Unique_Id=add_person(ent),
        Amount="1.00",
        Tran_Type="D",
        Avail_Bal=balance,
    )
    assert_malformed(answer, "Avail_Bal")


def test_a_check_and_a_refusal_book_nothing(ent):
    unique_id = add_person(ent)
    check_for_ref(ent, unique_id)
    assert_refused_to_spend(ent, unique_id, "99999.00")
    assert LimitCheck.objects.count() == 2
    assert not LedgerEntry.objects.exists()


def test_a_rule_starts_at_its_instant(ent):
    unique_id = add_person(ent)
    add_rule("MONTH", 5_000, start="10-11-2026 12:00:00")
    with freeze_at("10-11-2026 11:59:59"):
        assert check_limit(ent, unique_id, "50.01")[0]["Allow_Customer"] == "T"
    with freeze_at("10-11-2026 12:00:00"):
        data, decision = assert_refused_to_spend(ent, unique_id, "50.00")
    assert (decision["Limit"], decision["Remaining"]) == ("50.00", "0.00")
    assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("50.01", "0.00")
