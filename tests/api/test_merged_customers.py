"""Two customers who are one person: every operation goes on with either Unique_Id, and each has its
own again once they are parted.
"""

import pytest

from customers.models import (
    Account,
    Customer,
    Document,
    DuplicateReview,
    Kin,
    KycChange,
    Receipt,
    Registration,
)
from limits.verify import verify
from ppims.models import AuditEntry
from tests.api.answers import (
    add_person,
    assert_conflict,
    assert_unknown,
    book_posting,
    check_for_ref,
    check_limit,
    freeze_at,
    make_aadhaar,
    read_done,
)
from tests.conftest import Caller
from tests.factories import (
    draw_mobile,
    draw_ref,
    make_person,
    make_processor,
    set_blocked,
    set_tier,
)
from tests.two_people import merge_customers, unmerge_customer

PAN = {"Ovid_Type": "PAN", "Ovid_Value": "ABCDE1234F"}


@pytest.fixture
def two(ent, cbs):
    """One person twice: through ENT with one mobile, later through CBS with another."""
    with freeze_at("01-10-2026 10:00:00"):
        one = add_person(ent, Cif_Id="CIF-ENT", Mobile_Number="9811111111")
    with freeze_at("02-10-2026 10:00:00"):
        other = add_person(
            cbs, Cif_Id="CIF-CBS", Mobile_Number="9822222222", Customer_Name="M Iyer"
        )
    return one, other


@pytest.fixture
def third(client, db):
    """A third processor."""
    return Caller(make_processor("THR"), client)


@pytest.fixture
def merged(two):
    merge_customers(*map(int, two))
    return two


def update(caller, unique_id, **fields):
    return read_done(caller.call("update-customer", Unique_Id=unique_id, **fields))[0]


def ask_kyc(caller, unique_id):
    return read_done(caller.call("check-customer-kyc", Unique_Id=unique_id))[0]


def find_status(caller, mobile, **document):
    return caller.call("customer-registration-status", Mobile_Number=mobile, **document)[1]["Data"]


def read(unique_id):
    return Customer.objects.get(pk=unique_id)


def assert_proven():
    assert [str(finding) for finding in verify(with_columns=False)] == []


# Who is found.


def test_the_older_one_survives_whoever_is_named_first(two):
    merge = merge_customers(int(two[1]), int(two[0]))
    assert (str(merge.customer_id), str(merge.merged_id)) == two
    assert read(two[1]).survivor_id == read(two[0]).survivor_id == int(two[0])
    assert sorted(Kin.objects.values_list("customer_id", "other_id")) == sorted(
        [tuple(map(int, two)), tuple(map(int, reversed(two)))]
    )
    assert_proven()


def test_the_merged_id_is_answered_with_the_survivors(ent, cbs, merged):
    survivor, old = merged
    for caller, cif in ((ent, "CIF-ENT"), (cbs, "CIF-CBS")):
        data = ask_kyc(caller, old)
        assert (data["Unique_Id"], data["Old_Unique_Id"], data["Cif_Id"]) == (survivor, old, cif)
        data = ask_kyc(caller, survivor)
        assert (data["Unique_Id"], data["Old_Unique_Id"], data["Cif_Id"]) == (survivor, "NA", cif)


def test_who_has_registered_neither_still_knows_nobody(third, merged):
    for unique_id in merged:
        assert_unknown(third.call("check-customer-kyc", Unique_Id=unique_id))


def test_registered_under_both_the_cif_is_that_of_the_id_that_is_named(ent, cbs, two):
    read_done(cbs.call("add-customer", **make_person(Mobile_Number="9811111111", Cif_Id="CIF-2")))
    merge_customers(*map(int, two))
    assert [ask_kyc(cbs, each)["Cif_Id"] for each in two] == ["CIF-2", "CIF-CBS"]
    assert Registration.objects.count() == 3


def test_either_mobile_and_document_finds_the_survivor(ent, cbs, two):
    update(cbs, two[1], **PAN)
    merge_customers(*map(int, two))
    for caller, cif in ((ent, "CIF-ENT"), (cbs, "CIF-CBS")):
        for mobile in ("9811111111", "9822222222"):
            data = find_status(caller, mobile)
            assert (data["Unique_Id"], data["Cif_Id"]) == (two[0], cif)
        assert find_status(caller, "9800000000", **PAN)["Unique_Id"] == two[0]


def test_an_add_by_the_merged_ones_mobile_is_the_survivors(third, merged):
    answer = third.call("add-customer", **make_person(Mobile_Number="9822222222"))
    assert read_done(answer)[0]["Unique_Id"] == merged[0]
    assert Registration.objects.get(processor__system_id="THR").customer_id == int(merged[0])
    data = ask_kyc(third, merged[1])
    assert (data["Unique_Id"], data["Old_Unique_Id"]) == merged
    assert_proven()


def test_an_add_by_the_merged_ones_document_is_the_survivors(third, cbs, two):
    update(cbs, two[1], **PAN)
    merge_customers(*map(int, two))
    # Whom the caller doesn't know yet is found for it, but not by whose Cif_Id.
    data = find_status(third, "9822222222")
    assert (data["Unique_Id"], data["Cif_Id"]) == (two[0], "NA")
    answer = third.call("add-customer", **make_person(Mobile_Number="9844444444", **PAN))
    assert read_done(answer)[0]["Unique_Id"] == two[0]
    assert not DuplicateReview.objects.exists()
    assert find_status(third, "9844444444")["Unique_Id"] == "NA"
    unmerge_customer(int(two[1]))
    # It goes on with the id that it was given; the number and the document are the other's again.
    assert ask_kyc(third, two[0])["Unique_Id"] == two[0]
    assert_unknown(third.call("check-customer-kyc", Unique_Id=two[1]))
    for said in ({"mobile": "9822222222"}, {"mobile": "9844444444", **PAN}):
        assert find_status(third, **said)["Unique_Id"] == two[1]
    assert_proven()


def test_an_add_that_names_the_merged_id_is_answered_and_kept_with_it(third, merged):
    person = make_person(Mobile_Number="9811111111", Unique_Id=merged[1])
    assert read_done(third.call("add-customer", **person))[0]["Unique_Id"] == merged[0]
    assert Registration.objects.get(processor__system_id="THR").customer_id == int(merged[1])
    assert_proven()


def test_known_by_the_other_id_is_known_already(cbs, merged):
    status, body, _ = cbs.call("add-customer", **make_person(Mobile_Number="9811111111"))
    assert (status, body["Data"]["Resp_Code"]) == (200, "200")
    assert body["Data"]["Unique_Id"] == merged[0]
    assert Registration.objects.count() == 2


def test_mobile_of_the_one_and_document_of_the_other_are_one_person(third, ent, two):
    update(ent, two[0], **PAN)
    merge_customers(*map(int, two))
    answer = third.call("add-customer", **make_person(Mobile_Number="9822222222", **PAN))
    assert read_done(answer)[0]["Unique_Id"] == two[0]
    assert not DuplicateReview.objects.exists()


def test_a_stranger_with_the_merged_ones_number_is_doubted(third, merged):
    stranger = make_person(Mobile_Number="9822222222", Date_Of_Birth="01-01-1980")
    assert_conflict(third.call("add-customer", **stranger), "Mobile_Number")
    assert DuplicateReview.objects.get().customer_id == int(merged[0])


def test_checks_and_updates_by_either_id_count_jointly(ent, cbs, merged):
    ref = check_for_ref(cbs, merged[1], "6000.00")
    book_posting(cbs, merged[1], "6000.00", Enquiry_Ref_Id=ref, Tran_Id="T1")
    for mobile in ("9811111111", "9822222222"):
        data = find_status(ent, mobile)
        assert (data["Utilized_Bal"], data["Remaining_Avail_Limit"]) == ("6000.00", "4000.00")
    data, _ = check_limit(ent, merged[0], "4000.01")
    assert (data["Allow_Customer"], data["Old_Unique_Id"]) == ("F", "NA")
    data, _ = check_limit(cbs, merged[1], "4000.00")
    assert (data["Allow_Customer"], data["Cif_Id"]) == ("T", "CIF-CBS")
    assert (data["Unique_Id"], data["Old_Unique_Id"]) == merged
    _, meta = book_posting(cbs, merged[1], "1.00", Tran_Id="T1", Tran_Status="R")
    assert meta["Flags"] == []


# What is changed.


def test_an_update_is_answered_with_both_ids_and_repeated_as_it_was(cbs, merged):
    ref = draw_ref()
    said = {"Email_Id": "a@b.in", "Ref_Id": ref}
    for _ in range(2):
        answer = cbs.call("update-customer", Unique_Id=merged[1], **said)
        data, _meta = read_done(answer)
        assert (data["Unique_Id"], data["Old_Unique_Id"]) == merged
    assert Receipt.objects.get(ref_id=ref).customer_id == int(merged[1])
    assert [read(each).email for each in merged] == ["a@b.in", "a@b.in"]
    assert_proven()


def test_a_repeat_from_before_the_merge_is_answered_as_it_was(cbs, two):
    ref = draw_ref()
    first = cbs.call("update-customer", Unique_Id=two[1], Email_Id="a@b.in", Ref_Id=ref)
    merge_customers(*map(int, two))
    again = cbs.call("update-customer", Unique_Id=two[1], Email_Id="a@b.in", Ref_Id=ref)
    assert again[1]["Data"] == first[1]["Data"]
    assert again[1]["Data"]["Old_Unique_Id"] == "NA"


def test_accounts_and_documents_are_the_named_ones(ent, cbs, merged):
    update(cbs, merged[1], Account_Number="A77", **PAN)
    assert Account.objects.get(number="A77").customer_id == int(merged[1])
    assert Document.objects.get().customer_id == int(merged[1])
    # On record already, whichever id is named.
    update(ent, merged[0], **PAN)
    assert Document.objects.count() == 1
    assert_proven()


def test_a_mobile_is_the_named_ones_and_the_old_one_finds_nobody(ent, cbs, merged):
    update(cbs, merged[1], Mobile_Number="9833333333")
    assert [read(each).mobile for each in merged] == ["919811111111", "919833333333"]
    found = [find_status(ent, each)["Unique_Id"] for each in ("9822222222", "9833333333")]
    assert found == ["NA", merged[0]]
    # Of the same person already: nothing is another's.
    update(cbs, merged[1], Mobile_Number="9811111111")
    assert read(merged[0]).mobile == "919811111111"
    assert_proven()


def test_a_document_of_the_family_is_enough_for_full_kyc(ent, cbs, two):
    update(cbs, two[1], **PAN)
    merge_customers(*map(int, two))
    update(ent, two[0], KYC_Flag="F")
    assert ask_kyc(cbs, two[1])["KYC_Flag"] == "F"
    assert [read(each).tier for each in two] == ["F", "P"]
    assert_proven()


def test_a_kyc_by_the_merged_id_is_the_persons_and_its_own(ent, cbs, merged):
    update(cbs, merged[1], KYC_Flag="F", **PAN)
    assert ask_kyc(ent, merged[0])["KYC_Flag"] == "F"
    assert [read(each).tier for each in merged] == ["F", "F"]
    told = AuditEntry.objects.filter(action="customer updated").order_by("subject")
    assert sorted(told.values_list("subject", flat=True)) == sorted(map(int, merged))
    assert_proven()


# What is taken over, and given back.


@pytest.mark.parametrize("higher", [0, 1])
def test_the_survivor_has_the_higher_kyc_with_its_dates(two, higher):
    with freeze_at("05-10-2026 09:00:00"):
        set_tier(int(two[higher]), "F")
    had = read(two[higher])
    merge_customers(*map(int, two))
    survivor = read(two[0])
    assert survivor.tier == "F"
    assert (survivor.tier_since, survivor.kyc_updated_on) == (had.tier_since, had.kyc_updated_on)
    assert KycChange.objects.filter(named_id=int(two[1])).count() == higher
    unmerge_customer(int(two[1]))
    assert [read(each).tier for each in two] == (["F", "P"] if higher == 0 else ["P", "F"])
    assert_proven()


@pytest.mark.parametrize("blocked", [0, 1])
def test_the_survivor_is_blocked_if_either_was(two, blocked):
    set_blocked(int(two[blocked]), blocked=True)
    merge_customers(*map(int, two))
    assert (read(two[0]).status, read(two[0]).blocked_reason) == ("BLOCKED", "a test")
    unmerge_customer(int(two[1]))
    assert [read(each).is_blocked for each in two] == [blocked == 0, blocked == 1]
    assert_proven()


def test_who_was_unblocked_or_blocked_since_stays_so(two):
    set_blocked(int(two[1]), blocked=True)
    merge_customers(*map(int, two))
    set_blocked(int(two[0]), blocked=False)
    set_blocked(int(two[0]), blocked=True)
    unmerge_customer(int(two[1]))
    assert read(two[0]).is_blocked
    assert_proven()


def test_parted_each_is_found_by_its_own_and_by_what_named_it_since(ent, cbs, merged):
    survivor, old = merged
    update(cbs, old, KYC_Flag="F", Customer_Name="Other Name", Account_Number="A77", **PAN)
    update(ent, survivor, Email_Id="one@b.in")
    unmerge_customer(int(old))
    assert [read(each).name for each in merged] == ["Meera Iyer", "Other Name"]
    assert [read(each).tier for each in merged] == ["P", "F"]
    assert [read(each).email for each in merged] == ["one@b.in", ""]
    assert find_status(ent, "9822222222")["Unique_Id"] == old
    assert find_status(ent, "9800000000", **PAN)["Unique_Id"] == old
    assert ask_kyc(cbs, old)["Old_Unique_Id"] == "NA"
    assert_unknown(ent.call("check-customer-kyc", Unique_Id=old))
    assert_unknown(cbs.call("check-customer-kyc", Unique_Id=survivor))
    assert_proven()


def test_a_change_that_names_the_survivor_stays_the_survivors(ent, cbs, merged):
    update(cbs, merged[1], Customer_Name="Other Name")
    update(ent, merged[0], Customer_Name="Third Name")
    unmerge_customer(int(merged[1]))
    assert [read(each).name for each in merged] == ["Third Name", "Other Name"]


@pytest.mark.parametrize("first", [1, 2])
def test_of_three_what_one_said_who_has_left_is_not_given_back(third, cbs, two, first):
    with freeze_at("03-10-2026 10:00:00"):
        three = (*two, add_person(third))
    merge_customers(*map(int, two))
    merge_customers(int(three[0]), int(three[2]))
    update(cbs, three[1], Customer_Name="Second Name", Email_Id="p@b.in")
    update(third, three[2], Customer_Name="Third Name")
    unmerge_customer(int(three[first]))
    stays = ("Third Name", "") if first == 1 else ("Second Name", "p@b.in")
    assert (read(three[0]).name, read(three[0]).email) == stays
    unmerge_customer(int(three[3 - first]))
    assert [read(each).name for each in three] == ["Meera Iyer", "Second Name", "Third Name"]
    assert [read(each).email for each in three] == ["", "p@b.in", ""]
    assert_proven()


def test_of_three_the_one_that_stays_keeps_what_it_gives(third, two):
    with freeze_at("03-10-2026 10:00:00"):
        youngest = add_person(third)
    for each in (two[1], youngest):
        set_tier(int(each), "F")
    merge_customers(*map(int, two))
    merge_customers(int(two[0]), int(youngest))
    unmerge_customer(int(two[1]))
    assert [read(each).tier for each in (*two, youngest)] == ["F", "F", "F"]
    unmerge_customer(int(youngest))
    assert [read(each).tier for each in (*two, youngest)] == ["P", "F", "F"]
    assert_proven()


def test_a_survivor_may_be_merged_itself_and_part_with_its_own(third, cbs, two):
    with freeze_at("01-09-2026 10:00:00"):
        eldest = add_person(third)
    merge_customers(*map(int, two))
    merge_customers(int(eldest), int(two[1]))
    data = ask_kyc(cbs, two[1])
    assert (data["Unique_Id"], data["Old_Unique_Id"]) == (eldest, two[1])
    assert Kin.objects.count() == 6
    update(cbs, two[1], KYC_Flag="F", **make_aadhaar("123456789012"))
    assert [read(each).tier for each in (eldest, *two)] == ["F", "F", "F"]
    unmerge_customer(int(two[0]))
    assert [read(each).tier for each in (eldest, *two)] == ["P", "F", "F"]
    assert ask_kyc(cbs, two[1])["Unique_Id"] == two[0]
    assert_proven()


def test_merged_again_after_they_were_parted(cbs, merged):
    unmerge_customer(int(merged[1]))
    merge_customers(*map(int, merged))
    data = ask_kyc(cbs, merged[1])
    assert (data["Unique_Id"], data["Old_Unique_Id"]) == merged
    assert Kin.objects.count() == 2
    assert_proven()


def test_a_mobile_reissued_after_parting_is_judged_by_each_alone(cbs, merged):
    unmerge_customer(int(merged[1]))
    number = draw_mobile()[2:]
    update(cbs, merged[1], Mobile_Number=number)
    assert find_status(cbs, number)["Unique_Id"] == merged[1]
    assert_conflict(
        cbs.call("update-customer", Unique_Id=merged[1], Mobile_Number="9811111111"),
        "Mobile_Number",
    )
