"""The same again: the first answer, once; wire.md section 6."""

import json
from contextlib import contextmanager

import pytest

from customers.models import Customer, Receipt
from limits.models import LedgerEntry, LimitCheck
from ppims.models import AuditEntry, ReplayKey
from tests.api.said import (
    KEPT,
    NOBODY,
    OPERATIONS,
    aadhaar,
    added,
    asked,
    at,
    blank,
    booked,
    check,
    conflict,
    done,
    malformed,
    report,
    rule,
    unknown,
    valid,
)
from tests.factories import new_mobile, person

ROWS = (Customer, Receipt, LedgerEntry, LimitCheck, AuditEntry, ReplayKey)


@contextmanager
def nothing_recorded():
    before = [list(model.objects.order_by("pk").values()) for model in ROWS]
    yield
    assert [list(model.objects.order_by("pk").values()) for model in ROWS] == before


def data_of(answer):
    """Cut Data out of the reply, byte for byte."""
    return answer[2].content.partition(b',"Risk":')[0]


@pytest.mark.parametrize("operation", KEPT)
def test_the_same_again_gets_the_first_answer_byte_for_byte(ent, operation):
    with at("10-11-2026 12:00:00"):
        message = {**valid(operation, added(ent)), "Ref_Id": "REF-1"}
        first = ent.call(operation, **message)
    with at("10-11-2026 12:00:05"), nothing_recorded():
        again = ent.call(operation, **message)
    done(first)
    assert data_of(again) == data_of(first)
    assert again[1]["Meta"] == {**first[1]["Meta"], "Replayed": True}


@pytest.mark.parametrize("operation", KEPT)
def test_what_has_changed_since_does_not_show(ent, operation):
    details = person(Ref_Id="REF-1", **aadhaar("123456789012"))
    unique_id = done(ent.call("add-customer", **details))[0]["Unique_Id"]
    message = details if operation == "add-customer" else valid(operation, unique_id)
    message = {**message, "Ref_Id": "REF-1"}
    first = ent.call(operation, **message)
    booked(ent, unique_id, "5.00")
    done(ent.call("update-customer", Unique_Id=unique_id, KYC_Flag="F", Cif_Id="CIF-9"))
    again = ent.call(operation, **message)
    assert data_of(again) == data_of(first)
    assert again[1]["Meta"]["Replayed"] is True


def test_sameness_is_of_meaning(ent):
    unique_id = added(ent)
    message = {"Unique_Id": unique_id, "Amount": "2000.00", "Tran_Type": "D", "Ref_Id": "REF-1"}
    done(ent.call("check-customer-limit", **message))
    for changes in ({"Amount": "2000.0"}, {"Amount": "2000"}, {"Amount": "02000"}):
        same = {**message, **changes, "Card_Number": "NA", "Favourite_Colour": "red"}
        _, meta = done(ent.call("check-customer-limit", **dict(reversed(same.items()))))
        assert meta["Replayed"] is True


def test_forms_of_one_mobile_document_and_name_are_the_same(ent):
    details = person(Mobile_Number="9812345670", Ref_Id="REF-1", **aadhaar("123456789012"))
    done(ent.call("add-customer", **details))
    same = {**details, "Mobile_Number": "+919812345670", "Customer_Name": " Meera Iyer "}
    same |= {"Ovid_Value": "1234-5678-9012", "City": " ", "Unique_Id": "NA"}
    _, meta = done(ent.call("add-customer", **same))
    assert meta["Replayed"] is True


def test_an_unreadable_balance_or_enquiry_is_the_same_as_none(ent):
    unique_id = added(ent)
    done(report(ent, unique_id, Ref_Id="REF-1"))
    _, meta = booked(ent, unique_id, Ref_Id="REF-1", Avail_Bal="rubbish", Enquiry_Ref_Id="a b")
    assert meta["Replayed"] is True


def test_username_and_password_do_not_count(ent):
    unique_id = added(ent)
    message = {"Unique_Id": unique_id, "Customer_Name": "Asha", "Ref_Id": "REF-1"}
    done(ent.call("update-customer", **message))
    ent.processor.username = "PPIM_NEW"
    ent.processor.save()
    _, meta = done(ent.call("update-customer", **message))
    assert meta == {"Replayed": True}


OTHER = {
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
OTHER["update-customer"] = {
    name: value for name, value in OTHER["add-customer"].items() if name not in NOT_OF_AN_UPDATE
}
COUPLED = {"Ovid_Value", "Ovid_Type", "Card_Status", "Account_Status"}


@pytest.mark.parametrize("operation", KEPT)
def test_other_content_is_409_and_every_field_that_differs_is_named(ent, operation):
    message = {**valid(operation, added(ent)), "Ref_Id": "REF-1"}
    done(ent.call(operation, **message))
    with nothing_recorded():
        conflict(ent.call(operation, **{**message, **OTHER[operation]}), *OTHER[operation])


@pytest.mark.parametrize(
    ("operation", "field"),
    [(op, field) for op, fields in OTHER.items() for field in fields if field not in COUPLED],
)
def test_one_field_that_differs_is_named_alone(ent, operation, field):
    message = {**valid(operation, added(ent)), "Ref_Id": "REF-1"}
    done(ent.call(operation, **message))
    conflict(ent.call(operation, **{**message, field: OTHER[operation][field]}), field)


def test_a_field_left_out_since_is_named(ent):
    details = person(Ref_Id="REF-1", City="Pune")
    done(ent.call("add-customer", **details))
    conflict(ent.call("add-customer", **{**details, "City": "NA"}), "City")


def test_a_malformed_repeat_is_400_and_a_repeat_for_nobody_409(ent):
    message = {**valid("check-customer-limit", added(ent)), "Ref_Id": "REF-1"}
    done(ent.call("check-customer-limit", **message))
    wrong = {**message, "Unique_Id": NOBODY}
    malformed(ent.call("check-customer-limit", **{**wrong, "Amount": "x"}), "Amount")
    conflict(ent.call("check-customer-limit", **wrong), "Unique_Id")


def test_a_ref_id_is_each_processors_and_each_operations_own(ent, cbs):
    unique_id = added(ent, cbs)
    for caller in (ent, cbs):
        for operation in OPERATIONS:
            answer = caller.call(operation, **valid(operation, unique_id), Ref_Id="REF-1")
            assert answer[0] == 200
            assert "Replayed" not in answer[1]["Meta"]


def test_a_200_is_kept_too(ent):
    details = person()
    unique_id = added(ent, **details)
    first, again = (ent.call("add-customer", **details, Ref_Id="REF-1") for _ in "12")
    assert (first[1]["Data"]["Resp_Code"], first[1]["Meta"]) == ("200", {})
    assert data_of(again) == data_of(first)
    assert (again[1]["Data"]["Unique_Id"], again[1]["Meta"]) == (unique_id, {"Replayed": True})
    other = {**details, "Customer_Name": "Asha Rao", "Ref_Id": "REF-1"}
    conflict(ent.call("add-customer", **other), "Customer_Name")


# What leaves a Ref_Id free.


@pytest.mark.parametrize("operation", [each for each in KEPT if each != "add-customer"])
def test_a_500_leaves_its_ref_id_free(ent, operation):
    unknown(ent.call(operation, **valid(operation), Ref_Id="REF-1"))
    _, meta = done(ent.call(operation, **valid(operation, added(ent)), Ref_Id="REF-1"))
    assert "Replayed" not in meta


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_400_leaves_its_ref_id_free(ent, operation):
    malformed(ent.call(operation, Ref_Id="REF-1"))
    answer = ent.call(operation, **valid(operation, added(ent)), Ref_Id="REF-1")
    assert answer[0] == 200
    assert not ReplayKey.objects.filter(row_id=0).exists()


def test_a_409_leaves_its_ref_id_free(ent):
    unique_id, mobile = added(ent), new_mobile()
    holder = added(ent, Mobile_Number=mobile)
    message = {"Unique_Id": unique_id, "Mobile_Number": mobile, "Ref_Id": "REF-1"}
    conflict(ent.call("update-customer", **message), "Mobile_Number")
    done(ent.call("update-customer", Unique_Id=holder, Mobile_Number=new_mobile()))
    _, meta = done(ent.call("update-customer", **message))
    assert meta == {}


@pytest.mark.parametrize("operation", ["customer-registration-status", "check-customer-kyc"])
def test_of_a_read_nothing_is_kept(ent, operation):
    mobile = new_mobile()
    unique_id = added(ent, Mobile_Number=mobile)
    message = {"Mobile_Number": mobile} if "status" in operation else {"Unique_Id": unique_id}
    with nothing_recorded():
        done(ent.call(operation, **message, Ref_Id="REF-1"))
    done(ent.call("update-customer", Unique_Id=unique_id, KYC_Updated_Channel="BRN"))
    data, meta = done(ent.call(operation, **message, Ref_Id="REF-1"))
    assert (data["KYC_Updated_Channel"], meta) == ("BRN", {})
    assert ent.call(operation, **valid(operation), Ref_Id="REF-1")[0] == 200


# A check whose hold is no longer open.


def test_a_declined_check_stays_declined(ent):
    unique_id = added(ent)
    booked(ent, unique_id, "9000.00", Tran_Id="T-1")
    message = {**valid("check-customer-limit", unique_id), "Amount": "2000.00", "Ref_Id": "REF-1"}
    first = ent.call("check-customer-limit", **message)
    booked(ent, unique_id, "9000.00", Tran_Id="T-1", Tran_Status="R")
    again = ent.call("check-customer-limit", **message)
    assert first[1]["Data"]["Allow_Customer"] == "F"
    assert data_of(again) == data_of(first)
    assert again[1]["Meta"]["Replayed"] is True


def repeated(caller, unique_id, ref):
    """Ask again: the figures of now, of a check that is no longer allowed."""
    with nothing_recorded():
        answer = caller.call(
            "check-customer-limit",
            Unique_Id=unique_id,
            Amount="100.00",
            Tran_Type="D",
            Ref_Id=ref,
        )
    data, meta = done(answer)
    assert set(meta) == {"Decision"}
    assert data["Allow_Customer"] == "F"
    assert meta["Decision"]["Hold_Until"] == "NA"
    assert set(data) == set(blank("check-customer-limit", "000"))
    return data, meta["Decision"]


@pytest.mark.parametrize(("status", "used"), [("S", "100.00"), ("F", "0.00")])
def test_a_check_that_is_settled_or_released_answers_hold_closed(ent, status, used):
    unique_id = added(ent)
    ref = asked(ent, unique_id)
    booked(ent, unique_id, Enquiry_Ref_Id=ref, Tran_Status=status)
    data, decision = repeated(ent, unique_id, ref)
    assert decision["Reason"] == "HOLD_CLOSED"
    assert data["Cumulative_Bal"] == used


@pytest.mark.parametrize("now", ["10-11-2026 12:15:00", "10-12-2026 12:00:00"])
def test_a_check_whose_hold_has_expired_answers_hold_expired(ent, now):
    unique_id = added(ent)
    with at("10-11-2026 12:00:00"):
        ref = asked(ent, unique_id)
    with at(now):
        data, decision = repeated(ent, unique_id, ref)
    assert decision["Reason"] == "HOLD_EXPIRED"
    assert (data["Cumulative_Bal"], data["Avail_Amount_Limit"]) == ("0.00", "10000.00")


def test_a_check_settled_late_answers_hold_closed(ent):
    unique_id = added(ent)
    with at("10-11-2026 12:00:00"):
        ref = asked(ent, unique_id)
    with at("10-11-2026 13:00:00"):
        booked(ent, unique_id, Enquiry_Ref_Id=ref)
        assert repeated(ent, unique_id, ref)[1]["Reason"] == "HOLD_CLOSED"


def test_while_the_hold_is_open_the_answer_stays_t_whatever_has_changed(ent):
    unique_id = added(ent)
    with at("10-11-2026 12:00:00"):
        ref = asked(ent, unique_id)
    rule("MONTH", 1, start="10-11-2026 12:01:00")
    Customer.objects.update(status="BLOCKED", blocked_reason="Asked by her")
    with at("10-11-2026 12:14:59"):
        data, decision = check(ent, unique_id, Ref_Id=ref)
    assert (data["Allow_Customer"], decision["Hold_Until"]) == ("T", "10-11-2026 12:15:00")


def test_digests_tell_the_fields_apart_and_hold_no_personal_data(ent):
    details = person(**aadhaar("123456789012"))
    added(ent, **details)
    kept = json.dumps([bytes(key.digests).hex() for key in ReplayKey.objects.all()])
    for value in (details["Mobile_Number"], "123456789012", "Meera Iyer"):
        assert value not in kept
        assert value.encode().hex() not in kept
