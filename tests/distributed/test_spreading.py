"""`manage distribute` on the machines of Citus: what it makes, again and after a migration, and
what /readyz says of it.
"""

import json
import os
import shutil
import subprocess
import sys
import time

import psycopg
import pytest

from ppims.db import append_only
from ppims.db.places import COLUMN_BY_TABLE
from tests.concurrency.conftest import ROOT, make_variables
from tests.distributed.installation import install_spread
from tests.ports import find_free_port

POINT_AT_CHECK = (
    "let customers_visit (check_named_id, customer_id) point at limits_limitcheck (id, customer_id)"
)
# As a migration of Django's would have it: a column, and a table that points at customers.
MIGRATION = """
import django.db.models.deletion
from django.db import migrations, models

class Migration(migrations.Migration):
    dependencies = [("customers", "{last}")]
    operations = [
        migrations.AddField("customer", "nickname", models.CharField(default="", max_length=9)),
        migrations.CreateModel(
            name="Visit",
            fields=[
                ("id", models.BigAutoField(primary_key=True, serialize=False)),
                ("at", models.DateTimeField()),
                ("customer", models.ForeignKey(
                    on_delete=django.db.models.deletion.PROTECT, to="customers.customer")),
                ("check_named", models.ForeignKey(null=True,
                    on_delete=django.db.models.deletion.PROTECT, to="limits.limitcheck")),
            ],
        ),
    ]
"""
# The same in the models, and the table in its place; then whatever manage.py is told.
PROGRAM = """
import sys
import ppims.db.places as places
places.COLUMN_BY_TABLE["customers_visit"] = "customer_id"
import django
django.setup()
from django.conf import settings
from django.core.management import execute_from_command_line
from django.db import models
from customers.models import Customer

models.CharField(default="", max_length=9).contribute_to_class(Customer, "nickname")

class Visit(models.Model):
    id = models.BigAutoField(primary_key=True)
    at = models.DateTimeField()
    customer = models.ForeignKey(Customer, models.PROTECT)
    check_named = models.ForeignKey("limits.LimitCheck", models.PROTECT, null=True)
    class Meta:
        app_label = "customers"

settings.MIGRATION_MODULES["customers"] = "later_migrations"
execute_from_command_line(["manage.py", *sys.argv[1:]])
"""


def run_manage(made, *command):
    environment = make_variables(made.folder, **made.database.variables)
    return subprocess.run(
        [sys.executable, "manage.py", *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_it_does_nothing_twice_and_check_says_so(spread):
    done = run_manage(spread, "distribute")
    assert (done.returncode, done.stdout) == (0, "Every table is in its place.\n"), done
    checked = run_manage(spread, "distribute", "--check")
    assert (checked.returncode, checked.stdout) == (0, "Every table is in its place.\n"), checked


def test_every_table_stands_where_the_list_says(spread):
    found = dict(
        spread.query("""
            SELECT logicalrelid::text, column_to_column_name(logicalrelid, partkey)
            FROM pg_dist_partition WHERE partmethod = 'h'
        """)
    )
    assert found == COLUMN_BY_TABLE
    groups = spread.query("""
        SELECT colocationid, count(*) FROM pg_dist_partition WHERE partmethod = 'h' GROUP BY 1
    """)
    # The customers' tables are shard by shard together; Ref_Ids and identifiers by themselves.
    assert sorted(count for _, count in groups) == [1, 1, len(COLUMN_BY_TABLE) - 2]


def test_a_database_of_one_machine_is_refused_on_the_same_server(citus, tmp_path):
    with citus.connect_node(0) as connection:
        connection.execute(f'CREATE DATABASE "alone_{os.getpid()}"')
    try:
        url = citus.write_url(f"alone_{os.getpid()}")
        environment = make_variables(tmp_path, DATABASE_URL=url)
        done = subprocess.run(
            [sys.executable, "manage.py", "distribute", "--check"],
            cwd=ROOT,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 1
        assert "There is no Citus in this database" in done.stderr
    finally:
        citus.drop_database(f"alone_{os.getpid()}")


def list_shards(spread, table):
    """List the shards of a table, each with its machine."""
    return spread.query(
        """
        SELECT n.groupid, s.logicalrelid || '_' || s.shardid
        FROM pg_dist_shard s JOIN pg_dist_placement p USING (shardid)
        JOIN pg_dist_node n ON n.groupid = p.groupid
        WHERE s.logicalrelid = ?::regclass ORDER BY s.shardid
        """,
        table,
    )


@pytest.mark.parametrize("table", sorted(set(append_only.TABLES) & set(COLUMN_BY_TABLE)))
def test_every_shard_of_what_only_grows_refuses_changes(spread, table):
    shards = list_shards(spread, table)
    assert len(shards) == 32
    for node, shard in shards:
        with spread.database.server.connect_node(node, spread.database.name) as connection:
            said = connection.execute(
                "SELECT count(*) FROM pg_trigger WHERE tgrelid = %s::regclass AND NOT tgisinternal"
                " AND tgenabled = 'O'",
                [shard],
            ).fetchone()
            assert said[0] >= 1, shard
    with spread.database.connect() as connection:
        for statement in ("UPDATE {} SET at = at", "DELETE FROM {}"):
            if connection.execute(f"SELECT count(*) FROM {table}").fetchone() != (0,):
                with pytest.raises(psycopg.errors.RestrictViolation, match="only grows"):
                    connection.execute(statement.format(table))
        with pytest.raises(psycopg.errors.RestrictViolation, match="only grows"):
            connection.execute(f"TRUNCATE {table} CASCADE")


def test_a_shard_without_its_trigger_is_named_found_and_put_right(spread):
    spread.add_customer()
    node, shard = list_shards(spread, "limits_ledgerentry")[0]
    name = shard.replace("limits_ledgerentry_", "limits_ledgerentry_only_grows_rows_")
    with spread.database.server.connect_node(node, spread.database.name) as connection:
        connection.execute("SET citus.enable_manual_changes_to_shards = on")
        connection.execute(f"DROP TRIGGER {name} ON {shard}")
    status, missing = look(spread)
    assert status == "unavailable"
    assert [it.split(" on ")[0] for it in missing] == [f"the trigger {name}"]
    verified = run_manage(spread, "verify_ledger", "--all")
    assert (verified.returncode, name in verified.stderr) == (1, True), verified
    checked = run_manage(spread, "distribute", "--check")
    assert (checked.returncode, name in checked.stdout) == (1, True), checked
    spread.manage("distribute", "--verbosity", "0")
    assert run_manage(spread, "distribute", "--check").returncode == 0


def look(made):
    """Ask /readyz in a process of its own: the status, and what is missing."""
    code = "from django.test import Client; r = Client().get('/readyz'); print(r.content.decode())"
    done = run_manage(made, "shell", "-v", "0", "-c", code)
    said = json.loads(done.stdout.strip().splitlines()[-1])
    return said["status"], said["missing"]


def test_a_machine_that_does_not_answer_is_named_within_seconds(spread):
    citus = spread.database.server
    host, port = citus.nodes[1]
    assert look(spread) == ("ok", [])
    # Its name leads nowhere for a while.
    with spread.database.connect() as connection:
        connection.execute("SET citus.allow_nested_distributed_execution = on")
        nowhere = "UPDATE pg_dist_node SET nodeport = %s WHERE nodename = %s AND nodeport = %s"
        connection.execute(nowhere, [find_free_port(), host, port])
        try:
            began = time.monotonic()
            status, missing = look(spread)
            assert time.monotonic() - began < 10  # with the start of the process
        finally:
            connection.execute(
                "UPDATE pg_dist_node SET nodeport = %s WHERE groupid = 1 AND nodename = %s",
                [port, host],
            )
    assert status == "unavailable"
    assert [it.split(":")[0] for it in missing] == [f"the machine {host}"]
    assert look(spread) == ("ok", [])


def test_a_migration_that_adds_a_column_and_a_table_is_spread_by_the_same_command(
    tmp_path_factory, citus
):
    folder = tmp_path_factory.mktemp("later")
    with install_spread(folder, citus) as made:
        customer = made.add_customer()
        write_later_migrations(folder)
        first = run_later(made, "distribute", "--check")
        assert (first.returncode, "Migrations are missing" in first.stderr) == (1, True), first
        migrated = run_later(made, "migrate", "--verbosity", "0")
        assert migrated.returncode == 0, migrated
        checked = run_later(made, "distribute", "--check")
        assert checked.returncode == 1
        done = run_later(made, "distribute")
        assert done.stdout.splitlines() == [
            "make the primary key of customers_visit (id, customer_id)",
            "spread customers_visit by customer_id",
            "let customers_visit (customer_id) point at customers_customer (unique_id)",
            POINT_AT_CHECK,
            "Every table is in its place.",
        ], done
        again = run_later(made, "distribute", "--check")
        assert again.returncode == 0, again
        insert = (
            "INSERT INTO customers_visit (at, customer_id, check_named_id) VALUES (now(), ?, ?)"
        )
        with made.database.connect() as connection:
            made.database.execute(connection, insert, customer, None)
            for stranger, check in ((1, None), (customer, 1)):
                with pytest.raises(psycopg.errors.ForeignKeyViolation):
                    made.database.execute(connection, insert, stranger, check)
        assert made.query("SELECT nickname FROM customers_customer") == [("",)]


def write_later_migrations(folder):
    """Write the customers' migrations with one more at their end, into the folder."""
    later = folder / "later_migrations"
    shutil.copytree(ROOT / "customers" / "migrations", later)
    *_, last = sorted(path.stem for path in later.glob("0*.py"))
    (later / "9999_later.py").write_text(MIGRATION.format(last=last))


def run_later(made, *command):
    """Run a command of the program as it is after that migration."""
    environment = make_variables(made.folder, **made.database.variables)
    environment["PYTHONPATH"] += f":{made.folder}"
    return subprocess.run(
        [sys.executable, "-c", PROGRAM, *command],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
