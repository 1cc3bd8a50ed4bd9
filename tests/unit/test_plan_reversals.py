"""What frees, undoes and corrects, planned: each row of F and R of the table in docs/ledger.md,
"What an update does", and "Adjustments".
"""

from datetime import timedelta

import pytest

from ppims.core.errors import Conflict, UnknownCustomer
from tests.unit.plans import (
    AT,
    CBS,
    LIMIT,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    STRANGER,
    answer,
    ask,
    change_person,
    correct,
    make_store,
    refuse,
    report,
    spend,
)

BOUNDARY = pytest.mark.parametrize("over", [0, 1])


def ask_first(paise=5_000, direction="D"):
    """A store, and the check C1 that was answered in it."""
    store = make_store()
    return store, answer(store, ask(paise, "C1", direction))


def list_of_check(entry):
    return entry.flags, entry.month, entry.limit_check_id


# F.


@pytest.mark.parametrize("paise", [1, 5_000, 5_001])
def test_a_failure_of_an_open_hold_releases_it_whole_and_moves_no_total(paise):
    store, check = ask_first()
    entry = answer(store, report("F", paise, check="C1"))
    assert list_of_check(entry) == ("", NOVEMBER, check.id)
    assert (entry.used_after_paise, entry.held_after_paise, entry.cumulative_paise) == (0, 0, 0)
    assert (store.holds, store.usage) == ({}, {})


@pytest.mark.parametrize("enquiry", [None, "C-unknown"])
def test_a_failure_without_a_check_or_of_an_unknown_one_is_recorded_and_nothing_else(enquiry):
    store, check = ask_first()
    entry = answer(store, report("F", 5_000, check=enquiry))
    assert list_of_check(entry) == ("", NOVEMBER, None)
    assert (list(store.holds), store.usage) == ([check.id], {})


def test_a_failure_of_a_declined_check_is_recorded():
    store, check = ask_first(LIMIT + 1)
    assert list_of_check(answer(store, report("F", 1, check="C1"))) == ("", NOVEMBER, check.id)


def test_a_failure_of_an_expired_or_a_released_hold_is_recorded():
    store, check = ask_first()
    later = AT + timedelta(days=40)
    for ref_id in ("F1", "F2"):
        entry = answer(store, report("F", 5_000, ref_id, check="C1"), at=later)
        assert list_of_check(entry) == ("", NOVEMBER, check.id)
        assert entry.arrival_month == 202701


def test_a_failure_of_a_settled_check_is_refused():
    store, _ = ask_first()
    answer(store, report("S", 5_000, check="C1"))
    assert refuse(store, report("F", 5_000, "F1", check="C1")) == (Conflict, ["enquiry_ref_id"])


def test_a_failure_after_the_success_of_its_own_group_is_refused():
    store, _ = ask_first()
    told = report("S", 5_000, check="C1"), report("F", 5_000, "F1", check="C1")
    _, (nothing, refusal) = store.run(told, AT)
    assert (nothing, refusal.errors[0][0]) == (None, "enquiry_ref_id")


@pytest.mark.parametrize(
    "more", [{"person": NEIGHBOUR}, {"direction": "C"}], ids=["customer", "way"]
)
def test_a_failure_of_another_customers_or_directions_check_is_refused(more):
    store, _ = ask_first()
    asked = report("F", 5_000, "F1", check="C1", **more)
    assert refuse(store, asked) == (Conflict, ["enquiry_ref_id"])


def test_a_failure_of_another_processors_check_is_one_of_an_unknown_check():
    store, check = ask_first()
    entry = answer(store, report("F", 5_000, check="C1", by=CBS))
    assert (entry.limit_check_id, list(store.holds)) == (None, [check.id])


def test_a_failure_by_the_tran_id_of_a_success_of_its_direction_is_refused():
    store = make_store()
    answer(store, report("S", 5_000, tran="T1"))
    assert refuse(store, report("F", 5_000, "F1", tran="T1")) == (Conflict, ["tran_id"])
    assert answer(store, report("F", 5_000, "F1", "C", tran="T1")).flags == ""
    assert answer(store, report("F", 5_000, "F2", tran="T1", by=CBS)).flags == ""


def test_a_failure_that_is_wrong_twice_names_both_fields():
    store, _ = ask_first()
    answer(store, report("S", 5_000, check="C1", tran="T1"))
    asked = report("F", 5_000, "F1", check="C1", tran="T1")
    assert refuse(store, asked) == (Conflict, ["enquiry_ref_id", "tran_id"])


def test_a_failures_tran_id_may_still_be_posted():
    store, _ = ask_first()
    entries = answer(
        store,
        report("F", 5_000, "F1", check="C1", tran="T1"),
        report("S", 5_000, "U1", check="C1", tran="T1"),
    )
    assert [entry.flags for entry in entries] == ["", "LATE"]


def test_a_failure_of_a_blocked_customer_over_the_limit_has_no_flag():
    store, _ = ask_first()
    spend(store, 2 * LIMIT)
    change_person(store, is_blocked=True)
    assert answer(store, report("F", 5_000, check="C1")).flags == ""


# R.


def post_first(paise=5_000, **more):
    """A store, and the posting T1 in it."""
    store = make_store()
    return store, answer(store, report("S", paise, "P1", tran="T1", **more))


def test_a_reversal_takes_away_from_its_postings_month_and_names_it():
    store, posted = post_first()
    entry = answer(store, report("R", 5_000, tran="T1"), at=AT + timedelta(days=40))
    assert (entry.reverses_id, entry.limit_check_id, entry.tran_id) == (posted.id, None, "T1")
    assert (entry.month, entry.arrival_month, entry.flags) == (NOVEMBER, 202701, "")
    assert (entry.used_after_paise, entry.cumulative_paise) == (0, 0)
    assert store.read_usage(PERSON, NOVEMBER) == (0, 0)


def test_what_was_reversed_may_be_spent_again():
    store, _ = post_first(LIMIT)
    declined, _, allowed = answer(store, ask(1, "C1"), report("R", 300, tran="T1"), ask(300, "C2"))
    assert (declined.is_allowed, allowed.is_allowed) == (False, True)


@pytest.mark.parametrize("is_one_group", [True, False])
@BOUNDARY
def test_reversals_come_to_their_posting_and_not_one_paisa_more(over, is_one_group):
    store, _ = post_first()
    first, second = report("R", 2_000, "R1", tran="T1"), report("R", 3_000 + over, "R2", tran="T1")
    if is_one_group:
        (_, none), (given, refusal) = store.run([first, second], AT)
        assert none is None
    else:
        answer(store, first)
        ((given, refusal),) = store.run([second], AT)
    if over:
        assert (given, refusal.errors[0][0]) == (None, "amount")
    else:
        assert (given[0].used_after_paise, refusal) == (0, None)
    assert store.read_usage(PERSON, NOVEMBER) == (3_000 * over, 0)
    assert refuse(store, report("R", 3_001, "R3", tran="T1")) == (Conflict, ["amount"])


def test_a_posting_may_be_reversed_in_the_group_in_which_it_is_posted():
    store = make_store()
    posted, undone = answer(
        store, report("S", 700, "U1", tran="T1"), report("R", 700, "U2", tran="T1")
    )
    assert (undone.reverses_id, undone.used_after_paise) == (posted.id, 0)


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"tran": "T-unknown"}, "tran_id"),
        ({"tran": None}, "tran_id"),
        ({"person": NEIGHBOUR}, "tran_id"),
        ({"by": CBS}, "tran_id"),
        ({"direction": "C"}, "tran_type"),
        ({"direction": "C", "person": NEIGHBOUR}, "tran_id"),
    ],
    ids=["unknown", "none", "another-customers", "another-processors", "other-way", "both"],
)
def test_a_reversal_of_what_is_not_posted_so_is_refused(more, field):
    store, _ = post_first()
    asked = report("R", 1, **{"tran": "T1", **more})
    assert refuse(store, asked) == (Conflict, [field])


def test_a_reversal_undoes_the_posting_of_its_own_direction():
    store, debit = post_first(700)
    credit = answer(store, report("S", 900, "P2", "C", tran="T1"))
    entries = answer(
        store, report("R", 900, "R1", "C", tran="T1"), report("R", 700, "R2", tran="T1")
    )
    assert [entry.reverses_id for entry in entries] == [credit.id, debit.id]
    assert store.read_usage(PERSON, NOVEMBER) == (0, 0)
    assert refuse(store, report("R", 1, "R3", "C", tran="T1")) == (Conflict, ["amount"])


def test_a_reversal_is_not_refused_for_a_limit_and_has_no_flag():
    store, _ = post_first(3 * LIMIT)
    change_person(store, is_blocked=True)
    entry = answer(store, report("R", 1, tran="T1"))
    assert (entry.flags, entry.used_after_paise) == ("", 3 * LIMIT - 1)


def test_a_reversed_tran_id_stays_posted():
    store, _ = post_first()
    answer(store, report("R", 5_000, "R1", tran="T1"))
    assert refuse(store, report("S", 5_000, "U2", tran="T1")) == (Conflict, ["tran_id"])


def test_a_reversal_leaves_its_check_settled():
    store = make_store()
    answer(store, ask(700), report("S", 700, check="C1", tran="T1"))
    answer(store, report("R", 700, "R1", tran="T1"))
    assert answer(store, report("S", 700, "U2", check="C1")).flags == "UNCHECKED"


# Corrections.


@BOUNDARY
def test_a_correction_is_booked_in_its_month_and_flagged_over_the_limit(over):
    store = make_store()
    spend(store, 400_000)
    entry = answer(store, correct(600_000 + over), at=AT + timedelta(days=40))
    assert (entry.kind, entry.processor_id, entry.adjustment_id) == ("A", None, 1)
    assert (entry.month, entry.arrival_month) == (NOVEMBER, 202701)
    assert (entry.flags, entry.used_after_paise) == ("OVER_LIMIT" if over else "", LIMIT + over)
    assert (entry.ref_id, entry.cumulative_paise) == ("", 0)
    assert store.read_usage(PERSON, NOVEMBER) == (LIMIT + over, 0)


def test_a_correction_takes_away_and_is_then_over_no_limit():
    store = make_store()
    spend(store, 3 * LIMIT)
    entry = answer(store, correct(-LIMIT))
    assert (entry.flags, entry.amount_paise, entry.used_after_paise) == ("", -LIMIT, 2 * LIMIT)


def test_a_correction_of_a_blocked_customer_has_no_flag_and_of_a_stranger_is_refused():
    store = make_store()
    change_person(store, is_blocked=True)
    assert answer(store, correct(1)).flags == ""
    assert refuse(store, correct(1, person=STRANGER)) == (UnknownCustomer, [])


def test_corrections_have_no_ref_id_so_two_alike_are_two():
    store = make_store()
    first, second = answer(store, correct(1), correct(1))
    assert (first.number, second.number, second.used_after_paise) == (1, 2, 2)
    assert store.keys == {}
