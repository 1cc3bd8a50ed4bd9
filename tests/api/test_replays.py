"""The same again: the first answer, once. docs/api.md, "Retries"."""

import json
from contextlib import contextmanager

import pytest

from customers.models import Customer, Receipt
from limits.models import LedgerEntry, LimitCheck
from ppims.models import AuditEntry, ReplayKey
from tests.api.answers import (
    KEEPING_OPERATIONS,
    NOBODY,
    OPERATIONS,
    add_person,
    add_rule,
    assert_conflict,
    assert_malformed,
    assert_unknown,
    book_posting,
    check_for_ref,
    check_limit,
    freeze_at,
    make_aadhaar,
    make_blank,
    make_valid,
    read_done,
    report_posting,
)
from tests.factories import draw_mobile, make_person

ROWS = (Customer, Receipt, LedgerEntry, LimitCheck, AuditEntry, ReplayKey)


@contextmanager
def assert_nothing_recorded():
    before = [list(model.objects.order_by("pk").values()) for model in ROWS]
    yield
    assert [list(model.objects.order_by("pk").values()) for model in ROWS] == before


def cut_out_data(answer):
    """Cut Data out of the reply, byte for byte."""
    return answer[2].content.partition(b',"Risk":')[0]


@pytest.mark.parametrize("operation", KEEPING_OPERATIONS)
def test_the_same_again_gets_the_first_answer_byte_for_byte(ent, operation):
    with freeze_at("10-11-2026 12:00:00"):
        message = {**make_valid(operation, add_person(ent)), "Ref_Id": "REF-1"}
        first = ent.call(operation, **message)
    with freeze_at("10-11-2026 12:00:05"), assert_nothing_recorded():
        again = ent.call(operation, **message)
    read_done(first)
    assert cut_out_data(again) == cut_out_data(first)
    assert again[1]["Meta"] == {**first[1]["Meta"], "Replayed": True}


@pytest.mark.parametrize("operation", KEEPING_OPERATIONS)
def test_what_has_changed_since_does_not_show(ent, operation):
    details = make_person(Ref_Id="REF-1", **make_aadhaar("123456789012"))
    unique_id = read_done(ent.call("add-customer", **details))[0]["Unique_Id"]
    message = details if operation == "add-customer" else make_valid(operation, unique_id)
    message = {**message, "Ref_Id": "REF-1"}
    first = ent.call(operation, **message)
    book_posting(ent, unique_id, "5.00")
    read_done(ent.call("update-customer", Unique_Id=unique_id, KYC_Flag="F", Cif_Id="CIF-9"))
    again = ent.call(operation, **message)
    assert cut_out_data(again) == cut_out_data(first)
    assert again[1]["Meta"]["Replayed"] is True


def test_sameness_is_of_meaning(ent):
    unique_id = add_person(ent)
    message = {"Unique_Id": unique_id, "Amount": "2000.00", "Tran_Type": "D", "Ref_Id": "REF-1"}
    read_done(ent.call("check-customer-limit", **message))
    for changes in ({"Amount": "2000.0"}, {"Amount": "2000"}, {"Amount": "02000"}):
        same = {**message, **changes, "Card_Number": "NA", "Favourite_Colour": "red"}
        _, meta = read_done(ent.call("check-customer-limit", **dict(reversed(same.items()))))
        assert meta["Replayed"] is True


def test_forms_of_one_mobile_document_and_name_are_the_same(ent):
    details = make_person(
        Mobile_Number="9812345670", Ref_Id="REF-1", **make_aadhaar("123456789012")
    )
    read_done(ent.call("add-customer", **details))
    same = {**details, "Mobile_Number": "+919812345670", "Customer_Name": " Meera Iyer "}
    same |= {"Ovid_Value": "1234-5678-9012", "City": " ", "Unique_Id": "NA"}
    _, meta = read_done(ent.call("add-customer", **same))
    assert meta["Replayed"] is True


def test_an_unreadable_balance_or_enquiry_is_the_same_as_none(ent):
    unique_id = add_person(ent)
    read_done(report_posting(ent, unique_id, Ref_Id="REF-1"))
    _, meta = book_posting(
        ent, unique_id, Ref_Id="REF-1", Avail_Bal="rubbish", Enquiry_Ref_Id="a b"
    )
    assert meta["Replayed"] is True


def test_username_and_password_do_not_count(ent):
    unique_id = add_person(ent)
    message = {"Unique_Id": unique_id, "Customer_Name": "Asha", "Ref_Id": "REF-1"}
    read_done(ent.call("update-customer", **message))
    ent.processor.username = "PPIM_NEW"
    ent.processor.save()
    _, meta = read_done(ent.call("update-customer", **message))
    assert meta == {"Replayed": True}


OTHER_VALUES = {
    "add-customer": {
        "Unique_Id": NOBODY,
        "Customer_Id": "OTHER",
        "Customer_Name": "Somebody",
        "Maiden_Name": "Else",
        "Mobile_Number": "6000000001",
        "Date_Of_Birth": "15-02-1991",
        "Email_Id": "other@b.in",
        "Address_Line1": "1",
        "Address_Line2": "2",
        "City": "Goa",
        "State": "GA",
        "Pincode": "4",
        "Account_Number": "OTHER",
        "Account_Status": "C",
        "Card_Number": "OTHER",
        "Card_Exp_date": "1/1",
        "Card_Status": "I",
        "KYC_Flag": "N",
        "KYC_Updated_Channel": "BRN",
        "KYC_Updated_On": "04-04-2025 10:15:00",
        "Ovid_Value": "ABCDE1234F",
        "Ovid_Type": "PAN",
        "Cif_Id": "OTHER",
        "Customer_Type": "Z",
        "Ppi_Type": "CL",
        "NRI_Flag": "Y",
    },
    "check-customer-limit": {
        "Unique_Id": NOBODY,
        "Amount": "1.01",
        "Tran_Type": "C",
        "Account_Number": "OTHER",
        "Card_Number": "OTHER",
        "Avail_Bal": "5.00",
    },
    "update-customer-limit": {
        "Unique_Id": NOBODY,
        "Amount": "1.01",
        "Tran_Type": "C",
        "Tran_Status": "F",
        "Avail_Bal": "5.00",
        "Tran_Id": "OTHER",
        "Enquiry_Ref_Id": "OTHER",
    },
}
NOT_OF_AN_UPDATE = (
    "Customer_Id Address_Line1 Address_Line2 City State Pincode Card_Exp_date Customer_Type"
    " Ppi_Type NRI_Flag"
).split()
OTHER_VALUES["update-customer"] = {
    name: value
    for name, value in OTHER_VALUES["add-customer"].items()
    if name not in NOT_OF_AN_UPDATE
}
COUPLED_FIELDS = {"Ovid_Value", "Ovid_Type", "Card_Status", "Account_Status"}


@pytest.mark.parametrize("operation", KEEPING_OPERATIONS)
def test_other_content_is_409_and_every_field_that_differs_is_named(ent, operation):
    message = {**make_valid(operation, add_person(ent)), "Ref_Id": "REF-1"}
    read_done(ent.call(operation, **message))
    with assert_nothing_recorded():
        assert_conflict(
            ent.call(operation, **{**message, **OTHER_VALUES[operation]}), *OTHER_VALUES[operation]
        )


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        (op, field)
        for op, fields in OTHER_VALUES.items()
        for field in fields
        if field not in COUPLED_FIELDS
    ],
)
def test_one_field_that_differs_is_named_alone(ent, operation, field):
    message = {**make_valid(operation, add_person(ent)), "Ref_Id": "REF-1"}
    read_done(ent.call(operation, **message))
    assert_conflict(
        ent.call(operation, **{**message, field: OTHER_VALUES[operation][field]}), field
    )


def test_a_field_left_out_since_is_named(ent):
    details = make_person(Ref_Id="REF-1", City="Pune")
    read_done(ent.call("add-customer", **details))
    assert_conflict(ent.call("add-customer", **{**details, "City": "NA"}), "City")


def test_a_malformed_repeat_is_400_and_a_repeat_for_nobody_409(ent):
    message = {**make_valid("check-customer-limit", add_person(ent)), "Ref_Id": "REF-1"}
    read_done(ent.call("check-customer-limit", **message))
    wrong = {**message, "Unique_Id": NOBODY}
    assert_malformed(ent.call("check-customer-limit", **{**wrong, "Amount": "x"}), "Amount")
    assert_conflict(ent.call("check-customer-limit", **wrong), "Unique_Id")


def test_a_ref_id_is_each_processors_and_each_operations_own(ent, cbs):
    unique_id = add_person(ent, cbs)
    for caller in (ent, cbs):
        for operation in OPERATIONS:
            answer = caller.call(operation, **make_valid(operation, unique_id), Ref_Id="REF-1")
            assert answer[0] == 200
            assert "Replayed" not in answer[1]["Meta"]


def test_a_200_is_kept_too(ent):
    details = make_person()
    unique_id = add_person(ent, **details)
    first, again = (ent.call("add-customer", **details, Ref_Id="REF-1") for _ in "12")
    assert (first[1]["Data"]["Resp_Code"], first[1]["Meta"]) == ("200", {})
    assert cut_out_data(again) == cut_out_data(first)
    assert (again[1]["Data"]["Unique_Id"], again[1]["Meta"]) == (unique_id, {"Replayed": True})
    other = {**details, "Customer_Name": "Asha Rao", "Ref_Id": "REF-1"}
    assert_conflict(ent.call("add-customer", **other), "Customer_Name")


# What leaves a Ref_Id free.


@pytest.mark.parametrize(
    "operation", [each for each in KEEPING_OPERATIONS if each != "add-customer"]
)
def test_a_500_leaves_its_ref_id_free(ent, operation):
    assert_unknown(ent.call(operation, **make_valid(operation), Ref_Id="REF-1"))
    _, meta = read_done(
        ent.call(operation, **make_valid(operation, add_person(ent)), Ref_Id="REF-1")
    )
    assert "Replayed" not in meta


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_400_leaves_its_ref_id_free(ent, operation):
    assert_malformed(ent.call(operation, Ref_Id="REF-1"))
    answer = ent.call(operation, **make_valid(operation, add_person(ent)), Ref_Id="REF-1")
    assert answer[0] == 200
    assert not ReplayKey.objects.filter(row_id=0).exists()


def test_a_409_leaves_its_ref_id_free(ent):
    unique_id, mobile = add_person(ent), draw_mobile()
    holder = add_person(ent, Mobile_Number=mobile)
    message = {"Unique_Id": unique_id, "Mobile_Number": mobile, "Ref_Id": "REF-1"}
    assert_conflict(ent.call("update-customer", **message), "Mobile_Number")
    read_done(ent.call("update-customer", Unique_Id=holder, Mobile_Number=draw_mobile()))
    _, meta = read_done(ent.call("update-customer", **message))
    assert meta == {}


@pytest.mark.parametrize("operation", ["customer-registration-status", "check-customer-kyc"])
def test_of_a_read_nothing_is_kept(ent, operation):
    mobile = draw_mobile()
    unique_id = add_person(ent, Mobile_Number=mobile)
    message = {"Mobile_Number": mobile} if "status" in operation else {"Unique_Id": unique_id}
    with assert_nothing_recorded():
        read_done(ent.call(operation, **message, Ref_Id="REF-1"))
    read_done(ent.call("update-customer", Unique_Id=unique_id, KYC_Updated_Channel="BRN"))
    data, meta = read_done(ent.call(operation, **message, Ref_Id="REF-1"))
    assert (data["KYC_Updated_Channel"], meta) == ("BRN", {})
    assert ent.call(operation, **make_valid(operation), Ref_Id="REF-1")[0] == 200


# A check whose hold is no longer open.


def test_a_declined_check_stays_declined(ent):
    unique_id = add_person(ent)
    book_posting(ent, unique_id, "9000.00", Tran_Id="T-1")
    message = {
        **make_valid("check-customer-limit", unique_id),
        "Amount": "2000.00",
        "Ref_Id": "REF-1",
    }
    first = ent.call("check-customer-limit", **message)
    book_posting(ent, unique_id, "9000.00", Tran_Id="T-1", Tran_Status="R")
    again = ent.call("check-customer-limit", **message)
    assert first[1]["Data"]["Allow_Customer"] == "F"
    assert cut_out_data(again) == cut_out_data(first)
    assert again[1]["Meta"]["Replayed"] is True


def ask_again(caller, unique_id, ref):
    """Ask again: the figures of now, of a check that is no longer allowed."""
    with assert_nothing_recorded():
        answer = caller.call(
            "check-customer-limit",
            Unique_Id=unique_id,
            Amount="100.00",
            Tran_Type="D",
            Ref_Id=ref,
        )
    data, meta = read_done(answer)
    assert set(meta) == {"Decision"}
    assert data["Allow_Customer"] == "F"
    assert meta["Decision"]["Hold_Until"] == "NA"
    assert set(data) == set(make_blank("check-customer-limit", "000"))
    return data, meta["Decision"]


@pytest.mark.parametrize(("status", "used"), [("S", "100.00"), ("F", "0.00")])
def test_a_check_that_is_settled_or_released_answers_hold_closed(ent, status, used):
    unique_id = add_person(ent)
    ref = check_for_ref(ent, unique_id)
    book_posting(ent, unique_id, Enquiry_Ref_Id=ref, Tran_Status=status)
    data, decision = ask_again(ent, unique_id, ref)
    assert decision["Reason"] == "HOLD_CLOSED"
    assert data["Cumulative_Bal"] == used


@pytest.mark.parametrize("now", ["10-11-2026 12:15:00", "10-12-2026 12:00:00"])
def test_a_check_whose_hold_has_expired_answers_hold_expired(ent, now):
    unique_id = add_person(ent)
    with freeze_at("10-11-2026 12:00:00"):
        ref = check_for_ref(ent, unique_id)
    with freeze_at(now):
        data, decision = ask_again(ent, unique_id, ref)
    assert decision["Reason"] == "HOLD_EXPIRED"
    assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("0.00", "10000.00")


def test_a_check_settled_late_answers_hold_closed(ent):
    unique_id = add_person(ent)
    with freeze_at("10-11-2026 12:00:00"):
        ref = check_for_ref(ent, unique_id)
    with freeze_at("10-11-2026 13:00:00"):
        book_posting(ent, unique_id, Enquiry_Ref_Id=ref)
        assert ask_again(ent, unique_id, ref)[1]["Reason"] == "HOLD_CLOSED"


def test_while_the_hold_is_open_the_answer_stays_t_whatever_has_changed(ent):
    unique_id = add_person(ent)
    with freeze_at("10-11-2026 12:00:00"):
        ref = check_for_ref(ent, unique_id)
    add_rule("MONTH", 1, start="10-11-2026 12:01:00")
    Customer.objects.update(status="BLOCKED", blocked_reason="Asked by her")
    with freeze_at("10-11-2026 12:14:59"):
        data, decision = check_limit(ent, unique_id, Ref_Id=ref)
    assert (data["Allow_Customer"], decision["Hold_Until"]) == ("T", "10-11-2026 12:15:00")


def test_digests_tell_the_fields_apart_and_hold_no_personal_data(ent):
    details = make_person(**make_aadhaar("123456789012"))
    add_person(ent, **details)
    kept = json.dumps([bytes(key.digests).hex() for key in ReplayKey.objects.all()])
    for value in (details["Mobile_Number"], "123456789012", "Meera Iyer"):
        assert value not in kept
        assert value.encode().hex() not in kept
