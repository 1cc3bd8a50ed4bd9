"""add-customer: a new person, a known one, one known already."""

import pytest

from customers.models import (
    Account,
    Card,
    Customer,
    Document,
    DuplicateReview,
    KycChange,
    Registration,
)
from ppims.models import AuditEntry
from tests.api.answers import (
    add_person,
    assert_conflict,
    assert_malformed,
    assert_unknown,
    freeze_at,
    make_aadhaar,
    make_blank,
    read_done,
    read_ist,
)
from tests.factories import draw_mobile, make_person


def ask_status(caller, **fields):
    return caller.call("customer-registration-status", **fields)


def test_a_new_person_gets_a_unique_id_of_fifteen_digits(ent):
    data, meta = read_done(ent.call("add-customer", **make_person()))
    assert data == {
        "Resp_Code": "000",
        "Unique_Id": str(Customer.objects.get().pk),
        "KYC_Flag": "P",
        "KYC_Updated_Channel": "PGO",
        "KYC_Updated_On": "03-04-2025 10:15:00",
    }
    assert (len(data["Unique_Id"]), meta) == (15, {})
    assert add_person(ent) != data["Unique_Id"]


def test_what_was_sent_is_on_record(ent):
    details = make_person(
        Maiden_Name="Rao",
        Email_Id="m@example.in",
        Address_Line1="1 MG Road",
        Address_Line2="Camp",
        City="Pune",
        State="MH",
        Pincode="4110011",
        NRI_Flag="N",
        Customer_Type="n",
        Ppi_Type="SC",
        Cif_Id="CIF-1",
    )
    read_done(ent.call("add-customer", **details))
    customer, registration = Customer.objects.get(), Registration.objects.get()
    assert (customer.maiden_name, customer.email) == ("Rao", "m@example.in")
    assert (customer.address_line1, customer.address_line2) == ("1 MG Road", "Camp")
    assert (customer.city, customer.state, customer.pincode) == ("Pune", "MH", "4110011")
    assert (registration.customer_ref, registration.cif_id) == (details["Customer_Id"], "CIF-1")
    assert (registration.customer_type, registration.ppi_type) == ("n", "SC")
    assert AuditEntry.objects.filter(subject=customer.pk, action="customer added").count() == 1


def test_kyc_updated_on_is_the_arrival_where_it_is_absent(ent):
    with freeze_at("10-11-2026 12:00:00"):
        data, _ = read_done(ent.call("add-customer", **make_person(KYC_Updated_On=None)))
    assert data["KYC_Updated_On"] == "10-11-2026 12:00:00"


@pytest.mark.parametrize(
    ("told", "since"),
    [
        ("03-04-2025 10:15:00", "03-04-2025 10:15:00"),
        ("11-11-2026 00:00:00", "10-11-2026 12:00:00"),
        (None, "10-11-2026 12:00:00"),
    ],
)
def test_a_tier_counts_from_what_was_told_and_never_from_the_future(ent, told, since):
    with freeze_at("10-11-2026 12:00:00"):
        add_person(ent, KYC_Updated_On=told)
    assert Customer.objects.get().tier_since == read_ist(since)
    history = KycChange.objects.get()
    assert (history.from_tier, history.to_tier) == ("", "P")
    assert (history.channel, history.processor) == ("PGO", ent.processor)


def test_full_kyc_needs_a_document_in_the_message(ent):
    assert_malformed(
        ent.call("add-customer", **make_person(KYC_Flag="F")), "Ovid_Type", "Ovid_Value"
    )
    add_person(ent, KYC_Flag="F", **make_aadhaar("123456789012"))


# Known people.


def test_a_second_channel_gets_the_same_person_and_the_kyc_on_record(ent, cbs):
    details = make_person()
    unique_id = add_person(ent, **details)
    other = {
        **details,
        "KYC_Flag": "F",
        "KYC_Updated_Channel": "BRN",
        **make_aadhaar("123456789012"),
    }
    data, _ = read_done(cbs.call("add-customer", **other))
    assert (data["Unique_Id"], data["KYC_Flag"]) == (unique_id, "P")
    assert (data["KYC_Updated_Channel"], KycChange.objects.count()) == ("PGO", 1)
    read_done(cbs.call("check-customer-kyc", Unique_Id=unique_id))


def test_the_same_document_is_the_same_person_whose_name_mobile_and_address_stay(ent, cbs):
    first, mobile = make_person(City="Pune", **make_aadhaar("123456789012")), draw_mobile()
    unique_id = add_person(ent, **first)
    second = make_person(
        Customer_Name="M. Iyer", City="Goa", Mobile_Number=mobile, **make_aadhaar("1234-5678-9012")
    )
    data, _ = read_done(cbs.call("add-customer", **{**second, "Date_Of_Birth": "01-01-1990"}))
    customer = Customer.objects.get()
    assert data["Unique_Id"] == unique_id
    assert (customer.name, customer.city) == ("Meera Iyer", "Pune")
    assert (customer.mobile, str(customer.date_of_birth)) == (first["Mobile_Number"], "1991-02-14")
    assert ask_status(ent, Mobile_Number=mobile)[1]["Data"]["Resp_Code"] == "500"
    assert not DuplicateReview.objects.exists()


def test_a_known_persons_add_stores_account_card_and_a_document_of_a_new_type(ent, cbs):
    details = make_person(
        Card_Number="4111111111111111", Card_Status="I", **make_aadhaar("123456789012")
    )
    unique_id = add_person(ent, **details)
    other = {**details, "Account_Number": "ACC-2", "Account_Status": "N", "Cif_Id": "CIF-2"}
    other |= {"Ovid_Type": "PAN", "Ovid_Value": "ABCDE1234F", "Customer_Id": "C-2"}
    read_done(cbs.call("add-customer", **other))
    account = Account.objects.get(processor=cbs.processor)
    assert (account.number, account.status, Account.objects.count()) == ("ACC-2", "N", 2)
    assert Card.objects.filter(last_four="1111", status="I").count() == 2
    assert sorted(Document.objects.values_list("kind", flat=True)) == ["ADR", "PAN"]
    registration = Registration.objects.get(processor=cbs.processor)
    assert (registration.customer_ref, registration.cif_id) == ("C-2", "CIF-2")
    found = ask_status(ent, Mobile_Number=draw_mobile(), Ovid_Type="PAN", Ovid_Value="ABCDE1234F")
    assert found[1]["Data"]["Unique_Id"] == unique_id


def test_a_card_without_a_status_is_active(ent):
    add_person(ent, Card_Number="4111111111111111", Card_Exp_date="12/2029")
    card = Card.objects.get()
    assert (card.status, card.expires) == ("A", "12/2029")


def test_already_registered_is_200_and_nothing_changes(ent):
    details = make_person()
    unique_id = add_person(ent, **details)
    again = {**details, "Customer_Name": "M. Iyer", "Account_Number": "ACC-2", "KYC_Flag": "F"}
    http, body, _ = ent.call("add-customer", **again, **make_aadhaar("123456789012"))
    assert (http, body["Data"]) == (
        200,
        {
            **make_blank("add-customer", "200"),
            "Unique_Id": unique_id,
            "KYC_Flag": "P",
            "KYC_Updated_Channel": "PGO",
            "KYC_Updated_On": "03-04-2025 10:15:00",
        },
    )
    assert (Customer.objects.get().name, Account.objects.count()) == ("Meera Iyer", 1)
    assert not Document.objects.exists()
    audited = AuditEntry.objects.filter(subject=int(unique_id)).order_by("number")
    actions = list(audited.values_list("action", flat=True))
    assert actions == ["customer added", "customer known already"]


def test_the_same_account_and_customer_id_at_two_customers_are_taken(ent):
    add_person(ent, Account_Number="ACC-1", Customer_Id="C-1", Card_Number="CARD-1")
    add_person(ent, Account_Number="ACC-1", Customer_Id="C-1", Card_Number="CARD-1")
    assert Customer.objects.count() == 2


def test_a_unique_id_that_was_sent_must_be_the_persons(ent, cbs):
    details = make_person()
    unique_id = add_person(ent, **details)
    other = add_person(ent)
    assert_conflict(cbs.call("add-customer", **details, Unique_Id=other), "Unique_Id")
    assert_conflict(cbs.call("add-customer", **make_person(), Unique_Id=unique_id), "Unique_Id")
    assert_unknown(cbs.call("check-customer-kyc", Unique_Id=unique_id))
    read_done(cbs.call("add-customer", **details, Unique_Id=unique_id))


# Strict documents: a setting.

SAMPLE, VALID_AADHAAR = "123456789012", "234123412346"


@pytest.mark.parametrize(
    ("kind", "value", "passes"),
    [
        ("ADR", SAMPLE, False),
        ("ADR", VALID_AADHAAR, True),
        ("PAN", "ABCDE1234F", False),
        ("PAN", "ACUPA7085R", True),
        ("PSP", "A123", True),
    ],
)
def test_strict_documents_judge_aadhaar_and_pan(ent, settings, kind, value, passes):
    details = make_person(Ovid_Type=kind, Ovid_Value=value)
    settings.PPIMS_STRICT_DOCUMENTS = True
    answer = ent.call("add-customer", **details)
    if passes:
        read_done(answer)
    else:
        assert_malformed(answer, "Ovid_Value")
        settings.PPIMS_STRICT_DOCUMENTS = False
        read_done(ent.call("add-customer", **details))


def test_a_strict_400_comes_before_a_409(ent, settings):
    details = make_person()
    add_person(ent, **details)
    settings.PPIMS_STRICT_DOCUMENTS = True
    stranger = {**details, "Date_Of_Birth": "15-02-1991", **make_aadhaar(SAMPLE)}
    assert_malformed(ent.call("add-customer", **stranger), "Ovid_Value")
    assert not DuplicateReview.objects.exists()


def test_a_kept_answer_comes_before_a_strict_400(ent, settings):
    details = make_person(Ref_Id="REF-1", **make_aadhaar(SAMPLE))
    read_done(ent.call("add-customer", **details))
    settings.PPIMS_STRICT_DOCUMENTS = True
    _, meta = read_done(ent.call("add-customer", **details))
    assert meta == {"Replayed": True}
