"""What was measured, kept as it comes; and the medians of it."""

from collections.abc import Callable, Iterable
from dataclasses import asdict, dataclass, field
from operator import attrgetter
from statistics import median
from typing import Any

from tests.bench.load import CHECK, UPDATE, Run
from tests.bench.server import Memory

ByRound = dict[int, float]
RATE: Callable[[Run], float] = attrgetter("rate")
NOWHERE = ""  # the setup of the empty operation


@dataclass(frozen=True)
class Spread:
    """A figure of several rounds."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Iterable[float]) -> "Spread | None":
        """Give the spread of some values; of none, none."""
        found = list(values)
        return cls(median(found), min(found), max(found)) if found else None


@dataclass(frozen=True)
class Measured:
    """One load, where, and in which round."""

    setup: str
    round: int
    run: Run


@dataclass(frozen=True)
class Raw:
    """What a bare loop of the same statements did a second, right before a server was started."""

    setup: str
    round: int
    workers: int
    rates: dict[str, float]

    @property
    def pairs(self) -> float:
        """Give the rate of checks each with its update."""
        return 1 / (1 / self.rates[CHECK] + 1 / self.rates[UPDATE])


@dataclass(frozen=True)
class Growth:
    """By how much a mix has let a database grow; -wal: before its checkpoint."""

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
    """What comes of five times the clients: good answers a second, beside the best there were."""

    setup: str
    best_clients: int
    best_rate: float
    run: Run

    @property
    def kept(self) -> float:
        return self.run.rate / self.best_rate if self.best_rate else 0


@dataclass(frozen=True)
class Killed:
    """What was acknowledged before kill -9, and what of it was gone afterwards."""

    setup: str
    acknowledged: int
    lost: list[str]
    verify_found: str  # nothing, if all is as it should be

    def __str__(self) -> str:
        ledger = self.verify_found or "the ledger verifies"
        return f"of {self.acknowledged:,} acknowledged {len(self.lost)} lost; {ledger}"


@dataclass
class Results:
    """All that one call of the bench has measured."""

    runs: list[Measured] = field(default_factory=list)
    empty: list[Measured] = field(default_factory=list)
    raw: list[Raw] = field(default_factory=list)
    fsync: list[tuple[str, float]] = field(default_factory=list)
    memory: list[tuple[str, int, dict[int, Memory]]] = field(default_factory=list)
    growth: list[Growth] = field(default_factory=list)
    overload: list[Overload] = field(default_factory=list)
    killed: list[Killed] = field(default_factory=list)
    busy: int = 0
    small: dict[str, Any] = field(default_factory=dict)

    def by_round(
        self,
        setup: str,
        operation: str,
        workers: int,
        clients: int,
        figure: Callable[[Run], float] = RATE,
    ) -> ByRound:
        """Give one figure of the runs of a kind: unless otherwise asked, good answers a second."""
        key = (setup, operation, workers, clients)
        runs = (*self.runs, *self.empty)
        return {m.round: figure(m.run) for m in runs if _key(m) == key}

    def of(
        self,
        setup: str,
        operation: str,
        workers: int,
        clients: int,
        figure: Callable[[Run], float] = RATE,
    ) -> "Spread | None":
        """Give the spread of a figure over the rounds."""
        return Spread.of(self.by_round(setup, operation, workers, clients, figure).values())

    def fsync_rate(self, setup: str) -> Spread | None:
        """Give the disk's own rate, while a setup was measured."""
        return Spread.of(rate for name, rate in self.fsync if name == setup)

    def raw_by_round(self, setup: str, workers: int) -> dict[int, "Raw"]:
        """Give what a bare loop did right before a server was started."""
        return {r.round: r for r in self.raw if (r.setup, r.workers) == (setup, workers)}

    def raw_rate(self, setup: str, operation: str) -> Spread | None:
        """Give the rate of an operation's statements in a bare loop."""
        return Spread.of(raw.rates[operation] for raw in self.raw if raw.setup == setup)

    def resident_mib(self, setup: str, workers: int) -> Spread | None:
        """Give what all processes of a server hold, the database's mapped file apart."""
        return Spread.of(
            sum(memory.apart for memory in held.values()) / 1024
            for name, number, held in self.memory
            if (name, number) == (setup, workers)
        )

    def as_json(self) -> dict[str, Any]:
        """Give all of it as plain values, with what is made of them."""
        plain = asdict(self)
        plain["runs"] = [{"setup": m.setup, "round": m.round, **_plain(m.run)} for m in self.runs]
        plain["empty"] = [{"round": m.round, **_plain(m.run)} for m in self.empty]
        plain["memory"] = [
            {
                "setup": setup,
                "workers": workers,
                "kib_by_process": {p: asdict(m) for p, m in of.items()},
            }
            for setup, workers, of in self.memory
        ]
        plain["growth"] = [
            {**asdict(g), "bytes_a_thousand_pairs": round(g.bytes_a_thousand_pairs)}
            for g in self.growth
        ]
        plain["overload"] = [
            {**asdict(o), "run": _plain(o.run), "kept": round(o.kept, 3)} for o in self.overload
        ]
        return plain


def _key(measured: Measured) -> tuple[str, str, int, int]:
    run = measured.run
    return measured.setup, run.operation, run.workers, run.clients


def _plain(run: Run) -> dict[str, Any]:
    made = {"rate": round(run.rate, 1), "pairs": run.pairs}
    return {**asdict(run), **made, "shed": run.shed, "errors": run.errors}
