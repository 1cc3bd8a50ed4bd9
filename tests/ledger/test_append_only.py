"""The database itself refuses to change what only grows."""

import pytest
from django.db import Error, IntegrityError, connection, transaction

from customers.models import Kin
from limits.models import (
    LedgerEntry,
    LimitCheck,
    PostingFinding,
    RefusedReport,
    ReportFinding,
    Seal,
)
from limits.services import findings, seals
from limits.verify import verify
from ppims.db import append_only
from ppims.models import AuditEntry, User
from ppims.server import health
from tests.factories import make_check, make_customer, make_posting, make_processor, refuse
from tests.two_people import merge_customers

pytestmark = pytest.mark.django_db
ONLY_GROW = (
    *(AuditEntry, LimitCheck, LedgerEntry, PostingFinding, RefusedReport, ReportFinding),
    *(Kin, Seal),
)
MODELS = {model._meta.db_table: model for model in ONLY_GROW}


@pytest.fixture(autouse=True)
def _rows(db):
    ent = make_processor()
    customer = make_customer(ent)
    make_check(ent, customer, 100, ref_id="C1")
    make_posting(ent, customer, 100, enquiry="C1", tran_id="T1")
    unchecked, _ = make_posting(ent, customer, 100)
    maker = User.objects.create(username="farhan")
    findings.note(unchecked, finding="GENUINE", note="as told", user=maker)
    report = refuse(ent, customer, 50, tran_id="T1")
    findings.note(report, finding="REPEAT", note="as told", user=maker)
    merge_customers(customer, make_customer(ent))
    seals.make()


def assert_refused(sql):
    with (
        pytest.raises(IntegrityError, match=append_only.REFUSAL_TEXT),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(sql)
    return True


def test_the_list_of_tables_is_that_of_the_models_that_only_grow():
    assert set(append_only.TABLES) == set(MODELS)
    assert all(model.objects.exists() for model in MODELS.values())


@pytest.mark.parametrize("table", append_only.TABLES)
def test_no_row_is_changed_in_any_column(table):
    for field in MODELS[table]._meta.concrete_fields:
        assert assert_refused(f'UPDATE {table} SET "{field.column}" = "{field.column}"')


@pytest.mark.parametrize("table", append_only.TABLES)
def test_no_row_is_deleted(table):
    assert assert_refused(f"DELETE FROM {table}")


@pytest.mark.only_on("sqlite", "REPLACE is SQLite's")
@pytest.mark.parametrize("table", append_only.TABLES)
def test_no_row_is_replaced_over_its_key(table):
    assert assert_refused(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")
    assert assert_refused(f"REPLACE INTO {table} SELECT * FROM {table}")


@pytest.mark.only_on("sqlite", "REPLACE is SQLite's")
@pytest.mark.parametrize("table", ["ppims_auditentry", "limits_limitcheck", "limits_ledgerentry"])
def test_no_row_is_replaced_over_another_unique_column(table):
    columns = [field.column for field in MODELS[table]._meta.concrete_fields]
    others = ", ".join(f'"{column}"' for column in columns if column != "id")
    assert assert_refused(f"REPLACE INTO {table} ({others}) SELECT {others} FROM {table}")


@pytest.mark.only_on("postgresql", "SQLite has no TRUNCATE")
@pytest.mark.parametrize("table", append_only.TABLES)
def test_no_table_is_truncated(table):
    connection.check_constraints()  # what is put off to the commit would refuse it too
    assert assert_refused(f"TRUNCATE {table} CASCADE")


def test_an_update_by_the_orm_is_refused_too():
    entry = LedgerEntry.objects.first()
    entry.amount_paise = 1
    with pytest.raises(IntegrityError), transaction.atomic():
        entry.save()
    with pytest.raises(Error), transaction.atomic():
        AuditEntry.objects.all().delete()


def test_a_missing_or_altered_trigger_is_named_by_readyz_and_verification(client):
    assert append_only.list_missing() == health.list_missing() == []
    append_only.remove("limits_ledgerentry")
    missing = append_only.list_missing()
    assert missing
    assert all(name.startswith("limits_ledgerentry_") for name in missing)
    assert client.get("/readyz").json()["missing"] == [f"the trigger {name}" for name in missing]
    append_only.install("limits_ledgerentry")
    assert append_only.list_missing() == []


@pytest.mark.only_on("sqlite", "on PostgreSQL the function is what could be altered")
def test_a_trigger_that_lets_through_is_not_taken_for_one_that_forbids():
    name = "limits_ledgerentry_only_grows_update"
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TRIGGER {name}")
        cursor.execute(
            f"CREATE TRIGGER {name} BEFORE UPDATE ON limits_ledgerentry BEGIN SELECT 1; END"
        )
    assert append_only.list_missing() == [name]


@pytest.mark.only_on("postgresql", "on SQLite a trigger has its own text")
def test_a_function_that_lets_through_is_not_taken_for_one_that_forbids():
    with connection.cursor() as cursor:
        cursor.execute(
            "CREATE OR REPLACE FUNCTION ppims_only_grows() RETURNS trigger LANGUAGE plpgsql"
            " AS $$BEGIN RETURN NEW; END$$"
        )
        assert len(append_only.list_missing()) == 2 * len(append_only.TABLES)
        cursor.execute("ALTER TABLE limits_seal DISABLE TRIGGER limits_seal_only_grows_rows")
    assert "limits_seal_only_grows_rows" in append_only.list_missing()


def test_verification_names_a_missing_trigger_after_the_rows_that_it_let_be_touched():
    append_only.remove("limits_ledgerentry")
    LedgerEntry.objects.update(amount_paise=1)
    rows = [finding.row for finding in verify()]
    assert rows[0].startswith("ledger entry 1 of customer ")
    assert rows[-1].startswith("trigger limits_ledgerentry_only_grows")
    append_only.install("limits_ledgerentry")
