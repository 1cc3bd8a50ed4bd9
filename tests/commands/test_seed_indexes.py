"""Of lakhs, the indexes by time are made in the end; and none is ever left out."""

from contextlib import closing

import pytest
from django.db import connection

from customers.models import Customer
from limits.verify import verify
from ppims.management.commands.prepare import make_ready
from ppims.seed import writing
from ppims.seed.story import Plan

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only it is written without them"),
]
PLAN = Plan(customers=30, months=12, seed=39, until="2026-11-20")
INDEXES = "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
BY_TIME = {"entry_by_time", "check_by_time", "audit_entry_by_time", "customer_by_arrival"}


def list_indexes():
    with connection.cursor() as cursor:
        return dict(cursor.execute(INDEXES).fetchall())


@pytest.fixture
def much(monkeypatch):
    monkeypatch.setattr(writing, "MANY_CUSTOMERS", 10)


def test_of_many_the_indexes_by_time_are_made_in_the_end_as_they_were(
    processors, small_batches, much
):
    before = list_indexes()
    meanwhile = [list_indexes() for _ in writing.write(PLAN)]
    assert all(before.keys() - found.keys() >= BY_TIME for found in meanwhile)
    assert list_indexes() == before
    assert list(verify()) == []


def test_stopped_it_leaves_no_index_out(processors, small_batches, much):
    before = list_indexes()
    with closing(writing.write(PLAN)) as batches:
        next(batches)
        assert list_indexes() != before
    assert list_indexes() == before


def test_the_last_few_of_many_are_written_with_all_indexes(processors, small_batches, monkeypatch):
    monkeypatch.setattr(writing, "MANY_CUSTOMERS", 1)
    monkeypatch.setattr(writing, "LARGE_PART", 3)
    before = list_indexes()
    with closing(writing.write(PLAN)) as batches:
        written = next(batches)
    assert written.customers == 10
    assert all(list_indexes() == before for _ in writing.write(PLAN))
    assert Customer.objects.count() == PLAN.customers


def test_the_next_start_makes_what_a_killed_one_has_left_out(data_dir):
    before = list_indexes()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX entry_by_time")
        cursor.execute("DROP INDEX customer_blocked")
    make_ready()
    assert list_indexes() == before
