"""update-customer: what is absent stays; mobile, document, account, card and KYC change."""

import pytest

from customers.models import Account, Card, Customer, Document, DuplicateReview, KycChange
from customers.services import reviews
from ppims.models import AuditEntry, User
from tests.api.answers import (
    NOBODY,
    add_person,
    assert_conflict,
    assert_malformed,
    assert_unknown,
    book_posting,
    freeze_at,
    make_aadhaar,
    read_done,
    read_ist,
)
from tests.factories import draw_mobile, make_person

PAN = {"Ovid_Type": "PAN", "Ovid_Value": "ABCDE1234F"}


def update(caller, unique_id, **fields):
    return caller.call("update-customer", Unique_Id=unique_id, **fields)


def find_status(caller, mobile, **document):
    answer = caller.call("customer-registration-status", Mobile_Number=mobile, **document)
    return answer[1]["Data"]["Unique_Id"]


def ask_kyc(caller, unique_id):
    return read_done(caller.call("check-customer-kyc", Unique_Id=unique_id))[0]


def test_it_answers_with_the_unique_id(ent):
    unique_id = add_person(ent)
    data, meta = read_done(update(ent, unique_id, Customer_Name="Asha Rao"))
    assert data == {"Resp_Code": "000", "Unique_Id": unique_id, "Old_Unique_Id": "NA"}
    assert meta == {}


@pytest.mark.parametrize(
    ("field", "value", "column", "kept"),
    [
        ("Customer_Name", " Asha Rao ", "name", "Asha Rao"),
        ("Maiden_Name", "Das", "maiden_name", "Das"),
        ("Email_Id", "a@b.in", "email", "a@b.in"),
        ("Date_Of_Birth", "15-02-1991", "date_of_birth", "1991-02-15"),
        ("Mobile_Number", "9876543210", "mobile", "919876543210"),
        ("KYC_Updated_Channel", "BRN", "kyc_updated_channel", "BRN"),
    ],
)
def test_one_field_changes_and_the_others_stay(ent, field, value, column, kept):
    unique_id = add_person(ent, City="Pune")
    before = Customer.objects.values().get()
    read_done(update(ent, unique_id, **{field: value}))
    after = Customer.objects.values().get()
    assert str(after.pop(column)) == kept
    assert after.items() <= before.items()
    assert AuditEntry.objects.filter(action="customer updated").count() == 1


@pytest.mark.parametrize(
    "nothing",
    [{}, {"Customer_Name": "NA", "Mobile_Number": "n/a", "KYC_Flag": ""}, {"Address_Line1": "x"}],
)
def test_nothing_to_change_is_400(ent, nothing):
    answer = update(ent, add_person(ent), **nothing)
    assert_malformed(answer, "Update_Customer")


def test_what_is_absent_stays(ent):
    unique_id = add_person(ent, Maiden_Name="Rao")
    read_done(update(ent, unique_id, Email_Id="a@b.in", Maiden_Name="N/A", Customer_Name="na"))
    customer = Customer.objects.get()
    assert (customer.name, customer.maiden_name) == ("Meera Iyer", "Rao")


def test_a_customer_this_processor_has_not_added_is_500(ent, cbs):
    unique_id = add_person(ent)
    assert_unknown(update(cbs, unique_id, Customer_Name="Asha"))
    assert_unknown(update(ent, NOBODY, Customer_Name="Asha"))
    assert Customer.objects.get().name == "Meera Iyer"


# Mobile and documents.


def test_a_new_mobile_frees_the_old_one(ent, cbs):
    old, new = draw_mobile(), draw_mobile()
    unique_id = add_person(ent, Mobile_Number=old)
    read_done(update(ent, unique_id, Mobile_Number=new))
    assert (find_status(cbs, new), find_status(cbs, old)) == (unique_id, "NA")
    assert add_person(ent, Mobile_Number=old, Date_Of_Birth="01-01-1990") != unique_id
    entry = AuditEntry.objects.get(action="customer updated")
    assert old in entry.detail  # history keeps both
    assert new in entry.detail


def test_ones_own_mobile_in_another_form_is_no_conflict(ent):
    mobile = draw_mobile()
    unique_id = add_person(ent, Mobile_Number=mobile)
    read_done(update(ent, unique_id, Mobile_Number="0" + mobile[2:]))
    assert find_status(ent, mobile) == unique_id


def test_a_document_of_a_type_on_record_replaces_it(ent):
    unique_id = add_person(ent, **make_aadhaar("123456789012"))
    read_done(update(ent, unique_id, **make_aadhaar("999999999999")))
    assert find_status(ent, draw_mobile(), **make_aadhaar("999999999999")) == unique_id
    assert find_status(ent, draw_mobile(), **make_aadhaar("123456789012")) == "NA"
    old, new = Document.objects.order_by("pk")
    assert (old.last_four, new.last_four) == ("9012", "9999")
    assert old.replaced_at
    assert new.replaced_at is None
    assert (old.reveal(), new.reveal()) == ("123456789012", "999999999999")


def test_a_replaced_document_may_come_back_and_may_be_anothers(ent):
    unique_id = add_person(ent, **make_aadhaar("123456789012"))
    read_done(update(ent, unique_id, **make_aadhaar("999999999999")))
    other = add_person(ent, **make_aadhaar("123456789012"))
    assert other != unique_id
    assert_conflict(update(ent, unique_id, **make_aadhaar("123456789012")), "Ovid_Value")
    read_done(update(ent, other, **make_aadhaar("888888888888")))
    read_done(update(ent, unique_id, **make_aadhaar("123456789012")))
    assert find_status(ent, draw_mobile(), **make_aadhaar("123456789012")) == unique_id


def test_a_document_of_a_new_type_is_added_and_the_same_one_is_not(ent):
    unique_id = add_person(ent, **make_aadhaar("123456789012"))
    read_done(update(ent, unique_id, **PAN))
    read_done(update(ent, unique_id, **make_aadhaar("1234 5678 9012")))
    assert Document.objects.filter(replaced_at=None).count() == Document.objects.count() == 2


def test_anothers_mobile_is_409_and_a_review_item_once(ent, cbs):
    mobile = draw_mobile()
    holder, claimant = add_person(ent, Mobile_Number=mobile), add_person(ent, cbs)
    for caller in (ent, cbs, ent):
        body = assert_conflict(update(caller, claimant, Mobile_Number=mobile), "Mobile_Number")
        assert holder not in str(body)
    review = DuplicateReview.objects.get()
    assert (review.customer_id, review.claimant_id) == (int(holder), int(claimant))
    assert review.is_by_mobile
    assert find_status(ent, mobile) == holder


def test_anothers_document_is_409_and_a_review_item_once(ent):
    holder, claimant = add_person(ent, **make_aadhaar("123456789012")), add_person(ent)
    for _ in range(2):
        assert_conflict(update(ent, claimant, **make_aadhaar("123456789012")), "Ovid_Value")
    review = DuplicateReview.objects.get()
    assert (review.customer_id, review.is_by_mobile) == (int(holder), False)
    assert Document.objects.count() == 1


def test_every_conflict_is_named_at_once_and_nothing_changes(ent):
    mobile = draw_mobile()
    add_person(ent, Mobile_Number=mobile)
    add_person(ent, **make_aadhaar("123456789012"))
    unique_id = add_person(ent)
    claim = make_aadhaar("123456789012", Mobile_Number=mobile, KYC_Flag="N", Customer_Name="X")
    assert_conflict(update(ent, unique_id, **claim), "Mobile_Number", "Ovid_Value", "KYC_Flag")
    assert DuplicateReview.objects.count() == 2
    assert not Customer.objects.filter(name="X").exists()
    assert KycChange.objects.count() == 3


def test_a_number_passed_on_lets_the_same_update_through(ent):
    mobile, staff = draw_mobile(), User.objects.create(username="maker")
    holder, unique_id = add_person(ent, Mobile_Number=mobile), add_person(ent)
    assert_conflict(update(ent, unique_id, Mobile_Number=mobile, Ref_Id="REF-1"))
    review = DuplicateReview.objects.get(customer=int(holder))
    proposal = reviews.decide(
        review_id=review.pk, outcome="NUMBER_PASSED_ON", reason="Called", user=staff
    )
    assert_conflict(update(ent, unique_id, Mobile_Number=mobile, Ref_Id="REF-1"))
    checker = User.objects.create(username="checker")
    decide = reviews.NUMBER_PROPOSALS.decide
    decide(proposal_id=proposal.pk, state="APPROVED", user=checker)
    read_done(update(ent, unique_id, Mobile_Number=mobile, Ref_Id="REF-1"))
    assert find_status(ent, mobile) == unique_id


def test_strict_documents_are_judged_before_conflicts(ent, settings):
    mobile = draw_mobile()
    add_person(ent, Mobile_Number=mobile)
    unique_id = add_person(ent)
    settings.PPIMS_STRICT_DOCUMENTS = True
    assert_malformed(
        update(ent, unique_id, Mobile_Number=mobile, **make_aadhaar("123456789012")), "Ovid_Value"
    )
    assert_unknown(update(ent, NOBODY, **make_aadhaar("123456789012")))
    assert not DuplicateReview.objects.exists()


# Accounts and cards.


@pytest.mark.parametrize(("sent", "kept"), [({}, "A"), ({"Account_Status": "F"}, "F")])
def test_an_account_not_sent_before_is_added(ent, sent, kept):
    unique_id = add_person(ent)
    read_done(update(ent, unique_id, Account_Number="ACC-2", **sent))
    assert Account.objects.get(number="ACC-2").status == kept
    assert Account.objects.count() == 2


def test_a_known_accounts_status_is_updated_in_this_channel_alone(ent, cbs):
    unique_id = add_person(ent, cbs, Account_Number="ACC-1")
    read_done(update(ent, unique_id, Account_Number="ACC-1", Account_Status="C"))
    read_done(update(ent, unique_id, Account_Number="ACC-1"))
    assert Account.objects.get(processor=ent.processor).status == "C"
    assert Account.objects.get(processor=cbs.processor).status == "A"


@pytest.mark.parametrize(("sent", "kept"), [({}, "A"), ({"Card_Status": "F"}, "F")])
def test_a_card_not_sent_before_is_added(ent, sent, kept):
    unique_id = add_person(ent, Card_Number="4111-1", Card_Status="I")
    read_done(update(ent, unique_id, Card_Number="4111-2222", **sent))
    assert Card.objects.get(last_four="2222").status == kept
    assert Card.objects.get(last_four="11-1").status == "I"


def test_a_known_cards_status_is_updated(ent, cbs):
    unique_id = add_person(ent, cbs, Card_Number="4111-1111")
    read_done(update(ent, unique_id, Card_Number="4111-1111", Card_Status="C"))
    assert Card.objects.get(processor=ent.processor).status == "C"
    assert Card.objects.get(processor=cbs.processor).status == "A"


@pytest.mark.parametrize("name", ["Account", "Card"])
def test_a_status_without_its_number_names_the_number(ent, name):
    answer = update(ent, add_person(ent), **{f"{name}_Status": "A"}, Customer_Name="Asha")
    assert_malformed(answer, f"{name}_Number")


def test_a_cif_is_changed_for_this_registration_alone(ent, cbs):
    unique_id = add_person(ent, cbs, Cif_Id="CIF-1")
    read_done(update(ent, unique_id, Cif_Id="CIF-2"))
    assert (ask_kyc(ent, unique_id)["Cif_Id"], ask_kyc(cbs, unique_id)["Cif_Id"]) == (
        "CIF-2",
        "CIF-1",
    )


# KYC.


def test_full_kyc_without_a_document_is_400_before_any_409(ent):
    mobile = draw_mobile()
    add_person(ent, Mobile_Number=mobile)
    unique_id = add_person(ent)
    answer = update(ent, unique_id, KYC_Flag="F", Mobile_Number=mobile)
    assert_malformed(answer, "Ovid_Type", "Ovid_Value")
    assert not DuplicateReview.objects.exists()
    assert ask_kyc(ent, unique_id)["KYC_Flag"] == "P"


@pytest.mark.parametrize(
    ("on_record", "sent"), [(PAN, {}), ({}, PAN), (PAN, make_aadhaar("123456789012"))]
)
def test_full_kyc_rests_on_a_document_on_record_or_in_the_message(ent, on_record, sent):
    unique_id = add_person(ent, **on_record)
    read_done(update(ent, unique_id, KYC_Flag="F", **sent))
    assert ask_kyc(ent, unique_id)["KYC_Flag"] == "F"


@pytest.mark.parametrize(
    ("before", "after", "may"),
    [
        *(("N", "P", True), ("P", "P", True), ("F", "F", True), ("N", "N", True)),
        *(("P", "N", False), ("F", "P", False), ("F", "N", False)),
        *(("N", "F", True), ("P", "F", True)),
    ],
)
def test_a_tier_rises_and_never_falls(ent, before, after, may):
    unique_id = add_person(ent, KYC_Flag=before, **PAN)
    answer = update(ent, unique_id, KYC_Flag=after)
    read_done(answer) if may else assert_conflict(answer, "KYC_Flag")
    assert ask_kyc(ent, unique_id)["KYC_Flag"] == (after if may else before)


@pytest.mark.parametrize(
    ("sent", "updated_on", "since"),
    [
        ({}, "10-11-2026 12:00:00", "10-11-2026 12:00:00"),
        ({"KYC_Updated_On": "09-11-2026 08:00:00"}, "09-11-2026 08:00:00", "09-11-2026 08:00:00"),
        ({"KYC_Updated_On": "11-11-2026 08:00:00"}, "11-11-2026 08:00:00", "10-11-2026 12:00:00"),
    ],
)
def test_a_raise_counts_from_what_was_told_or_else_its_arrival(ent, sent, updated_on, since):
    unique_id = add_person(ent, **PAN)
    with freeze_at("10-11-2026 12:00:00"):
        read_done(update(ent, unique_id, KYC_Flag="F", **sent))
    assert ask_kyc(ent, unique_id)["KYC_Updated_On"] == updated_on
    customer = Customer.objects.get()
    assert customer.tier_since == read_ist(since)
    first, second = KycChange.objects.order_by("pk")
    assert (second.from_tier, second.to_tier) == ("P", "F")
    assert (second.processor, second.channel) == (ent.processor, "PGO")
    assert (first.tier_since, second.tier_since) == (
        read_ist("03-04-2025 10:15:00"),
        read_ist(since),
    )


def test_the_same_tier_again_restarts_nothing(ent):
    unique_id = add_person(ent)
    later = {"KYC_Flag": "P", "KYC_Updated_On": "05-06-2026 07:08:09"}
    read_done(update(ent, unique_id, **later, KYC_Updated_Channel="BRN"))
    data = ask_kyc(ent, unique_id)
    assert (data["KYC_Updated_On"], data["KYC_Updated_Channel"]) == ("05-06-2026 07:08:09", "BRN")
    assert Customer.objects.get().tier_since == read_ist("03-04-2025 10:15:00")
    assert KycChange.objects.count() == 2


def test_the_same_tier_alone_leaves_its_date(ent):
    unique_id = add_person(ent)
    read_done(update(ent, unique_id, KYC_Flag="P"))
    assert ask_kyc(ent, unique_id)["KYC_Updated_On"] == "03-04-2025 10:15:00"
    assert KycChange.objects.count() == 1


def test_a_raise_changes_the_limit_at_once(ent):
    unique_id = add_person(ent, **PAN)
    read_done(update(ent, unique_id, KYC_Flag="F"))
    assert book_posting(ent, unique_id, "99999.00")[0]["Avail_Limit"] == "NA"


def test_a_blocked_customer_may_be_updated(ent):
    unique_id = add_person(ent)
    Customer.objects.update(status="BLOCKED", blocked_reason="Asked by her")
    read_done(update(ent, unique_id, Customer_Name="Asha Rao"))


def test_documents_and_cards_never_reach_the_audit(ent):
    unique_id = add_person(ent, **make_person(Card_Number="4111111111111111"))
    read_done(update(ent, unique_id, Card_Number="4222222222222222", **PAN))
    details = " ".join(AuditEntry.objects.values_list("detail", flat=True))
    assert "ABCDE1234F" not in details
    assert "4222222222222222" not in details
