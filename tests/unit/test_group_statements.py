"""The statements of a group can be asked of tables that are spread over machines by customer."""

import re

import pytest

from limits.stores import postgresql, reads, sqlite

# Tables that every machine has whole, and those that have keys of their own.
EVERYWHERE = {"limits_limitrule"}
BY_OWN_KEY = {"ppims_replaykey", "customers_identifier"}
TABLE = re.compile(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+\"?((?:ppims|customers|limits)_\w+)")


def list_statements():
    """Every statement of a group: by its name, its text."""
    found = {name: reads.write_select(name) for name in reads.READ_STATEMENTS}
    for store in (postgresql, sqlite):
        texts = {name: value for name, value in vars(store).items() if isinstance(value, str)}
        found |= {f"{store.__name__}.{n}": t for n, t in texts.items() if TABLE.search(t)}
    found["checks inserted"] = sqlite.write_insert(sqlite.CHECKS)
    found["entries inserted"] = sqlite.write_insert(sqlite.ENTRIES)
    return found


STATEMENTS = list_statements()


def test_all_of_them_are_found():
    assert len(STATEMENTS) > 25
    tables = {table for text in STATEMENTS.values() for table in TABLE.findall(text)}
    assert {"limits_ledgerhead", "limits_hold", "ppims_replaykey", "customers_card"} < tables


@pytest.mark.parametrize("name", STATEMENTS)
def test_each_names_the_customer_and_joins_nothing_that_has_a_key_of_its_own(name):
    text = STATEMENTS[name]
    tables = set(TABLE.findall(text))
    assert tables
    if tables & BY_OWN_KEY:
        assert len(tables) == 1
    elif not tables <= EVERYWHERE:
        assert "customer_id" in text
        assert not tables & EVERYWHERE
