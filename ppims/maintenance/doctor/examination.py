"""The examination by the settings, which can be read: all checks in their order, each on its own,
whatever becomes of the others.
"""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db import DatabaseError, InterfaceError, connection

from ppims.core import clock
from ppims.db import alias, looks, outages
from ppims.maintenance.doctor import (
    clocks,
    configuration,
    database,
    keys,
    people,
    rules,
    upkeep,
)
from ppims.maintenance.doctor.early import describe_error, run_check
from ppims.maintenance.doctor.findings import Finding, Level, approve, has, refuse, warn

SETTINGS_CHECKS = (configuration.check_reach, configuration.check_deployment)
# These read the tables of this program: they come after the migrations.
DATABASE_CHECKS = (
    *(database.check_durability, database.check_connections, database.check_role),
    *(database.check_standbys, database.check_triggers),
    *(keys.check_keys, keys.check_rotations),
    *(clocks.check_jump, clocks.check_database_clock, clocks.check_last_rows),
    *(rules.check_rules, people.check_roles, people.check_admins, people.check_staff),
    *(people.check_processors, upkeep.check_upkeep, upkeep.check_runner),
)
AWAY_MEND = 'docs/runbook.md, "The server does not start"'
TABLES_MEND = "mend database.migrations, and run doctor again"


def examine() -> Iterator[Finding]:
    """Examine what the settings say, and then the database, if it is there."""
    for check in SETTINGS_CHECKS:
        yield from run_check(check.__name__, check)
    reach = _find_reach()
    yield reach
    if reach.level == Level.WRONG:
        return
    migrations = list(_look(database.check_migrations))
    yield from migrations
    if has(migrations, Level.WRONG):
        yield warn("database.tables", "not looked at: another program's", TABLES_MEND)
        return
    for look in DATABASE_CHECKS:
        yield from _look(look)


def _find_reach() -> Finding:
    """Find whether the database can be reached, and takes writes."""
    file = alias.find_file()
    if file is not None and not file.exists():  # to connect would make it
        mend = 'start by python3 -m ppims, or restore a backup (docs/runbook.md, "Restore")'
        return refuse("database.there", f"there is no database {file}", mend)
    try:
        is_read_only = outages.is_read_only()
        connection.ensure_connection()
    except (DatabaseError, InterfaceError) as error:
        return refuse("database.there", f"can't be used: {describe_error(error)}", AWAY_MEND)
    if is_read_only:
        mend = "look which server DATABASE_URL leads to: this one is a standby, or was made so"
        return refuse("database.there", "it is read-only", mend)
    return approve("database.there", "reachable, and takes writes")


def _look(check: Callable[[datetime], Iterator[Finding]]) -> Iterator[Finding]:
    """Run a check of the database, which may only read."""

    def look() -> Iterator[Finding]:
        with looks.look_only():
            yield from list(check(clock.now()))

    return run_check(check.__name__, look)
