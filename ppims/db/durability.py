"""Whether a database keeps what it has said: its settings that acknowledged postings rest on; and
what else of a server decides whether we can work on it. Reads only.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from django.db import connection

from ppims.db import failed_syncs

OLDEST_POSTGRESQL = 14
READ_POSTGRESQL = """
    SELECT name, setting FROM pg_settings WHERE name IN (
        'fsync', 'full_page_writes', 'synchronous_commit', 'data_checksums', 'server_version_num',
        'default_transaction_isolation')
"""
# pragma: what we set it to, and what another value would lose.
WANTED_PRAGMAS = {
    "journal_mode": (
        "wal",
        "the file system may carry no shared memory: use a disk of this machine",
    ),
    "synchronous": (2, "a power cut may lose what was answered"),
    "foreign_keys": (1, "rows may name rows that aren't there"),
    "recursive_triggers": (1, "INSERT OR REPLACE may change what only grows"),
}
# setting: the values that keep what was answered.
WANTED_SETTINGS = {
    "fsync": {"on"},
    "full_page_writes": {"on"},
    "synchronous_commit": {"on", "remote_apply"},
}
OUR_ISOLATIONS = {"read committed", "serializable"}
COUNT_FREE = """
    SELECT current_setting('max_connections')::int
         - current_setting('superuser_reserved_connections')::int
"""
READ_ROLE = """
    SELECT current_user, NOT rolsuper AND NOT EXISTS (
        SELECT 1 FROM pg_class
        WHERE relname = 'limits_ledgerentry' AND pg_has_role(current_user, relowner, 'MEMBER'))
    FROM pg_roles WHERE rolname = current_user
"""
READ_STANDBYS = """
    SELECT current_setting('synchronous_standby_names'), (SELECT count(*) FROM pg_stat_replication)
"""


class Fault(NamedTuple):
    """What is set otherwise than answers rest on."""

    name: str
    is_grave: bool
    said: str
    mend: str


class Role(NamedTuple):
    """As whom we work, and whether rights bind that role."""

    name: str
    is_bound: bool


class Standbys(NamedTuple):
    """Which standbys commits wait for, and how many are connected."""

    names: str
    connected: int


def list_faults() -> Iterator[Fault]:
    """List what of this database is set otherwise than it should be. Raises DatabaseError."""
    if connection.vendor == "postgresql":
        yield from _list_faults_of_postgresql(_read_settings())
    else:
        yield from _list_faults_of_sqlite()


def describe() -> str:
    """Say which database it is, and what it is set to. Raises DatabaseError."""
    if connection.vendor != "postgresql":
        return "SQLite, journal_mode=WAL, synchronous=FULL"
    version = int(_read_settings()["server_version_num"]) // 10_000
    return f"PostgreSQL {version}, fsync, full_page_writes and synchronous_commit on"


def count_connections() -> int | None:
    """Count how many connections a PostgreSQL server gives us; None: there is no such bound."""
    return int(_read_row(COUNT_FREE)[0]) if connection.vendor == "postgresql" else None


def describe_role() -> Role | None:
    """Tell as which role we work; None: the database knows none."""
    return Role(*_read_row(READ_ROLE)) if connection.vendor == "postgresql" else None


def describe_standbys() -> Standbys | None:
    """Tell about standbys; None: the database knows none."""
    return Standbys(*_read_row(READ_STANDBYS)) if connection.vendor == "postgresql" else None


def find_fault(name: str, value: str) -> Fault | None:
    """Judge a setting of PostgreSQL by its value; None: it is as it should be."""
    if name in WANTED_SETTINGS and value not in WANTED_SETTINGS[name]:
        said = f"{name} is {value}: a crash may lose what was answered"
        return Fault("durable", True, said, f"{name} = on in postgresql.conf, and reload")
    if name == "server_version_num" and int(value) // 10_000 < OLDEST_POSTGRESQL:
        said = f"PostgreSQL {int(value) // 10_000}"
        return Fault("version", True, said, f"move to {OLDEST_POSTGRESQL} or newer")
    if name == "data_checksums" and value != "on":
        mend = "stop the server, pg_checksums --enable, start it"
        return Fault("checksums", False, "a faulty disk changes pages unnoticed", mend)
    if name == "default_transaction_isolation" and value not in OUR_ISOLATIONS:
        return Fault("isolation", True, f"isolation is {value}", "take it out of DATABASE_URL")
    return None


def _list_faults_of_postgresql(settings: dict[str, str]) -> Iterator[Fault]:
    for name, value in sorted(settings.items()):
        if fault := find_fault(name, value):
            yield fault


def _list_faults_of_sqlite() -> Iterator[Fault]:
    for pragma, (wanted, loss) in WANTED_PRAGMAS.items():
        (value,) = _read_row(f"PRAGMA {pragma}")
        if value not in {wanted, "memory"}:  # of a database that is in memory
            said = f"{pragma} is {value}, not {wanted}: {loss}"
            yield Fault("durable", True, said, "see docs/decisions.md, SQLite; restart PPIMS")
    if failed_syncs.has_failed(Path(connection.settings_dict["NAME"])):
        mend = "see why (dmesg), let a sound disk be there, and start PPIMS: that mends the log"
        yield Fault("disk", True, "an fsync failed: nothing is written", mend)


def _read_settings() -> dict[str, str]:
    with connection.cursor() as cursor:
        cursor.execute(READ_POSTGRESQL)
        return dict(cursor.fetchall())


def _read_row(sql: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql)
        row: tuple[Any, ...] = cursor.fetchone()
    return row
