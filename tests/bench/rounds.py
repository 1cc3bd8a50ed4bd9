"""The rounds: in each one, every baseline and every load in turn. Last comes what does harm on
purpose.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.bench import baselines, load, server, small_machine
from tests.bench.load import (
    CHECK_LIMIT,
    EMPTY_OPERATION,
    MIXED_CALLS,
    PAIRED_CALLS,
    UPDATE_LIMIT,
    Load,
    Run,
)
from tests.bench.plan import Plan, Setup
from tests.bench.processes import sum_resident_mib
from tests.bench.results import NO_SETUP, Growth, Kill, Overload, RawRates, Results, Sample
from tests.bench.server import Server

if TYPE_CHECKING:
    from tests.bench.postgres import Postgres  # needs the driver of PostgreSQL

READY_PATH = "/readyz"
WARM_CLIENTS, KILL_CLIENTS = 32, 32
OVERLOAD_FACTOR = 5
WARMED_A_SECOND = 100_000  # customers: a worker reads quicker what it has read before
TOP_UP_RUNS, TOP_UP_FACTOR = 4, 1.3
FSYNC_SECONDS = 0.5


@dataclass
class Bench:
    """Carries out a plan; `say` gets a line for each step. `postgres` is there if the plan has
    setups on it.
    """

    plan: Plan
    say: Callable[[str], None]
    postgres: "Postgres | None" = None
    results: Results = field(default_factory=Results)

    def run(self) -> None:
        """Measure all of the plan."""
        for number in range(1, self.plan.rounds + 1):
            self._measure_empty(number)
            for group in self.plan.list_groups(number):
                for workers in self.plan.list_workers(group[0]):
                    self._measure_group(group, workers, number)
        if self.plan.does_overload:
            self._do_harm(self.plan.setups[0])

    def _measure_empty(self, number: int) -> None:
        installation = self.plan.setups[0].installation
        for workers in self.plan.workers:
            with server.serve_empty(self.plan.folder, workers=workers) as empty:
                for clients in self.plan.clients:
                    asked = Load(EMPTY_OPERATION, clients, self.plan.seconds)
                    self._keep(NO_SETUP, number, load.run_load(asked, empty, installation))

    def _measure_disk(self, setup: Setup, workers: int, number: int) -> None:
        """Measure the disk, and a bare loop on it: right before each server."""
        fsyncs = baselines.measure_fsync_rate(self.plan.folder, seconds=FSYNC_SECONDS)
        self.results.fsync.append((setup.name, fsyncs))
        rates: dict[str, float] = {}
        if self.plan.has_raw_loop(setup):
            rates = baselines.run_raw_loop(
                setup.installation,
                times=self.plan.raw_times,
                seconds=self.plan.seconds,
                delay_ms=setup.delay_ms,
            )
            self.results.raw.append(RawRates(setup.name, number, workers, rates))
        raw = [f"raw loop, {name}: {rate:,.0f}/s" for name, rate in rates.items()]
        self._tell(number, setup.name, ", ".join([f"{fsyncs:,.0f} fsyncs/s", *raw]))

    def _measure_group(self, group: tuple[Setup, ...], workers: int, number: int) -> None:
        """Serve all setups of a group, and give each load to one after the other."""
        for setup in group:
            self._measure_disk(setup, workers, number)
        with ExitStack() as stack:
            servers = [stack.enter_context(self._serve(setup, workers, number)) for setup in group]
            turns = [
                self._run_loads(setup, running, number)
                for setup, running in zip(group, servers, strict=True)
            ]
            for _ in zip(*turns, strict=True):
                pass  # each has run its next load
            for setup, running in zip(group, servers, strict=True):
                self._measure_memory(setup, running, number)

    def _measure_memory(self, setup: Setup, running: Server, number: int) -> None:
        memory = running.read_memory()
        self.results.memory.append((setup.name, running.workers, memory))
        mib = sum_resident_mib(memory.values())
        self._tell(number, setup.name, f"{_count_workers(running.workers)}: {mib:.0f} MiB resident")

    def _run_pgbench(self, setup: Setup, clients: int, number: int) -> None:
        """Run pgbench's pairs, right before those of a server on PostgreSQL."""
        if self.postgres and self.postgres.pgbench and setup.installation.url and setup.is_plain:
            found = self.postgres.run_pgbench(clients=clients, seconds=self.plan.seconds)
            self.results.pgbench.append((setup.name, number, found))
            self._tell(number, setup.name, f"pgbench, {found}")

    def _run_loads(self, setup: Setup, running: Server, number: int) -> Iterator[None]:
        """Run the loads of a server, and yield after each."""
        before, pairs = None, 0
        rates: dict[int, float] = {}  # of checks, and as soon as they are known of updates
        for asked in self.plan.list_loads(setup, running.workers):
            if asked.operation == UPDATE_LIMIT:
                rate = rates.get(asked.clients, max(rates.values()))
                self._fill_pool(setup, running, wanted=rate * asked.seconds * TOP_UP_FACTOR)
            if asked.operation == PAIRED_CALLS and running.workers == self.plan.most_workers:
                self._run_pgbench(setup, asked.clients, number)
            if asked.operation == MIXED_CALLS and before is None:
                before = setup.installation.measure_size()
            run = load.run_load(asked, running, setup.installation)
            if asked.operation in {CHECK_LIMIT, UPDATE_LIMIT}:
                rates[asked.clients] = max(run.rate, rates.get(asked.clients, 0))
            pairs += run.pairs if asked.operation == MIXED_CALLS else 0
            self._keep(setup.name, number, run)
            yield
        if before:
            after = setup.installation.measure_size()
            grown = after.database_bytes - before.database_bytes
            growth = Growth(setup.name, running.workers, pairs, grown, after.wal_bytes)
            self.results.growth.append(growth)

    def _fill_pool(self, setup: Setup, running: Server, *, wanted: float) -> None:
        """Make an allowed check for each update that a run can make."""
        asked = Load(CHECK_LIMIT, self.plan.most_clients, self.plan.seconds)
        for _ in range(TOP_UP_RUNS):
            if load.count_pool(setup.installation) >= wanted:
                return
            load.run_load(asked, running, setup.installation)

    def _do_harm(self, setup: Setup) -> None:
        """Ask too much of a server. Then kill it while it writes, and look for every write that
        it had acknowledged.
        """
        installation, workers = setup.installation, self.plan.most_workers
        acknowledged = installation.folder / "acknowledged.txt"
        with self._serve(setup, workers) as running:
            self._overload(setup, running)
            asked = Load(MIXED_CALLS, KILL_CLIENTS, max(2, self.plan.seconds))
            running.wait_until_quiet()
            process = load.start_load(asked, running, installation, acknowledged=acknowledged)
            time.sleep(asked.seconds * 0.6)
            running.kill()
            process.communicate()
        with self._serve(setup, workers, is_warm=True):
            found = installation.run_inside("find_lost", str(acknowledged))
        kill = Kill(setup.name, found["acknowledged"], found["lost"], installation.verify())
        self.results.kills.append(kill)
        self.say(f"kill -9 · {setup.name} · {kill}")

    def _overload(self, setup: Setup, running: Server) -> None:
        """Ask with five times the clients of the best rate, and beside it with those clients."""
        rates = {
            clients: found.median
            for clients in self.plan.clients
            if (found := self.results.find(setup.name, MIXED_CALLS, running.workers, clients))
        }
        best = max(rates, key=lambda clients: rates[clients])
        for number in range(1, self.plan.rounds + 1):
            rate, run = (
                load.run_load(
                    Load(MIXED_CALLS, clients, self.plan.seconds), running, setup.installation
                )
                for clients in (best, best * OVERLOAD_FACTOR)
            )
            overload = Overload(setup.name, best, rate.rate, run)
            self.results.overload.append(overload)
            told = f"overload: {_describe_run(run)}: {overload.kept:.0%} of {rate.rate:,.0f}/s"
            self._tell(number, setup.name, f"{told}; {run.shed} shed")

    @contextmanager
    def _serve(
        self, setup: Setup, workers: int, number: int = 0, *, is_warm: bool = False
    ) -> Iterator[Server]:
        """Serve a setup, and warm it up unless it need not be. Count SQLITE_BUSY in its log."""
        load.name_pool(setup.installation).unlink(missing_ok=True)
        with ExitStack() as stack:
            small = stack.enter_context(small_machine.make_limiter()) if setup.is_low_end else None
            if not setup.installation.url:
                prepare = small_machine.forget_pages if small else small_machine.load_pages
                prepare(setup.installation.file)
            variables = {}
            if setup.round_trip_ms:
                variables["DATABASE_URL"] = stack.enter_context(self._open_way(setup, number))
            serving = server.serve(
                setup.installation,
                workers=workers,
                delay_ms=setup.delay_ms,
                prefix=small.prefix if small else (),
                **variables,
            )
            running = stack.enter_context(serving)
            if small:
                small.limit(running.process.pid)
            running.wait_until_it_answers(READY_PATH)
            if not is_warm:
                _warm_up(setup, running)
            yield running
            if small:
                self.results.low_end = {"means": small.means, "peak_bytes": small.read_peak_bytes()}
            self.results.busy += running.count_in_log("SQLITE_BUSY")

    @contextmanager
    def _open_way(self, setup: Setup, number: int) -> Iterator[str]:
        """Open the longer way to a setup's database, and keep how long it took."""
        assert self.postgres
        way = self.postgres.open_way(setup.installation, setup.round_trip_ms)
        with way as (url, found):
            yield url
        self.results.round_trips.append((setup.name, number, found))
        self._tell(number, setup.name, str(found))

    def _keep(self, setup_name: str, number: int, run: Run) -> None:
        self.results.runs.append(Sample(setup_name, number, run))
        self._tell(number, setup_name or "no database", _describe_run(run))

    def _tell(self, number: int, where: str, what: str) -> None:
        self.say(f"round {number}/{self.plan.rounds} · {where} · {what}")


def _warm_up(setup: Setup, running: Server) -> None:
    """Load a server for a while. Raises RuntimeError where a disk that is to be slow isn't: most
    of the mix are writes, and each waits for its commit.
    """
    seconds = 1 + setup.installation.customers // WARMED_A_SECOND
    warm = load.run_load(Load(MIXED_CALLS, WARM_CLIENTS, seconds), running, setup.installation)
    if warm.p50_us < setup.delay_ms * 1000:
        raise RuntimeError(f"commits are not slower: p50 {warm.p50_us} µs. Is the delay in them?")


def _describe_run(run: Run) -> str:
    database = f" + {run.database_cpu_ms:.2f} PostgreSQL's" if run.database_cpu_seconds else ""
    cpu = f", {run.server_cpu_ms:.2f}{database} ms of CPU an answer"
    errors = f", {run.errors} ERRORS {run.counts}" if run.errors else ""
    return (
        f"{run.operation}, {run.clients} clients, {_count_workers(run.workers)}: {run.rate:,.0f}/s,"
        f" p50 {run.p50_us / 1000:.1f} ms, p99 {run.p99_us / 1000:.1f}{cpu}{errors}"
    )


def _count_workers(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"
