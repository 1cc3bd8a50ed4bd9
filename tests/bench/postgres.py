"""PostgreSQL in the bench: a cluster of its own, which lasts as long as the bench; what pgbench
does on it; and a way there that takes longer.
"""

import os
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from urllib.parse import unquote

import psycopg

from tests.bench.installation import Installation
from tests.bench.processes import read_tree_cpu_seconds
from tests.bench.relay import run_relay
from tests.bench.results import Pgbench, RoundTrip
from tests.postgresql import cluster

SCRIPTS_FOLDER = Path(__file__).resolve().parent / "pgbench"
NEEDED_CONNECTIONS = 40  # beside those of pgbench's clients
THROUGH_TCP = "sslmode=disable&gssencmode=disable"
ASKED_TIMES = 400
RATE = re.compile(r"^tps = ([0-9.]+) ", re.MULTILINE)
FAILURES = re.compile(r"^number of failed transactions: ([0-9]+) ", re.MULTILINE)


class Postgres:
    """A cluster that loses nothing when the power goes, and its process."""

    def __init__(self, server: cluster.Cluster) -> None:
        self.server = server
        self.folder = Path(unquote(server.parts.netloc.rpartition("@")[2].partition(":")[0]))
        self.postmaster = int((self.folder / "data" / "postmaster.pid").read_text().split()[0])
        self.pgbench = _find_pgbench()
        self.pairs_database = ""
        self.customers = 0

    def make_database(self) -> str:
        """Make an empty database, and return its URL."""
        return self.server.write_url(self.server.make_database())

    def settle(self, installation: Installation) -> None:
        """Do at once what autovacuum would do some minutes after the seeding."""
        with psycopg.connect(installation.url, autocommit=True) as connection:
            connection.execute("VACUUM ANALYZE")

    def make_pair_tables(self, customers: int) -> None:
        """Make tables like ours, for pgbench's pairs, with so many customers."""
        self.pairs_database, self.customers = self.server.make_database(), customers
        with self.server.connect(self.pairs_database) as connection:
            connection.execute((SCRIPTS_FOLDER / "tables.sql").read_text())
            connection.execute(
                "INSERT INTO head (customer_id, mac)"
                " SELECT number, decode(md5(number::text), 'hex')"
                f" FROM generate_series(1, {customers}) AS number"
            )
            connection.execute("VACUUM ANALYZE")

    def run_pgbench(self, *, clients: int, seconds: int) -> Pgbench:
        """Run pgbench's pairs with so many clients. Raises RuntimeError where one fails."""
        assert self.pgbench
        before = read_tree_cpu_seconds(self.postmaster)
        done = subprocess.run(
            [
                *(self.pgbench, "--no-vacuum", "--protocol=prepared", "--jobs=1"),
                *(
                    f"--client={clients}",
                    f"--time={seconds}",
                    f"--define=customers={self.customers}",
                ),
                *(f"--file={SCRIPTS_FOLDER / 'pair.sql'}", self.pairs_database),
            ],
            env={**os.environ, **self._make_variables()},
            capture_output=True,
            text=True,
            check=False,
        )
        rate, failures = RATE.search(done.stdout), FAILURES.search(done.stdout)
        if done.returncode != 0 or not rate or (failures and failures[1] != "0"):
            raise RuntimeError(f"pgbench failed:\n{(done.stderr or done.stdout)[-2000:]}")
        spent = read_tree_cpu_seconds(self.postmaster) - before
        pairs = float(rate[1])
        return Pgbench(clients, pairs, cpu_ms=1000 * spent / (2 * pairs * seconds))

    @contextmanager
    def open_way(
        self, installation: Installation, round_trip_ms: float
    ) -> Iterator[tuple[str, RoundTrip]]:
        """Open a way to an installation's database for a while, on which each round trip takes so
        much longer; yield its URL, and how long it takes: under load, as soon as it is closed.
        """
        database = installation.url.rpartition("/")[2].partition("?")[0]
        with run_relay(str(self._socket), round_trip_ms=round_trip_ms) as relay:
            direct = self.server.write_url(database, query="")
            url = self.server.write_url(database, port=relay.port, query=THROUGH_TCP)
            found = RoundTrip(_measure_round_trip_ms(direct), _measure_round_trip_ms(url))
            yield url, found
        found.each_way_ms = relay.each_way_ms

    @property
    def _socket(self) -> Path:
        return self.folder / f".s.PGSQL.{self.server.port}"

    def _make_variables(self) -> dict[str, str]:
        identity = self.server.parts.netloc.rpartition("@")[0]
        user, _, password = identity.partition(":")
        return {
            "PGHOST": str(self.folder),
            "PGPORT": str(self.server.port),
            "PGUSER": user,
            "PGPASSWORD": password,
        }


@contextmanager
def run_postgres(most_clients: int) -> Iterator[Postgres]:
    """Run a cluster for a while."""
    most = max(100, most_clients + NEEDED_CONNECTIONS)
    with cluster.run_cluster(**cluster.DURABLE, max_connections=most) as server:
        yield Postgres(server)


def _find_pgbench() -> str | None:
    """Find pgbench: Debian has it beside PostgreSQL's other programs, the wheel has none."""
    programs = cluster.find_programs()
    return shutil.which("pgbench", path=str(programs)) if programs else None


def _measure_round_trip_ms(url: str) -> float:
    """Measure how long the smallest statement takes there: the median, in milliseconds."""
    spent = []
    with psycopg.connect(url, autocommit=True) as connection:
        for _ in range(ASKED_TIMES):
            began = time.perf_counter()
            connection.execute("SELECT 1", prepare=True)
            spent.append(time.perf_counter() - began)
    return round(1000 * median(spent), 3)
