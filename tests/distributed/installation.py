"""An installation whose tables are spread, and what may happen to its machines."""

import random
from contextlib import contextmanager, suppress

import psycopg

from tests.concurrency.conftest import Installation, Postgresql

# A machine that loses a process by SIGKILL ends all its sessions and recovers from its log.
CRASH = "COPY (SELECT 1) TO PROGRAM 'kill -KILL {pid}'"
END_SESSION = "SELECT pg_terminate_backend({pid})"
LIST_SESSIONS = """
    SELECT pid FROM pg_stat_activity
    WHERE datname = current_database() AND backend_type = 'client backend'
        AND pid <> pg_backend_pid()
"""


class Spread(Postgresql):
    """A database of its own on the machines of Citus."""

    def kill(self, node: int, sql: str, draw: random.Random) -> bool:
        """Kill one of a machine's sessions; False: it had none, or is still down."""
        with suppress(psycopg.Error), self.server.connect_node(node, self.name) as connection:
            pids = [pid for (pid,) in connection.execute(LIST_SESSIONS).fetchall()]
            if not pids:
                return False
            with suppress(psycopg.OperationalError):  # our own session may go with it
                connection.execute(sql.format(pid=draw.choice(pids)))
            return True
        return False


@contextmanager
def install_spread(folder, citus):
    """Make an installation whose tables are spread, with two processors and one worker."""
    made = Installation(folder, Spread(citus))
    try:
        made.manage("migrate", "--verbosity", "0")
        made.manage("distribute", "--verbosity", "0")
        made.start(1)
        made.workers[0].ask(["set_up", "ENT", "CBS"])
        yield made
    finally:
        for worker in made.workers:
            worker.end()
        made.database.remove()
