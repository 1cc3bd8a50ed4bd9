"""What a group asks where tables are spread: each statement names what is asked by itself."""

import re

import pytest

from limits.stores import citus
from limits.stores.reads import READ_STATEMENTS
from ppims.db.places import COLUMN_BY_TABLE, find_place

OWN_FORMS = {"used": citus.READ_USED, "answers": citus.READ_ANSWERED, "sums": citus.SUM_OF_MONTHS}
SELECTS = {name: citus._write_read(name)[0] for name in READ_STATEMENTS} | OWN_FORMS


@pytest.mark.parametrize("name", sorted(set(SELECTS) - {"rules"}))
def test_it_names_the_column_by_which_its_table_is_spread(name):
    sql = SELECTS[name]
    tables = [table for table in COLUMN_BY_TABLE if re.search(rf"\b{table}\b", sql)]
    column = {find_place(table) for table in tables} - {"unique_id"} or {"unique_id"}
    assert len(column) == 1, tables  # no join of what stands apart
    places = {find_place(table) for table in tables}
    assert any(f"{place} = ANY(%s::" in sql for place in places), sql
    assert "asked" not in sql


def test_rules_are_whole_on_every_machine():
    assert "asked" not in SELECTS["rules"]
    assert find_place("limits_limitrule") == "reference"


def test_a_row_that_may_be_there_is_changed_and_any_other_is_new():
    new = citus._write_rows("t", ("a", "b"), 0, 2)
    assert " ".join(new.split()) == "INSERT INTO t (a, b) VALUES (%s, %s), (%s, %s)"
    kept = citus._write_rows("t", ("a", "b"), 1, 1)
    assert kept.endswith("ON CONFLICT (a) DO UPDATE SET b = excluded.b")


def test_months_that_are_not_cached_are_as_their_entries_add_up():
    asked = [(1, 202610), (1, 202611), (2, 202611)]
    cached, sums = [(1, 202610, 5, 6)], [(2, 202611, 7, 8)]
    assert citus._add_sums(asked, cached, sums) == [
        (1, 202610, 5, 6),
        (1, 202611, 0, 0),
        (2, 202611, 7, 8),
    ]


def test_of_who_is_locked_a_customer_without_a_head_has_a_new_one():
    found = {"heads": [(1, 3, 4, b"x", None)], "people": [(1,), (2,), (3,)]}
    locked = citus._list_locked([(1,), (2,), (9,)], found)
    assert sorted(locked) == [(1, 3, 4, b"x", None), (2, 0, 0, b"", None)]
