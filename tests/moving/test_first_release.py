"""A new database is made at once, by one migration an app; an older one goes on by those that it
replaces. Both have the same tables.
"""

import re

import pytest
from django.core.management import call_command
from django.db import connections
from django.db.migrations.recorder import MigrationRecorder

from ppims.db import alias, append_only
from ppims.server import health
from tests.moving.older_databases import APPS, FIRST_RELEASE, make_older, record_first_release

pytestmark = pytest.mark.only_on("sqlite", "it is the same migrations")
ONCE_THE_NEWEST = (
    ("ppims", "0011_processor_changes"),
    ("customers", "0013_raised_and_lowered_by_time"),
    ("limits", "0016_limits_changed_as_one"),
)


@pytest.fixture
def older(tmp_path, transactional_db, django_db_blocker):
    url = alias.write_sqlite_url(tmp_path / "older.sqlite3")
    with django_db_blocker.unblock(), alias.open_database(url) as older:
        yield older


def test_an_older_database_has_the_same_tables_and_takes_it_for_made(older):
    make_older(older)
    made_at_once = read_schema("default")
    assert len(made_at_once) > len(append_only.TABLES)
    assert read_schema(older) == made_at_once
    assert append_only.list_missing(using=connections[older]) == []
    call_command("migrate", database=older, verbosity=0)
    assert health.is_migrated(older)
    assert {(app, FIRST_RELEASE) for app in APPS} <= set(
        MigrationRecorder(connections[older]).applied_migrations()
    )


def test_one_that_began_with_it_when_it_replaced_fewer_goes_on_by_the_others(older):
    make_older(older, *ONCE_THE_NEWEST)
    record_first_release(older)
    assert not health.is_migrated(older)
    call_command("migrate", database=older, verbosity=0)
    assert health.is_migrated(older)
    assert read_schema(older) == read_schema("default")


def read_schema(using):
    """Read what each table, index and trigger of ours is made of, in whatever order it says so."""
    with connections[using].cursor() as cursor:
        cursor.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL")
        return {
            name: sorted(re.findall(r"\w+|[^\w\s\"]", sql))
            for name, sql in cursor.fetchall()
            if name.startswith(APPS)
        }
