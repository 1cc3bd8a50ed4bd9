"""Databases made by the older migrations, which the first release replaces."""

from django.db import connections
from django.db.migrations.executor import MigrationExecutor
from django.db.migrations.recorder import MigrationRecorder

FIRST_RELEASE = "0001_first_release"
APPS = ("ppims", "customers", "limits")


def make_older(using, *until):
    """Make the tables by the older migrations, all of them unless told until which, and give the
    models as they are then.
    """
    executor = MigrationExecutor(connections[using])
    executor.loader.replace_migrations = False
    executor.loader.build_graph()
    newest = executor.loader.graph.leaf_nodes()
    every = [(app, name) for app, name in newest if app in APPS and name != FIRST_RELEASE]
    return executor.migrate(list(until) or every).apps


def record_first_release(using):
    """Record it as a database does that began with it, when it replaced fewer."""
    for app in APPS:
        MigrationRecorder(connections[using]).record_applied(app, FIRST_RELEASE)
