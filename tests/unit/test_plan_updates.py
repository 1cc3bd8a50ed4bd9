"""A success, planned: each row of the table in docs/ledger.md, "What an update does", and the
figures it is answered with. Failures and reversals have a file of their own.
"""

from datetime import UTC, datetime, timedelta

import pytest

from limits.known import OtherAmount
from ppims.core.errors import Conflict, UnknownCustomer
from tests.unit.plans import (
    ACCOUNT,
    AT,
    CBS,
    DECEMBER,
    ENT,
    LIMIT,
    MICROSECOND,
    MINUTES_15,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    STRANGER,
    answer,
    ask,
    change_person,
    make_rule,
    make_store,
    refuse,
    report,
    spend,
)

DAYS_30 = timedelta(days=30)
OF_ANOTHER = pytest.mark.parametrize(
    "more",
    [{"person": NEIGHBOUR}, {"direction": "C"}, {"by": CBS}],
    ids=["customer", "direction", "processor"],
)
BOUNDARY = pytest.mark.parametrize("over", [0, 1])
YEAR_RULE = make_rule("FINANCIAL_YEAR", 5 * LIMIT)


def ask_first(paise=5_000, direction="D", **more):
    """A store, and the check C1 that was answered in it."""
    store = make_store()
    return store, answer(store, ask(paise, "C1", direction, **more))


def list_of_check(entry):
    return entry.flags, entry.month, entry.limit_check_id


# S.


def test_a_success_of_an_open_hold_is_posted_and_the_hold_is_closed():
    store, check = ask_first()
    entry = answer(store, report("S", 5_000, check="C1", tran="T1"))
    assert list_of_check(entry) == ("", NOVEMBER, check.id)
    assert (entry.used_after_paise, entry.held_after_paise) == (5_000, 0)
    assert store.holds == {}
    assert store.read_usage(PERSON, NOVEMBER) == (5_000, 0)


@pytest.mark.parametrize("paise", [4_999, 5_001])
def test_a_success_of_another_amount_is_posted_as_reported_and_closes_the_hold_whole(paise):
    store, check = ask_first()
    entry = answer(store, report("S", paise, check="C1"))
    assert list_of_check(entry) == ("AMOUNT_DIFFERS", NOVEMBER, check.id)
    assert (entry.amount_paise, entry.used_after_paise, entry.held_after_paise) == (paise, paise, 0)
    assert store.holds == {}


@pytest.mark.parametrize(("before", "flags"), [(MICROSECOND, ""), (timedelta(), "LATE")])
@pytest.mark.parametrize("more", [0, 7])
def test_a_success_is_late_from_the_instant_at_which_its_hold_ends(before, flags, more):
    store, check = ask_first()
    entry = answer(store, report("S", 5_000 + more, check="C1"), at=check.hold_until - before)
    expected = [*flags.split(), *["AMOUNT_DIFFERS"] * bool(more)]
    assert list_of_check(entry) == (",".join(expected), NOVEMBER, check.id)
    assert store.holds == {}


@pytest.mark.parametrize(("paise", "flags"), [(5_000, "LATE"), (5_001, "LATE,AMOUNT_DIFFERS")])
def test_a_success_of_a_hold_that_was_released_is_late(paise, flags):
    store, check = ask_first()
    answer(store, report("F", 5_000, "F1", check="C1"))
    entry = answer(store, report("S", paise, check="C1"))
    assert list_of_check(entry) == (flags, NOVEMBER, check.id)


@pytest.mark.parametrize(
    ("paise", "flags"),
    [(LIMIT + 1, "DECLINED,OVER_LIMIT"), (LIMIT, "DECLINED,AMOUNT_DIFFERS")],
)
def test_a_success_of_a_declined_check_is_posted_and_says_so(paise, flags):
    store, check = ask_first(LIMIT + 1)
    entry = answer(store, report("S", paise, check="C1"))
    assert list_of_check(entry) == (flags, NOVEMBER, check.id)


def test_a_success_of_a_declined_check_belongs_to_the_month_in_which_it_arrives():
    store, _ = ask_first(LIMIT + 1)
    entry = answer(store, report("S", 1, check="C1"), at=AT + timedelta(days=4))
    assert (entry.month, entry.arrival_month) == (DECEMBER, DECEMBER)


@pytest.mark.parametrize("enquiry", [None, "C-unknown"])
def test_a_success_without_a_check_or_of_an_unknown_one_is_unchecked(enquiry):
    store, _ = ask_first()
    entry = answer(store, report("S", 5_000, check=enquiry))
    assert list_of_check(entry) == ("UNCHECKED", NOVEMBER, None)
    assert (entry.enquiry_ref_id, len(store.holds)) == (enquiry or "", 1)
    assert (entry.used_after_paise, entry.held_after_paise) == (5_000, 5_000)


@OF_ANOTHER
def test_a_success_of_anothers_check_is_unchecked_and_leaves_that_hold_alone(more):
    store, check = ask_first()
    entry = answer(store, report("S", 5_000, check="C1", **more))
    assert list_of_check(entry) == ("UNCHECKED", NOVEMBER, None)
    assert entry.enquiry_ref_id == "C1"
    assert list(store.holds) == [check.id]
    assert list_of_check(answer(store, report("S", 5_000, "U2", check="C1")))[0] == ""


@pytest.mark.parametrize("trans", [("T1", "T2"), ("T1", None), (None, None)])
def test_a_success_of_a_settled_check_is_unchecked_if_its_tran_id_is_new_or_absent(trans):
    store, _ = ask_first()
    first, second = trans
    answer(store, report("S", 5_000, "U1", check="C1", tran=first))
    entry = answer(store, report("S", 5_000, "U2", check="C1", tran=second))
    assert list_of_check(entry) == ("UNCHECKED", NOVEMBER, None)
    assert entry.used_after_paise == 10_000


@BOUNDARY
def test_a_success_is_over_the_limit_by_one_paisa(over):
    store, _ = ask_first(400_000)
    entry = answer(store, report("S", 600_000 + over))
    assert entry.flags == ("UNCHECKED,OVER_LIMIT" if over else "UNCHECKED")
    assert (entry.used_after_paise, entry.held_after_paise) == (600_000 + over, 400_000)
    assert (entry.limit_paise, entry.cumulative_paise, entry.available_paise) == (
        LIMIT,
        LIMIT + over,
        0,
    )


def test_of_two_successes_in_one_group_the_first_settles_the_check():
    store, check = ask_first()
    entries = answer(
        store, *(report("S", 5_000, f"U{n}", check="C1", tran=f"T{n}") for n in (1, 2))
    )
    assert [entry.flags for entry in entries] == ["", "UNCHECKED"]
    assert [entry.limit_check_id for entry in entries] == [check.id, None]


@BOUNDARY
def test_a_load_is_judged_by_the_limit_for_loads(over):
    store = make_store(make_rule("MONTH", 1), make_rule("MONTH", 700, "C"))
    entry = answer(store, report("S", 700 + over, direction="C"))
    assert entry.flags == ("UNCHECKED,OVER_LIMIT" if over else "UNCHECKED")
    assert (entry.limit_paise, entry.available_paise) == (700, 0)


@BOUNDARY
def test_a_success_is_over_the_limit_of_its_financial_year_by_one_paisa(over):
    store = make_store(make_rule("MONTH", 4 * LIMIT), YEAR_RULE)
    spend(store, 3 * LIMIT, at=datetime(2026, 4, 1, tzinfo=UTC))
    entry = answer(store, report("S", 2 * LIMIT + over))
    assert entry.flags == ("UNCHECKED,OVER_LIMIT" if over else "UNCHECKED")
    assert (entry.rule_id, entry.used_after_paise) == (YEAR_RULE.id, 5 * LIMIT + over)


def test_a_success_without_a_limit_is_over_none():
    store = make_store(make_rule("MONTH", 1, "C"), make_rule("TRANSACTION", 1))
    entry = answer(store, report("S", 10**13))
    assert (entry.flags, entry.limit_paise, entry.rule_id) == ("UNCHECKED", None, None)
    assert (entry.cumulative_paise, entry.available_paise) == (10**13, None)


def test_a_success_while_blocked_is_posted_and_says_so():
    store, _ = ask_first()
    change_person(store, is_blocked=True)
    assert answer(store, report("S", 5_000, check="C1")).flags == "BLOCKED"
    assert answer(store, report("S", 5_000, "U2", person=NEIGHBOUR)).flags == "UNCHECKED"


@pytest.mark.parametrize(("status", "flags"), [(True, ""), (False, "BLOCKED"), (None, "BLOCKED")])
def test_a_success_says_so_if_the_account_of_its_check_is_no_longer_active(status, flags):
    store, _ = ask_first(account_number=ACCOUNT)
    store.accounts[PERSON, ENT, ACCOUNT] = status
    if status is None:
        del store.accounts[PERSON, ENT, ACCOUNT]
    store.accounts[PERSON, CBS, ACCOUNT] = status is not True  # is another processor's
    assert answer(store, report("S", 5_000, check="C1")).flags == flags


def test_the_account_of_a_check_that_is_settled_already_flags_nothing():
    store, _ = ask_first(account_number=ACCOUNT)
    answer(store, report("S", 5_000, check="C1"))
    store.accounts[PERSON, ENT, ACCOUNT] = False
    assert answer(store, report("S", 1, "U2", check="C1")).flags == "UNCHECKED"


def test_flags_add_up_in_one_order():
    store, check = ask_first(LIMIT)
    change_person(store, is_blocked=True)
    entry = answer(store, report("S", LIMIT + 1, check="C1"), at=check.hold_until)
    assert entry.flags == "LATE,AMOUNT_DIFFERS,OVER_LIMIT,BLOCKED"


def test_a_success_by_a_tran_id_that_is_posted_is_refused():
    store, _ = ask_first()
    answer(store, report("S", 5_000, check="C1", tran="T1"))
    assert refuse(store, report("S", 5_000, "U2", tran="T1")) == (Conflict, ["tran_id"])
    assert refuse(store, report("S", 5_000, "U2", tran="T1", check="C1"))[0] is Conflict


@pytest.mark.parametrize("paise", [4_999, 5_001])
def test_one_with_another_amount_is_refused_with_the_posting_for_staff_to_look_at(paise):
    store = make_store()
    posted = answer(store, report("S", 5_000, tran="T1"))
    asked = report("S", paise, "U2", tran="T1")
    assert refuse(store, asked) == (OtherAmount, ["tran_id"])
    ((_, refusal),) = store.run([asked], AT)
    assert refusal.posting == (posted.id, NOVEMBER, 5_000)


@OF_ANOTHER
def test_a_tran_id_is_posted_once_per_person_direction_and_processor(more):
    store = make_store()
    answer(store, report("S", 5_000, tran="T1"))
    assert answer(store, report("S", 5_000, "U2", tran="T1", **more)).flags == "UNCHECKED"


def test_a_transfer_has_one_tran_id_for_its_debit_and_its_credit_in_one_group_too():
    store = make_store()
    out, into, again = store.run(
        [
            report("S", 700, "U1", "D", tran="T1"),
            report("S", 700, "U2", "C", tran="T1"),
            report("S", 700, "U3", "C", tran="T1"),
        ],
        AT,
    )
    assert [given[0].direction for given, _ in (out, into)] == ["D", "C"]
    assert (again[0], again[1].errors[0][0]) == (None, "tran_id")
    assert store.read_usage(PERSON, NOVEMBER) == (700, 700)


def test_a_success_without_a_tran_id_may_come_any_number_of_times():
    store = make_store()
    entries = answer(store, *(report("S", 1, f"U{n}") for n in range(3)))
    assert [entry.used_after_paise for entry in entries] == [1, 2, 3]


@pytest.mark.parametrize("kind", ["S", "F", "R"])
def test_of_a_customer_unknown_to_its_processor_nothing_is_booked(kind):
    store = make_store()
    del store.cif_ids[NEIGHBOUR, ENT]
    for person in (NEIGHBOUR, STRANGER):
        asked = report(kind, 1, person=person, tran="T1")
        assert refuse(store, asked) == (UnknownCustomer, [])


# The month, and the figures.


@pytest.mark.parametrize(
    ("later", "month"),
    [(-MICROSECOND, NOVEMBER), (timedelta(), NOVEMBER), (MICROSECOND, DECEMBER)],
)
def test_thirty_days_after_its_check_to_the_microsecond_a_success_leaves_its_month(later, month):
    store, check = ask_first()
    entry = answer(store, report("S", 5_000, check="C1"), at=AT + DAYS_30 + later)
    assert list_of_check(entry) == ("LATE", month, check.id)
    assert (entry.arrival_month, store.read_usage(PERSON, month)) == (DECEMBER, (5_000, 0))


def test_flags_are_of_the_month_booked_and_figures_of_the_month_of_arrival():
    store, _ = ask_first(300_000)
    spend(store, LIMIT - 100_000)
    in_december = AT + timedelta(days=6)
    spend(store, 50_000, "S1", at=in_december)
    entry = answer(store, report("S", 300_000, check="C1"), at=in_december)
    assert (entry.flags, entry.month) == ("LATE,OVER_LIMIT", NOVEMBER)
    assert (entry.used_after_paise, entry.held_after_paise) == (1_200_000, 0)
    assert (entry.cumulative_paise, entry.available_paise) == (50_000, LIMIT - 50_000)


def test_what_is_told_is_kept_as_it_was_told():
    entry = answer(make_store(), report("S", 700, "U7", "C", by=CBS, tran="T7", check="C7"))
    assert (entry.customer_id, entry.unique_id_sent, entry.processor_id) == (PERSON, PERSON, CBS)
    assert (entry.ref_id, entry.at, entry.kind, entry.direction) == ("U7", AT, "S", "C")
    assert (entry.tran_id, entry.enquiry_ref_id, entry.tier) == ("T7", "C7", "P")
    assert (entry.reverses_id, entry.adjustment_id, entry.balance_paise) == (None, None, None)


def test_a_hold_that_ends_between_two_groups_counts_for_neither_posting_nor_figures_after():
    store, check = ask_first(LIMIT)
    before = answer(store, report("S", 1), at=check.hold_until - MICROSECOND)
    after = answer(store, report("S", 1, "U2"), at=check.hold_until)
    assert (before.flags, before.held_after_paise) == ("UNCHECKED,OVER_LIMIT", LIMIT)
    assert (after.flags, after.held_after_paise) == ("UNCHECKED", 0)
    assert check.hold_until == AT + MINUTES_15
