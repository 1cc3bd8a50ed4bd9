"""PPIMS beside another program that speaks this wire: the same load, by turns. First both get new
people, so that statuses are about people whom both know. docs/performance.md says how to read it.
"""

import json
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any
from urllib.parse import urlsplit

from tests.bench.installation import Installation
from tests.bench.load import ADD_CUSTOMER, FIND_STATUS, Load, Run, run_load
from tests.bench.plan import Plan, Setup
from tests.bench.processes import (
    Memory,
    find_listeners,
    read_memory,
    read_tree_cpu_seconds,
    sum_resident_mib,
)
from tests.bench.server import Program, serve
from tests.processes import list_processes

DRIVEN_OPERATIONS = (FIND_STATUS, ADD_CUSTOMER)
LOG_IN_VARIABLES = ("BENCH_SYSTEM_ID", "BENCH_USERNAME", "BENCH_PASSWORD")
LOCAL_HOSTS = {"127.0.0.1", "::1", "localhost"}
FILL_SECONDS = 3
FIRST_MOBILE = 917_000_000_000  # as load.lua has it
# The other program may keep what it gets: the next run is about others.
LEAST_NUMBER, MOST_NUMBER = 1_000_000, 900_000_000


@dataclass(kw_only=True)
class Neighbour(Program):
    """Another program: what listens on its port here (nothing, if it runs elsewhere), with all
    that it has started.
    """

    workers: int = 0  # nobody tells
    roots: list[int] = field(default_factory=list)

    def read_cpu_seconds(self) -> dict[int, float]:
        return {pid: read_tree_cpu_seconds(pid) for pid in self.roots}

    def read_memory(self) -> dict[int, Memory]:
        pids = [pid for root in self.roots for pid in list_processes(root)]
        return {pid: held for pid in pids if (held := read_memory(pid))}


@dataclass
class Side:
    """One of the two programs: who asks it about whom, and what came of it."""

    program: Program
    people: Installation
    log_in: tuple[str, ...]
    runs: dict[tuple[str, int], list[Run]] = field(default_factory=dict)
    resident_mib: float | None = None

    def write_people(self, mobiles: list[int]) -> None:
        """Write whom requests are about, and the log-in: a file that nobody else may read."""
        lines = [f"processor 1 {' '.join(self.log_in)}"]
        lines += [f"customer 1 0 {mobile} 0" for mobile in mobiles]
        path = self.people.sample
        with open(path, "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
            file.writelines(f"{line}\n" for line in lines)

    def add_people(self, clients: int) -> list[int]:
        """Add people for a while: return the mobile numbers of those who certainly are there.
        Raises RuntimeError where an add fails.
        """
        first = random.randrange(LEAST_NUMBER, MOST_NUMBER)
        self.people.begin_numbers(first)
        self.write_people([0])
        run = self.run(Load(ADD_CUSTOMER, clients, FILL_SECONDS))
        # wrk makes one request to look at it; and what came last on each connection nobody knows.
        known = range(first + 2, first + run.good - clients + 1)
        if run.errors or run.shed or not known:
            raise RuntimeError(f"{self.program.url} answered to adds: {run.counts}")
        return [FIRST_MOBILE + number for number in known]

    def run(self, asked: Load) -> Run:
        return run_load(asked, self.program, self.people)

    def measure_memory(self) -> None:
        held = self.program.read_memory().values()
        self.resident_mib = sum_resident_mib(held) if held else None


def measure_beside(
    setup: Setup,
    neighbour: Neighbour,
    log_in: tuple[str, ...],
    plan: Plan,
    say: Callable[[str], None],
) -> tuple[Side, Side]:
    """Drive both programs by turns: every second round the other one is the first."""
    installation = setup.installation
    with serve(installation, workers=plan.most_workers) as server:
        server.wait_until_it_answers("/readyz")
        own_log_in = _read_own_log_in(installation)
        ours = Side(server, _make_people(installation, "own"), own_log_in)
        theirs = Side(neighbour, _make_people(installation, "other"), log_in)
        _fill(ours, theirs, plan.most_clients)
        for number in range(1, plan.rounds + 1):
            for operation in DRIVEN_OPERATIONS:
                for clients in plan.clients:
                    for side in (ours, theirs) if number % 2 else (theirs, ours):
                        run = side.run(Load(operation, clients, plan.seconds))
                        side.runs.setdefault((operation, clients), []).append(run)
                        told = f"{operation}, {clients} clients: {run.rate:,.0f}/s"
                        say(f"round {number}/{plan.rounds} · {side.program.url} · {told}")
        for side in (ours, theirs):
            side.measure_memory()
    return ours, theirs


def find_neighbour(url: str, prefix: str) -> Neighbour:
    """Find the program at a URL, and its processes if it runs here."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    roots = find_listeners(port) if parts.hostname in LOCAL_HOSTS else []
    return Neighbour(url=url.rstrip("/"), api_prefix=f"/{prefix.strip('/')}/", roots=roots)


def take_log_in() -> tuple[str, ...]:
    """Take the other program's log-in out of the environment, so that no process inherits it.
    Raises RuntimeError where a part is missing.
    """
    found = tuple(os.environ.pop(name, "") for name in LOG_IN_VARIABLES)
    if any(len(word.split()) != 1 for word in found):
        needed = ", ".join(LOG_IN_VARIABLES)
        raise RuntimeError(f"the log-in at the other program is read from {needed}: one word each")
    return found


def write_table(ours: Side, theirs: Side) -> str:
    """Write the figures as Markdown."""
    lines = ["| | clients | PPIMS | beside | PPIMS ÷ beside |", "|---|---|---|---|---|"]
    lines += [f"| {' | '.join(row)} |" for row in _list_rows(ours, theirs)]
    return "\n".join(lines)


def make_plain(ours: Side, theirs: Side) -> dict[str, Any]:
    """Make plain values for JSON: no log-in is among them."""
    return {
        name: {
            "url": side.program.url,
            "resident_mib": side.resident_mib,
            "runs": [run.make_plain() for runs in side.runs.values() for run in runs],
        }
        for name, side in (("ours", ours), ("theirs", theirs))
    }


def _list_rows(ours: Side, theirs: Side) -> Iterator[tuple[str, ...]]:
    for (operation, clients), runs in ours.runs.items():
        others = theirs.runs[operation, clients]
        ratio = median(run.rate / other.rate for run, other in zip(runs, others, strict=True))
        told = map(_describe_runs, (runs, others))
        name = f"{operation}: answers a second; p50 / p99 ms"
        yield name, str(clients), *told, f"{ratio:.3g}"
        spent = [_work_out_cpu_ms(each) for each in (runs, others)]
        name = f"{operation}: ms of CPU an answer"
        yield name, str(clients), *map(_write, spent), _divide(*spent)
    held = (ours.resident_mib, theirs.resident_mib)
    yield "resident MiB", "", *map(_write, held), _divide(*held)


def _describe_runs(runs: list[Run]) -> str:
    rate, p50, p99 = (
        median(figures)
        for figures in zip(*((r.rate, r.p50_us, r.p99_us) for r in runs), strict=True)
    )
    bad = sum(run.errors + run.shed for run in runs)
    faults = f"; errors and shed: {bad}" if bad else ""
    return f"{rate:,.0f}; {p50 / 1000:.1f} / {p99 / 1000:.1f}{faults}"


def _work_out_cpu_ms(runs: list[Run]) -> float | None:
    """Work out the CPU of an answer, our PostgreSQL's included; None where nobody can know."""
    known = [run.server_cpu_ms + run.database_cpu_ms for run in runs if run.server_cpu_seconds]
    return median(known) if known else None


def _write(figure: float | None) -> str:
    return "–" if figure is None else f"{figure:.3g}"


def _divide(ours: float | None, theirs: float | None) -> str:
    return _write(ours / theirs if ours and theirs else None)


def _fill(ours: Side, theirs: Side, clients: int) -> None:
    """Add people on both sides; statuses will be about as many on one as on the other."""
    added = [(side, side.add_people(clients)) for side in (ours, theirs)]
    fewest = min(len(mobiles) for _, mobiles in added)
    for side, mobiles in added:
        side.write_people(mobiles[:fewest])


def _make_people(installation: Installation, whose: str) -> Installation:
    """Make a place for one side's people: Ref_Ids are counted there."""
    folder = installation.folder / f"people-{whose}"
    folder.mkdir(exist_ok=True)
    return replace(installation, folder=folder)


def _read_own_log_in(installation: Installation) -> tuple[str, ...]:
    access = json.loads((installation.folder / "seed.json").read_text())["processors"][0]
    return access["system_id"], access["username"], access["password"]
