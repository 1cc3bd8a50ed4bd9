"""An S that is refused as posted already, though with another amount, is kept for staff."""

import json

import pytest
from django.db import DatabaseError

from limits.models import LedgerEntry, RefusedReport
from limits.services import refused_reports
from ppims.models import AuditEntry
from tests.api.answers import (
    add_person,
    assert_conflict,
    book_posting,
    freeze_at,
    read_done,
    report_posting,
)
from tests.two_people import merge_customers, unmerge_customer


@pytest.fixture
def holder(ent):
    unique_id = add_person(ent)
    book_posting(ent, unique_id, "100.00", Tran_Id="T-1", Ref_Id="REF-0")
    return unique_id


def read_kept():
    return list(RefusedReport.objects.order_by("pk").values_list("ref_id", "amount_paise"))


@pytest.mark.parametrize(("amount", "paise"), [("100.01", 10_001), ("99.99", 9_999)])
def test_one_of_another_amount_is_kept_with_all_that_it_said(ent, holder, amount, paise):
    said = {"Tran_Id": "T-1", "Ref_Id": "REF-1", "Avail_Bal": "-5.00", "Enquiry_Ref_Id": "C-1"}
    with freeze_at("10-12-2126 12:00:00"):
        assert_conflict(report_posting(ent, holder, amount, **said), "Tran_Id")
        row = RefusedReport.objects.prefetch_related("posting").get()
        assert row.at.isoformat() == "2126-12-10T06:30:00+00:00"
    assert (row.amount_paise, row.direction, row.tran_id, row.ref_id) == (
        paise,
        "D",
        "T-1",
        "REF-1",
    )
    assert (row.balance_paise, row.enquiry_ref_id) == (-500, "C-1")
    assert (row.customer_id, row.unique_id_sent) == (int(holder), int(holder))
    assert (row.processor, row.posting.ref_id) == (ent.processor, "REF-0")
    assert LedgerEntry.objects.count() == 1


def test_one_of_the_same_amount_is_not(ent, holder):
    assert_conflict(report_posting(ent, holder, "100.00", Tran_Id="T-1"), "Tran_Id")
    assert read_kept() == []


def test_the_other_way_is_a_transfer_and_not_refused(ent, holder):
    book_posting(ent, holder, "5.00", Tran_Id="T-1", Tran_Type="C")
    assert read_kept() == []


def test_an_f_and_an_r_are_refused_alone(ent, holder):
    assert_conflict(report_posting(ent, holder, "5.00", Tran_Id="T-1", Tran_Status="F"), "Tran_Id")
    assert_conflict(report_posting(ent, holder, "500.00", Tran_Id="T-1", Tran_Status="R"), "Amount")
    assert read_kept() == []


def test_it_is_kept_once_a_ref_id_whatever_it_says_when_sent_again(ent, holder):
    for amount in ("150.00", "150.00", "175.00"):
        assert_conflict(
            report_posting(ent, holder, amount, Tran_Id="T-1", Ref_Id="REF-1"), "Tran_Id"
        )
    assert_conflict(report_posting(ent, holder, "150.00", Tran_Id="T-1", Ref_Id="REF-2"), "Tran_Id")
    assert read_kept() == [("REF-1", 15_000), ("REF-2", 15_000)]
    assert AuditEntry.objects.filter(action="report refused").count() == 2


def test_a_ref_id_is_a_processors(ent, cbs):
    unique_id = add_person(ent, cbs)
    for caller in (ent, cbs):
        book_posting(caller, unique_id, "100.00", Tran_Id="T-1")
        assert_conflict(
            report_posting(caller, unique_id, "5.00", Tran_Id="T-1", Ref_Id="REF-1"), "Tran_Id"
        )
    assert read_kept() == [("REF-1", 500)] * 2


def test_its_ref_id_is_still_free(ent, holder):
    assert_conflict(report_posting(ent, holder, "150.00", Tran_Id="T-1", Ref_Id="REF-1"), "Tran_Id")
    read_done(report_posting(ent, holder, "150.00", Tran_Id="T-2", Ref_Id="REF-1"))


def test_it_is_audited_with_the_customer_and_who_sent_it(ent, holder):
    assert_conflict(report_posting(ent, holder, "150.00", Tran_Id="T-1", Ref_Id="REF-1"), "Tran_Id")
    entry = AuditEntry.objects.get(action="report refused", subject=holder)
    row = RefusedReport.objects.get()
    told = {"report": row.pk, "ref_id": "REF-1", "amount_paise": 15_000}
    assert (entry.processor, entry.user, entry.at) == (ent.processor, None, row.at)
    assert json.loads(entry.detail).items() >= told.items()


@pytest.mark.parametrize("error", [DatabaseError("a row of 919812345670"), ValueError("of ours")])
def test_a_failure_to_keep_it_changes_nothing_of_the_answer(
    ent, holder, monkeypatch, caplog, error
):
    expected = assert_conflict(report_posting(ent, holder, "150.00", Tran_Id="T-1"), "Tran_Id")

    def fail(**_):
        raise error

    monkeypatch.setattr(refused_reports, "keep", fail)
    assert (
        assert_conflict(report_posting(ent, holder, "160.00", Tran_Id="T-1"), "Tran_Id") == expected
    )
    assert [text for text in caplog.messages if "was not kept" in text] == [
        f"a refused report was not kept: {type(error).__name__}"
    ]


def test_one_that_is_sent_again_after_a_merge_or_a_parting_is_kept_once(ent, holder):
    other = add_person(ent, Mobile_Number="9822222222")
    book_posting(ent, other, "70.00", Tran_Id="T-2")

    def send_again():
        for unique_id, tran_id in ((holder, "T-1"), (other, "T-2")):
            said = {"Tran_Id": tran_id, "Ref_Id": f"AGAIN-{tran_id}"}
            assert_conflict(report_posting(ent, unique_id, "99.00", **said), "Tran_Id")

    send_again()
    merge_customers(int(holder), int(other))
    send_again()
    unmerge_customer(int(other))
    send_again()
    assert read_kept() == [("AGAIN-T-1", 9_900), ("AGAIN-T-2", 9_900)]
    assert AuditEntry.objects.filter(action="report refused").count() == 2
