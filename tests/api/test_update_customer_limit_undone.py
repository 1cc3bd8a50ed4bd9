"""update-customer-limit, F and R: what failed frees its hold, what was undone frees its month."""

import pytest

from customers.models import Customer
from limits.models import Hold, LedgerEntry
from tests.api.answers import (
    add_person,
    assert_conflict,
    assert_malformed,
    book_posting,
    check_for_ref,
    check_limit,
    freeze_at,
    report_posting,
)


@pytest.fixture
def holder(ent):
    return add_person(ent)


def release(caller, unique_id, amount="100.00", **fields):
    return book_posting(caller, unique_id, amount, Tran_Status="F", **fields)


def reverse(caller, unique_id, amount="100.00", **fields):
    return book_posting(caller, unique_id, amount, Tran_Status="R", **fields)


# F: it failed.


@pytest.mark.parametrize("amount", ["0.01", "3000.00", "99999.00"])
def test_f_releases_the_whole_hold_whatever_its_amount(ent, holder, amount):
    book_posting(ent, holder, "1000.00")
    ref = check_for_ref(ent, holder, "3000.00")
    data, meta = release(ent, holder, amount, Enquiry_Ref_Id=ref)
    assert data == {"Resp_Code": "000", "Cumulative_Bal": "1000.00", "Avail_Limit": "9000.00"}
    assert meta == {"Flags": []}
    assert LedgerEntry.objects.filter(kind="F").count() == 1
    assert not Hold.objects.exists()


@pytest.mark.parametrize("named", [{}, {"Enquiry_Ref_Id": "UNKNOWN"}])
def test_f_that_names_no_known_check_is_recorded_and_nothing_else(ent, holder, named):
    check_for_ref(ent, holder, "3000.00")
    data, meta = release(ent, holder, **named)
    assert (data["Cumulative_Bal"], meta) == ("3000.00", {"Flags": []})
    assert LedgerEntry.objects.get().kind == "F"


def test_f_for_a_declined_an_expired_and_a_released_check_is_recorded(ent, holder):
    with freeze_at("10-11-2026 12:00:00"):
        declined, expired = (
            check_for_ref(ent, holder, "10000.01"),
            check_for_ref(ent, holder, "5.00"),
        )
    with freeze_at("10-11-2026 12:15:00"):
        for ref in (declined, expired, expired):
            data, meta = release(ent, holder, Enquiry_Ref_Id=ref)
            assert (data["Cumulative_Bal"], meta) == ("0.00", {"Flags": []})
    assert LedgerEntry.objects.filter(kind="F").count() == 3


def test_f_after_s_for_the_same_check_is_409(ent, holder):
    ref = check_for_ref(ent, holder)
    book_posting(ent, holder, Enquiry_Ref_Id=ref)
    answer = report_posting(ent, holder, Tran_Status="F", Enquiry_Ref_Id=ref)
    assert_conflict(answer, "Enquiry_Ref_Id")
    assert check_limit(ent, holder, "0.01")[0]["Cumulative_Bal"] == "100.01"


def test_f_with_the_tran_id_of_a_posted_s_is_409(ent, holder):
    book_posting(ent, holder, Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, Tran_Status="F", Tran_Id="T-1"), "Tran_Id")


def test_f_with_a_tran_id_that_is_posted_the_other_way_alone_is_recorded(ent, holder):
    """The debit of a transfer happened; its credit failed."""
    book_posting(ent, holder, Tran_Id="T-1")
    ref = check_for_ref(ent, holder, Tran_Type="C")
    data, meta = release(ent, holder, Tran_Id="T-1", Tran_Type="C", Enquiry_Ref_Id=ref)
    assert (data["Cumulative_Bal"], meta) == ("0.00", {"Flags": []})
    assert not Hold.objects.exists()


def test_f_for_a_check_of_another_customer_or_direction_is_409(ent, holder):
    other = check_for_ref(ent, add_person(ent))
    credit = check_for_ref(ent, holder, Tran_Type="C")
    for ref in (other, credit):
        answer = report_posting(ent, holder, Tran_Status="F", Enquiry_Ref_Id=ref)
        assert_conflict(answer, "Enquiry_Ref_Id")
    assert Hold.objects.count() == 2


def test_f_for_another_processors_check_is_recorded_and_its_hold_stays(ent, cbs):
    unique_id = add_person(ent, cbs)
    ref = check_for_ref(cbs, unique_id)
    data, _ = release(ent, unique_id, Enquiry_Ref_Id=ref)
    assert data["Cumulative_Bal"] == "100.00"


def test_f_is_recorded_for_a_blocked_customer(ent, holder):
    ref = check_for_ref(ent, holder)
    Customer.objects.update(status="BLOCKED", blocked_reason="Asked by her")
    assert release(ent, holder, Enquiry_Ref_Id=ref)[1] == {"Flags": []}


# R: it was reversed.


@pytest.mark.parametrize(("amount", "used"), [("100.00", "0.00"), ("99.99", "0.01")])
def test_r_reverses_in_full_or_in_part(ent, holder, amount, used):
    book_posting(ent, holder, Tran_Id="T-1")
    data, meta = reverse(ent, holder, amount, Tran_Id="T-1")
    assert data["Cumulative_Bal"] == used
    assert meta["Flags"] == []


def test_reversals_add_up_to_their_posting_at_most(ent, holder):
    book_posting(ent, holder, "100.00", Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, "100.01", Tran_Id="T-1", Tran_Status="R"), "Amount")
    reverse(ent, holder, "60.00", Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, "40.01", Tran_Id="T-1", Tran_Status="R"), "Amount")
    reverse(ent, holder, "40.00", Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, "0.01", Tran_Id="T-1", Tran_Status="R"), "Amount")


def test_r_restores_the_month_of_its_posting(ent, holder):
    with freeze_at("30-11-2026 23:59:59"):
        book_posting(ent, holder, "4000.00", Tran_Id="T-1")
    with freeze_at("01-12-2026 00:00:00"):
        book_posting(ent, holder, "500.00")
        data, meta = reverse(ent, holder, "4000.00", Tran_Id="T-1")
    assert meta == {"Flags": [], "Month": "11-2026"}
    assert (data["Cumulative_Bal"], data["Avail_Limit"]) == ("500.00", "9500.00")


def test_r_is_refused_for_no_limit_and_no_state(ent, holder):
    book_posting(ent, holder, "20000.00", Tran_Id="T-1")
    Customer.objects.update(status="BLOCKED", blocked_reason="Asked by her")
    data, meta = reverse(ent, holder, "5000.00", Tran_Id="T-1")
    assert (data["Cumulative_Bal"], data["Avail_Limit"]) == ("15000.00", "0.00")
    assert meta["Flags"] == []


@pytest.mark.parametrize("tran_id", [None, "", "NA"])
def test_r_without_a_tran_id_is_400(ent, holder, tran_id):
    assert_malformed(report_posting(ent, holder, Tran_Status="R", Tran_Id=tran_id), "Tran_Id")


@pytest.mark.parametrize(("posted", "sent"), ["DC", "CD"])
@pytest.mark.parametrize("amount", ["100.00", "100.01"])
def test_r_of_what_is_posted_the_other_way_alone_is_409(ent, holder, posted, sent, amount):
    book_posting(ent, holder, Tran_Id="T-1", Tran_Type=posted)
    wrong = {"Tran_Status": "R", "Tran_Id": "T-1", "Tran_Type": sent}
    assert_conflict(report_posting(ent, holder, amount, **wrong), "Tran_Type")
    assert LedgerEntry.objects.count() == 1


def test_each_way_of_a_transfer_is_reversed_by_itself_and_to_its_own_amount(ent, holder):
    book_posting(ent, holder, "100.00", Tran_Id="T-1", Tran_Type="D")
    book_posting(ent, holder, "90.00", Tran_Id="T-1", Tran_Type="C")
    assert_conflict(
        report_posting(ent, holder, "90.01", Tran_Id="T-1", Tran_Type="C", Tran_Status="R"),
        "Amount",
    )
    for amount, direction in (("90.00", "C"), ("100.00", "D")):
        data, _ = reverse(ent, holder, amount, Tran_Id="T-1", Tran_Type=direction)
        assert data["Cumulative_Bal"] == "0.00"
        more = {"Tran_Id": "T-1", "Tran_Type": direction, "Tran_Status": "R"}
        assert_conflict(report_posting(ent, holder, "0.01", **more), "Amount")
    undone = LedgerEntry.objects.filter(kind="R").prefetch_related("reverses")
    directions = [entry.reverses.direction for entry in undone.order_by("number")]
    assert directions == ["C", "D"]


def test_r_of_an_unknown_posting_or_anothers_is_409(ent, cbs):
    unique_id, other = add_person(ent, cbs), add_person(ent)
    book_posting(ent, unique_id, Tran_Id="T-1")
    for caller, who, tran_id in (
        (ent, unique_id, "T-2"),
        (ent, other, "T-1"),
        (cbs, unique_id, "T-1"),
    ):
        answer = report_posting(caller, who, Tran_Status="R", Tran_Id=tran_id)
        assert_conflict(answer, "Tran_Id")


def test_r_of_an_f_is_409(ent, holder):
    release(ent, holder, Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, Tran_Status="R", Tran_Id="T-1"), "Tran_Id")


def test_a_reversed_posting_is_still_posted(ent, holder):
    book_posting(ent, holder, Tran_Id="T-1")
    reverse(ent, holder, Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, Tran_Id="T-1"), "Tran_Id")


def test_a_refund_sent_as_a_credit_s_counts_as_a_load(ent, holder):
    data, _ = book_posting(ent, holder, "100.00", Tran_Type="C")
    assert data["Cumulative_Bal"] == "100.00"
    assert check_limit(ent, holder, "1.00")[0]["Cumulative_Bal"] == "1.00"
