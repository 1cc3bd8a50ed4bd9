"""From a database's URL to Django's settings of it: SQLite or PostgreSQL."""

import re
from typing import Any
from urllib.parse import unquote, urlsplit

import dj_database_url

# Where a URL has its hosts; and one of several. The address of IPv6 stands in brackets.
HOSTS_PATTERN = re.compile(r"\w+://(?:[^/?#]*@)?(?P<hosts>[^@/?#]*)")
HOST_PATTERN = re.compile(r"(?:\[(?P<six>[^]]+)\]|(?P<name>[^:\[\]]+))(?::(?P<port>\d+))?")
SQLITE_ENGINE, POSTGRESQL_ENGINE = "django.db.backends.sqlite3", "django.db.backends.postgresql"

# synchronous=FULL: an acknowledged posting survives a power cut. Why these:
# docs/decisions.md, "SQLite first, and durable before it answers" and "No connection maps the
# database file".
PRAGMAS = (
    "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON;"
    "PRAGMA temp_store=MEMORY; PRAGMA mmap_size=0; PRAGMA cache_size=-8000;"
    "PRAGMA wal_autocheckpoint=4000; PRAGMA recursive_triggers=ON"
)
# What answers rest on, whatever a server, a database or a role has for it. Names are looked up in
# one schema, values written and read in one form, an absent value equals nothing, and no statement
# sees more, less or older rows than it was written for.
SESSION_SETTINGS = {
    "search_path": "public",
    "DateStyle": "ISO,MDY",
    "IntervalStyle": "postgres",
    "TimeZone": "UTC",
    "standard_conforming_strings": "on",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "array_nulls": "on",
    "transform_null_equals": "off",
    "row_security": "on",
    "default_transaction_isolation": "read committed",
    "default_transaction_deferrable": "off",
    "jit": "off",  # compiling a statement of ours takes a thousand times as long as running it
    "client_min_messages": "warning",  # a COMMIT's warning counts: ppims/db/standbys.py
}
# A server that is gone without a word is noticed within half a minute.
NETWORK_OPTIONS = {
    "connect_timeout": 5,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 25_000,
}


def make_settings(url: str, *, busy_seconds: int, statement_seconds: int) -> dict[str, Any]:
    """Make Django's settings of a URL: connections that last, and wait `busy_seconds` for a lock
    and `statement_seconds` for a statement (0: for ever; PostgreSQL only). What the URL itself says
    stands. Raises ValueError where it is no URL of SQLite or PostgreSQL.
    """
    url, several = _take_hosts_out(url)
    database: dict[str, Any] = {**dj_database_url.parse(url, conn_max_age=None), **several}
    if database["ENGINE"] == SQLITE_ENGINE:
        database["OPTIONS"] = {
            "transaction_mode": "IMMEDIATE",
            "timeout": busy_seconds,
            "init_command": PRAGMAS,
        }
    elif database["ENGINE"] == POSTGRESQL_ENGINE:
        database["CONN_HEALTH_CHECKS"] = True  # a connection may be gone when a page comes
        own = database.get("OPTIONS", {})
        session = _write_session_options(busy_seconds, statement_seconds)
        options = f"{session} {own.get('options', '')}".rstrip()
        database["OPTIONS"] = {
            "application_name": "ppims",
            "prepare_threshold": 0,  # Django's own is never, and then nothing is prepared
            **NETWORK_OPTIONS,
            **own,
            "options": options,
        }
        database["HOST"] = _read_socket_folder(url) or database["HOST"]
    else:
        raise ValueError("neither SQLite nor PostgreSQL")
    return database


def _write_session_options(busy_seconds: int, statement_seconds: int) -> str:
    settings = {
        **SESSION_SETTINGS,
        "lock_timeout": f"{busy_seconds}s",
        "statement_timeout": f"{statement_seconds}s",
        # A transaction never waits for anyone but the database: one that stands idle has lost its
        # client, and holds locks that others wait for.
        "idle_in_transaction_session_timeout": f"{statement_seconds}s",
    }
    escaped = {name: value.replace(" ", "\\ ") for name, value in settings.items()}
    return " ".join(f"-c {name}={value}" for name, value in escaped.items())


def _read_socket_folder(url: str) -> str:
    # Of postgres://user@%2Frun%2Fpostgresql/name. Parsed as a host, it loses its capital letters.
    host = unquote(urlsplit(url).netloc.rpartition("@")[2].partition(":")[0])
    return host if host.startswith("/") else ""


def _take_hosts_out(url: str) -> tuple[str, dict[str, str]]:
    """Take several hosts out of a URL, postgres://user@one:5433,two/name: the URL without them, and
    what Django hands to libpq. A URL with one host stays as it is.
    """
    place = HOSTS_PATTERN.match(url)
    if not place or "," not in place["hosts"]:
        return url, {}
    found = [HOST_PATTERN.fullmatch(each) for each in place["hosts"].split(",")]
    if not all(found):
        raise ValueError("a host is NAME or NAME:PORT")
    hosts = [unquote(each["six"] or each["name"]) for each in found if each]
    ports = [each["port"] or "" for each in found if each]
    without = url[: place.start("hosts")] + url[place.end("hosts") :]
    return without, {"HOST": ",".join(hosts), "PORT": ",".join(ports)}
