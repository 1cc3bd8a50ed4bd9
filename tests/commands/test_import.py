"""Files of customers: read as the API reads, judged as add-customer would, added row for row as the
services would, once, whatever is cut off.
"""

import hashlib
from datetime import UTC, date, datetime, timedelta

import pytest

from customers.imports import reading, storing
from customers.imports.columns import (
    ADD_COLUMNS,
    ALL_COLUMNS,
    UnreadableFile,
    write_template,
)
from customers.models import (
    Account,
    Card,
    Customer,
    Document,
    DuplicateReview,
    Identifier,
    ImportFile,
    KycChange,
    NameWord,
    Receipt,
    Registration,
)
from customers.services import imports
from ppims.core import clock, keys
from ppims.core.errors import Conflict
from ppims.core.sealed_files import Broken
from ppims.maintenance import import_reading, importing
from ppims.models import AuditEntry, AuditHead, Job, ReplayKey
from ppims.services.brought_files import TooBig
from tests.customer_files import (
    keep,
    keep_and_read,
    make_row,
    read_refused,
    tell_nobody,
    write_file,
)
from tests.factories import draw_mobile, make_customer, make_processor
from tests.web.users import make_user_of

pytestmark = pytest.mark.django_db
PAN = {"KYC_Flag": "F", "Ovid_Type": "PAN", "Ovid_Value": "ABCPE1234F"}
WRITTEN = (
    *(Customer, NameWord, Identifier, Registration, Account, Card, Document, KycChange, Receipt),
    *(ReplayKey, AuditEntry, AuditHead),
)


@pytest.fixture(autouse=True)
def _own_folder(settings, tmp_path):
    settings.PPIMS_DATA_DIR = tmp_path


@pytest.fixture
def ent():
    return make_processor("ENT")


@pytest.fixture
def maker():
    return make_user_of("maker")


@pytest.fixture
def checker():
    return make_user_of("checker")


def read_counts(file):
    names = [name.removesuffix("_count") for name in imports.COUNT_COLUMNS]
    return {name: count for name in names if (count := getattr(file, f"{name}_count"))}


# What a file may be.


def read_fault(content):
    """Read a file, and say why all of it is refused."""
    with pytest.raises(UnreadableFile) as refused:
        list(reading.Table(iter(content), system_id="ENT", at=clock.now()))
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"PK\x03\x04rest", "spreadsheet"),
        (b"\xd0\xcf\x11\xe0rest", "spreadsheet"),
        (write_template().encode() + "é".encode("latin1"), "UTF-8"),
        ("Customer_Id".encode("utf-16"), "UTF-8"),
        (b"Customer_Id\0,x\n", "NUL"),
        (b"", "name the columns"),
        (b"9812345670,Kavya Roy\n", "name the columns"),
        (b"Customer_Id,Surname\n", "“Surname”"),
        (b"Customer_Id,Customer_Id\n", "twice"),
        (b"Customer_Id\nC1\n", "missing: Customer_Name, Mobile_Number"),
        (write_template().encode() + b'"open', "quotes"),
        (write_template().encode() + b"x" * 70_000, "more than"),
    ],
)
def test_a_file_that_is_none_is_refused_and_what_is_wrong_is_named(content, said):
    assert said in read_fault([content])


def test_a_row_in_the_place_of_the_header_is_not_repeated():
    said = read_fault([b"Customer_Id,9812345670\n"])
    assert "number 2" in said
    assert "9812" not in said


def test_the_template_is_a_file_that_reads_with_a_mark_and_cut_anywhere():
    content = b"\xef\xbb\xbf" + write_template().encode()
    (row,) = reading.Table((bytes([each]) for each in content), system_id="ENT", at=clock.now())
    assert (row.errors, row.details.customer_name) == ([], "Kavya Roy")
    assert {"Ref_Id", "System_Id", "Unique_Id"}.isdisjoint(ALL_COLUMNS)
    assert set(ADD_COLUMNS) < set(ALL_COLUMNS)


def read_one(**changed):
    (row,) = reading.Table([write_file(make_row(**changed))], system_id="ENT", at=clock.now())
    return row


def test_a_row_is_read_as_the_api_reads_it():
    row = read_one(Mobile_Number="+919812345670", Customer_Name='"Roy, K"', City=" NA ")
    assert (row.details.mobile_number, row.details.city) == ("919812345670", None)
    assert row.details.customer_name == '"Roy, K"'
    assert read_one(Customer_Name="=1+1").details.customer_name == "=1+1"


@pytest.mark.parametrize(
    ("changed", "errors"),
    [
        ({"Customer_Name": "Kavya\nRoy"}, [("Customer_Name", "must have no control characters")]),
        ({"Customer_Name": ""}, [("Customer_Name", "is required")]),
        (
            {"KYC_Flag": "F"},
            [("Ovid_Type", "is required for Full KYC"), ("Ovid_Value", "is required for Full KYC")],
        ),
        ({"Used_Debit_Month": "5.00"}, [("Used_Debit_Year", "is required with Used_Debit_Month")]),
        (
            {"Used_Credit_Month": "5.00", "Used_Credit_Year": "4.99"},
            [("Used_Credit_Year", "is less than Used_Credit_Month")],
        ),
        ({"Used_Credit_Month": "5.00", "Used_Credit_Year": "5.00"}, []),
    ],
)
def test_what_is_wrong_with_a_row_is_said_in_the_words_of_the_api(changed, errors):
    assert read_one(**changed).errors == errors


@pytest.mark.parametrize(("month", "is_refused"), [(3, False), (4, True), (5, False)])
def test_in_april_the_year_is_this_month_alone(month, is_refused):
    with clock.freeze(datetime(2027, month, 15, 6, tzinfo=UTC)):
        row = read_one(Used_Debit_Month="5.00", Used_Debit_Year="5.01")
    assert bool(row.errors) == is_refused


# What reading finds.


def test_reading_judges_each_row_and_changes_nothing(ent, maker):
    other, born = make_processor("CBS"), "14-02-1991"
    known, elsewhere, passed_on = draw_mobile(), draw_mobile(), draw_mobile()
    make_customer(ent, mobile_number=known)
    make_customer(other, mobile_number=elsewhere)
    make_customer(other, mobile_number=passed_on, date_of_birth=date(1960, 1, 1))
    rows = [
        make_row(1),
        make_row(2, Mobile_Number=known, Date_Of_Birth=born),
        make_row(3, Mobile_Number=elsewhere, Date_Of_Birth=born),
        make_row(4, Mobile_Number=passed_on, Date_Of_Birth=born),
        make_row(5, Mobile_Number="12"),
    ]
    file = keep(write_file(*rows), ent, maker)
    before = {model: model.objects.count() for model in (*WRITTEN, DuplicateReview)}
    import_reading.read_file(file, tell_nobody)
    file.refresh_from_db()
    assert read_counts(file) == dict.fromkeys(["new", "elsewhere", "known", "review", "refused"], 1)
    assert {model: model.objects.count() for model in before} == before


def test_who_comes_twice_is_refused_the_second_time(ent, maker):
    first = make_row(1, Card_Number="6088000000000001", Card_Status="A", **PAN)
    again = [
        make_row(2, **{name: first[name]}, **more)
        for name, more in (
            ("Mobile_Number", {}),
            ("Account_Number", {}),
            ("Card_Number", {"Card_Status": "A"}),
            ("Ovid_Value", {"KYC_Flag": "F", "Ovid_Type": "PAN"}),
        )
    ]
    file = keep_and_read(write_file(first, *again), ent, maker)
    assert read_counts(file) == {"new": 1, "refused": 4}
    assert [row["Refused_Because"] for row in read_refused(file)] == [
        f"{name} is in row 1 already"
        for name in ("Mobile_Number", "Account_Number", "Card_Number", "Ovid_Value")
    ]


def test_refused_rows_are_safe_in_a_spreadsheet_and_can_be_mended_and_brought_again(ent, maker):
    row = make_row(1, Customer_Name="=1+1", Mobile_Number="12")
    file = keep_and_read(write_file(row), ent, maker)
    (refused,) = read_refused(file)
    assert (refused["Row"], refused["Customer_Name"]) == ("1", "'=1+1")
    refused["Mobile_Number"] = "9812345670"
    (mended,) = reading.Table([write_file(refused)], system_id="ENT", at=clock.now())
    assert (mended.errors, mended.details.customer_name) == ([], "=1+1")


def test_nothing_that_a_row_says_is_in_the_record_or_the_log(ent, maker, caplog):
    mobile, name = "981234567", "Secret Name"
    keep_and_read(write_file(make_row(1, Mobile_Number=mobile, Customer_Name=name)), ent, maker)
    rows = [*ImportFile.objects.values(), *AuditEntry.objects.values(), *Job.objects.values()]
    said = f"{rows} {caplog.text}"
    assert (mobile in said, name in said) == (False, False)


def test_strict_documents_are_looked_at(ent, maker, settings):
    settings.PPIMS_STRICT_DOCUMENTS = True
    row = make_row(1, KYC_Flag="F", Ovid_Type="ADR", Ovid_Value="123456789012")
    file = keep_and_read(write_file(row), ent, maker)
    assert (
        read_refused(file)[0]["Refused_Because"] == "Ovid_Value is not a valid number of its kind"
    )


# The file on the disk.


def test_a_file_is_encrypted_and_its_owner_s_alone(ent, maker, tmp_path):
    file = keep_and_read(write_file(make_row(1, Customer_Name="Kavya Roy")), ent, maker)
    paths = sorted((tmp_path / "imports").iterdir())
    assert [path.name for path in paths] == [f"{file.stored_as}.refused", f"{file.stored_as}.rows"]
    assert {path.stat().st_mode & 0o777 for path in paths} == {0o600}
    assert (tmp_path / "imports").stat().st_mode & 0o777 == 0o700
    assert not any(b"Kavya" in path.read_bytes() for path in paths)


def test_a_file_that_was_cut_reordered_or_swapped_does_not_read(ent, maker, tmp_path, monkeypatch):
    monkeypatch.setattr("ppims.core.sealed_files.PIECE_BYTES", 64)
    one, other = (keep(write_file(make_row(n)), ent, maker) for n in (1, 2))
    path = tmp_path / "imports" / f"{one.stored_as}.rows"
    whole, piece = path.read_bytes(), 4 + 12 + 64 + 16
    strange = (tmp_path / "imports" / f"{other.stored_as}.rows").read_bytes()
    for changed in (
        whole[:piece],
        whole[:-1],
        whole[piece : 2 * piece] + whole[:piece] + whole[2 * piece :],
        whole[:piece] + whole,
        whole + whole[-piece:],
        strange,
        b"",
    ):
        path.write_bytes(changed)
        with pytest.raises(Broken):
            list(storing.read_rows(one))
    path.write_bytes(whole)
    assert hashlib.sha256(b"".join(storing.read_rows(one))).hexdigest() == one.digest


def test_a_file_by_an_older_key_reads_while_the_key_is_in_the_ring(ent, maker, settings):
    file = keep(write_file(make_row(1)), ent, maker)
    old = settings.PPIMS_DOCUMENT_KEYS
    new = keys.Key.from_base64("B" * 43 + "=")
    settings.PPIMS_DOCUMENT_KEYS = (new, *old)
    import_reading.read_file(file, tell_nobody)
    assert imports.count_kept_by_key() == {old[0].id: 1}
    settings.PPIMS_DOCUMENT_KEYS = (new,)
    with pytest.raises(Conflict) as refused:
        import_reading.read_file(file, tell_nobody)
    assert "key" in refused.value.describe()


@pytest.mark.parametrize(("size", "is_kept"), [(100, True), (101, False)])
def test_a_file_has_so_many_bytes_at_most(settings, tmp_path, size, is_kept):
    settings.PPIMS_FILE_BYTES = 100
    arrival = storing.begin_file()
    arrival.add(b"x" * 60)
    if is_kept:
        arrival.add(b"x" * (size - 60))
        assert arrival.close().size_bytes == size
    else:
        with pytest.raises(TooBig):
            arrival.add(b"x" * (size - 60))
        assert list((tmp_path / "imports").iterdir()) == []


@pytest.mark.parametrize(("days", "is_there"), [(7, True), (8, False)])
def test_a_file_is_gone_after_a_week(ent, maker, tmp_path, days, is_there):
    file = keep_and_read(write_file(make_row(1)), ent, maker)
    importing.forget_old_files(file.brought_at + timedelta(days=days, seconds=-1))
    file.refresh_from_db()
    assert (file.gone_at is None) == is_there
    assert bool(list((tmp_path / "imports").iterdir())) == is_there


def test_a_rejected_file_is_gone_with_the_next_watch(ent, maker, checker, tmp_path):
    file = keep_and_read(write_file(make_row(1)), ent, maker)
    proposal = imports.propose(file_id=file.pk, reason="They move", user=maker)
    importing.forget_old_files(clock.now())
    assert len(list((tmp_path / "imports").iterdir())) == 2
    decide = imports.IMPORT_PROPOSALS.decide
    decide(proposal_id=proposal.pk, state="REJECTED", user=checker, note="Not these")
    importing.forget_old_files(clock.now())
    assert list((tmp_path / "imports").iterdir()) == []
