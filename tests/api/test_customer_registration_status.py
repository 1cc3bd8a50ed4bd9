"""customer-registration-status: is a mobile number or document known, and what is left to spend."""

import pytest

from tests.api.answers import (
    add_person,
    add_rule,
    book_posting,
    check_for_ref,
    freeze_at,
    list_named,
    make_aadhaar,
    make_blank,
    read_done,
)
from tests.factories import draw_mobile

OPERATION = "customer-registration-status"


def ask_status(caller, mobile, **fields):
    return read_done(caller.call(OPERATION, Mobile_Number=mobile, **fields))[0]


def assert_not_found(answer, left="10000.00"):
    http, body, _ = answer
    figures = {"Remaining_Avail_Limit": left, "Utilized_Bal": "0.00"}
    assert (http, body["Data"]) == (200, {**make_blank(OPERATION, "500"), **figures})
    return body


def test_nobody_is_500_with_what_a_newcomer_could_spend(ent):
    body = assert_not_found(ent.call(OPERATION, Mobile_Number=draw_mobile()))
    assert body["Meta"] == {}


@pytest.mark.parametrize(("amount", "left"), [(500_000, "5000.00"), (None, "NA")])
def test_a_newcomers_limit_is_the_rule_of_min_kyc_in_force(ent, amount, left):
    add_rule("MONTH", amount, tier="N", start="01-01-2026 00:00:00")
    add_rule("MONTH", 1, tier="P", start="01-01-2026 00:00:00")
    assert_not_found(ent.call(OPERATION, Mobile_Number=draw_mobile()), left)


def test_a_known_mobile_is_answered_in_full(ent):
    unique_id = add_person(ent, Mobile_Number="9812345670", Cif_Id="CIF-1")
    assert ask_status(ent, "919812345670") == {
        "Resp_Code": "000",
        "Unique_Id": unique_id,
        "KYC_Flag": "P",
        "KYC_Updated_Channel": "PGO",
        "KYC_Updated_On": "03-04-2025 10:15:00",
        "Cif_Id": "CIF-1",
        "Remaining_Avail_Limit": "10000.00",
        "Utilized_Bal": "0.00",
    }


@pytest.mark.parametrize("form", ["9812345670", "919812345670", "+919812345670", "09812345670"])
def test_every_form_of_a_mobile_finds_its_customer(ent, form):
    unique_id = add_person(ent, Mobile_Number="9812345670")
    assert ask_status(ent, form)["Unique_Id"] == unique_id


def test_a_document_goes_before_the_mobile(ent):
    mobile = draw_mobile()
    by_mobile = add_person(ent, Mobile_Number=mobile)
    by_document = add_person(ent, **make_aadhaar("123456789012"))
    assert ask_status(ent, mobile, **make_aadhaar("1234-5678-9012"))["Unique_Id"] == by_document
    assert (
        ask_status(ent, draw_mobile(), **make_aadhaar("123456789012"))["Unique_Id"] == by_document
    )
    assert ask_status(ent, mobile, **make_aadhaar("999999999999"))["Unique_Id"] == by_mobile
    other_kind = {"Ovid_Type": "PAN", "Ovid_Value": "123456789012"}
    assert ask_status(ent, mobile, **other_kind)["Unique_Id"] == by_mobile


def test_name_and_birth_date_play_no_part(ent):
    mobile = draw_mobile()
    unique_id = add_person(ent, Mobile_Number=mobile)
    data = ask_status(ent, mobile, Name="Somebody Else", Date_Of_Birth="01-01-1950")
    assert data["Unique_Id"] == unique_id
    assert_not_found(
        ent.call(
            OPERATION, Mobile_Number=draw_mobile(), Name="Meera Iyer", Date_Of_Birth="14-02-1991"
        )
    )


def test_name_and_birth_date_are_read_all_the_same(ent):
    answer = ent.call(OPERATION, Mobile_Number="1", Name="x" * 101, Date_Of_Birth="1")
    assert answer[0] == 400
    assert list_named(answer) == ["Date_Of_Birth", "Mobile_Number", "Name"]


def test_any_processor_may_ask_and_sees_its_own_cif_alone(ent, cbs):
    mobile = draw_mobile()
    unique_id = add_person(ent, Mobile_Number=mobile, Cif_Id="CIF-1")
    data = ask_status(cbs, mobile)
    assert (data["Unique_Id"], data["Cif_Id"]) == (unique_id, "NA")


def test_the_figures_are_used_and_held_of_debits_over_all_processors(ent, cbs):
    mobile = draw_mobile()
    unique_id = add_person(ent, cbs, Mobile_Number=mobile)
    book_posting(ent, unique_id, "1000.10")
    check_for_ref(cbs, unique_id, "2000.20")
    check_for_ref(ent, unique_id, "4000.00", Tran_Type="C")
    data = ask_status(ent, mobile)
    assert (data["Utilized_Bal"], data["Remaining_Avail_Limit"]) == ("3000.30", "6999.70")


def test_what_is_left_is_never_below_zero(ent):
    mobile = draw_mobile()
    book_posting(ent, add_person(ent, Mobile_Number=mobile), "10000.01")
    data = ask_status(ent, mobile)
    assert (data["Utilized_Bal"], data["Remaining_Avail_Limit"]) == ("10000.01", "0.00")


def test_without_a_limit_what_is_left_is_na(ent):
    mobile = draw_mobile()
    unique_id = add_person(ent, Mobile_Number=mobile, KYC_Flag="F", **make_aadhaar("123456789012"))
    book_posting(ent, unique_id, "25000.00")
    data = ask_status(ent, mobile)
    assert (data["Utilized_Bal"], data["Remaining_Avail_Limit"]) == ("25000.00", "NA")


@pytest.mark.parametrize(
    ("now", "used"),
    [("30-11-2026 23:59:59", "100.00"), ("01-12-2026 00:00:00", "0.00")],
)
def test_a_month_ends_at_midnight_in_india(ent, now, used):
    mobile = draw_mobile()
    with freeze_at("30-11-2026 23:59:59"):
        book_posting(ent, add_person(ent, Mobile_Number=mobile))
    with freeze_at(now):
        assert ask_status(ent, mobile)["Utilized_Bal"] == used


@pytest.mark.parametrize(
    ("now", "held"), [("10-11-2026 12:14:59", "100.00"), ("10-11-2026 12:15:00", "0.00")]
)
def test_a_hold_counts_until_its_instant(ent, now, held):
    mobile = draw_mobile()
    with freeze_at("10-11-2026 12:00:00"):
        check_for_ref(ent, add_person(ent, Mobile_Number=mobile))
    with freeze_at(now):
        assert ask_status(ent, mobile)["Utilized_Bal"] == held
