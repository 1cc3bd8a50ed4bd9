"""The order of things: seed; then, round after round, each baseline and each load in turn; in the
end what is done on purpose to harm.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench import baselines, limiting, load, server
from tests.bench.installation import Installation
from tests.bench.load import ADD, CHANGE, CHECK, EMPTY, KYC, MIX, READS, STATUS, UPDATE, Load, Run
from tests.bench.results import NOWHERE, Growth, Killed, Measured, Overload, Raw, Results
from tests.bench.server import Running
from tests.bench.targets import TAIL_CLIENTS, Scope

OPERATIONS = (KYC, STATUS, CHECK, UPDATE, ADD, CHANGE, MIX)
READY = "/readyz"
WARM_CLIENTS, KILL_CLIENTS, TOO_MANY = 32, 32, 5
TOUCHED_A_SECOND = 100_000  # customers: what a worker has read once, it reads quicker
TOP_UPS, FASTER_AT_MOST = 4, 1.3
FSYNC_SECONDS = 0.5


@dataclass(frozen=True)
class Setup:
    """An installation, and what it is served on."""

    installation: Installation
    delay_ms: int = 0
    is_low_end: bool = False

    @property
    def name(self) -> str:
        database = "PostgreSQL, " if self.installation.url else ""
        slow = f", fsync + {self.delay_ms} ms" if self.delay_ms else ""
        low_end = ", low end" if self.is_low_end else ""
        return f"{database}{lakhs(self.installation.customers)}{slow}{low_end}"

    @property
    def is_plain(self) -> bool:
        return not self.delay_ms and not self.is_low_end


@dataclass(frozen=True)
class Plan:
    """What is to be measured. Setups are on SQLite first, from few customers to many."""

    setups: tuple[Setup, ...]
    folder: Path
    workers: tuple[int, ...]
    clients: tuple[int, ...]
    rounds: int
    seconds: int
    raw_times: int
    is_quick: bool
    does_overload: bool

    @property
    def scope(self) -> Scope:
        on_sqlite = [setup for setup in self.setups if not setup.installation.url]
        return Scope(
            setups=tuple(setup.name for setup in on_sqlite if setup.is_plain),
            slow=next((setup.name for setup in on_sqlite if setup.delay_ms), None),
            workers=self.workers,
            clients=self.clients,
            operations=OPERATIONS,
        )

    def workers_of(self, setup: Setup) -> tuple[int, ...]:
        return self.workers if setup.is_plain or not self.is_quick else self.workers[-1:]

    def loads(self, setup: Setup, workers: int) -> list[Load]:
        """List what a server is asked, in this order."""
        most = self.clients[-1]
        if setup.delay_ms:
            return [Load(operation, most, self.seconds) for operation in (CHECK, UPDATE, MIX)]
        if setup.is_low_end:
            operations: tuple[str, ...] = (MIX,) if self.is_quick else OPERATIONS
            return [Load(operation, most, self.seconds) for operation in operations]
        is_most = workers == self.workers[-1]
        return [
            Load(operation, clients, self.seconds)
            for operation in (OPERATIONS if is_most or not self.is_quick else READS)
            for clients in self._clients(operation, is_most=is_most)
        ]

    def _clients(self, operation: str, *, is_most: bool) -> list[int]:
        more = {TAIL_CLIENTS} if operation == UPDATE and is_most else set()
        return sorted({*self.clients, *more})


@dataclass
class Bench:
    """Carries out a plan; `say` is told each step."""

    plan: Plan
    say: Callable[[str], None]
    results: Results = field(default_factory=Results)

    def run(self) -> Results:
        """Measure all of it."""
        for number in range(1, self.plan.rounds + 1):
            self._baselines(number)
            for setup in self.plan.setups:
                self._setup(setup, number)
        if self.plan.does_overload:
            self._harm(self.plan.setups[0])
        return self.results

    def _baselines(self, number: int) -> None:
        installation = self.plan.setups[0].installation
        for workers in self.plan.workers:
            with server.empty(self.plan.folder, workers=workers) as running:
                for clients in self.plan.clients:
                    asked = Load(EMPTY, clients, self.plan.seconds)
                    run = load.drive(asked, running, installation)
                    self.results.empty.append(Measured(NOWHERE, number, run))
                    self._tell(number, "empty operation", _said(run))

    def _setup(self, setup: Setup, number: int) -> None:
        for workers in self.plan.workers_of(setup):
            self._disk(setup, workers, number)
            with self._served(setup, workers) as running:
                self._loads(setup, running, number)
                held = running.memory()
                self.results.memory.append((setup.name, workers, held))
                apart = sum(memory.apart for memory in held.values()) / 1024
                said = f"{_by(workers)}: {apart:.0f} MiB held, the mapped database apart"
                self._tell(number, setup.name, said)

    def _disk(self, setup: Setup, workers: int, number: int) -> None:
        """Measure what the disk does, and a bare loop on it: right before each server."""
        disk = baselines.fsync_rate(self.plan.folder, seconds=FSYNC_SECONDS)
        self.results.fsync.append((setup.name, disk))
        rates: dict[str, float] = {}
        if not setup.installation.url and not setup.is_low_end:
            rates = baselines.raw_loop(
                setup.installation,
                times=self.plan.raw_times,
                seconds=self.plan.seconds,
                delay_ms=setup.delay_ms,
            )
            self.results.raw.append(Raw(setup.name, number, workers, rates))
        said = [f"raw loop, {name}: {rate:,.0f}/s" for name, rate in rates.items()]
        self._tell(number, setup.name, ", ".join([f"{disk:,.0f} fsyncs/s", *said]))

    def _loads(self, setup: Setup, running: Running, number: int) -> None:
        before, pairs = None, 0
        rates: dict[int, float] = {}  # of checks, and as soon as they are known of updates
        for asked in self.plan.loads(setup, running.workers):
            if asked.operation == UPDATE:
                rate = rates.get(asked.clients, max(rates.values()))
                self._fill_pool(setup, running, wanted=rate * asked.seconds * FASTER_AT_MOST)
            if asked.operation == MIX and before is None:
                before = setup.installation.size()
            run = load.drive(asked, running, setup.installation)
            if asked.operation in {CHECK, UPDATE}:
                rates[asked.clients] = max(run.rate, rates.get(asked.clients, 0))
            pairs += run.pairs if asked.operation == MIX else 0
            self.results.runs.append(Measured(setup.name, number, run))
            self._tell(number, setup.name, _said(run))
        if before:
            after = setup.installation.size()
            grown = after.database_bytes - before.database_bytes
            growth = Growth(setup.name, running.workers, pairs, grown, after.wal_bytes)
            self.results.growth.append(growth)

    def _fill_pool(self, setup: Setup, running: Running, *, wanted: float) -> None:
        """Let there be an allowed check for each update that a run can make."""
        asked = Load(CHECK, self.plan.clients[-1], self.plan.seconds)
        for _ in range(TOP_UPS):
            if load.pool_size(setup.installation) >= wanted:
                return
            load.drive(asked, running, setup.installation)

    def _harm(self, setup: Setup) -> None:
        """Ask too much of a server; kill it while it writes, and look for all that it had
        acknowledged.
        """
        installation, workers = setup.installation, self.plan.workers[-1]
        heard = installation.folder / "acknowledged.txt"
        with self._served(setup, workers) as running:
            self._overload(setup, running)
            asked = Load(MIX, KILL_CLIENTS, max(2, self.plan.seconds))
            running.wait_until_quiet()
            process = load.begin(asked, running, installation, heard=heard)
            time.sleep(asked.seconds * 0.6)
            running.kill()
            process.communicate()
        with self._served(setup, workers, is_warm=True):
            found = installation.inside("acknowledged", str(heard))
        wrong = installation.verify()
        killed = Killed(setup.name, found["acknowledged"], found["lost"], wrong)
        self.results.killed.append(killed)
        self.say(f"kill -9 · {setup.name} · {killed}")

    def _overload(self, setup: Setup, running: Running) -> None:
        """Ask of five times as many clients as go best, beside as many."""
        rates = {
            clients: found.median
            for clients in self.plan.clients
            if (found := self.results.of(setup.name, MIX, running.workers, clients))
        }
        best = max(rates, key=lambda clients: rates[clients])
        for number in range(1, self.plan.rounds + 1):
            rate = self._mix(setup, running, best).rate
            run = self._mix(setup, running, best * TOO_MANY)
            kept = Overload(setup.name, best, rate, run)
            self.results.overload.append(kept)
            said = f"overload: {_said(run)}: {kept.kept:.0%} of {rate:,.0f}/s; {run.shed} shed"
            self._tell(number, setup.name, said)

    def _mix(self, setup: Setup, running: Running, clients: int) -> Run:
        asked = Load(MIX, clients, self.plan.seconds)
        return load.drive(asked, running, setup.installation)

    @contextmanager
    def _served(self, setup: Setup, workers: int, *, is_warm: bool = False) -> Iterator[Running]:
        """Serve a setup, warmed up unless it need not be; its log is looked through in the end."""
        load.pool(setup.installation).unlink(missing_ok=True)
        with ExitStack() as stack:
            small = stack.enter_context(limiting.small()) if setup.is_low_end else None
            if not setup.installation.url:
                prepare = limiting.forget_pages if small else limiting.read_through
                prepare(setup.installation.file)
            running = stack.enter_context(
                server.serving(
                    setup.installation,
                    workers=workers,
                    delay_ms=setup.delay_ms,
                    before=small.before if small else (),
                )
            )
            if small:
                small.hold(running.process.pid)
            running.wait_until_it_answers(READY)
            if not is_warm:
                seconds = 1 + setup.installation.customers // TOUCHED_A_SECOND
                asked = Load(MIX, WARM_CLIENTS, seconds)
                _require_delay(setup, load.drive(asked, running, setup.installation))
            yield running
            if small:
                self.results.small = {"means": small.means, "peak_bytes": small.peak_bytes()}
            self.results.busy += running.said("SQLITE_BUSY")

    def _tell(self, number: int, where: str, what: str) -> None:
        self.say(f"round {number}/{self.plan.rounds} · {where} · {what}")


def lakhs(number: int) -> str:
    """Write a number as India does: 10,00,000."""
    head, tail = divmod(number, 1000)
    if not head:
        return str(tail)
    groups = [f"{tail:03d}"]
    while head >= 100:  # two digits a group from there on
        head, two = divmod(head, 100)
        groups.insert(0, f"{two:02d}")
    return ",".join([str(head), *groups])


def _by(workers: int) -> str:
    return "1 worker" if workers == 1 else f"{workers} workers"


def _said(run: Run) -> str:
    errors = f", {run.errors} ERRORS {run.counts}" if run.errors else ""
    return (
        f"{run.operation}, {run.clients} clients, {_by(run.workers)}: {run.rate:,.0f}/s,"
        f" p50 {run.p50_us / 1000:.1f} ms, p99 {run.p99_us / 1000:.1f}{errors}"
    )


def _require_delay(setup: Setup, warm: Run) -> None:
    """See that a delay is where commits are: most of a mix are writes, and each waits for one."""
    if warm.p50_us < setup.delay_ms * 1000:
        raise RuntimeError(f"commits are not slower: p50 {warm.p50_us} µs. Is the delay in them?")
