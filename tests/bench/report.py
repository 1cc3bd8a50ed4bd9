"""The one table of what was measured, as a terminal shows it and Markdown takes it."""

from collections.abc import Iterable, Iterator
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.load import EMPTY, Run
from tests.bench.results import NOWHERE, Results, Spread
from tests.bench.rounds import OPERATIONS, Plan, Setup
from tests.bench.targets import TAIL_CLIENTS, Target

WIDTH = 400  # as wide as it takes: a table that is wrapped can't be read, nor pasted
NOTHING = "–"


def plain(targets: Iterable[Target]) -> list[dict[str, Any]]:
    """Give the targets as plain values."""
    return [
        {
            "name": target.name,
            "value": target.value,
            "unit": target.unit,
            "floor": target.floor,
            "aim": target.aim,
            "moonshot": target.moonshot,
            "verdict": target.verdict,
            "parts": target.parts,
        }
        for target in targets
    ]


def show(console: Console, results: Results, plan: Plan, targets: Iterable[Target]) -> None:
    """Print the table: good answers a second (least to most of the rounds), and milliseconds."""
    table = Table(box=box.MARKDOWN, pad_edge=True)
    table.add_column("answers a second; p50 / p99 / worst ms")
    table.add_column("workers", justify="right")
    table.add_column("clients", justify="right")
    for setup in plan.setups:
        table.add_column(setup.name, justify="right")
    for row in _rows(results, plan):
        table.add_row(*row)
    for target in targets:
        table.add_row(f"TARGET {target.name}", "", "", _judged(target))
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().strip().splitlines():
        console.out(line.rstrip(), highlight=False)


def _rows(results: Results, plan: Plan) -> Iterator[list[str]]:
    fsyncs = [_rate(results.fsync_rate(setup.name)) for setup in plan.setups]
    yield ["fsyncs of this disk", "", "", *fsyncs]
    for workers in plan.workers:
        for clients in plan.clients:
            empty = results.of(NOWHERE, EMPTY, workers, clients)
            yield ["empty operation, gthread", str(workers), str(clients), _rate(empty)]
    for operation in results.raw[0].rates if results.raw else ():
        cells = [_rate(results.raw_rate(setup.name, operation)) for setup in plan.setups]
        yield [f"raw loop, {operation}", "", "", *cells]
    for operation in OPERATIONS:
        for workers in plan.workers:
            for clients in sorted({*plan.clients, TAIL_CLIENTS}):
                cells = [
                    _load(results, setup, operation, workers, clients) for setup in plan.setups
                ]
                if set(cells) != {NOTHING}:
                    yield [operation, str(workers), str(clients), *cells]
    yield from _held(results, plan)
    yield from _harmed(results)


def _load(results: Results, setup: Setup, operation: str, workers: int, clients: int) -> str:
    where = (setup.name, operation, workers, clients)
    rate = results.of(*where)
    if rate is None:
        return NOTHING
    times = (
        results.of(*where, lambda run: run.p50_us),
        results.of(*where, lambda run: run.p99_us),
        results.of(*where, lambda run: run.worst_us),
    )
    said = " / ".join(f"{time.median / 1000:.1f}" for time in times if time)
    return f"{_rate(rate)}; {said}{_wrong(results, where)}"


def _wrong(results: Results, where: tuple[str, str, int, int]) -> str:
    kinds = {
        "errors": results.of(*where, lambda run: run.errors),
        "shed": results.of(*where, lambda run: run.shed),
        "declined": results.of(*where, lambda run: run.counts.get("declined", 0)),
        "flagged": results.of(*where, lambda run: run.counts.get("flagged", 0)),
    }
    return "".join(
        f"; {kind}: {found.most:.0f}" for kind, found in kinds.items() if found and found.most
    )


def _held(results: Results, plan: Plan) -> Iterator[list[str]]:
    for workers in plan.workers:
        memory = [results.resident_mib(setup.name, workers) for setup in plan.setups]
        cells = [f"{held.median:.0f}" if held else NOTHING for held in memory]
        yield ["resident MiB, mapped database apart", str(workers), "", *cells]
        cells = [_cpu(results, setup, workers) for setup in plan.setups]
        yield ["mix: ms of CPU an answer, server + wrk", str(workers), "", *cells]
        cells = [_growth(results, setup, workers) for setup in plan.setups]
        yield ["KB of database a thousand pairs; -wal", str(workers), "", *cells]


def _cpu(results: Results, setup: Setup, workers: int) -> str:
    runs = [
        m.run
        for m in results.runs
        if (m.setup, m.run.operation, m.run.workers) == (setup.name, "mix", workers)
    ]
    answers = sum(run.counts.get("good", 0) for run in runs)
    if not answers:
        return NOTHING
    spent = (sum(map(_server_cpu, runs)), sum(run.load_cpu_seconds for run in runs))
    return " + ".join(f"{1000 * seconds / answers:.2f}" for seconds in spent)


def _server_cpu(run: Run) -> float:
    return sum(run.server_cpu_seconds)


def _growth(results: Results, setup: Setup, workers: int) -> str:
    found = [g for g in results.growth if (g.setup, g.workers) == (setup.name, workers)]
    grown = Spread.of(g.bytes_a_thousand_pairs / 1000 for g in found)
    if grown is None:
        return NOTHING
    return f"{grown.median:,.0f}; {max(g.wal_bytes for g in found) / 1000:,.0f}"


def _harmed(results: Results) -> Iterator[list[str]]:
    yield ["SQLITE_BUSY in answers", "", "", str(results.busy)]
    for overload in results.overload:
        run = overload.run
        said = f"{run.rate:,.0f}, {overload.kept:.0%} of {overload.best_rate:,.0f} at"
        said += f" {overload.best_clients} clients; p99 {run.p99_us / 1000:.0f} ms;"
        said += f" shed {run.shed}, errors {run.errors}"
        yield ["overload, mix", str(run.workers), str(run.clients), said]
    for killed in results.killed:
        yield ["kill -9 under the mix", "", "", str(killed)]
    if results.small:
        peak = results.small["peak_bytes"]
        held = f"; at most {peak / 2**20:.0f} MiB with its files' pages" if peak else ""
        yield ["low end: one core, 512 MB", "", "", f"{results.small['means']}{held}"]


def _rate(spread: Spread | None) -> str:
    if spread is None:
        return NOTHING
    if spread.least == spread.most:
        return f"{spread.median:,.0f}"
    return f"{spread.median:,.0f} ({spread.least:,.0f}–{spread.most:,.0f})"


def _judged(target: Target) -> str:
    bounds = f"{target.floor} / {target.aim} / {target.moonshot}"
    value = NOTHING if target.value is None else f"{target.value:.3g}"
    return f"{value} {target.unit}".rstrip() + f" ({bounds}): {target.verdict}"
