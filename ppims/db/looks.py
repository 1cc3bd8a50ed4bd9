"""Looking without touching: the database itself refuses whatever a look would write."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

from django.db import connection, transaction

from ppims.db.transaction import read_snapshot

LOOK_SECONDS = 10


@contextmanager
def look_only() -> Iterator[None]:
    """Let the block read as of one instant, LOOK_SECONDS a statement at most on PostgreSQL, and
    write nothing. An error in it spoils no transaction around it.
    """
    with read_snapshot(), _set_savepoint(), connection.cursor() as cursor:
        if connection.vendor == "postgresql":  # both settings end with the savepoint
            cursor.execute(f"SET LOCAL statement_timeout = '{LOOK_SECONDS}s'")
            cursor.execute("SET LOCAL transaction_read_only = on")
            yield
            return
        # By the driver: after an error Django's cursor would refuse to take the second one.
        connection.connection.execute("PRAGMA query_only = ON")
        try:
            yield
        finally:
            connection.connection.execute("PRAGMA query_only = OFF")


def _set_savepoint() -> AbstractContextManager[object]:
    # On SQLite, alone, there is none: the snapshot is no transaction of Django's.
    return transaction.atomic() if connection.in_atomic_block else nullcontext()
