"""A new database is made at once, by one migration an app; an older one goes on by those that it
replaces. Both have the same tables.
"""

import re

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

from ppims.db import alias, append_only
from ppims.server import health

pytestmark = pytest.mark.only_on("sqlite", "it is the same migrations")
FIRST_RELEASE = "0001_first_release"
APPS = ("ppims", "customers", "limits")


def test_an_older_database_has_the_same_tables_and_takes_it_for_made(
    tmp_path, transactional_db, django_db_blocker
):
    url = alias.write_sqlite_url(tmp_path / "older.sqlite3")
    with django_db_blocker.unblock(), alias.open_database(url) as older:
        run_older_migrations(older)
        made_at_once = read_schema("default")
        assert len(made_at_once) > len(append_only.TABLES)
        assert read_schema(older) == made_at_once
        assert append_only.list_missing(using=connections[older]) == []
        call_command("migrate", database=older, verbosity=0)
        assert health.is_migrated(older)
        assert {(app, FIRST_RELEASE) for app in APPS} <= set(
            MigrationRecorder(connections[older]).applied_migrations()
        )


def run_older_migrations(using):
    """Make the tables by the older migrations, which are left out where there is nothing, and by
    those that came after the first release.
    """
    executor = MigrationExecutor(connections[using])
    executor.loader.replace_migrations = False
    executor.loader.build_graph()
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate([(app, name) for app, name in newest if app in APPS and name != FIRST_RELEASE])


def read_schema(using):
    """Read what each table, index and trigger of ours is made of, in whatever order it says so."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            name: sorted(re.findall(r"\w+|[^\w\s\"]", sql))
            for name, sql in cursor.fetchall()
            if name.startswith(APPS)
        }
