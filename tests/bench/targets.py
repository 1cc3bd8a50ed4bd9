"""What the figures are to come to, each a ratio within one run: floor, aim and moonshot."""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter, ge, le
from statistics import median

from tests.bench.load import ADD, CHECK, EMPTY, MIX, READS, UPDATE
from tests.bench.results import NOWHERE, ByRound, Results

Parts = dict[str, float]  # what a ratio was made of, and what each came to


@dataclass(frozen=True)
class Scope:
    """What was measured, as the targets need to know it."""

    setups: tuple[str, ...]  # on SQLite, from few customers to many
    slow: str | None
    workers: tuple[int, ...]
    clients: tuple[int, ...]
    operations: tuple[str, ...]


@dataclass(frozen=True)
class Target:
    """One row: the worst of its parts counts."""

    name: str
    floor: float
    aim: float
    moonshot: float
    parts: Parts
    unit: str = ""

    @property
    def is_less_better(self) -> bool:
        return self.floor > self.moonshot

    @property
    def value(self) -> float | None:
        if not self.parts:
            return None
        return (max if self.is_less_better else min)(self.parts.values())

    @property
    def verdict(self) -> str:
        if self.value is None:
            return "not measured"
        reaches = le if self.is_less_better else ge
        steps = (("moonshot", self.moonshot), ("aim", self.aim), ("floor", self.floor))
        return next((name for name, at in steps if reaches(self.value, at)), "below the floor")


def targets(results: Results, scope: Scope) -> list[Target]:
    """Work out each row of the table of targets."""
    parts = Worked(results, scope)
    slow = f"check, update ÷ raw loop, {scope.slow or 'a slow disk'}"
    return [
        Target("KYC, status ÷ empty operation", 1.5, 2.5, 5, dict(parts.reads())),
        Target("check, update ÷ raw loop", 0.5, 0.9, 1.3, dict(parts.writes(scope.setups))),
        Target(slow, 2, 4, 7, dict(parts.writes((scope.slow,) if scope.slow else ()))),
        Target("pairs in the mix ÷ raw loop", 0.25, 0.45, 0.6, dict(parts.pairs())),
        Target("p50, most ÷ fewest customers", 1.3, 1.15, 1.05, dict(parts.medians())),
        Target("reads, two workers ÷ one", 1.3, 1.5, 1.7, dict(parts.workers())),
        Target("update p99 ÷ p50, 16 clients", 6, 4, 2.5, dict(parts.tails())),
        Target("add-customer ÷ raw loop", 0.3, 0.6, 0.9, dict(parts.adds())),
        Target("resident, mmap apart", 250, 160, 120, dict(parts.resident()), "MiB"),
    ]


@dataclass(frozen=True)
class Worked:
    """Works out the parts of each ratio, round by round, at most clients and most workers: the
    median of the rounds' ratios.
    """

    results: Results
    scope: Scope

    def reads(self) -> Iterator[tuple[str, float]]:
        """Compare reads with the operation that does nothing, on as many workers."""
        for workers in self.scope.workers:
            empty = self._rates(NOWHERE, EMPTY, workers)
            for setup in self.scope.setups:
                for operation in READS:
                    rates = self._rates(setup, operation, workers)
                    yield from _part(f"{operation}, {setup}, {workers} workers", rates, empty)

    def writes(self, setups: tuple[str, ...]) -> Iterator[tuple[str, float]]:
        """Compare checks and updates with their statements in a bare loop."""
        for setup in setups:
            for operation in (CHECK, UPDATE):
                yield from self._to_raw(setup, operation)

    def adds(self) -> Iterator[tuple[str, float]]:
        """Compare adds with their statements in a bare loop."""
        for setup in self.scope.setups:
            yield from self._to_raw(setup, ADD)

    def pairs(self) -> Iterator[tuple[str, float]]:
        """Compare the pairs of a mix with a bare loop's."""
        where = (MIX, self.scope.workers[-1], self.scope.clients[-1])
        for setup in self.scope.setups:
            made = self.results.by_round(setup, *where, lambda run: run.pairs / run.seconds)
            raw = self.results.raw_by_round(setup, self.scope.workers[-1])
            yield from _part(setup, made, {number: each.pairs for number, each in raw.items()})

    def medians(self) -> Iterator[tuple[str, float]]:
        """Compare each operation's median at the most customers with that at the fewest."""
        least, *_, most = (*self.scope.setups[:1], *self.scope.setups)
        if least == most:
            return
        for operation in self.scope.operations:
            for clients in sorted({self.scope.clients[0], self.scope.clients[-1]}):
                where = (operation, self.scope.workers[-1], clients)
                p50s = (self.results.by_round(setup, *where, P50) for setup in (most, least))
                yield from _part(f"{operation}, {clients} clients", *p50s)

    def workers(self) -> Iterator[tuple[str, float]]:
        """Compare reads by the most workers with those by one."""
        few, many = self.scope.workers[0], self.scope.workers[-1]
        if few == many:
            return
        for setup in self.scope.setups:
            for operation in READS:
                rates = (self._rates(setup, operation, workers) for workers in (many, few))
                yield from _part(f"{operation}, {setup}", *rates)

    def tails(self) -> Iterator[tuple[str, float]]:
        """Compare the slowest hundredth of updates with their median."""
        where = (UPDATE, self.scope.workers[-1], TAIL_CLIENTS)
        for setup in self.scope.setups:
            p99s = self.results.by_round(setup, *where, P99)
            yield from _part(setup, p99s, self.results.by_round(setup, *where, P50))

    def resident(self) -> Iterator[tuple[str, float]]:
        """Tell the memory of the whole server at the most customers."""
        for setup in self.scope.setups[-1:]:
            held = self.results.resident_mib(setup, self.scope.workers[-1])
            if held:
                yield setup, held.median

    def _to_raw(self, setup: str, operation: str) -> Iterator[tuple[str, float]]:
        workers = self.scope.workers[-1]
        raw = self.results.raw_by_round(setup, workers)
        below = {number: each.rates[operation] for number, each in raw.items()}
        yield from _part(f"{operation}, {setup}", self._rates(setup, operation, workers), below)

    def _rates(self, setup: str, operation: str, workers: int) -> ByRound:
        return self.results.by_round(setup, operation, workers, self.scope.clients[-1])


TAIL_CLIENTS = 16
P50, P99 = attrgetter("p50_us"), attrgetter("p99_us")


def _part(name: str, above: ByRound, below: ByRound) -> Iterator[tuple[str, float]]:
    ratios = [above[number] / below[number] for number in above if below.get(number)]
    if ratios:
        yield name, round(median(ratios), 3)
