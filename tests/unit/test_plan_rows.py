"""The rows that a plan comes to: their numbers, chain, signatures and heads, what opens and closes,
and that they are the tables' rows, column for column.
"""

from datetime import timedelta

import pytest

from limits.known import Check, Entry, FirstAnswer, Head, Hold, HoldPlace
from limits.models import Hold as HoldRow
from limits.models import LedgerEntry, LedgerHead, LimitCheck
from ppims.core.chain import sign_link, sign_row
from ppims.db import signed_rows
from tests.property.memory_store import FIRST_CHECK_ID, FIRST_ENTRY_ID, KEY
from tests.unit.plans import (
    AT,
    CBS,
    ENT,
    LIMIT,
    MINUTES_15,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    answer,
    ask,
    correct,
    make_store,
    refuse,
    report,
    spend,
)


def plan_rows(store, *requests, at=AT):
    """What a group comes to, before it is kept."""
    _, rows = store.plan(requests, at)
    return rows


def list_columns(model):
    return [field.attname for field in model._meta.concrete_fields]


# Columns.


@pytest.mark.parametrize(("row", "model"), [(Check, LimitCheck), (Entry, LedgerEntry)])
def test_a_row_has_its_tables_columns_in_their_order(row, model):
    assert [*row._fields] == list_columns(model)


def test_a_head_has_its_tables_columns_but_for_its_signature():
    assert [*Head._fields, "key_id", "mac"] == list_columns(LedgerHead)


def test_a_hold_has_its_tables_columns():
    own = {*Hold._fields, *HoldPlace._fields} - {"place"} | {"limit_check_id"}
    assert own == {*list_columns(HoldRow)}


def test_what_is_signed_of_a_check_is_what_its_models_row_signs():
    store = make_store()
    for ref_id, paise, more in (
        ("C1", 5_000, {"balance_paise": 7, "account_number": "A-1", "card_number": "40001234"}),
        ("C2", LIMIT + 1, {}),
    ):
        asked = ask(paise, ref_id, **more)
        check = answer(store, asked)
        values = signed_rows.list_values(LimitCheck(**check._asdict()))
        assert check.mac == sign_row(KEY, "check", values, asked.digests)
        assert check.key_id == KEY.id


@pytest.mark.parametrize("at", [AT, AT + timedelta(days=40)])
def test_what_is_signed_of_an_entry_is_what_its_models_row_signs(at):
    store, previous = make_store(), b""
    answer(store, ask(5_000))
    for told in (
        report("S", 5_001, "U1", tran="T1", check="C1"),
        report("R", 1, "U2", tran="T1"),
        report("F", 1, "U3"),
        correct(2),
    ):
        entry = answer(store, told, at=at)
        values = signed_rows.list_values(LedgerEntry(**entry._asdict()))
        assert entry.digest == sign_link(KEY, "entry", values, previous, told.digests)
        previous = entry.digest
    head, (key_id, mac) = store.heads[PERSON], store.head_signatures[PERSON]
    signed = signed_rows.list_values(LedgerHead(**head._asdict()))
    assert (key_id, mac) == (KEY.id, sign_row(KEY, "head", signed))
    assert head == (PERSON, 4, 1, previous, at)


# Numbers, chains and heads.


def test_numbers_go_on_per_customer_and_ids_over_all():
    store = make_store()
    answer(store, ask(1, "C0"), report("S", 1, "U0"))
    rows = plan_rows(
        store,
        ask(1, "C1"),
        ask(1, "C2", person=NEIGHBOUR),
        ask(1, "C3"),
        report("S", 1, "U1", person=NEIGHBOUR),
        report("S", 1, "U2"),
    )
    first = FIRST_CHECK_ID + 1
    assert [(c.id, c.customer_id, c.number) for c in rows.checks] == [
        (first, PERSON, 2),
        (first + 1, NEIGHBOUR, 1),
        (first + 2, PERSON, 3),
    ]
    assert [(e.id, e.customer_id, e.number) for e in rows.entries] == [
        (FIRST_ENTRY_ID + 1, NEIGHBOUR, 1),
        (FIRST_ENTRY_ID + 2, PERSON, 2),
    ]


def test_a_refused_member_takes_no_number_and_no_id():
    rows = plan_rows(
        make_store(),
        report("S", 1, "U1"),
        report("R", 1, "U2", tran="T1"),
        report("S", 1, "U3"),
    )
    assert [(e.id - FIRST_ENTRY_ID, e.number) for e in rows.entries] == [(0, 1), (1, 2)]


def test_chains_and_heads_verify_after_groups_of_several_customers():
    store = make_store()
    for number in range(3):
        answer(
            store,
            ask(100, f"C{number}"),
            report("S", 100, f"U{number}", check=f"C{number}", tran=f"T{number}"),
            ask(100, f"D{number}", person=NEIGHBOUR, by=CBS),
            report("S", 50, f"V{number}", person=NEIGHBOUR),
            report("R", 50, f"R{number}", tran=f"T{number}"),
            correct(3),
            at=AT + number * timedelta(days=20),
        )
    assert store.verify() == []
    entry = store.entries[FIRST_ENTRY_ID + 1]
    store.entries[entry.id] = entry._replace(amount_paise=entry.amount_paise + 1)
    assert [problem.split(" is ")[0] for problem in store.verify()] == ["its digest"]


def test_a_head_comes_once_a_customer_with_its_newest_counts_digest_and_instant():
    rows = plan_rows(
        make_store(),
        ask(1, "C1"),
        report("S", 1, "U1"),
        report("S", 1, "U2"),
        ask(1, "C2", person=NEIGHBOUR),
    )
    heads = [head for head, _, _ in rows.heads]
    assert heads == [(PERSON, 2, 1, rows.entries[1].digest, AT), (NEIGHBOUR, 0, 1, b"", AT)]
    for head, key_id, mac in rows.heads:
        values = signed_rows.list_values(LedgerHead(**head._asdict()))
        assert (key_id, mac) == (KEY.id, sign_row(KEY, "head", values))


def test_a_repeat_moves_no_head():
    store = make_store()
    answer(store, ask(1))
    assert plan_rows(store, ask(1), at=AT + timedelta(seconds=1)).heads == []
    assert plan_rows(store, ask(1), at=AT + MINUTES_15).heads == []


# Holds, usage and keys.


def test_an_allowed_check_opens_its_hold_and_a_declined_one_does_not():
    rows = plan_rows(make_store(), ask(700, "C1", "C"), ask(LIMIT + 1, "C2"))
    place = HoldPlace(ENT, NOVEMBER, "C", AT + MINUTES_15)
    assert rows.opened == {FIRST_CHECK_ID: Hold(PERSON, place, 700)}
    assert (rows.closed, rows.expired) == ([], set())


def test_a_hold_that_opens_and_closes_in_one_group_is_no_row():
    rows = plan_rows(make_store(), ask(700), report("F", 700, check="C1"))
    assert (rows.opened, rows.closed) == ({}, [])


@pytest.mark.parametrize("kind", ["S", "F"])
def test_a_hold_of_before_is_closed_once(kind):
    store = make_store()
    check = answer(store, ask(700))
    again = report("S", 700, "U2", check="C1")
    rows = plan_rows(store, report(kind, 700, "U1", check="C1"), again)
    assert rows.closed == [(PERSON, check.id)]
    assert (rows.opened, rows.expired) == ({}, set())


def test_of_holds_in_one_place_one_is_closed_and_the_others_go_on_counting():
    store = make_store()
    answer(store, ask(300_000, "C1"), ask(400_000, "C2"))
    later = answer(store, report("F", 1, check="C1"), ask(600_001, "C3"), ask(600_000, "C4"))
    assert [check.is_allowed for check in later[1:]] == [False, True]
    assert sorted(hold.amount_paise for hold in store.holds.values()) == [400_000, 600_000]


def test_expired_holds_go_with_the_customers_next_check_and_with_no_update():
    store = make_store()
    held = answer(store, ask(700), ask(500, "D1", person=NEIGHBOUR))
    ends_at = held[0].hold_until
    assert plan_rows(store, report("S", 1), at=ends_at).expired == set()
    before = ends_at - timedelta(microseconds=1)
    assert plan_rows(store, ask(1, "C2"), at=before).expired == set()
    assert plan_rows(store, ask(1, "C2"), at=ends_at).expired == {PERSON}
    answer(store, ask(LIMIT + 1, "C2"), at=ends_at)
    assert list(store.holds) == [held[1].id]


def test_a_hold_that_was_dropped_as_expired_is_late_for_a_success_of_the_same_group():
    store = make_store()
    check = answer(store, ask(700))
    rows = plan_rows(store, ask(1, "C2"), report("S", 700, check="C1"), at=check.hold_until)
    assert (rows.entries[0].flags, rows.expired) == ("LATE", {PERSON})
    store.keep(rows, check.hold_until)
    assert [hold.amount_paise for hold in store.holds.values()] == [1]


def test_usage_comes_with_both_directions_of_each_month_that_was_changed():
    store = make_store()
    spend(store, 900, direction="C")
    rows = plan_rows(
        store,
        report("S", 700, "U1"),
        report("S", 5, "U2"),
        report("S", 9, "U3", person=NEIGHBOUR),
        correct(40, 202610, "C"),
    )
    assert rows.usage == {
        (PERSON, NOVEMBER): (705, 900),
        (NEIGHBOUR, NOVEMBER): (9, 0),
        (PERSON, 202610): (0, 40),
    }


def test_checks_and_failures_change_no_usage():
    assert plan_rows(make_store(), ask(1), report("F", 1)).usage == {}


def test_each_row_of_a_processor_has_its_key_with_what_its_ref_id_said():
    asked, told = ask(700), report("S", 700, check="C1")
    rows = plan_rows(make_store(), asked, told, correct(1), asked)
    assert rows.keys == [
        (("CL", ENT, "C1"), FirstAnswer(PERSON, FIRST_CHECK_ID, asked.digests)),
        (("UL", ENT, "U1"), FirstAnswer(PERSON, FIRST_ENTRY_ID, told.digests)),
    ]


def test_a_store_of_tests_refuses_what_a_table_would():
    store = make_store()
    rows = plan_rows(store, ask(1), report("S", 1, check="C1", tran="T1"))
    store.keep(rows, AT)
    with pytest.raises(AssertionError, match="is there already"):
        store.keep(rows, AT)
    assert refuse(store, report("S", 1, "U2", tran="T1"))[1] == ["tran_id"]
