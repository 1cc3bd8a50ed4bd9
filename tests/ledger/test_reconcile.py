"""A processor's file held against our books: what agrees, and what differs."""

from datetime import date, datetime, timedelta
from io import BytesIO

import pytest

from limits.models import LedgerEntry, Reconciliation, ReconciliationDifference
from limits.reconcile import matching
from limits.services import adjustments, reconciliations
from limits.services.adjustments import ADJUSTMENT_PROPOSALS, Correction
from limits.services.reconciliations import FileBrought
from ppims.core import clock
from ppims.core.calendar import IST
from ppims.core.errors import Conflict, Malformed
from ppims.maintenance.reconciling import compare_with_books
from ppims.models import AuditEntry
from tests.factories import make_customer, make_posting
from tests.ledger.histories import make_maker_and_checker
from tests.two_people import merge_customers

pytestmark = pytest.mark.django_db
JUNE = date(2031, 6, 1), date(2031, 6, 30)
JULY = date(2031, 7, 1), date(2031, 7, 31)
JUNE_AT = datetime(2031, 6, 17, 12, tzinfo=IST)
COMPARED_AT = datetime(2031, 8, 5, 12, tzinfo=IST)
HEAD = "Tran_Id,Tran_Type,Amount,Tran_Date,Tran_Status,Unique_Id,Ref_Id"


@pytest.fixture
def customer(ent):
    with clock.freeze(JUNE_AT):
        yield make_customer(ent, kyc_flag="F")


@pytest.fixture
def people(db):
    return make_maker_and_checker()


@pytest.fixture
def run(ent, people):
    """Compare lines with what is booked: the run."""

    def compare(*lines, days=JUNE, head=HEAD, processor=ent, at=COMPARED_AT):
        content = "\n".join([head, *lines]).encode()
        with clock.freeze(at):
            begun = reconciliations.begin(
                processor=processor,
                since=days[0],
                until=days[1],
                file=FileBrought("their.csv", "0f" * 32, len(content)),
                user=people[0],
            )
            return compare_with_books(begun, BytesIO(content))

    return compare


def write_line(tran_id, amount, way="D", day="17-06-2031", status="S", unique_id="", ref_id=""):
    return f"{tran_id},{way},{amount},{day},{status},{unique_id},{ref_id}"


def post(ent, customer, paise, at=JUNE_AT, **more):
    with clock.freeze(at):
        return make_posting(ent, customer, paise, **more)[0]


def list_kinds(run):
    """List the kinds of a run with how many there are, and the sums."""
    return {
        kind: tuple(map(sum, zip(*by_way.values(), strict=True)))
        for kind, by_way in reconciliations.read_sums(run).items()
    }


def find_differences(run):
    return [
        (each.kind, each.tran_id, each.their_paise, each.our_paise)
        for each in run.differences.order_by("id")
    ]


def test_each_side_is_told_from_the_other(ent, customer, run):
    post(ent, customer, 10_000, tran_id="same")
    post(ent, customer, 20_000, tran_id="ours")
    post(ent, customer, 30_000, tran_id="amount")
    post(ent, customer, 40_000, tran_id="way", direction="C")
    found = run(
        write_line("same", "100"),
        write_line("theirs", "50.5", unique_id=str(customer)),
        write_line("amount", "300.01"),
        write_line("way", "400"),
    )
    assert find_differences(found) == [
        ("AMOUNT", "amount", 30_001, 30_000),
        ("DIRECTION", "way", 40_000, 40_000),
        ("ONLY_THEIRS", "theirs", 5_050, None),
        ("ONLY_OURS", "ours", None, 20_000),
    ]
    assert list_kinds(found) == {
        "MATCHED": (1, 10_000, 10_000),
        "AMOUNT": (1, 30_001, 30_000),
        "DIRECTION": (1, 40_000, 40_000),
        "ONLY_THEIRS": (1, 5_050, 0),
        "ONLY_OURS": (1, 0, 20_000),
    }
    assert (found.row_count, found.difference_count, found.state) == (4, 4, "DONE")
    rows = {each.tran_id: each for each in found.differences.all()}
    assert rows["theirs"].unique_id == rows["ours"].unique_id == customer
    assert (rows["theirs"].row_number, rows["theirs"].entry_id) == (3, None)
    assert rows["ours"].entry_id == LedgerEntry.objects.get(tran_id="ours").pk


def test_other_processors_and_released_reports_are_none_of_it(ent, cbs, customer, run):
    with clock.freeze(JUNE_AT):
        both = make_customer(ent, cbs)
    post(cbs, both, 10_000, tran_id="t")
    post(ent, customer, 10_000, tran_id="f", kind="F")
    assert find_differences(run(write_line("t", "100"))) == [("ONLY_THEIRS", "t", 10_000, None)]


def test_the_days_are_indias_to_the_last_microsecond(ent, customer, run):
    begins, ends = (datetime(2031, month, 1, tzinfo=IST) for month in (6, 7))
    moment = timedelta(microseconds=1)
    with clock.freeze(begins - moment - timedelta(days=40)):
        early = make_customer(ent)
    for name, at in (("before", begins - moment), ("first", begins)):
        post(ent, early, 100, at=at, tran_id=name)
    for name, at in (("last", ends - moment), ("after", ends)):
        post(ent, customer, 100, at=at, tran_id=name)
    assert [name for _, name, *_ in find_differences(run())] == ["first", "last"]


def test_a_transfer_has_one_number_both_ways(ent, customer, run):
    post(ent, customer, 10_000, tran_id="t")
    post(ent, customer, 10_000, tran_id="t", direction="C")
    assert find_differences(run(write_line("t", "100"), write_line("t", "100", "C"))) == []
    assert find_differences(run(write_line("t", "100"))) == [("ONLY_OURS", "t", None, 10_000)]


def test_a_line_that_stands_twice_counts_twice(ent, customer, run):
    post(ent, customer, 10_000, tran_id="t")
    found = run(write_line("t", "100"), write_line("t", "100"))
    assert find_differences(found) == [("AMOUNT", "t", 20_000, 10_000)]
    assert found.differences.get().row_count == 2


def test_what_was_reversed_within_the_days_needs_no_line(ent, customer, run):
    post(ent, customer, 10_000, tran_id="whole")
    post(ent, customer, 10_000, tran_id="whole", kind="R")
    post(ent, customer, 10_000, tran_id="part")
    post(ent, customer, 2_500, tran_id="part", kind="R")
    assert find_differences(run(write_line("part", "75"))) == []
    lines = [write_line("part", "100"), write_line("part", "25", status="R")]
    assert list_kinds(run(*lines)) == {"MATCHED": (2, 7_500, 7_500)}
    assert find_differences(run(write_line("part", "75"), write_line("whole", "100"))) == [
        ("AMOUNT", "whole", 10_000, 0)
    ]


def test_what_was_reversed_after_the_days_agrees_with_either_file(ent, customer, run):
    post(ent, customer, 10_000, tran_id="t")
    post(ent, customer, 10_000, at=datetime(2031, 7, 2, 12, tzinfo=IST), tran_id="t", kind="R")
    assert list_kinds(run(write_line("t", "100"))) == {"MATCHED": (1, 10_000, 10_000)}
    assert list_kinds(run()) == {"OTHER_DAY": (1, 0, 10_000)}


def test_a_reversal_of_an_earlier_posting_is_missed_where_the_file_can_tell_it(ent, customer, run):
    post(ent, customer, 10_000, tran_id="t")
    post(ent, customer, 10_000, at=datetime(2031, 7, 2, 12, tzinfo=IST), tran_id="t", kind="R")
    told = write_line("t", "100", day="02-07-2031", status="R")
    assert list_kinds(run(told, days=JULY)) == {"MATCHED": (1, -10_000, -10_000)}
    assert find_differences(run(days=JULY)) == [("ONLY_OURS", "t", None, -10_000)]
    found = run(days=JULY, head="Tran_Id,Tran_Type,Amount,Tran_Date")
    assert (list_kinds(found), found.difference_count) == ({"OTHER_DAY": (1, 0, -10_000)}, 0)


def test_a_posting_of_another_day_agrees_once_in_each_direction_of_time(ent, customer, run):
    post(ent, customer, 10_000, at=datetime(2031, 7, 1, tzinfo=IST), tran_id="t")
    theirs = write_line("t", "100", day="30-06-2031")
    assert find_differences(run(theirs)) == [("OTHER_DAY", "t", 10_000, None)]
    assert find_differences(run(theirs)) == [("OTHER_DAY", "t", 10_000, None)]  # and again
    assert find_differences(run(days=JULY)) == [("OTHER_DAY", "t", None, 10_000)]
    # Had it been missed in July's file first, June's would agree all the same.
    Reconciliation.objects.filter(since=JUNE[0]).update(state="WAITING", ended_at=None)
    ReconciliationDifference.objects.all().delete()
    assert find_differences(run(days=JULY)) == [("ONLY_OURS", "t", None, 10_000)]


def test_a_posting_that_the_file_of_its_own_day_has_does_not_count_again(ent, customer, run):
    post(ent, customer, 10_000, tran_id="t")
    assert list_kinds(run(write_line("t", "100"))) == {"MATCHED": (1, 10_000, 10_000)}
    again = write_line("t", "100", day="02-07-2031")
    assert find_differences(run(again, days=JULY)) == [("ONLY_THEIRS", "t", 10_000, None)]


def test_a_posting_of_another_day_with_another_amount_differs(ent, customer, run):
    post(ent, customer, 10_000, at=datetime(2031, 7, 1, tzinfo=IST), tran_id="t")
    found = run(write_line("t", "100.01", day="30-06-2031"))
    assert find_differences(found) == [("AMOUNT", "t", 10_001, None)]
    assert found.differences.get().entry_id == LedgerEntry.objects.get(tran_id="t").pk


def test_a_correction_of_the_posting_puts_it_right(ent, customer, run, people):
    posting = post(ent, customer, 10_000, tran_id="t")
    lines = [write_line("t", "99.99")]
    assert find_differences(run(*lines)) == [("AMOUNT", "t", 9_999, 10_000)]
    with clock.freeze(COMPARED_AT):
        correction = Correction(customer, 203106, "D", -1, "Their file is right", posting.pk)
        proposed = adjustments.propose(correction=correction, user=people[0])
        ADJUSTMENT_PROPOSALS.decide(proposal_id=proposed.pk, state="APPROVED", user=people[1])
    assert list_kinds(run(*lines)) == {"OTHER_DAY": (1, 9_999, 10_000)}


def test_a_report_without_a_tran_id_goes_by_its_ref_id(ent, customer, run):
    post(ent, customer, 10_000, ref_id="U1")
    post(ent, customer, 20_000, ref_id="U2")
    found = run(write_line("t", "100", ref_id="U1"), write_line("u", "1", ref_id="U2"))
    assert find_differences(found) == [("AMOUNT", "u", 100, 20_000)]
    found = run(write_line("t", "100"))
    assert [(each.kind, each.ref_id) for each in found.differences.order_by("id")] == [
        ("ONLY_THEIRS", ""),
        ("ONLY_OURS", "U1"),
        ("ONLY_OURS", "U2"),
    ]


def test_merging_their_customers_changes_nothing(ent, customer, run):
    with clock.freeze(JUNE_AT):
        other = make_customer(ent)
    post(ent, customer, 10_000, tran_id="a")
    post(ent, other, 10_000, tran_id="b")
    post(ent, other, 100, tran_id="b", direction="C")
    with clock.freeze(JUNE_AT):
        merge_customers(customer, other)
    post(ent, other, 2_500, tran_id="b", kind="R")
    lines = [
        write_line("a", "100", unique_id=str(customer)),
        write_line("b", "75", unique_id=str(other)),
    ]
    assert find_differences(run(*lines)) == [("ONLY_OURS", "b", None, 100)]


def test_rows_that_can_not_be_read_are_told_with_the_reason(ent, customer, run):
    secret = "4111111111111111 Kavya"
    found = run(
        write_line(f'"{secret}"', "1"),
        write_line("=1+1", "-5"),
        write_line("t", "1", day="31-05-2031"),
        write_line("t", "1", day="30-06-2031 23:59:59"),
        "t,D",
        "",
        write_line("t", "1", "X", status="F"),
    )
    said = [(each.row_number, each.said) for each in found.differences.filter(kind="REFUSED")]
    form = "must have 1 to 32 of A-Z, a-z, 0-9, - and _"
    amount = "must be text like 2000.00: up to 12 digits, at most 2 decimals, more than 0"
    assert said == [
        (2, f"Tran_Id {form}"),
        (3, f"Tran_Id {form}; Amount {amount}"),
        (4, "Tran_Date is outside of the days that are compared"),
        (6, "has 2 cells, and the head 7"),
        (8, "Tran_Type Input should be 'D' or 'C'; Tran_Status Input should be 'S' or 'R'"),
    ]
    assert (found.row_count, found.refused_count) == (6, 5)
    assert found.difference_count == found.open_count == 1


@pytest.mark.parametrize(
    ("head", "fault"),
    [
        ("Tran_Id,Amount,Tran_Date", "file lacks the column Tran_Type"),
        (f"{HEAD},Balance", "file has an unknown column, Balance"),
        (f"{HEAD},9876543210", "file has an unknown column, number 8"),
        (f"{HEAD},Amount", "file has the column Amount twice"),
        ("a,b", "file has no head: its first row names the columns, Tran_Id, Tran_Type, Amount,"),
        ('"Tran_Id', "file is no CSV from line 1 on: a quote is not closed"),
    ],
)
def test_a_file_that_can_not_be_read_is_refused_whole(run, head, fault):
    found = run(head=head)
    assert found.state == "REFUSED"
    assert found.fault.startswith(fault)


def test_what_is_not_utf_8_is_refused_whole(ent, people):
    file = FileBrought("their\u202e\n.csv", "", 0)
    with clock.freeze(COMPARED_AT):
        begun = reconciliations.begin(
            processor=ent, since=JUNE[0], until=JUNE[0], file=file, user=people[0]
        )
        found = compare_with_books(begun, BytesIO(HEAD.encode("utf-16")))
    assert found.file_name == "their.csv"
    assert found.fault == "file is not text in UTF-8: save it as CSV (UTF-8)"


def test_more_money_than_can_be_reckoned_with_is_refused(run, monkeypatch):
    monkeypatch.setattr("limits.reconcile.reading.MOST_PAISE", 200)
    assert run(write_line("a", "1"), write_line("b", "1")).state == "DONE"
    assert "more money" in run(write_line("a", "1"), write_line("b", "1.01")).fault


def test_so_many_differences_are_kept_and_all_are_counted(run, monkeypatch):
    monkeypatch.setattr(matching, "MOST_KEPT", 2)
    found = run(*(write_line(f"t{n}", "1") for n in range(3)))
    assert (found.difference_count, found.differences.count()) == (3, 2)


def test_two_runs_of_one_file_find_the_same(ent, customer, run):
    post(ent, customer, 10_000, tran_id="t")
    lines = [write_line("t", "100"), write_line("u", "1")]
    assert find_differences(run(*lines)) == find_differences(run(*lines))


def test_a_difference_is_settled_once_with_a_note(run, people):
    (difference,) = run(write_line("t", "1")).differences.all()
    with pytest.raises(Malformed):
        reconciliations.settle(difference.pk, note=" ", user=people[0])
    reconciliations.settle(difference.pk, note="They booked it in error", user=people[0])
    with pytest.raises(Conflict):
        reconciliations.settle(difference.pk, note="again", user=people[0])
    assert [entry.action for entry in AuditEntry.objects.order_by("id")][-3:] == [
        "reconciliation begun",
        "reconciliation made",
        "difference settled",
    ]


def test_what_agrees_over_other_days_is_not_to_be_settled(ent, customer, run, people):
    post(ent, customer, 10_000, at=datetime(2031, 7, 1, tzinfo=IST), tran_id="t")
    (difference,) = run(write_line("t", "100", day="30-06-2031")).differences.all()
    with pytest.raises(Conflict):
        reconciliations.settle(difference.pk, note="why", user=people[0])


@pytest.mark.parametrize(
    ("since", "until", "is_fine"),
    [
        (JUNE[1], JUNE[0], False),
        (COMPARED_AT.date(), COMPARED_AT.date(), True),
        (COMPARED_AT.date(), COMPARED_AT.date() + timedelta(days=1), False),
        (date(2030, 7, 1), JUNE[1], True),
        (date(2030, 6, 29), JUNE[1], False),
    ],
)
def test_the_days_are_some_that_were(since, until, is_fine):
    if is_fine:
        reconciliations.require_days(since, until, COMPARED_AT)
        return
    with pytest.raises(Malformed):
        reconciliations.require_days(since, until, COMPARED_AT)


def test_a_run_is_deleted_with_its_differences_after_its_time(run):
    found = run(write_line("t", "1"))
    due = found.brought_at + reconciliations.KEPT_FOR
    assert reconciliations.purge(due) == 0
    assert reconciliations.purge(due + timedelta(microseconds=1)) == 1
    assert not ReconciliationDifference.objects.exists()


def test_an_ended_run_takes_no_other_outcome(run):
    found = run()
    with pytest.raises(Conflict):
        reconciliations.refuse(found.pk, "why")
