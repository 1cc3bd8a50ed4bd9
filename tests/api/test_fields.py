"""What each kind of field may be: docs/api.md, "Values", both sides of each boundary."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from customers.models import Customer, Registration
from ppims.core import clock
from tests.api.answers import NOBODY, add_person, assert_malformed, make_valid, read_done
from tests.factories import make_person

NOT_TEXT = [5, 1.5, True, [], {}, ["A"]]
BAD_IDS = ["a" * 33, "a b", " a", "a ", "a\n", "a/b", "a.b", "é", "\u0967", "a\u0000", *NOT_TEXT]
IDS = ["Ref_Id", "Customer_Id", "Account_Number", "Card_Number", "Cif_Id"]
STATUSES = ["Account_Status", "Card_Status"]
BAD_STATUSES = ["a", "AA", "A ", "X", *NOT_TEXT]
BAD_CODES = ["Q", " ", *NOT_TEXT]
CONTROLS = ["\u0000", "\n", "\u202e", "\u2066"]  # each of them: tests/unit/test_free_text.py
BAD_TEXTS = ["x" * 101, "Mee\u2028ra", *(f"Mee{it}ra" for it in CONTROLS), *NOT_TEXT]
BAD_DATES = [
    *("31-02-1990", "00-01-1990", "14-13-1991", "1-1-1990", "1991-02-14", "14/02/1991", "14-02-91"),
    *(" 14-02-1991", "14-02-1991 ", "14-02-1991\n", "14-02-0000", "\u0967\u096a-02-1991"),
    *NOT_TEXT,
]
BAD_TIMES = [
    *("03-04-2025", "03-04-2025 24:00:00", "03-04-2025 10:60:00", "03-04-2025 10:15:60"),
    *("03-04-2025T10:15:00", "03-04-2025 10:15", " 03-04-2025 10:15:00", "03-04-2025 10:15:00 "),
    *("31-02-2025 10:15:00", "2025-04-03 10:15:00", "03-04-2025  10:15:00", *NOT_TEXT),
]
BAD_MOBILES = [
    *("5812345670", "981234567", "98123456700", "929812345670", "+9812345670", "0919812345670"),
    *(
        "+919812345670\n",
        " 9812345670",
        "9812345670 ",
        "98123 45670",
        "915812345670",
        "00981234567",
    ),
    *("\u096f812345670", "+09812345670", 9812345670, *NOT_TEXT),
]
BAD_AMOUNTS = [
    *("0", "0.00", "-1", "-0", "+5", "1e3", "NaN", "Infinity", "0.001", "1,000", "1_000", "0x10"),
    *("9" * 13, ".5", "5.", " 5", "5 ", "5\n", "5.0.0", "\u0967\u0966\u0966", "\uff15", "five"),
    *NOT_TEXT,
]
MALFORMED_VALUES = {
    **dict.fromkeys(IDS, BAD_IDS),
    **dict.fromkeys(STATUSES, BAD_STATUSES),
    **dict.fromkeys(
        [
            *("Customer_Name", "Maiden_Name", "Address_Line1", "Address_Line2", "City", "State"),
            "KYC_Updated_Channel",
        ],
        BAD_TEXTS,
    ),
    "Unique_Id": ["1" * 14, "1" * 16, "0" + "1" * 14, "a" * 15, " " + "1" * 15, int("1" * 15)],
    "Mobile_Number": BAD_MOBILES,
    "Date_Of_Birth": BAD_DATES,
    "KYC_Updated_On": BAD_TIMES,
    "KYC_Flag": ["p", "P ", *BAD_CODES],
    "Customer_Type": ["ABC", "1", "A ", "\u00e9", *NOT_TEXT],
    "Ppi_Type": ["sc", "XX", *BAD_CODES],
    "NRI_Flag": ["y", "X", *BAD_CODES],
    "Email_Id": [
        *("nobody", "a@b@c", "a" * 250 + "@b.in", *NOT_TEXT),
        *(f"a{control}@x.in" for control in CONTROLS),
    ],
    "Pincode": ["1" * 11, "40 001", "40001A", "\u0967", " 400001", *NOT_TEXT],
    "Card_Exp_date": ["1" * 11, "Dec 29", "12.29", *NOT_TEXT],
}
ACCEPTED_VALUES = {
    **{field: ["a-_Z9", "a" * 32] for field in IDS},
    "Customer_Name": [
        "x" * 100,
        "\u0bb6\u0bcd\u200c\u0bb0\u0bc0",
        "\u0915\u094d\u200d\u0937",
        "\u0bae\u0bc0\u0bb0\u0bbe \u0b90\u0baf\u0bb0\u0bcd",
        "\U0001f600",
    ],
    "Mobile_Number": ["6000000000", "9999999999", "+919812345670", "919812345670", "09812345670"],
    "Date_Of_Birth": ["29-02-2024", "01-01-1930"],
    "KYC_Updated_On": ["31-12-2024 00:00:00", "31-12-2024 23:59:59"],
    "KYC_Flag": ["N", "P"],
    **{field: list("AICFN") for field in STATUSES},
    "Customer_Type": ["N", "AB", "n"],
    "Ppi_Type": ["SC", "CL", "OP"],
    "NRI_Flag": ["Y", "N"],
    "Email_Id": ["a@b.in", "a" * 249 + "@b.in"],
    "Pincode": ["1", "4000011", "1" * 10],
    "Card_Exp_date": ["1", "12/2029", "01-12-2029"],
    "State": ["x" * 100],
}
DOCUMENTS = [
    ("ADR", "123456789012"),
    ("ADR", "1234 5678-9012"),
    ("PAN", "abcde1234f"),
    ("PSP", "A123"),
    ("DRL", "MH/12-2019 0012345"),
    ("VOT", "X" * 20),
    ("NRG", "1234"),
    ("NPR", "1234"),
]
BAD_DOCUMENTS = [
    *(("ADR", value) for value in ("12345678901", "1234567890123", "12345678901A", "\u0967" * 12)),
    *(("PAN", value) for value in ("ABC", "X" * 21, "AB!CD", "ABCD\u00c9", "- /", 12345)),
]


def list_each(table):
    return [
        pytest.param(field, value, id=f"{field}-{place}")
        for field, values in table.items()
        for place, value in enumerate(values)
    ]


@pytest.mark.parametrize(("field", "value"), list_each(MALFORMED_VALUES))
def test_a_malformed_field_is_named_alone_and_nothing_is_recorded(ent, field, value):
    card = {"Card_Number": "123"} if field == "Card_Status" else {}
    assert_malformed(ent.call("add-customer", **make_person(**{**card, field: value})), field)
    assert not Customer.objects.exists()


@pytest.mark.parametrize(("field", "value"), list_each(ACCEPTED_VALUES))
def test_what_is_on_the_right_side_of_a_boundary_is_taken(ent, field, value):
    card = {"Card_Number": "123"} if field == "Card_Status" else {}
    read_done(ent.call("add-customer", **make_person(**{**card, field: value})))


@pytest.mark.parametrize(("kind", "value"), DOCUMENTS)
def test_a_document_of_each_kind_is_taken(ent, kind, value):
    read_done(ent.call("add-customer", **make_person(Ovid_Type=kind, Ovid_Value=value)))


@pytest.mark.parametrize(("kind", "value"), BAD_DOCUMENTS)
def test_a_document_number_that_is_none_is_named(ent, kind, value):
    assert_malformed(
        ent.call("add-customer", **make_person(Ovid_Type=kind, Ovid_Value=value)), "Ovid_Value"
    )


@pytest.mark.parametrize("kind", ["adr", "XYZ", "AADHAAR", 5, []])
def test_a_kind_of_document_that_is_none_is_named(ent, kind):
    answer = ent.call("add-customer", **make_person(Ovid_Type=kind, Ovid_Value="123456789012"))
    assert_malformed(answer, "Ovid_Type")


@pytest.mark.parametrize(
    ("sent", "missing"), [("Ovid_Type", "Ovid_Value"), ("Ovid_Value", "Ovid_Type")]
)
@pytest.mark.parametrize(
    "operation", ["add-customer", "update-customer", "customer-registration-status"]
)
def test_half_a_document_names_the_other_half(ent, operation, sent, missing):
    value = "ADR" if sent == "Ovid_Type" else "123456789012"
    assert_malformed(ent.call(operation, **{**make_valid(operation), sent: value}), missing)


AMOUNT_OPERATIONS = ["check-customer-limit", "update-customer-limit"]


@pytest.mark.parametrize("value", BAD_AMOUNTS, ids=repr)
@pytest.mark.parametrize("operation", AMOUNT_OPERATIONS)
def test_an_amount_is_text_of_digits_and_more_than_zero(ent, operation, value):
    assert_malformed(ent.call(operation, **{**make_valid(operation), "Amount": value}), "Amount")


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("1", "1.00"),
        ("0.01", "0.01"),
        ("0.1", "0.10"),
        ("007", "7.00"),
        ("999999999999.99", "999999999999.99"),
    ],
)
def test_an_amount_is_written_with_two_decimals(ent, value, written):
    unique_id = add_person(ent)
    message = {**make_valid("update-customer-limit", unique_id), "Amount": value}
    data, _ = read_done(ent.call("update-customer-limit", **message))
    assert data["Cumulative_Bal"] == written


@pytest.mark.parametrize("operation", ["update-customer", "check-customer-kyc", *AMOUNT_OPERATIONS])
@pytest.mark.parametrize("value", MALFORMED_VALUES["Unique_Id"], ids=repr)
def test_a_unique_id_has_fifteen_digits(ent, operation, value):
    assert_malformed(
        ent.call(operation, **{**make_valid(operation), "Unique_Id": value}), "Unique_Id"
    )


@pytest.mark.parametrize("value", ["d", "X", "D ", "DC", 5])
@pytest.mark.parametrize("operation", AMOUNT_OPERATIONS)
def test_a_direction_is_d_or_c(ent, operation, value):
    assert_malformed(
        ent.call(operation, **{**make_valid(operation), "Tran_Type": value}), "Tran_Type"
    )


REQUIRED_FIELDS = {
    "add-customer": "Ref_Id Customer_Id Customer_Name Mobile_Number Date_Of_Birth Account_Number"
    " Account_Status KYC_Flag KYC_Updated_Channel System_Id Customer_Type",
    "update-customer": "Ref_Id Unique_Id System_Id",
    "customer-registration-status": "Ref_Id System_Id Mobile_Number",
    "check-customer-kyc": "Ref_Id Unique_Id System_Id",
    "check-customer-limit": "Ref_Id Unique_Id Amount Tran_Type System_Id",
    "update-customer-limit": "Ref_Id Unique_Id Amount Tran_Status Tran_Type System_Id",
}
EACH_REQUIRED = [(op, field) for op, fields in REQUIRED_FIELDS.items() for field in fields.split()]
NO_FIELD = object()


def send_without(caller, operation, field, value):
    """Send a valid message with one field missing, or with a value that counts as absent."""
    body = caller.make_body(operation, **make_valid(operation))
    (message,) = (part for part in body["Data"].values() if isinstance(part, dict))
    if value is NO_FIELD:
        del message[field]
    else:
        message[field] = value
    return caller.send(operation, json.dumps(body))


@pytest.mark.parametrize(
    "value",
    [NO_FIELD, None, "", "NA", "na", "N/A", "n/A"],
    ids=lambda v: "-" if v is NO_FIELD else v,
)
@pytest.mark.parametrize(("operation", "field"), EACH_REQUIRED)
def test_a_required_field_that_is_absent_is_named(ent, operation, field, value):
    assert_malformed(send_without(ent, operation, field, value), field)


@pytest.mark.parametrize("operation", REQUIRED_FIELDS)
def test_every_required_field_is_named_at_once(ent, operation):
    body = ent.make_body(operation)
    (word,) = (name for name, part in body["Data"].items() if isinstance(part, dict))
    body["Data"][word] = {}
    wanted = REQUIRED_FIELDS[operation].split()
    extra = [word] if operation == "update-customer" else []
    assert_malformed(ent.send(operation, json.dumps(body)), *wanted, *extra)


@pytest.mark.parametrize("value", [None, "", "NA", "na", "N/A"])
def test_an_optional_field_may_be_absent_in_any_way(ent, value):
    optional = (
        "Unique_Id Maiden_Name Email_Id Address_Line1 Address_Line2 City State Pincode Card_Number"
        " Card_Exp_date Card_Status KYC_Updated_On Ovid_Value Ovid_Type Cif_Id Ppi_Type NRI_Flag"
    )
    body = ent.make_body("add-customer", **make_person())
    body["Data"]["Add_Customer"].update(dict.fromkeys(optional.split(), value))
    read_done(ent.send("add-customer", json.dumps(body)))
    registration = Registration.objects.select_related("customer").get()
    assert (registration.cif_id, registration.customer.city) == ("", "")


def test_all_malformed_fields_are_named_at_once_with_what_only_several_show(ent):
    wrong = {
        "Mobile_Number": "12",
        "Date_Of_Birth": "31-02-1990",
        "KYC_Flag": "Q",
        "Customer_Id": None,
    }
    answer = ent.call("add-customer", **make_person(**wrong, Ovid_Type="ADR"))
    assert_malformed(answer, *wrong, "Ovid_Value")
    wrong = {"Mobile_Number": "12", "Card_Status": "A", "Ovid_Value": "123456789012"}
    answer = ent.call("update-customer", Unique_Id=NOBODY, Account_Status="I", **wrong)
    assert_malformed(answer, "Mobile_Number", "Card_Number", "Account_Number", "Ovid_Type")


def test_an_error_names_the_whole_path_of_its_field(ent):
    body = assert_malformed(ent.call("check-customer-limit", **make_valid("add-customer")))
    assert {error["Field"].rpartition(".")[0] for error in body["Meta"]["Errors"]} == {
        "Data.Check_Limit"
    }


def test_free_text_is_trimmed_and_blank_counts_as_absent(ent):
    add_person(ent, Customer_Name="  Meera Iyer ", Maiden_Name="  \t ", City=" Pune ")
    customer = Customer.objects.get()
    assert (customer.name, customer.maiden_name, customer.city) == ("Meera Iyer", "", "Pune")


UNSEEN_TEXTS = ["  ", " \u200c\u200d ", "\u00ad", " NA "]


@pytest.mark.parametrize("value", UNSEEN_TEXTS, ids=ascii)
def test_a_name_of_which_nothing_can_be_seen_is_absent(ent, value):
    answer = assert_malformed(
        ent.call("add-customer", **make_person(Customer_Name=value)), "Customer_Name"
    )
    assert [error["Message"] for error in answer["Meta"]["Errors"]] == ["is required"]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *(("Customer_Name", value) for value in UNSEEN_TEXTS),
        ("Maiden_Name", " "),
        ("Email_Id", "\u200d"),
    ],
    ids=ascii,
)
def test_an_update_whose_only_field_is_blank_says_nothing_to_change(ent, field, value):
    fields = {**make_valid("update-customer", add_person(ent)), "Email_Id": None, field: value}
    fields = {name: fields[name] for name in ("Unique_Id", field)}
    assert_malformed(ent.call("update-customer", **fields), "Update_Customer")


@pytest.mark.parametrize("form", ["9812345670", "919812345670", "+919812345670", "09812345670"])
def test_a_mobile_number_has_one_form(ent, form):
    add_person(ent, Mobile_Number=form)
    assert Customer.objects.get().mobile == "919812345670"


def write_day(*, days):
    return (clock.today() + timedelta(days)).strftime("%d-%m-%Y")


@pytest.mark.parametrize(
    "operation", ["add-customer", "update-customer", "customer-registration-status"]
)
def test_nobody_is_born_tomorrow(ent, operation):
    message = {**make_valid(operation, add_person(ent)), "Date_Of_Birth": write_day(days=1)}
    assert_malformed(ent.call(operation, **message), "Date_Of_Birth")
    answer = ent.call(
        operation, **{**message, "Date_Of_Birth": write_day(days=0), "Email_Id": "a@x.in"}
    )
    assert answer[0] in {200, 409}


def test_the_day_is_indias(ent):
    late = datetime(2026, 11, 26, 18, 30, tzinfo=UTC)  # midnight there
    with clock.freeze(late - timedelta(seconds=1)):
        assert_malformed(
            ent.call("add-customer", **make_person(Date_Of_Birth="27-11-2026")), "Date_Of_Birth"
        )
    with clock.freeze(late):
        read_done(ent.call("add-customer", **make_person(Date_Of_Birth="27-11-2026")))
