"""Whoever looks on reads tables only in a snapshot or a transaction: at SERIALIZABLE a statement by
itself may be cancelled for what others write.
"""

import re
from io import StringIO

import pytest
from django.core.management import call_command
from django.db import connection

from tests.factories import make_customer, make_posting, make_processor

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.only_on("postgresql", "SQLite cancels no statement for what others write"),
]
TABLES = re.compile(r"\b(limits|customers|ppims)_[a-z]+\b")


@pytest.mark.parametrize("command", ["rebuild_usage", "verify_ledger", "seal"])
def test_it_reads_no_table_by_a_statement_alone(command, tmp_path):
    ent = make_processor()
    make_posting(ent, make_customer(ent), 100)
    read = {"together": set(), "alone": set()}

    def hear(execute, sql, params, many, context):
        how = "alone" if connection.get_autocommit() else "together"
        read[how] |= {found[0] for found in TABLES.finditer(sql)}
        return execute(sql, params, many, context)

    options = {"to": tmp_path / "seal.json"} if command == "seal" else {}
    with connection.execute_wrapper(hear):
        call_command(command, stdout=StringIO(), **options)
    assert "limits_ledgerhead" in read["together"]
    assert read["alone"] == set()
