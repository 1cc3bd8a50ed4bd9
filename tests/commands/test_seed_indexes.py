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


def indexes():
    with connection.cursor() as cursor:
        return dict(cursor.execute(INDEXES).fetchall())


@pytest.fixture
def much(monkeypatch):
    monkeypatch.setattr(writing, "MUCH", 10)


def test_of_many_the_indexes_by_time_are_made_in_the_end_as_they_were(
    processors, small_batches, much
):
    before = indexes()
    meanwhile = [indexes() for _ in writing.write(PLAN)]
    assert all(before.keys() - found.keys() >= BY_TIME for found in meanwhile)
    assert indexes() == before
    assert list(verify()) == []


def test_stopped_it_leaves_no_index_out(processors, small_batches, much):
    before = indexes()
    with closing(writing.write(PLAN)) as batches:
        next(batches)
        assert indexes() != before
    assert indexes() == before


def test_the_last_few_of_many_are_written_with_all_indexes(processors, small_batches, monkeypatch):
    monkeypatch.setattr(writing, "MUCH", 1)
    monkeypatch.setattr(writing, "PART_THAT_IS_MUCH", 3)
    before = indexes()
    with closing(writing.write(PLAN)) as batches:
        written = next(batches)
    assert written.customers == 10
    assert all(indexes() == before for _ in writing.write(PLAN))
    assert Customer.objects.count() == PLAN.customers


def test_the_next_start_makes_what_a_killed_one_has_left_out(data_dir):
    before = indexes()
    with connection.cursor() as cursor:
        cursor.execute("DROP INDEX entry_by_time")
        cursor.execute("DROP INDEX customer_blocked")
    make_ready()
    assert indexes() == before
