"""What the bench has measured, as it comes, and medians over the rounds."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from statistics import median
from typing import Any

from tests.bench.load import CHECK_LIMIT, UPDATE_LIMIT, Run
from tests.bench.processes import Memory, sum_resident_mib

ByRound = dict[int, float]
Figure = Callable[[Run], float]
GOOD_RATE: Figure = attrgetter("rate")
NO_SETUP = ""  # the empty operation has no database


@dataclass(frozen=True)
class Spread:
    """A figure of several rounds."""

    median: float
    least: float
    most: float


def make_spread(values: Iterable[float]) -> Spread | None:
    """Find the median, the least and the most of some values; None where there are none."""
    found = list(values)
    return Spread(median(found), min(found), max(found)) if found else None


@dataclass(frozen=True)
class Sample:
    """One load: on which setup, and in which round."""

    setup: str
    round: int
    run: Run

    @property
    def key(self) -> tuple[str, str, int, int]:
        return self.setup, self.run.operation, self.run.workers, self.run.clients


@dataclass(frozen=True)
class RawRates:
    """How often a second a bare loop made the statements of each operation. It ran right before
    the server was started.
    """

    setup: str
    round: int
    workers: int
    rates: dict[str, float]

    @property
    def pair_rate(self) -> float:
        """The rate of checks, each with its update."""
        return 1 / (1 / self.rates[CHECK_LIMIT] + 1 / self.rates[UPDATE_LIMIT])


@dataclass(frozen=True)
class Pgbench:
    """How many pairs a second pgbench's own two transactions made, and what CPU PostgreSQL's
    processes took for each transaction.
    """

    clients: int
    pair_rate: float
    cpu_ms: float

    def __str__(self) -> str:
        each = f"{self.cpu_ms:.2f} ms of PostgreSQL's CPU a transaction"
        return f"{self.clients} clients: {self.pair_rate:,.0f} pairs/s, {each}"


@dataclass
class RoundTrip:
    """How many milliseconds the smallest statement takes to PostgreSQL, directly and through a
    relay; and how long the relay kept, under load, what went one way.
    """

    direct_ms: float
    relayed_ms: float
    each_way_ms: float = 0.0

    def __str__(self) -> str:
        there = f"a round trip: {self.direct_ms:.2f} ms, with the relay {self.relayed_ms:.2f}"
        return f"{there}; each way {self.each_way_ms:.2f} under load"


@dataclass(frozen=True)
class Growth:
    """By how much the mixed calls made a database grow; `wal_bytes` is before a checkpoint."""

    setup: str
    workers: int
    pairs: int
    database_bytes: int
    wal_bytes: int

    @property
    def bytes_a_thousand_pairs(self) -> float:
        return 1000 * self.database_bytes / self.pairs if self.pairs else 0


@dataclass(frozen=True)
class Overload:
    """A load of five times the clients, and the best rate measured beside it."""

    setup: str
    best_clients: int
    best_rate: float
    run: Run

    @property
    def kept(self) -> float:
        """The part of the best rate that is left, in good answers."""
        return self.run.rate / self.best_rate if self.best_rate else 0


@dataclass(frozen=True)
class Kill:
    """A kill -9: the acknowledged writes, and those that were gone afterwards."""

    setup: str
    acknowledged: int
    lost: list[str]
    verify_found: str  # empty if the ledger verifies

    @property
    def has_failed(self) -> bool:
        return bool(self.lost or self.verify_found)

    def __str__(self) -> str:
        ledger = self.verify_found or "the ledger verifies"
        return f"of {self.acknowledged:,} acknowledged {len(self.lost)} lost; {ledger}"


@dataclass
class Results:
    """All that one call of the bench has measured."""

    runs: list[Sample] = field(default_factory=list)
    raw: list[RawRates] = field(default_factory=list)
    pgbench: list[tuple[str, int, Pgbench]] = field(default_factory=list)
    round_trips: list[tuple[str, int, RoundTrip]] = field(default_factory=list)
    fsync: list[tuple[str, float]] = field(default_factory=list)
    memory: list[tuple[str, int, dict[int, Memory]]] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    overload: list[Overload] = field(default_factory=list)
    kills: list[Kill] = field(default_factory=list)
    busy: int = 0
    low_end: dict[str, Any] = field(default_factory=dict)

    def find_by_round(
        self,
        setup: str,
        operation: str,
        workers: int,
        clients: int,
        figure: Figure = GOOD_RATE,
    ) -> ByRound:
        """Find a figure of some runs by their round: good answers a second, unless another is
        asked for.
        """
        key = (setup, operation, workers, clients)
        return {sample.round: figure(sample.run) for sample in self.runs if sample.key == key}

    def find(
        self,
        setup: str,
        operation: str,
        workers: int,
        clients: int,
        figure: Figure = GOOD_RATE,
    ) -> Spread | None:
        """Find the spread of a figure over the rounds."""
        return make_spread(self.find_by_round(setup, operation, workers, clients, figure).values())

    def find_fsync_rate(self, setup: str) -> Spread | None:
        """Find the disk's own rate, as it was while a setup was measured."""
        return make_spread(rate for name, rate in self.fsync if name == setup)

    def find_raw_by_round(self, setup: str, workers: int) -> dict[int, RawRates]:
        """Find the rates of the bare loops that ran right before a server was started."""
        return {raw.round: raw for raw in self.raw if (raw.setup, raw.workers) == (setup, workers)}

    def find_raw_rate(self, setup: str, operation: str) -> Spread | None:
        """Find the rate of an operation's statements in a bare loop."""
        return make_spread(raw.rates[operation] for raw in self.raw if raw.setup == setup)

    def find_pgbench_by_round(self, setup: str, clients: int) -> ByRound:
        """Find the pairs a second of the pgbench that ran right before a server was started."""
        return {
            number: found.pair_rate
            for name, number, found in self.pgbench
            if (name, found.clients) == (setup, clients)
        }

    def find_resident_mib(self, setup: str, workers: int) -> Spread | None:
        """Find the memory that all processes of a server hold together."""
        return make_spread(
            sum_resident_mib(by_process.values())
            for name, number, by_process in self.memory
            if (name, number) == (setup, workers)
        )

    def require_nothing_lost(self) -> None:
        """Raise RuntimeError if an acknowledged write was lost or the ledger doesn't verify."""
        for kill in self.kills:
            if kill.has_failed:
                raise RuntimeError(f"after kill -9: {kill} {' '.join(kill.lost[:10])}".rstrip())

    def make_plain(self) -> dict[str, Any]:
        """Make plain values for JSON, with what is worked out of them."""
        plain = asdict(self)
        plain["runs"] = [
            {"setup": s.setup, "round": s.round, **s.run.make_plain()} for s in self.runs
        ]
        plain["memory"] = [
            {"setup": s, "workers": w, "kib_by_process": {p: asdict(m) for p, m in held.items()}}
            for s, w, held in self.memory
        ]
        for name in ("pgbench", "round_trips"):
            rows = getattr(self, name)
            plain[name] = [{"setup": s, "round": n, **asdict(found)} for s, n, found in rows]
        plain["growth"] = [
            {**asdict(g), "bytes_a_thousand_pairs": round(g.bytes_a_thousand_pairs)}
            for g in self.growth
        ]
        plain["overload"] = [
            {**asdict(o), "run": o.run.make_plain(), "kept": round(o.kept, 3)}
            for o in self.overload
        ]
        return plain
