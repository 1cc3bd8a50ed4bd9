"""A server under load for long, at a part of its best rate: does the memory of any of its processes
creep, or a file that isn't meant to?
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from tests.bench import load, server
from tests.bench.installation import Installation
from tests.bench.load import MIXED_CALLS, Load, Run
from tests.bench.processes import read_memory
from tests.processes import list_processes

CUSTOMER_COUNT, CLIENT_COUNT, WORKER_COUNT = 10_000, 16, 2
LOADED_SECONDS, IDLE_SECONDS = 7, 3  # of each round: 70 % of the best rate, in sum
MOST_DRIFT, LEAST_GROWTH_BYTES = 0.05, 64 * 1024
MEBIBYTE_BYTES = 1024 * 1024
LEAST_SAMPLES = 4  # of each quarter one
# What is meant to grow: the database, the log for the operator to rotate, and what the bench notes.
GROWING_FILES = {"ppims.sqlite3", "server.log", "next_number", "pool.txt"}
# SQLite's log is begun anew again and again, so its length has a bound; its index has as well.
MOST_BYTES = {"ppims.sqlite3-wal": 256 * MEBIBYTE_BYTES, "ppims.sqlite3-shm": MEBIBYTE_BYTES}


@dataclass(frozen=True)
class Sample:
    """At one moment: the memory of each process that belongs to no file, and the files' lengths."""

    kib_by_process: dict[int, int]
    bytes_by_file: dict[str, int]


@dataclass
class Soak:
    """What was measured. The first quarter of the samples is the warm-up."""

    best_rate: float = 0.0
    runs: list[Run] = field(default_factory=list)
    samples: list[Sample] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """The good answers a second, pauses included."""
        seconds = sum(run.seconds for run in self.runs) + IDLE_SECONDS * len(self.runs)
        return sum(run.good for run in self.runs) / seconds if seconds else 0.0

    @property
    def errors(self) -> int:
        return sum(run.errors for run in self.runs)


def find_drifts(samples: Sequence[Sample]) -> dict[int, float]:
    """Find by which part the memory of each process grew after the warm-up: the median of the last
    quarter of the samples, by that of the second.
    """
    quarter = max(1, len(samples) // 4)
    early, late = samples[quarter : 2 * quarter], samples[-quarter:]
    always = set.intersection(*(set(each.kib_by_process) for each in samples))

    def find_median(some: Sequence[Sample], pid: int) -> float:
        return median(each.kib_by_process[pid] for each in some)

    return {pid: find_median(late, pid) / find_median(early, pid) - 1 for pid in sorted(always)}


def find_growing_files(samples: Sequence[Sample]) -> dict[str, int]:
    """Find the files that are longer in the end than after the warm-up, and are not meant to be, or
    longer than they may be; by how many bytes.
    """
    before, after = samples[len(samples) // 4].bytes_by_file, samples[-1].bytes_by_file
    allowed = {name: MOST_BYTES.get(name, before.get(name, 0)) for name in after}
    grown = {name: after[name] - allowed[name] for name in after if name not in GROWING_FILES}
    return {name: more for name, more in sorted(grown.items()) if more > LEAST_GROWTH_BYTES}


def take_sample(process: int, folder: Path) -> Sample:
    """Look at a process, all that have come of it, and all files of a folder."""
    held = {pid: read_memory(pid) for pid in list_processes(process)}
    files = [path for path in folder.rglob("*") if path.is_file()]
    return Sample(
        {pid: memory.anonymous for pid, memory in held.items() if memory and memory.anonymous},
        {str(path.relative_to(folder)): path.stat().st_size for path in files if path.exists()},
    )


def measure_soak(installation: Installation, minutes: float, say: Callable[[str], None]) -> Soak:
    """Load a server for so long, with a pause in each round."""
    found, asked = Soak(), Load(MIXED_CALLS, CLIENT_COUNT, LOADED_SECONDS)
    with server.serve(installation, workers=WORKER_COUNT) as running:
        running.wait_until_it_answers("/readyz")
        best = [load.run_load(asked, running, installation) for _ in range(2)]
        found.best_rate = max(run.rate for run in best)
        deadline = time.monotonic() + minutes * 60
        while time.monotonic() < deadline or len(found.samples) < LEAST_SAMPLES:
            found.runs.append(load.run_load(asked, running, installation))
            time.sleep(IDLE_SECONDS)
            found.samples.append(take_sample(running.process.pid, installation.folder))
            if len(found.runs) % 10 == 1:
                say(f"soak: {len(found.runs)} rounds, {found.rate:,.0f}/s, {found.samples[-1]}")
    return found


def make_plain(found: Soak) -> dict[str, Any]:
    """Make plain values for JSON."""
    return {
        "best_rate": round(found.best_rate, 1),
        "rate": round(found.rate, 1),
        "errors": found.errors,
        "drifts": find_drifts(found.samples),
        "growing_files": find_growing_files(found.samples),
        "samples": [asdict(sample) for sample in found.samples],
    }


def write_table(found: Soak) -> str:
    """Write what was found, a line each."""
    last = found.samples[-1]
    lines = [
        f"rounds | {len(found.runs)}",
        f"good answers a second | {found.rate:,.0f}, {found.rate / found.best_rate:.0%} of best",
        f"errors, shed | {found.errors}, {sum(run.shed for run in found.runs)}",
    ]
    for pid, drift in find_drifts(found.samples).items():
        verdict = "GREW" if drift > MOST_DRIFT else "kept"
        lines.append(
            f"process {pid} | {last.kib_by_process[pid] / 1024:.1f} MiB, {drift:+.1%}, {verdict}"
        )
    for name, more in find_growing_files(found.samples).items():
        lines.append(f"file {name} | GREW by {more:,} bytes")
    return "\n".join(f"| {line} |" for line in lines)


def has_failed(found: Soak) -> bool:
    """Say whether anything crept, or an answer was wrong."""
    has_crept = max(find_drifts(found.samples).values()) > MOST_DRIFT
    return has_crept or bool(find_growing_files(found.samples)) or found.errors > 0
