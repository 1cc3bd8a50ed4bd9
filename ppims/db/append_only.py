"""Tables that only grow: the database itself refuses to change or delete their rows.

The triggers forbid, and never compute. Whoever owns a table can drop them: what was done then,
verify_ledger tells.
"""

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper

TABLES = (
    *("ppims_auditentry", "limits_limitcheck", "limits_ledgerentry", "limits_seal"),
    *("limits_postingfinding", "limits_refusedreport", "limits_reportfinding"),
    "customers_kin",
)
REFUSAL_TEXT = "only grows: its rows are never changed or deleted"

# INSERT OR REPLACE deletes without a word of DELETE: over the key the third trigger stops it, over
# another unique column the second, with recursive_triggers on (settings).
TRIGGER_EVENTS = {
    "sqlite": {
        "only_grows_update": "BEFORE UPDATE ON {table}",
        "only_grows_delete": "BEFORE DELETE ON {table}",
        "only_grows_replace": "BEFORE INSERT ON {table}"
        " WHEN EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})",
    },
    "postgresql": {
        "only_grows_rows": "BEFORE UPDATE OR DELETE ON {table} FOR EACH ROW",
        "only_grows_whole": "BEFORE TRUNCATE ON {table} FOR EACH STATEMENT",
    },
}
POSTGRESQL_BODY = (
    f"BEGIN RAISE EXCEPTION '% {REFUSAL_TEXT}', TG_TABLE_NAME USING ERRCODE = '23001'; END"
)
POSTGRESQL_FUNCTION = f"""
    CREATE OR REPLACE FUNCTION ppims_only_grows() RETURNS trigger LANGUAGE plpgsql
    AS $${POSTGRESQL_BODY}$$
"""
LIST_TRIGGERS = {
    "sqlite": "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'",
    "postgresql": "SELECT t.tgname, p.prosrc FROM pg_trigger t JOIN pg_proc p ON p.oid = t.tgfoid"
    " WHERE t.tgenabled IN ('O', 'A')",
}


def install(*tables: str, using: BaseDatabaseWrapper | None = None) -> None:
    """Put the triggers on the tables. It may be done again at any time."""
    database = using or connection
    remove(*tables, using=database)
    with database.cursor() as cursor:
        if database.vendor == "postgresql":
            cursor.execute(POSTGRESQL_FUNCTION)
        for table in tables:
            for name, event in TRIGGER_EVENTS[database.vendor].items():
                cursor.execute(_write_creation(database, table, name, event))


def remove(*tables: str, using: BaseDatabaseWrapper | None = None) -> None:
    """Take the triggers off, if they are there: for tests and repairs."""
    database = using or connection
    with database.cursor() as cursor:
        for table in tables:
            suffix = f" ON {table}" if database.vendor == "postgresql" else ""
            for name in TRIGGER_EVENTS[database.vendor]:
                cursor.execute(f"DROP TRIGGER IF EXISTS {table}_{name}{suffix}")


def list_missing(*, using: BaseDatabaseWrapper | None = None) -> list[str]:
    """Name the triggers that are missing, were changed, or do not fire."""
    database = using or connection
    with database.cursor() as cursor:
        cursor.execute(LIST_TRIGGERS[database.vendor])
        there = dict(cursor.fetchall())
    wanted = {
        f"{table}_{name}": POSTGRESQL_BODY
        if database.vendor == "postgresql"
        else _write_creation(database, table, name, event)
        for table in TABLES
        for name, event in TRIGGER_EVENTS[database.vendor].items()
    }
    return sorted(name for name, text in wanted.items() if there.get(name) != text)


def _write_creation(database: BaseDatabaseWrapper, table: str, name: str, event: str) -> str:
    key = "number" if table == "limits_seal" else "id"
    on = event.format(table=table, key=key)
    if database.vendor == "postgresql":
        return f"CREATE TRIGGER {table}_{name} {on} EXECUTE FUNCTION ppims_only_grows()"
    body = f"SELECT RAISE(ABORT, '{table} {REFUSAL_TEXT}')"
    return f"CREATE TRIGGER {table}_{name} {on} BEGIN {body}; END"
