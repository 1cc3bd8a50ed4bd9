"""check-customer-kyc: how well a customer is known."""

import pytest

from tests.api.answers import (
    NOBODY,
    add_person,
    assert_unknown,
    check_limit,
    freeze_at,
    make_aadhaar,
    read_done,
)
from tests.two_people import merge_customers


def test_it_tells_what_is_on_record(ent):
    unique_id = add_person(ent, Cif_Id="CIF-1", KYC_Updated_Channel="BRN")
    data, meta = read_done(ent.call("check-customer-kyc", Unique_Id=unique_id))
    assert data == {
        "Resp_Code": "000",
        "KYC_Flag": "P",
        "KYC_Updated_Channel": "BRN",
        "KYC_Updated_On": "03-04-2025 10:15:00",
        "Cif_Id": "CIF-1",
        "Unique_Id": unique_id,
        "Old_Unique_Id": "NA",
    }
    assert meta == {}


def test_it_tells_the_kyc_of_now(ent):
    unique_id = add_person(ent, **make_aadhaar("123456789012"))
    with freeze_at("05-06-2026 07:08:09"):
        ent.call("update-customer", Unique_Id=unique_id, KYC_Flag="F", KYC_Updated_Channel="BRN")
    data, _ = read_done(ent.call("check-customer-kyc", Unique_Id=unique_id))
    assert (data["KYC_Flag"], data["KYC_Updated_Channel"]) == ("F", "BRN")
    assert data["KYC_Updated_On"] == "05-06-2026 07:08:09"


def test_a_cif_is_each_processors_own(ent, cbs):
    unique_id = add_person(ent, cbs, Cif_Id="CIF-1")
    cbs.call("update-customer", Unique_Id=unique_id, Cif_Id="CIF-2")
    for caller, cif in ((ent, "CIF-1"), (cbs, "CIF-2")):
        data, _ = read_done(caller.call("check-customer-kyc", Unique_Id=unique_id))
        assert data["Cif_Id"] == cif


@pytest.mark.parametrize("unique_id", [NOBODY, "999999999999999"])
def test_a_customer_who_does_not_exist_is_500(ent, unique_id):
    assert_unknown(ent.call("check-customer-kyc", Unique_Id=unique_id))


def test_another_processors_customer_is_500_until_it_is_added(ent, cbs):
    unique_id = add_person(ent)
    assert_unknown(cbs.call("check-customer-kyc", Unique_Id=unique_id))


def test_known_by_two_merged_ids_and_asked_by_the_survivors_the_cif_is_the_oldest_ones(ent, cbs):
    three = []
    for day in ("01", "02", "03"):
        with freeze_at(f"{day}-10-2026 10:00:00"):
            three.append(add_person(ent, Mobile_Number=f"98000000{day}"))
    for day, registered in (("03", "04"), ("02", "05")):  # the youngest first
        with freeze_at(f"{registered}-10-2026 10:00:00"):
            add_person(cbs, Mobile_Number=f"98000000{day}", Cif_Id=f"CIF-{day}")
    for each in three[1:]:
        merge_customers(int(three[0]), int(each))
    asked = read_done(cbs.call("check-customer-kyc", Unique_Id=three[0]))[0]
    checked, _ = check_limit(cbs, three[0], "1.00")
    assert (asked["Cif_Id"], checked["Cif_Id"]) == ("CIF-02", "CIF-02")
