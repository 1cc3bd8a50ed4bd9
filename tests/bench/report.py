"""The one table of what was measured: readable in a terminal, and valid Markdown."""

from collections.abc import Iterator
from operator import attrgetter

from rich import box
from rich.console import Console
from rich.table import Table

from tests.bench.load import EMPTY_OPERATION, MIXED_CALLS, PAIRED_CALLS
from tests.bench.plan import OPERATIONS, TAIL_CLIENTS, Plan, Setup
from tests.bench.ratios import Ratio
from tests.bench.results import NO_SETUP, Figure, Results, Spread, make_spread

TABLE_WIDTH = 1000  # as wide as it takes: a table that is wrapped can't be read, nor pasted
NO_FIGURE = "–"
LATENCIES: tuple[Figure, ...] = tuple(map(attrgetter, ("p50_us", "p99_us", "worst_us")))
FAULTS: tuple[str, ...] = ("errors", "shed", "declined", "flagged")


def print_table(console: Console, results: Results, plan: Plan, ratios: list[Ratio]) -> None:
    """Print the table: good answers a second (least to most of the rounds), milliseconds, and
    the ratios.
    """
    table = Table(box=box.MARKDOWN, pad_edge=True)
    table.add_column("answers a second; p50 / p99 / worst ms")
    for name in ("workers", "clients", *(setup.name for setup in plan.setups)):
        table.add_column(name, justify="right")
    for row in (
        *_list_baselines(results, plan),
        *_list_loads(results, plan),
        *_list_costs(results, plan),
        *_list_harm(results),
        *_list_ratios(ratios, plan),
    ):
        if set(row[3:]) != {NO_FIGURE}:
            table.add_row(*row)
    with console.capture() as printed:
        console.print(table)
    for line in printed.get().strip().splitlines():
        console.out(line.rstrip(), highlight=False)


def _list_baselines(results: Results, plan: Plan) -> Iterator[list[str]]:
    fsyncs = [_write_rate(results.find_fsync_rate(setup.name)) for setup in plan.setups]
    yield ["fsyncs of this disk", "", "", *fsyncs]
    for workers in plan.workers:
        for clients in plan.clients:
            empty = results.find(NO_SETUP, EMPTY_OPERATION, workers, clients)
            yield ["empty operation, gthread", str(workers), str(clients), _write_rate(empty)]
    for operation in results.raw[0].rates if results.raw else ():
        rates = [results.find_raw_rate(setup.name, operation) for setup in plan.setups]
        yield [f"raw loop, {operation}", "", "", *map(_write_rate, rates)]
    for clients in plan.clients:
        cells = [_write_pgbench(results, setup, clients) for setup in plan.setups]
        name = "pgbench: pairs a second; ms of PostgreSQL's CPU a transaction"
        yield [name, "", str(clients), *cells]
    cells = [_write_round_trip(results, setup) for setup in plan.setups]
    yield ["round trip, ms: direct; with the relay; each way under load", "", "", *cells]


def _list_loads(results: Results, plan: Plan) -> Iterator[list[str]]:
    for operation in OPERATIONS:
        for workers in plan.workers:
            for clients in sorted({*plan.clients, TAIL_CLIENTS}):
                where = (operation, workers, clients)
                cells = [_write_load(results, setup, *where) for setup in plan.setups]
                yield [operation, str(workers), str(clients), *cells]


def _list_costs(results: Results, plan: Plan) -> Iterator[list[str]]:
    for workers in plan.workers:
        memory = [results.find_resident_mib(setup.name, workers) for setup in plan.setups]
        cells = [f"{held.median:.0f}" if held else NO_FIGURE for held in memory]
        yield ["resident MiB, master and workers", str(workers), "", *cells]
        for operation in (PAIRED_CALLS, MIXED_CALLS):
            for clients in plan.clients:
                where = (operation, workers, clients)
                cells = [_write_cpu(results, setup, *where) for setup in plan.setups]
                name = f"{operation}: ms of CPU an answer, server + wrk (+ PostgreSQL)"
                yield [name, str(workers), str(clients), *cells]
        cells = [_write_growth(results, setup, workers) for setup in plan.setups]
        yield ["KB of database a thousand pairs; -wal", str(workers), "", *cells]


def _list_harm(results: Results) -> Iterator[list[str]]:
    yield ["SQLITE_BUSY in answers", "", "", str(results.busy)]
    for overload in results.overload:
        run = overload.run
        cell = f"{run.rate:,.0f}, {overload.kept:.0%} of {overload.best_rate:,.0f} at"
        cell += f" {overload.best_clients} clients; p99 {run.p99_us / 1000:.0f} ms;"
        cell += f" shed {run.shed}, errors {run.errors}"
        yield [f"overload, {MIXED_CALLS}", str(run.workers), str(run.clients), cell]
    for kill in results.kills:
        yield [f"kill -9 under the {MIXED_CALLS}", "", "", str(kill)]
    if results.low_end:
        peak = results.low_end["peak_bytes"]
        cell = f"; at most {peak / 2**20:.0f} MiB with its files' pages" if peak else ""
        yield ["low end: one core, 512 MB", "", "", f"{results.low_end['means']}{cell}"]


def _list_ratios(ratios: list[Ratio], plan: Plan) -> Iterator[list[str]]:
    for ratio in ratios:
        found = [ratio.by_setup.get(setup.name) for setup in plan.setups]
        cells = [NO_FIGURE if value is None else f"{value:.3g}" for value in found]
        yield [f"RATIO {ratio.name}", str(ratio.workers), str(ratio.clients), *cells]


def _write_load(results: Results, setup: Setup, operation: str, workers: int, clients: int) -> str:
    where = (setup.name, operation, workers, clients)
    rate = results.find(*where)
    if rate is None:
        return NO_FIGURE
    times = [results.find(*where, figure) for figure in LATENCIES]
    latencies = " / ".join(_write_ms(time.median) for time in times if time)
    faults = [(name, results.find(*where, attrgetter(name))) for name in FAULTS]
    counts = [f"; {name}: {found.most:.0f}" for name, found in faults if found and found.most]
    return f"{_write_rate(rate)}; {latencies}{''.join(counts)}"


def _write_cpu(results: Results, setup: Setup, operation: str, workers: int, clients: int) -> str:
    mine = (setup.name, operation, workers, clients)
    runs = [sample.run for sample in results.runs if sample.key == mine]
    answers = sum(run.good for run in runs)
    if not answers:
        return NO_FIGURE
    spent = [
        sum(sum(run.server_cpu_seconds) for run in runs),
        sum(run.load_cpu_seconds for run in runs),
        sum(run.database_cpu_seconds for run in runs),
    ]
    return " + ".join(f"{1000 * seconds / answers:.2f}" for seconds in spent if seconds)


def _write_pgbench(results: Results, setup: Setup, clients: int) -> str:
    mine = (setup.name, clients)
    found = [each for name, _, each in results.pgbench if (name, each.clients) == mine]
    cpu = make_spread(each.cpu_ms for each in found)
    return (
        f"{_write_rate(make_spread(e.pair_rate for e in found))}; {cpu.median:.2f}"
        if cpu
        else NO_FIGURE
    )


def _write_round_trip(results: Results, setup: Setup) -> str:
    found = [each for name, _, each in results.round_trips if name == setup.name]
    figures = attrgetter("direct_ms", "relayed_ms", "each_way_ms")
    times = [make_spread(column) for column in zip(*map(figures, found), strict=True)]
    return "; ".join(f"{time.median:.2f}" for time in times if time) or NO_FIGURE


def _write_growth(results: Results, setup: Setup, workers: int) -> str:
    found = [g for g in results.growth if (g.setup, g.workers) == (setup.name, workers)]
    grown = make_spread(growth.bytes_a_thousand_pairs / 1000 for growth in found)
    if grown is None:
        return NO_FIGURE
    return f"{grown.median:,.0f}; {max(growth.wal_bytes for growth in found) / 1000:,.0f}"


def _write_ms(microseconds: float) -> str:
    """Write milliseconds; where they are few, to the hundredth."""
    return f"{microseconds / 1000:.{1 if microseconds >= 10_000 else 2}f}"


def _write_rate(rate: Spread | None) -> str:
    if rate is None:
        return NO_FIGURE
    if rate.least == rate.most:
        return f"{rate.median:,.0f}"
    return f"{rate.median:,.0f} ({rate.least:,.0f}–{rate.most:,.0f})"
