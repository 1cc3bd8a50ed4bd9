"""Three servers, of which one is the primary and each commit is on two; and the least of a failover
manager: what docs/operations.md, "Failover", asks of one.
"""

import time
from contextlib import ExitStack, contextmanager

from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.postgresql import cluster

PATIENCE_SECONDS = 60
NAMES = ["n1", "n2", "n3"]
SETTINGS = {
    "synchronous_commit": "on",  # a kill is no loss of power: the disk need not have it
    "synchronous_standby_names": f"ANY 1 ({', '.join(NAMES)})",  # its own name never comes to it
    "wal_retrieve_retry_interval": "200ms",  # or a standby looks for its new primary in 5 s
    "wal_keep_size": "256MB",
    "dynamic_shared_memory_type": "mmap",  # in its folder, so that it goes with that
}
COUNT_STANDBYS = "SELECT COUNT(*) FROM pg_stat_replication WHERE sync_state = 'quorum'"
READ_RECEIVED = """
    SELECT pg_wal_lsn_diff(COALESCE(pg_last_wal_receive_lsn(), pg_last_wal_replay_lsn()), '0/0')
"""
CANCEL_WAITING = """
    SELECT COUNT(*) FILTER (WHERE pg_cancel_backend(pid))
    FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name = 'ppims'
"""


class StandbyGroup:
    """The servers. `primary` is one of them, all others are its standbys or are being made so."""

    def __init__(self, servers):
        self.servers = servers
        self.primary, *self.standbys = servers

    def write_url(self, database):
        """Make the URL that names all of them: libpq finds the one that takes writes."""
        identity, _, _ = self.primary.parts.netloc.rpartition("@")
        hosts = ",".join(f"127.0.0.1:{server.port}" for server in self.servers)
        return f"postgres://{identity}@{hosts}/{database}?target_session_attrs=read-write"

    def wait_until_whole(self):
        """Wait until every standby is one that commits may be acknowledged by."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.primary.connect() as connection:
            while connection.execute(COUNT_STANDBYS).fetchone() != (len(self.standbys),):
                assert time.monotonic() < deadline
                time.sleep(0.02)

    def fail_over(self):
        """Kill the primary and promote the standby that has most: the one killed, and when each of
        both began.
        """
        killed, killed_at = self.primary, time.monotonic()
        killed.do("kill")  # so that it acknowledges no more: one primary at a time
        # What was acknowledged is on one of two: both have to be asked which has more.
        received = {standby: read_received(standby) for standby in self.standbys}
        self.primary = max(self.standbys, key=received.__getitem__)
        self.standbys.remove(self.primary)
        promoted_at = time.monotonic()
        with self.primary.connect() as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)
        for standby in self.standbys:
            self.follow(standby)
        return killed, killed_at, promoted_at

    def follow(self, standby):
        follow(standby, make_conninfo(self.primary.write_url("postgres", query="")))

    def let_fall_behind(self, standby):
        """Let a standby hear no more of the primary."""
        follow(standby, "")

    def take_back(self, killed):
        """Make a standby of the primary that was killed: of a copy, for what nobody else has must
        go.
        """
        killed.do(f"follow {self.primary.address['url']}")
        self.standbys.append(killed)
        self.wait_until_whole()

    def cancel_waiting_commits(self, number):
        """Release so many commits as an impatient operator does, without a standby."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        with self.primary.connect() as connection:
            while number > 0:
                number -= connection.execute(CANCEL_WAITING).fetchone()[0]
                assert time.monotonic() < deadline
                time.sleep(0.02)


def follow(standby, conninfo):
    setting = sql.SQL("ALTER SYSTEM SET primary_conninfo = {}").format(sql.Literal(conninfo))
    with standby.connect() as connection:
        connection.execute(setting)
        connection.execute("SELECT pg_reload_conf()")


def read_received(standby):
    """Read how far a standby has what the primary wrote, in bytes."""
    with standby.connect() as connection:
        ((position,),) = connection.execute(READ_RECEIVED).fetchall()
        return position


@contextmanager
def run_group():
    """Run three servers for a while."""
    with ExitStack() as running:
        first, *others = NAMES
        primary = running.enter_context(cluster.run_cluster(**SETTINGS, cluster_name=first))
        standbys = [
            running.enter_context(cluster.run_standby(primary, **SETTINGS, cluster_name=name))
            for name in others
        ]
        group = StandbyGroup([primary, *standbys])
        group.wait_until_whole()
        yield group
