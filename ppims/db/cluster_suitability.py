"""Whether a database can be spread over many machines, and by whom (docs/operations.md, "Many
machines").
"""

import json
from collections.abc import Iterator

from django.db import DEFAULT_DB_ALIAS, connections

from ppims.db import distribution, nodes
from ppims.db.url import SESSION_SETTINGS

OLDEST_CITUS, OLDEST_POSTGRESQL = (13, 2), 15
# Machines answer parts of our statements in sessions of their own, with their own settings.
SAME_EVERYWHERE = (
    *("DateStyle", "IntervalStyle", "standard_conforming_strings", "array_nulls"),
    *("transform_null_equals", "row_security"),
)
READ_COORDINATOR = """
    SELECT citus_is_coordinator(),
        EXISTS (SELECT 1 FROM pg_dist_node WHERE groupid = 0),
        EXISTS (SELECT 1 FROM pg_dist_node WHERE groupid <> 0 AND shouldhaveshards AND isactive)
"""
READ_SETTINGS = """
    SELECT json_build_object('citus',
        (SELECT extversion FROM pg_extension WHERE extname = 'citus'), {pairs})
"""
SETTING_NAMES = (
    *("server_version_num", "max_prepared_transactions", "citus.enable_unsafe_triggers"),
    *SAME_EVERYWHERE,
)


def explain_undistributable(using: str = DEFAULT_DB_ALIAS) -> str | None:
    """Say why a database can't be spread over machines from here; None: it can. Raises
    DatabaseError.
    """
    if connections[using].vendor != "postgresql":
        return "SQLite is a file of one machine: only PostgreSQL with Citus is spread over many."
    if not nodes.has_citus(using):
        return "There is no Citus in this database: CREATE EXTENSION citus on every machine."
    with connections[using].cursor() as cursor:
        cursor.execute(READ_COORDINATOR)
        is_coordinator, is_known, has_workers = cursor.fetchone()
    if not is_coordinator:
        return "This machine is not the coordinator: DATABASE_URL has to lead to that one."
    if not is_known:
        return "The coordinator is unknown to itself: SELECT citus_set_coordinator_host('NAME')."
    if not has_workers:
        return "There are no worker machines: SELECT citus_add_node('NAME', 5432) for each."
    if placeless := distribution.list_placeless():
        return f"Nobody has said where {', '.join(placeless)} stands: ppims/db/places.py."
    return next(_find_faults(using), None)


def _find_faults(using: str) -> Iterator[str]:
    """Say what is wrong with a machine, the first thing of each."""
    pairs = ", ".join(f"'{name}', current_setting('{name}')" for name in SETTING_NAMES)
    for node in nodes.ask_all(READ_SETTINGS.format(pairs=pairs), using):
        if node.said is None:
            yield f"The machine {node.name} does not answer."
        elif fault := find_fault(json.loads(node.said)):
            yield f"The machine {node.name} {fault}."


def find_fault(settings: dict[str, str]) -> str | None:
    """Say what is wrong with a machine, by what it is set to; None: nothing is."""
    major, minor, *_ = settings["citus"].replace("-", ".").split(".")
    if (int(major), int(minor)) < OLDEST_CITUS:
        return f"has Citus {settings['citus']}, and {'.'.join(map(str, OLDEST_CITUS))} is needed"
    version = int(settings["server_version_num"]) // 10_000
    if version < OLDEST_POSTGRESQL:
        return f"has PostgreSQL {version}, and {OLDEST_POSTGRESQL} is needed"
    if settings["max_prepared_transactions"] == "0":
        return "prepares no transactions: set max_prepared_transactions to its max_connections"
    if settings["citus.enable_unsafe_triggers"] != "on":
        return "would protect no shard: set citus.enable_unsafe_triggers to on"
    for name in SAME_EVERYWHERE:
        if settings[name].replace(" ", "") != SESSION_SETTINGS[name]:
            return f"has {name} = {settings[name]}, and {SESSION_SETTINGS[name]} is needed"
    return None
