"""What every check and update asks is prepared once a connection, and takes few round trips."""

from datetime import UTC, datetime

import pytest
from django.db import connection

from limits.stores.carry_out import carry_out
from ppims.db import statements
from ppims.db.pipeline import Pipeline
from tests.factories import draw_ref, make_customer, make_processor, make_rule
from tests.server.test_request_groups import make_check_request, make_update_request

pytestmark = pytest.mark.only_on("postgresql", "SQLite's driver prepares by itself")
# A group's statements alone: those of other tests on this connection bind numbers by their size.
COUNT_OF_GROUPS = """
    SELECT COUNT(*), COUNT(DISTINCT statement) FROM pg_prepared_statements
    WHERE statement LIKE '%unnest(%'
"""
ASK = "SELECT 1 WHERE %s > 0"


@pytest.mark.django_db
def test_a_statement_is_prepared_at_its_first_use_and_planned_no_more():
    for value in (1, 2, 3):
        assert statements.read_row(ASK, [value]) == (1,)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT generic_plans + custom_plans FROM pg_prepared_statements"
            " WHERE statement LIKE 'SELECT 1 WHERE%'"
        )
        assert cursor.fetchall() == [(3,)]


@pytest.fixture
def waits(monkeypatch):
    """How often a pipeline has waited for its answers, but for the end."""
    heard, real_wait = [], Pipeline.wait
    monkeypatch.setattr(Pipeline, "wait", lambda self: (heard.append(1), real_wait(self))[1])
    return heard


@pytest.mark.django_db
def test_a_group_of_any_size_waits_once_for_what_it_asks_and_once_for_what_it_names(waits):
    ent = make_processor("ENT")
    customers = [make_customer(ent) for _ in range(20)]
    refs = [draw_ref() for _ in customers]
    pairs = list(zip(customers, refs, strict=True))
    carry_out([make_check_request(ent, customer, ref_id=ref) for customer, ref in pairs])
    assert len(waits) == 1
    carry_out([make_update_request(ent, customer, enquiry_ref_id=ref) for customer, ref in pairs])
    assert len(waits) == 1 + 2


@pytest.mark.django_db
def test_groups_of_many_sizes_prepare_no_statement_twice():
    ent = make_processor("ENT")
    customers = [make_customer(ent) for _ in range(6)]

    def count_prepared():
        with connection.cursor() as cursor:
            cursor.execute(COUNT_OF_GROUPS)
            return cursor.fetchone()

    def carry_out_groups():
        for size in (1, 2, 3, 6):
            some, refs = customers[:size], [draw_ref() for _ in customers[:size]]
            pairs = list(zip(some, refs, strict=True))
            carry_out([make_check_request(ent, c, 10**size, ref_id=ref) for c, ref in pairs])
            carry_out([make_update_request(ent, c, 7, enquiry_ref_id=ref) for c, ref in pairs])

    carry_out_groups()
    before = count_prepared()
    assert before[0] == before[1] > 10
    carry_out_groups()
    assert count_prepared() == before


@pytest.mark.django_db
def test_where_a_rule_counts_years_its_months_are_read_with_all_else(waits):
    ent = make_processor("ENT")
    long_ago = datetime(2022, 1, 1, tzinfo=UTC)
    make_rule(
        tier="P", direction="D", window="FINANCIAL_YEAR", amount=10**9, in_force_from=long_ago
    )
    customer = make_customer(ent, kyc_flag="P")
    carry_out([make_check_request(ent, customer)])
    waits.clear()
    carry_out([make_check_request(ent, customer)])
    assert len(waits) == 1
