"""The database: there, writable, migrated, append-only, and set so that what it has said stays."""

from collections.abc import Iterator
from datetime import datetime

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, connection
from django.db.migrations.loader import MigrationLoader

from ppims.db import append_only, durability, nodes, suitability
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.maintenance.doctor.place import find_place
from ppims.server import health

MOST_NAMED = 3
# Of a worker on PostgreSQL: pages, reads and writes have a thread each, and there are three more;
# then background work and its beat (docs/architecture.md, "Processes, threads, connections").
POOLS_OF_THREADS, OTHER_THREADS, BACKGROUND_CONNECTIONS = 3, 3, 2


def check_migrations(at: datetime) -> Iterator[Finding]:
    """Check that the tables are those of this program: neither older nor newer."""
    loader = MigrationLoader(connection)
    newer = [
        f"{app}.{name}"
        for app, name in sorted(set(loader.applied_migrations) - set(loader.disk_migrations))
        if app in loader.migrated_apps and not _is_replaced(loader, (app, name))
    ]
    if newer:
        said = f"the database is newer than this program: {', '.join(newer[:MOST_NAMED])}"
        yield refuse("database.migrations", said, "install the newer program")
    elif not health.is_migrated():
        mend = "stop the server, back up, python3 -m ppims manage migrate (as the owner)"
        yield refuse("database.migrations", "migrations are missing", mend)
    else:
        yield approve("database.migrations", "all are made")


def _is_replaced(loader: MigrationLoader, key: tuple[str, str]) -> bool:
    return any(key in each.replaces for each in loader.disk_migrations.values())


def check_triggers(at: datetime) -> Iterator[Finding]:
    """Check that tables that only grow are protected, on every machine."""
    if missing := append_only.list_missing():
        named = ", ".join(missing[:MOST_NAMED])
        mend = 'verify first: docs/runbook.md, "Verification fails"; its last step puts them back'
        yield refuse("database.triggers", f"{len(missing)} missing or changed: {named}", mend)
    else:
        yield approve("database.triggers", f"{len(append_only.TABLES)} tables only grow")
    if problems := nodes.list_problems():
        said = ", ".join(problems[:MOST_NAMED])
        yield refuse("database.machines", said, "python3 -m ppims manage distribute, as the owner")


def check_durability(at: datetime) -> Iterator[Finding]:
    """Check that what was answered is on the disk, by the database's own settings."""
    if unsuitable := suitability.explain_unsuitable(DEFAULT_DB_ALIAS):
        yield refuse("database.encoding", unsuitable, "see docs/operations.md, PostgreSQL")
    faults = list(durability.list_faults())
    for fault in faults:
        yield (refuse if fault.is_grave else warn)(f"database.{fault.name}", fault.said, fault.mend)
    if not any(fault.name == "durable" for fault in faults):
        yield approve("database.durable", f"{durability.describe()}: what is answered stays")


def check_connections(at: datetime) -> Iterator[Finding]:
    """Check that PostgreSQL lets all processes connect."""
    if (free := durability.count_connections()) is None:
        return
    workers = find_place().read_number("PPIMS_WORKERS", 2)
    needed = (
        workers * (POOLS_OF_THREADS * settings.PPIMS_THREADS + OTHER_THREADS)
        + BACKGROUND_CONNECTIONS
    )
    said = f"{needed} connections at most, of {free} that the server takes"
    if needed > free:
        mend = f"max_connections = {needed + 20} in postgresql.conf, or fewer PPIMS_WORKERS"
        yield refuse("database.connections", said, mend)
    else:
        yield approve("database.connections", said)


def check_role(at: datetime) -> Iterator[Finding]:
    """Check that the server's role can't drop what protects the ledger."""
    if (role := durability.describe_role()) is None:
        return
    if role.is_bound:
        yield approve("database.role", f"{role.name} owns no table")
    elif settings.PRODUCTION:
        said = f"{role.name} owns tables, or is a superuser: it could change the ledger"
        mend = "serve as the application's role (docs/operations.md, PostgreSQL); to migrate, fine"
        yield warn("database.role", said, mend)


def check_standbys(at: datetime) -> Iterator[Finding]:
    """Check that the standbys that commits wait for are there."""
    if (standbys := durability.describe_standbys()) is None:
        return
    if not standbys.names:
        yield approve("database.standby", "no synchronous standby is asked for")
    elif standbys.connected == 0:
        said = "commits wait for a standby, and none is connected: writes hang"
        yield refuse("database.standby", said, "start a standby (docs/operations.md, Failover)")
    else:
        yield approve("database.standby", f"{standbys.connected} standbys are connected")
