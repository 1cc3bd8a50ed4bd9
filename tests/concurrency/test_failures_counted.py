"""Failures of one person that are counted, and made entries of, by several processes at once."""

import json

import pytest

from tests.concurrency.conftest import draw_ref

READ_ENTRIES = "SELECT detail FROM ppims_auditentry WHERE action = ?"
COUNT_ROWS = "SELECT count, source FROM ppims_failedaccess"
FLUSHES, SOURCES, REVEALS = 3, 15, 30


@pytest.fixture
def three(installation):
    installation.start(3)
    installation.workers[0].ask(["make_admins", "asha"], ["flush"])
    return installation


def read_details(three, action):
    return [json.loads(detail) for (detail,) in three.query(READ_ENTRIES, action)]


def test_each_failure_is_counted_once_and_makes_one_entry_whoever_flushes(three):
    before = len(read_details(three, "passwords refused"))
    source = draw_ref()
    three.run_at_once(*([["fail", "asha", source, 20]] for _ in range(3)))
    flushed = three.run_at_once(*([["flush"]] for _ in range(FLUSHES)))
    made = read_details(three, "passwords refused")[before:]
    assert sum(count for (count,) in flushed) == len(made)
    assert sum(each["count"] for each in made) == 60  # the quarter may have ended meanwhile
    assert {each["source"] for each in made} == {source}
    assert three.query(COUNT_ROWS) == []


def test_of_many_addresses_at_once_twenty_have_a_row_and_the_rest_one(three):
    sources = [[["fail", "asha", f"{who}-{n}"] for n in range(SOURCES)] for who in "abc"]
    three.run_at_once(*sources)
    rows = three.query(COUNT_ROWS)
    assert sum(count for count, _ in rows) == 3 * SOURCES
    assert len(rows) == 21 or len({*rows}) > 21  # two quarters
    three.workers[0].ask(["flush"])


def test_of_two_looks_at_once_one_is_the_last_that_is_allowed(three):
    customer = three.add_customer()
    one = ["reveal", "asha", customer]
    (allowed,) = [three.workers[0].ask(*[one] * (REVEALS - 1))]
    assert all(allowed)
    answers = three.run_at_once(*([one] for _ in range(3)))
    assert sorted(answer for (answer,) in answers) == [False, False, True]
    three.workers[0].ask(["flush"])
