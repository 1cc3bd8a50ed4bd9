"""Where PostgreSQL has synchronous standbys: nothing is said to be recorded that none of them has
(docs/operations.md, "Failover").

A COMMIT that waits for them can be released without them: by pg_cancel_backend, by the end of its
session, by a crash of the primary. The transaction stands then, everybody can see it, and a
failover would lose it.
"""

from functools import partial
from typing import Any
from weakref import WeakKeyDictionary

from django.db import OperationalError, connection

from ppims.db import statements

# Transactional, so that COMMIT waits; it is a record in the log of writes, and no row. Who has no
# synchronous standby writes nothing: what others can see is on the primary's disk already.
WRITE_TO_LOG = """
    SELECT pg_logical_emit_message(true, 'ppims', '')
    WHERE current_setting('synchronous_standby_names') <> ''
"""
_warnings: WeakKeyDictionary[Any, list[str | None]] = WeakKeyDictionary()


class Unreplicated(OperationalError):
    """A COMMIT was answered with a warning: it stands, and perhaps on the primary alone."""


def listen_to_commit(driver: Any) -> None:
    """Forget what PostgreSQL has warned of on this connection of its driver, and hear what it warns
    of from now on. To be called right before COMMIT.
    """
    heard = _warnings.get(driver)
    if heard is None:
        heard = _warnings[driver] = []
        driver.add_notice_handler(partial(_keep_warning, heard))
    heard.clear()


def require_replicated(driver: Any) -> None:
    """Raise Unreplicated, an outage, where COMMIT came with a warning. To be called right after."""
    # Whatever it warns of: its words are in the server's language, and its SQLSTATE says nothing.
    if heard := _warnings[driver]:
        raise Unreplicated(f"COMMIT came with a warning: {heard}")


def wait_for_standbys() -> None:
    """Let the COMMIT of this transaction wait for the standbys, though it writes nothing: for an
    answer that says what another transaction has recorded.
    """
    if connection.vendor == "postgresql":
        statements.run(WRITE_TO_LOG, ())


def _keep_warning(heard: list[str | None], notice: Any) -> None:
    if notice.severity_nonlocalized == "WARNING":
        heard.append(notice.sqlstate)
