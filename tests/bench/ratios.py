"""The ratios: what a server does ÷ a baseline that was measured beside it.

A ratio is made within each round, where the machine is the same for both sides; the median of
the rounds is shown. Unless its row says otherwise it is at most workers and clients.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from operator import attrgetter
from statistics import median

from tests.bench.load import (
    ADD_CUSTOMER,
    CHECK_LIMIT,
    EMPTY_OPERATION,
    MIXED_CALLS,
    PAIRED_CALLS,
    READ_OPERATIONS,
    UPDATE_LIMIT,
)
from tests.bench.plan import OPERATIONS, TAIL_CLIENTS, Plan, write_number
from tests.bench.results import GOOD_RATE, NO_SETUP, ByRound, Figure, Results

P50_US: Figure = attrgetter("p50_us")
P99_US: Figure = attrgetter("p99_us")
PAIR_RATE: Figure = attrgetter("pair_rate")
SERVER_CPU_MS: Figure = attrgetter("server_cpu_ms")
DATABASE_CPU_MS: Figure = attrgetter("database_cpu_ms")
Sides = dict[str, tuple[ByRound, ByRound]]  # by setup, what is divided by what


@dataclass(frozen=True)
class Ratio:
    """One row: a ratio for each setup that has both of its sides."""

    name: str
    workers: int
    clients: int
    by_setup: dict[str, float]


def make_ratios(results: Results, plan: Plan) -> list[Ratio]:
    """Make all ratios of which both sides were measured."""
    rows = (
        *_compare_reads(results, plan),
        *_compare_writes(results, plan),
        *_compare_with_pgbench(results, plan),
        *_compare_checkouts(results, plan),
        *_compare_sizes(results, plan),
        *_compare_workers(results, plan),
        _compare_tails(results, plan),
    )
    return [row for row in rows if row.by_setup]


def _compare_reads(results: Results, plan: Plan) -> Iterator[Ratio]:
    """Compare reads with the operation that does nothing, on as many workers."""
    # The low end has fewer cores than the empty operation had.
    setups = [setup.name for setup in plan.setups if setup.is_plain]
    for operation in READ_OPERATIONS:
        for workers in plan.workers:
            where = (workers, plan.most_clients)
            empty = results.find_by_round(NO_SETUP, EMPTY_OPERATION, *where)
            sides = {s: (results.find_by_round(s, operation, *where), empty) for s in setups}
            yield _divide(f"{operation} ÷ empty operation", *where, sides)


def _compare_writes(results: Results, plan: Plan) -> Iterator[Ratio]:
    """Compare writes with their statements in a bare loop."""
    where = (plan.most_workers, plan.most_clients)
    raw = {s.name: results.find_raw_by_round(s.name, plan.most_workers) for s in plan.setups}
    for operation in (CHECK_LIMIT, UPDATE_LIMIT, ADD_CUSTOMER):
        sides = {
            setup: (
                results.find_by_round(setup, operation, *where),
                {number: rates.rates[operation] for number, rates in by_round.items()},
            )
            for setup, by_round in raw.items()
        }
        yield _divide(f"{operation} ÷ raw loop", *where, sides)
    sides = {
        setup: (
            results.find_by_round(setup, MIXED_CALLS, *where, PAIR_RATE),
            {number: rates.pair_rate for number, rates in by_round.items()},
        )
        for setup, by_round in raw.items()
    }
    yield _divide(f"{MIXED_CALLS}: pairs ÷ raw loop", *where, sides)


def _compare_with_pgbench(results: Results, plan: Plan) -> Iterator[Ratio]:
    """Compare pairs over HTTP with pgbench's own, in the same cluster and with as many clients."""
    for clients in plan.clients:
        where = (plan.most_workers, clients)
        sides = {
            setup.name: (
                results.find_by_round(setup.name, PAIRED_CALLS, *where, PAIR_RATE),
                results.find_pgbench_by_round(setup.name, clients),
            )
            for setup in plan.setups
        }
        yield _divide("pairs over HTTP ÷ pgbench's pairs", *where, sides)


def _compare_checkouts(results: Results, plan: Plan) -> Iterator[Ratio]:
    """Compare our figures with those of the other checkout. Of a round trip through a relay there
    are pairs alone.
    """
    whose, most, clients = f"{plan.other_checkout}'s", plan.most_workers, plan.most_clients
    for operation in OPERATIONS if plan.other_checkout else ():
        compared = (
            *((f"{operation} ÷ {whose}", number, GOOD_RATE) for number in plan.clients),
            (f"{operation}: p50 ÷ {whose}", plan.clients[0], P50_US),
            (f"{operation}: server's CPU an answer ÷ {whose}", clients, SERVER_CPU_MS),
            (f"{operation}: PostgreSQL's CPU an answer ÷ {whose}", clients, DATABASE_CPU_MS),
        )
        for name, number, figure in compared:
            where = (operation, most, number, figure)
            sides = {
                ours.name: (
                    results.find_by_round(ours.name, *where),
                    results.find_by_round(theirs.name, *where),
                )
                for ours, theirs in plan.list_pairs()
            }
            yield _divide(name, most, number, sides)
    held = {
        ours.name: [results.find_resident_mib(each.name, most) for each in (ours, theirs)]
        for ours, theirs in plan.list_pairs()
    }
    found = {
        name: round(own.median / other.median, 3)
        for name, (own, other) in held.items()
        if own and other
    }
    yield Ratio(f"resident ÷ {whose}", most, clients, found)


def _compare_sizes(results: Results, plan: Plan) -> Iterator[Ratio]:
    """Compare each operation's median with its median at the fewest customers."""
    fewest, *more = plan.sqlite_setups
    base = write_number(fewest.installation.customers)
    for operation in OPERATIONS:
        for clients in sorted({plan.clients[0], plan.most_clients}):
            where = (operation, plan.most_workers, clients, P50_US)
            at_fewest = results.find_by_round(fewest.name, *where)
            sides = {s.name: (results.find_by_round(s.name, *where), at_fewest) for s in more}
            yield _divide(f"{operation}: p50 ÷ that of {base}", *where[1:3], sides)


def _compare_workers(results: Results, plan: Plan) -> Iterator[Ratio]:
    """Compare reads on the most workers with those on the fewest."""
    fewest, most, clients = plan.workers[0], plan.most_workers, plan.most_clients
    for operation in READ_OPERATIONS if fewest < most else ():
        sides = {
            setup.name: (
                results.find_by_round(setup.name, operation, most, clients),
                results.find_by_round(setup.name, operation, fewest, clients),
            )
            for setup in plan.setups
        }
        yield _divide(f"{operation}: {most} workers ÷ {fewest}", most, clients, sides)


def _compare_tails(results: Results, plan: Plan) -> Ratio:
    """Compare the slowest hundredth of updates with their median."""
    where = (UPDATE_LIMIT, plan.most_workers, TAIL_CLIENTS)
    sides = {
        setup.name: (
            results.find_by_round(setup.name, *where, P99_US),
            results.find_by_round(setup.name, *where, P50_US),
        )
        for setup in plan.setups
    }
    return _divide(f"{UPDATE_LIMIT}: p99 ÷ p50", *where[1:], sides)


def _divide(name: str, workers: int, clients: int, sides: Sides) -> Ratio:
    ratios = {
        setup: [above[number] / below[number] for number in above if below.get(number)]
        for setup, (above, below) in sides.items()
    }
    medians = {setup: round(median(found), 3) for setup, found in ratios.items() if found}
    return Ratio(name, workers, clients, medians)
