"""What is planned for customers who were merged: whose ledger, which figures, and what is moved."""

from datetime import timedelta

import pytest

from ppims.core.errors import Conflict, UnknownCustomer
from tests.unit.plans import (
    AT,
    ENT,
    LIMIT,
    NEIGHBOUR,
    NOVEMBER,
    PERSON,
    answer,
    ask,
    make_store,
    refuse,
    repeat,
    report,
    spend,
)

PLACE = (NOVEMBER, "D")


@pytest.fixture
def store():
    return make_store()


def test_a_merge_is_an_entry_in_both_ledgers_at_one_instant(store):
    spend(store, 300, person=PERSON)
    spend(store, 500, "S1", person=NEIGHBOUR, at=AT + timedelta(seconds=30))
    store.merge(PERSON, NEIGHBOUR, AT)
    *_, given, taken = store.entries.values()
    assert (given.customer_id, given.unique_id_sent, given.amount_paise) == (
        NEIGHBOUR,
        PERSON,
        -500,
    )
    assert (taken.customer_id, taken.unique_id_sent, taken.amount_paise) == (PERSON, NEIGHBOUR, 500)
    assert {given.at, taken.at} == {AT + timedelta(seconds=30)}
    assert (given.kind, given.ref_id, given.processor_id) == ("M", "MERGE-1", None)
    assert (given.used_after_paise, taken.used_after_paise) == (0, 800)
    assert store.verify() == []


def test_only_what_adds_is_flagged_as_over_the_limit(store):
    spend(store, LIMIT, person=PERSON)
    spend(store, 1, "S1", person=NEIGHBOUR)
    store.merge(PERSON, NEIGHBOUR, AT)
    *_, given, taken = store.entries.values()
    assert (given.flags, taken.flags) == ("", "OVER_LIMIT")


def test_holds_are_the_survivors_from_then_on(store):
    asked = answer(store, ask(400, person=NEIGHBOUR))
    store.merge(PERSON, NEIGHBOUR, AT)
    assert {hold.customer_id for hold in store.holds.values()} == {PERSON}
    declined = answer(store, ask(LIMIT - 399, "C2", person=NEIGHBOUR))
    assert (declined.customer_id, declined.old_unique_id) == (PERSON, NEIGHBOUR)
    assert (declined.is_allowed, declined.cumulative_paise) == (False, 400)
    posted = answer(store, report("S", 400, person=PERSON, check="C1"))
    assert (posted.limit_check_id, posted.flags) == (asked.id, "")
    assert store.holds == {}


def test_one_group_sees_what_the_other_id_has_led_to(store):
    store.merge(PERSON, NEIGHBOUR, AT)
    first, posted, second = answer(
        store,
        ask(600_000, "C1", person=NEIGHBOUR),
        report("S", 600_000, "U1", person=PERSON, check="C1", tran="T1"),
        ask(400_001, "C2", person=PERSON),
    )
    assert (first.is_allowed, posted.flags, second.is_allowed) == (True, "", False)
    assert refuse(store, report("S", 600_000, "U2", person=NEIGHBOUR, tran="T1")) == (
        Conflict,
        ["tran_id"],
    )


def test_after_they_are_parted_each_has_its_own(store):
    store.merge(PERSON, NEIGHBOUR, AT)
    asked = answer(store, ask(70, "C1", person=NEIGHBOUR))
    answer(store, report("S", 30, "U1", person=NEIGHBOUR, tran="T1"))
    store.unmerge(PERSON, NEIGHBOUR, {PLACE: 30}, AT)
    assert (store.sum_entries(PERSON)[PLACE], store.sum_entries(NEIGHBOUR)[PLACE]) == (0, 30)
    assert store.holds[asked.id].customer_id == NEIGHBOUR
    row, is_replay = repeat(store, ask(70, "C1", person=NEIGHBOUR))
    assert (row, is_replay) == (asked, True)
    undone = answer(store, report("R", 30, "U2", person=NEIGHBOUR, tran="T1"))
    assert (undone.customer_id, undone.reverses_id is not None) == (NEIGHBOUR, True)
    assert refuse(store, report("R", 1, "U3", person=PERSON, tran="T1"))[0] is Conflict
    assert store.verify() == []


def test_who_is_known_by_the_other_id_alone_may_be_named(store):
    del store.cif_ids[NEIGHBOUR, ENT]
    assert refuse(store, ask(1, person=NEIGHBOUR))[0] is UnknownCustomer
    store.merge(PERSON, NEIGHBOUR, AT)
    assert answer(store, ask(1, person=NEIGHBOUR)).cif_id == "CIF1"
