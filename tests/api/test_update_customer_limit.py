"""update-customer-limit: a real spend is never lost.

docs/ledger.md, "What an update does", line by line.
"""

import pytest

from customers.models import Account, Customer
from limits.models import Hold, LedgerEntry
from tests.api.answers import (
    NOBODY,
    add_person,
    add_rule,
    assert_conflict,
    assert_malformed,
    assert_unknown,
    book_posting,
    check_for_ref,
    check_limit,
    freeze_at,
    read_done,
    report_posting,
)

BLOCKED_STATE = {"status": "BLOCKED", "blocked_reason": "Asked by her"}


@pytest.fixture
def holder(ent):
    return add_person(ent)


def read_flags(caller, unique_id, amount="100.00", **fields):
    return book_posting(caller, unique_id, amount, **fields)[1]["Flags"]


# S: it happened.


def test_s_with_its_hold_open_is_posted_and_the_hold_closed(ent, holder):
    with freeze_at("10-11-2026 12:00:00"):
        ref = check_for_ref(ent, holder, "2000.00")
    with freeze_at("10-11-2026 12:14:59"):
        data, meta = book_posting(ent, holder, "2000.00", Enquiry_Ref_Id=ref)
    assert data == {"Resp_Code": "000", "Cumulative_Bal": "2000.00", "Avail_Limit": "8000.00"}
    assert meta == {"Flags": [], "Month": "11-2026"}
    assert not Hold.objects.exists()


@pytest.mark.parametrize(("amount", "used"), [("1999.99", "1999.99"), ("2000.01", "2000.01")])
def test_s_of_another_amount_is_posted_as_reported_and_the_hold_closed_whole(
    ent, holder, amount, used
):
    ref = check_for_ref(ent, holder, "2000.00")
    data, meta = book_posting(ent, holder, amount, Enquiry_Ref_Id=ref)
    assert (meta["Flags"], data["Cumulative_Bal"]) == (["AMOUNT_DIFFERS"], used)


def test_s_after_its_hold_expired_is_late(ent, holder):
    with freeze_at("10-11-2026 12:00:00"):
        ref = check_for_ref(ent, holder)
    with freeze_at("10-11-2026 12:15:00"):
        assert read_flags(ent, holder, Enquiry_Ref_Id=ref) == ["LATE"]


def test_s_after_its_hold_was_released_is_late(ent, holder):
    ref = check_for_ref(ent, holder)
    book_posting(ent, holder, Enquiry_Ref_Id=ref, Tran_Status="F")
    data, meta = book_posting(ent, holder, Enquiry_Ref_Id=ref)
    assert (meta["Flags"], data["Cumulative_Bal"]) == (["LATE"], "100.00")


def test_s_after_its_check_was_declined(ent, holder):
    ref = check_for_ref(ent, holder, "10000.01")
    data, meta = book_posting(ent, holder, "10000.01", Enquiry_Ref_Id=ref)
    assert set(meta["Flags"]) == {"DECLINED", "OVER_LIMIT"}
    assert (data["Cumulative_Bal"], data["Avail_Limit"]) == ("10000.01", "0.00")


@pytest.mark.parametrize("state", ["late", "declined"])
def test_another_amount_is_flagged_late_and_declined_too(ent, holder, state):
    amount = "10000.01" if state == "declined" else "5.00"
    with freeze_at("10-11-2026 12:00:00"):
        ref = check_for_ref(ent, holder, amount)
    with freeze_at("10-11-2026 13:00:00"):
        found = read_flags(ent, holder, "6.00", Enquiry_Ref_Id=ref)
    assert set(found) == {state.upper(), "AMOUNT_DIFFERS"}


@pytest.mark.parametrize("named", [{}, {"Enquiry_Ref_Id": "UNKNOWN"}, {"Enquiry_Ref_Id": "NA"}])
def test_s_without_a_known_check_is_unchecked_and_leaves_holds_open(ent, holder, named):
    check_for_ref(ent, holder, "1000.00")
    data, meta = book_posting(ent, holder, "1000.00", **named)
    assert (meta["Flags"], data["Cumulative_Bal"]) == (["UNCHECKED"], "2000.00")


@pytest.mark.parametrize(
    "whose", ["another customer's", "another direction's", "another channel's"]
)
def test_s_with_a_check_that_is_not_its_own_is_unchecked(ent, cbs, whose):
    holder, other = add_person(ent, cbs), add_person(ent)
    caller, unique_id, direction = {
        "another customer's": (ent, other, "D"),
        "another direction's": (ent, holder, "C"),
        "another channel's": (cbs, holder, "D"),
    }[whose]
    ref = check_for_ref(caller, unique_id, Tran_Type=direction)
    assert read_flags(ent, holder, Enquiry_Ref_Id=ref) == ["UNCHECKED"]
    assert Hold.objects.count() == 1
    assert read_flags(caller, unique_id, Enquiry_Ref_Id=ref, Tran_Type=direction) == []


@pytest.mark.parametrize("tran_id", [{}, {"Tran_Id": "T-2"}])
def test_a_second_s_for_one_check_is_posted_unchecked(ent, holder, tran_id):
    ref = check_for_ref(ent, holder)
    book_posting(ent, holder, Enquiry_Ref_Id=ref, Tran_Id="T-1")
    data, meta = book_posting(ent, holder, Enquiry_Ref_Id=ref, **tran_id)
    assert (meta["Flags"], data["Cumulative_Bal"]) == (["UNCHECKED"], "200.00")


@pytest.mark.parametrize(
    ("amount", "expected"), [("10000.00", ["UNCHECKED"]), ("10000.01", ["UNCHECKED", "OVER_LIMIT"])]
)
def test_over_limit_begins_one_paisa_over(ent, holder, amount, expected):
    assert sorted(read_flags(ent, holder, amount)) == sorted(expected)


def test_what_is_held_counts_for_over_limit(ent, holder):
    check_for_ref(ent, holder, "9000.00")
    assert "OVER_LIMIT" not in read_flags(ent, holder, "1000.00")
    assert "OVER_LIMIT" in read_flags(ent, holder, "0.01")


def test_a_transaction_rule_does_not_make_over_limit(ent, holder):
    add_rule("TRANSACTION", 100)
    assert read_flags(ent, holder, "5000.00") == ["UNCHECKED"]


def test_s_while_the_customer_is_blocked(ent, holder):
    ref = check_for_ref(ent, holder)
    Customer.objects.update(**BLOCKED_STATE)
    assert read_flags(ent, holder, Enquiry_Ref_Id=ref) == ["BLOCKED"]


@pytest.mark.parametrize("status", ["I", "C", "F"])
def test_s_while_the_account_that_its_check_named_is_not_active(ent, status):
    unique_id = add_person(ent, Account_Number="ACC-1")
    ref, other = (
        check_for_ref(ent, unique_id, Account_Number="ACC-1"),
        check_for_ref(ent, unique_id),
    )
    Account.objects.update(status=status)
    assert read_flags(ent, unique_id, Enquiry_Ref_Id=ref) == ["BLOCKED"]
    assert read_flags(ent, unique_id, Enquiry_Ref_Id=other) == []


def test_flags_add_up(ent):
    unique_id = add_person(ent, Account_Number="ACC-1")
    ref = check_for_ref(ent, unique_id, "10000.01", Account_Number="ACC-1")
    Customer.objects.update(**BLOCKED_STATE)
    found = read_flags(ent, unique_id, "20000.00", Enquiry_Ref_Id=ref)
    assert set(found) == {"DECLINED", "AMOUNT_DIFFERS", "OVER_LIMIT", "BLOCKED"}


def test_s_with_a_posted_tran_id_is_409(ent, holder):
    book_posting(ent, holder, Tran_Id="T-1")
    assert_conflict(report_posting(ent, holder, Tran_Id="T-1"), "Tran_Id")
    assert_conflict(report_posting(ent, holder, "5.00", Tran_Id="T-1"), "Tran_Id")
    assert LedgerEntry.objects.count() == 1


@pytest.mark.parametrize(("first", "second"), ["DC", "CD"])
def test_a_transfer_between_two_wallets_has_one_tran_id_both_ways(ent, holder, first, second):
    for direction in (first, second):
        ref = check_for_ref(ent, holder, Tran_Type=direction)
        sent = {"Tran_Type": direction, "Tran_Id": "T-1", "Enquiry_Ref_Id": ref}
        data, meta = book_posting(ent, holder, **sent)
        assert (meta["Flags"], data["Cumulative_Bal"]) == ([], "100.00")
    for direction in (first, second):
        assert_conflict(report_posting(ent, holder, Tran_Id="T-1", Tran_Type=direction), "Tran_Id")
    assert list(LedgerEntry.objects.values_list("direction", flat=True)) == [first, second]


def test_a_tran_id_is_a_processors_for_one_customer(ent, cbs):
    unique_id, other = add_person(ent, cbs), add_person(ent)
    for caller, who in ((ent, unique_id), (cbs, unique_id), (ent, other)):
        book_posting(caller, who, Tran_Id="T-1")


def test_a_tran_id_of_an_f_may_be_posted(ent, holder):
    book_posting(ent, holder, Tran_Id="T-1", Tran_Status="F")
    book_posting(ent, holder, Tran_Id="T-1")


@pytest.mark.parametrize(
    "balance", ["-12.50", "0", "rubbish", "1e3", "1,000", 5, [], {}, " ", None]
)
def test_a_balance_never_stops_a_booking(ent, holder, balance):
    book_posting(ent, holder, Avail_Bal=balance)


@pytest.mark.parametrize(("balance", "kept"), [("-12.50", -1250), ("0", 0), ("rubbish", None)])
def test_an_unreadable_balance_counts_as_absent(ent, holder, balance, kept):
    book_posting(ent, holder, Avail_Bal=balance)
    assert LedgerEntry.objects.get().balance_paise == kept


BAD_REFS = ["a" * 33, "a b", " a", "a/b", "", " ", 5, [], {}]


@pytest.mark.parametrize("ref", BAD_REFS, ids=repr)
def test_a_malformed_enquiry_counts_as_absent_on_an_s_and_an_r(ent, holder, ref):
    assert read_flags(ent, holder, Enquiry_Ref_Id=ref, Tran_Id="T-1") == ["UNCHECKED"]
    book_posting(ent, holder, Enquiry_Ref_Id=ref, Tran_Id="T-1", Tran_Status="R")


@pytest.mark.parametrize("ref", [each for each in BAD_REFS if each != ""], ids=repr)
def test_a_malformed_enquiry_is_400_on_an_f(ent, holder, ref):
    assert_malformed(
        report_posting(ent, holder, Enquiry_Ref_Id=ref, Tran_Status="F"), "Enquiry_Ref_Id"
    )


@pytest.mark.parametrize("status", ["s", "X", "SF", " S", "NA", 5, True, [], {}, ["S"]])
def test_a_status_is_s_f_or_r(ent, holder, status):
    assert_malformed(report_posting(ent, holder, Tran_Status=status), "Tran_Status")


@pytest.mark.parametrize("status", ["S", "F", "R"])
@pytest.mark.parametrize("tran_id", ["a" * 33, "a b", 5])
def test_a_malformed_tran_id_is_400(ent, holder, tran_id, status):
    assert_malformed(report_posting(ent, holder, Tran_Id=tran_id, Tran_Status=status), "Tran_Id")


def test_another_processors_customer_and_none_at_all_are_500(ent, cbs, holder):
    for status in ("S", "F", "R"):
        assert_unknown(report_posting(cbs, holder, Tran_Status=status, Tran_Id="T-1"))
        assert_unknown(report_posting(cbs, NOBODY, Tran_Status=status, Tran_Id="T-1"))
    assert not LedgerEntry.objects.exists()


# The month booked.


@pytest.mark.parametrize(
    ("arrives", "month", "expected"),
    [
        ("01-12-2026 00:05:00", "11-2026", []),
        ("30-12-2026 23:59:00", "11-2026", ["LATE"]),
        ("30-12-2026 23:59:01", "12-2026", ["LATE"]),
    ],
)
def test_an_s_belongs_to_its_checks_month_for_thirty_days(ent, holder, arrives, month, expected):
    with freeze_at("30-11-2026 23:59:00"):
        ref = check_for_ref(ent, holder, "1000.00")
    with freeze_at(arrives):
        data, meta = book_posting(ent, holder, "1000.00", Enquiry_Ref_Id=ref)
    assert meta == {"Flags": expected, "Month": month}
    used = "1000.00" if month == "12-2026" else "0.00"
    assert data["Cumulative_Bal"] == used  # of the month in which it arrives


def test_an_s_for_a_declined_check_and_an_unchecked_one_belong_to_their_arrival(ent, holder):
    with freeze_at("30-11-2026 23:59:59"):
        ref = check_for_ref(ent, holder, "10000.01")
    with freeze_at("01-12-2026 00:00:00"):
        assert book_posting(ent, holder, "5.00", Enquiry_Ref_Id=ref)[1]["Month"] == "12-2026"
        assert book_posting(ent, holder, "5.00")[1]["Month"] == "12-2026"


def test_over_limit_is_judged_in_the_month_booked(ent, holder):
    with freeze_at("30-11-2026 23:50:00"):
        ref = check_for_ref(ent, holder, "1000.00")
        book_posting(ent, holder, "9000.00")
    with freeze_at("01-12-2026 00:01:00"):
        data, meta = book_posting(ent, holder, "1000.01", Enquiry_Ref_Id=ref)
    assert set(meta["Flags"]) == {"OVER_LIMIT", "AMOUNT_DIFFERS"}
    assert (data["Cumulative_Bal"], data["Avail_Limit"]) == ("0.00", "10000.00")


def test_figures_add_up_to_the_paisa(ent, holder):
    total = 0
    for paise in (10, 20, 3333, 99999, 1) * 3:
        data, _ = book_posting(ent, holder, f"{paise // 100}.{paise % 100:02d}")
        total += paise
        assert data["Cumulative_Bal"].replace(".", "").lstrip("0") == str(total)
    assert data["Avail_Limit"] == "6899.11"
    assert check_limit(ent, holder, "6899.11")[0]["Avail_Amount_Limit"] == "0.00"


def test_a_repeat_of_a_declined_report_leaves_its_ref_free(ent, holder):
    answer = report_posting(ent, holder, Tran_Status="R", Tran_Id="T-1", Ref_Id="REF-1")
    assert_conflict(answer, "Tran_Id")
    book_posting(ent, holder, Tran_Id="T-1")
    read_done(report_posting(ent, holder, Tran_Status="R", Tran_Id="T-1", Ref_Id="REF-1"))
