"""The application's role: it does all of PPIMS's work, and can't touch what only grows."""

import json
import os
import subprocess
import sys
from io import StringIO

import psycopg
import pytest
from django.core.management import CommandError, call_command
from django.db import connection

from ppims.db import append_only
from ppims.management.commands import grant_application
from tests.concurrency.conftest import (
    ROOT,
    Installation,
    Postgresql,
    draw_ref,
    make_variables,
)

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no roles")
# Roles are the whole server's: each process of the tests has its own. The second must be quoted.
OWNER, ROLE = f"ppims_its_owner_{os.getpid()}", f"ppims_its-application-{os.getpid()}"
NEW_ROLE = "new application"
PASSWORD = "a-password-of-tests"
PRODUCTION = {"PPIMS_ENV": "production", "PPIMS_ALLOWED_HOSTS": "ppims.example.in"}
PREPARE = ["--url", "https://ppims.example.in"]
RIGHTS = """
    SELECT table_name, privilege_type FROM information_schema.role_table_grants
    WHERE grantee = %s ORDER BY 1, 2
"""
REFUSED_STATEMENTS = [
    "UPDATE {table} SET {column} = {column}",
    "UPDATE {table} SET {column} = {column} WHERE false",
    "DELETE FROM {table} WHERE false",
    "TRUNCATE {table} CASCADE",
    "ALTER TABLE {table} DISABLE TRIGGER ALL",
    "ALTER TABLE {table} RENAME TO gone",
    "DROP TRIGGER {table}_only_grows_rows ON {table}",
    "CREATE TRIGGER another BEFORE UPDATE ON {table} EXECUTE FUNCTION ppims_only_grows()",
    "DROP TABLE {table} CASCADE",
    "SET session_replication_role = replica",
    "ALTER FUNCTION ppims_only_grows() RENAME TO gone",
    "DROP FUNCTION ppims_only_grows CASCADE",
    "SET ROLE {owner}",
]


class Owned(Postgresql):
    """A database of an owner who is no superuser."""

    def __init__(self, server):
        super().__init__(server)
        with server.connect() as database:
            for role in (OWNER, ROLE):
                database.execute(f"CREATE ROLE \"{role}\" LOGIN PASSWORD '{PASSWORD}'")
            database.execute(f'ALTER DATABASE "{self.name}" OWNER TO {OWNER}')
        self.as_owner = {"DATABASE_URL": server.write_url(self.name, user=OWNER)}
        self.become(OWNER)

    def become(self, role):
        self.variables = {"DATABASE_URL": self.server.write_url(self.name, user=role)}

    def connect_as(self, role):
        return self.server.connect(self.name, user=role)

    def remove(self):
        super().remove()
        with self.server.connect() as database:
            for role in (OWNER, ROLE):
                database.execute(f'DROP ROLE "{role}"')


@pytest.fixture(scope="module")
def owned(tmp_path_factory, postgres_server):
    """An installation whose tables are its owner's, and the rest the application's."""
    database = Owned(postgres_server)
    made = Installation(tmp_path_factory.mktemp("owned"), database)
    try:
        made.manage("migrate", "--verbosity", "0")
        made.manage("grant_application", ROLE)
        database.become(ROLE)
        made.manage("prepare", *PREPARE, **PRODUCTION)
        made.start(1)
        made.workers[0].ask(["set_up", "ENT", "CBS"])
        yield made
    finally:
        for worker in made.workers:
            worker.end()
        database.remove()


def test_the_application_starts_again_serves_seals_and_verifies(owned):
    owned.manage("migrate", "--verbosity", "0")
    owned.manage("prepare", *PREPARE, **PRODUCTION)
    ref, customer = draw_ref(), owned.add_customer()
    said = owned.workers[0].ask(
        ["check", "ENT", ref, customer, 5_000],
        ["post", "ENT", draw_ref(), customer, 5_000, "S", ref, "T1"],
        ["post", "ENT", draw_ref(), customer, 1_000, "R", None, "T1"],
    )
    assert [said[0][0], said[1][2], said[2][3]] == ["T", [], 4_000]
    seal = str(owned.folder / "seal.json")
    owned.manage("seal", "--to", seal)
    owned.manage("verify_ledger", "--seal", seal)
    owned.manage("rebuild_usage")


@pytest.mark.parametrize(("is_owner", "level"), [(False, "good"), (True, "warning")])
def test_doctor_looks_at_all_of_it_as_the_application_and_as_the_owner(owned, is_owner, level):
    role = OWNER if is_owner else ROLE
    variables = {"DATABASE_URL": owned.database.server.write_url(owned.database.name, user=role)}
    done = subprocess.run(
        [sys.executable, "manage.py", "doctor", "--json"],
        cwd=ROOT,
        env=make_variables(owned.folder, **variables, **PRODUCTION),
        stdout=subprocess.PIPE,
        check=False,
    )
    found = {each["name"]: each["level"] for each in json.loads(done.stdout)["findings"]}
    assert found["database.role"] == level
    assert found["database.triggers"] == found["keys.in_use"] == "good"
    assert [name for name in found if name.startswith("doctor.")] == []  # nothing it couldn't see


def name_column(table):
    return "other_id" if table == "customers_kin" else "at"


@pytest.mark.parametrize("table", append_only.TABLES)
@pytest.mark.parametrize("statement", REFUSED_STATEMENTS)
def test_the_application_may_not_touch_what_only_grows(owned, table, statement):
    with owned.database.connect_as(ROLE) as database:
        assert database.execute(f"SELECT count(*) FROM {table}").fetchone() != (None,)
        sent = statement.format(table=table, column=name_column(table), owner=OWNER)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            database.execute(sent)


@pytest.mark.parametrize("table", append_only.TABLES)
def test_the_owner_himself_is_stopped_by_the_triggers(owned, table):
    with owned.database.connect_as(OWNER) as database:
        column = name_column(table)
        for statement in (f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}"):
            if database.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,):
                with pytest.raises(psycopg.errors.RestrictViolation, match="only grows"):
                    database.execute(statement)
        with pytest.raises(psycopg.errors.RestrictViolation, match="only grows"):
            database.execute(f"TRUNCATE {table} CASCADE")


def test_what_is_granted_again_is_what_is_needed_and_no_more(owned):
    with owned.database.connect_as(OWNER) as database:
        before = database.execute(RIGHTS, [ROLE]).fetchall()
        database.execute(f'GRANT ALL ON limits_ledgerentry TO "{ROLE}"')
        database.execute(f'REVOKE INSERT ON limits_hold FROM "{ROLE}"')
        owned.manage("grant_application", ROLE, **owned.database.as_owner)
        assert database.execute(RIGHTS, [ROLE]).fetchall() == before
    assert ("limits_ledgerentry", "INSERT") in before
    changing = {(table, verb) for table, verb in before if verb not in {"SELECT", "INSERT"}}
    assert {table for table, _ in changing} & set(append_only.TABLES) == set()
    assert ("limits_ledgerhead", "UPDATE") in changing


# Who is no application; inside a transaction that is rolled back.


def grant(role):
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE ROLE "{NEW_ROLE}"')
    call_command("grant_application", role, stdout=StringIO())


@pytest.mark.django_db
def test_a_role_that_is_not_there_is_told_how_to_make_it():
    with pytest.raises(CommandError, match="CREATE ROLE nobody LOGIN"):
        grant("nobody")


@pytest.mark.django_db
def test_whoever_owns_the_tables_is_refused():
    with pytest.raises(CommandError, match="owns tables here, or is a superuser"):
        grant(connection.settings_dict["USER"])


@pytest.mark.django_db
@pytest.mark.parametrize(
    "more",
    [
        f'GRANT pg_write_all_data TO "{NEW_ROLE}"',
        "GRANT UPDATE ON limits_ledgerentry TO PUBLIC",
    ],
)
def test_a_role_with_rights_from_elsewhere_is_refused(more):
    with connection.cursor() as cursor:
        cursor.execute(f'CREATE ROLE "{NEW_ROLE}"')
        cursor.execute(more)
    with pytest.raises(CommandError, match="by rights that this doesn't grant"):
        call_command("grant_application", NEW_ROLE)


@pytest.mark.django_db
def test_a_name_is_quoted():
    grant(NEW_ROLE)
    with connection.cursor() as cursor:
        cursor.execute("SELECT has_table_privilege(%s, 'limits_hold', 'DELETE')", [NEW_ROLE])
        assert cursor.fetchone() == (True,)


@pytest.mark.django_db
def test_every_table_that_it_names_is_there():
    tables = {table for table, _ in grant_application.list_rights()}
    named = (
        grant_application.ONLY_READ
        | grant_application.CHANGED_TABLES
        | grant_application.DELETED_TABLES
    )
    assert named <= tables
