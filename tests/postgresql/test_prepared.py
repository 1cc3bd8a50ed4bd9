"""What every check and update asks is prepared once a connection."""

import pytest
from django.db import connection

from ppims.db import statements

pytestmark = pytest.mark.only_on("postgresql", "SQLite's driver prepares by itself")
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
