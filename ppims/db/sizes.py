"""How large the database is."""

from pathlib import Path

from django.db import connection

from ppims.db import statements

READ_SIZES = {
    "postgresql": "SELECT pg_database_size(current_database())",
    "sqlite": "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()",
}


def read_size_bytes() -> int:
    """Read how much room the database takes; of SQLite without its log. Raises DatabaseError."""
    (size,) = statements.read_row(statements.choose_by_database(READ_SIZES), ()) or (0,)
    return int(size)


def read_log_bytes() -> int | None:
    """Read how long SQLite's write-ahead log is; None: the database has no log of that kind."""
    if connection.vendor == "postgresql":
        return None
    try:
        return Path(f"{connection.settings_dict['NAME']}-wal").stat().st_size
    except FileNotFoundError:
        return 0


def name_database() -> str:
    """Name which database it is: sqlite or postgresql."""
    return connection.vendor
