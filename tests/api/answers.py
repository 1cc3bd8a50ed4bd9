"""What an answer says, and the shortest valid message of each operation."""

from datetime import datetime

from limits.models import LimitRule
from ppims.core import calendar, clock
from tests.factories import draw_ref, make_person

LONG_AGO = "01-01-2026 00:00:00"
NOBODY = "100000000000001"
DOCUMENTED_FIELDS = {
    "add-customer": "Resp_Code Unique_Id KYC_Flag KYC_Updated_Channel KYC_Updated_On",
    "update-customer": "Resp_Code Unique_Id Old_Unique_Id",
    "customer-registration-status": "Resp_Code Unique_Id KYC_Flag KYC_Updated_Channel"
    " KYC_Updated_On Cif_Id Remaining_Avail_Limit Utilized_Bal",
    "check-customer-kyc": "Resp_Code KYC_Flag KYC_Updated_Channel KYC_Updated_On Cif_Id Unique_Id"
    " Old_Unique_Id",
    "check-customer-limit": "Resp_Code Unique_Id Allow_Customer Cumulative_Bal Avail_Amount_Limit"
    " Cif_Id Old_Unique_Id",
    "update-customer-limit": "Resp_Code Cumulative_Bal Avail_Limit",
}
OPERATIONS = list(DOCUMENTED_FIELDS)
KEEPING_OPERATIONS = [
    each for each in OPERATIONS if each.startswith(("add", "update")) or "limit" in each
]


def list_documented(operation):
    return DOCUMENTED_FIELDS[operation].split()


def make_blank(operation, code):
    fields = {
        name: "F" if name == "Allow_Customer" else "NA" for name in list_documented(operation)
    }
    return {**fields, "Resp_Code": code}


def read_done(answer):
    """Say that it was done: its Data and its Meta."""
    status, body, _ = answer
    assert (status, body["Data"]["Resp_Code"]) == (200, "000"), (status, body)
    assert list(body) == ["Data", "Risk", "Links", "Meta"]
    assert all(isinstance(value, str) for value in body["Data"].values())
    return body["Data"], body["Meta"]


def list_named(answer):
    """List the fields that Meta.Errors names, in order, each without its path."""
    errors = answer[1]["Meta"].get("Errors", [])
    assert all(set(error) == {"Field", "Message"} for error in errors), errors
    return sorted(error["Field"].rpartition(".")[2] for error in errors)


def assert_refused(answer, http, code, *fields):
    """Say that it was refused so, with every field blank and just these fields named."""
    status, body, response = answer
    operation = response.request["PATH_INFO"].rpartition("/")[2]
    assert (status, body["Data"]) == (http, make_blank(operation, code)), (status, body)
    assert list(body) == ["Data", "Risk", "Links", "Meta"]
    if fields:
        assert list_named(answer) == sorted(fields), body
    return body


def assert_malformed(answer, *fields):
    return assert_refused(answer, 400, "400", *fields)


def assert_conflict(answer, *fields):
    return assert_refused(answer, 409, "409", *fields)


def assert_unknown(answer):
    return assert_refused(answer, 200, "500")


def add_person(caller, *others, **changes):
    """Add a person through each of the callers: the Unique_Id as it is written."""
    details = make_person(**changes)
    for each in (caller, *others):
        data, _ = read_done(each.call("add-customer", **details))
    return data["Unique_Id"]


def make_aadhaar(number, **more):
    return {"Ovid_Type": "ADR", "Ovid_Value": number, **more}


def check_limit(caller, unique_id, amount="100.00", **fields):
    """Ask: Data, and Meta.Decision."""
    fields = {"Unique_Id": unique_id, "Amount": amount, "Tran_Type": "D", **fields}
    data, meta = read_done(caller.call("check-customer-limit", **fields))
    return data, meta["Decision"]


def check_for_ref(caller, unique_id, amount="100.00", **fields):
    """Ask: the Ref_Id under which it was asked."""
    ref = draw_ref()
    check_limit(caller, unique_id, amount, Ref_Id=ref, **fields)
    return ref


def report_posting(caller, unique_id, amount="100.00", **fields):
    """Report a debit that happened, or what the fields say instead: the whole answer."""
    plain = {"Unique_Id": unique_id, "Amount": amount, "Tran_Type": "D", "Tran_Status": "S"}
    return caller.call("update-customer-limit", **{**plain, **fields})


def book_posting(caller, unique_id, amount="100.00", **fields):
    """Report what happened: Data, and Meta."""
    return read_done(report_posting(caller, unique_id, amount, **fields))


def make_valid(operation, unique_id=NOBODY):
    """Give the fewest fields of a valid message."""
    return {
        "add-customer": make_person,
        "update-customer": lambda: {"Unique_Id": unique_id, "Customer_Name": "Asha Rao"},
        "customer-registration-status": lambda: {"Mobile_Number": "9812345670"},
        "check-customer-kyc": lambda: {"Unique_Id": unique_id},
        "check-customer-limit": lambda: {
            "Unique_Id": unique_id,
            "Amount": "1.00",
            "Tran_Type": "D",
        },
        "update-customer-limit": lambda: {
            "Unique_Id": unique_id,
            "Amount": "1.00",
            "Tran_Type": "D",
            "Tran_Status": "S",
        },
    }[operation]()


def read_ist(text):
    """Read 30-11-2026 23:59:59 as an instant in India."""
    return datetime.strptime(text, "%d-%m-%Y %H:%M:%S").replace(tzinfo=calendar.IST)


def freeze_at(text):
    return clock.freeze(read_ist(text))


def add_rule(window, amount, *, tier="P", direction="D", start=LONG_AGO):
    """Put a limit in force, as the installation itself."""
    return LimitRule.objects.create(
        tier=tier,
        direction=direction,
        window=window,
        amount=amount,
        in_force_from=read_ist(start),
        state="APPROVED",
        proposed_at=read_ist(start),
        decided_at=read_ist(start),
        source="A test",
    )
