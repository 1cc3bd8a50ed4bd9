"""The load: wrk, with a script of Lua that makes each request and judges each answer."""

import json
import os
import resource
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from tests.bench.installation import Installation
from tests.bench.server import Program

LUA_SCRIPT = Path(__file__).resolve().parent / "load.lua"
MIXED_CALLS, PAIRED_CALLS, EMPTY_OPERATION = "mix", "pairs", "empty"
CHECK_KYC, FIND_STATUS = "check-customer-kyc", "customer-registration-status"
CHECK_LIMIT, UPDATE_LIMIT = "check-customer-limit", "update-customer-limit"
ADD_CUSTOMER, UPDATE_CUSTOMER = "add-customer", "update-customer"
READ_OPERATIONS = (CHECK_KYC, FIND_STATUS)
TIMEOUT_SECONDS = 60
SHED_PREFIX = "503 "
REQUESTS_A_SECOND = 100_000  # more than wrk can make


class NoWrk(Exception):
    """There is no load generator here."""


@dataclass(frozen=True)
class Load:
    """What to ask, with how many clients at once, for how long."""

    operation: str
    clients: int
    seconds: int


@dataclass(frozen=True)
class Run:
    """What came of one load. `counts` are the answers: those that are not good by "HTTP-status
    Resp_Code"; all good ones by "good", and besides by operation (C, U, S, A …), declined, flagged.
    """

    operation: str
    clients: int
    workers: int
    seconds: float
    p50_us: int
    p99_us: int
    worst_us: int
    counts: dict[str, int]
    broken: int
    late: int
    server_cpu_seconds: list[float]
    load_cpu_seconds: float
    database_cpu_seconds: float = 0.0

    @property
    def good(self) -> int:
        return self.counts.get("good", 0)

    @property
    def rate(self) -> float:
        """The good answers a second."""
        return self.good / self.seconds

    @property
    def pairs(self) -> int:
        """The checks that an update has settled."""
        return self.counts.get("U", 0)

    @property
    def pair_rate(self) -> float:
        return self.pairs / self.seconds

    @property
    def server_cpu_ms(self) -> float:
        """The CPU of the server's processes for each good answer."""
        return 1000 * sum(self.server_cpu_seconds) / self.good if self.good else 0.0

    @property
    def database_cpu_ms(self) -> float:
        """The CPU of the database's own processes for each good answer."""
        return 1000 * self.database_cpu_seconds / self.good if self.good else 0.0

    def make_plain(self) -> dict[str, Any]:
        """Make plain values for JSON, with what is worked out of them."""
        worked_out = {"rate": round(self.rate, 1), "pairs": self.pairs}
        worked_out |= {"server_cpu_ms": round(self.server_cpu_ms, 3)}
        worked_out |= {"database_cpu_ms": round(self.database_cpu_ms, 3)}
        return {**asdict(self), **worked_out, "shed": self.shed, "errors": self.errors}

    @property
    def declined(self) -> int:
        return self.counts.get("declined", 0)

    @property
    def flagged(self) -> int:
        return self.counts.get("flagged", 0)

    @property
    def shed(self) -> int:
        return sum(n for name, n in self.counts.items() if name.startswith(SHED_PREFIX))

    @property
    def errors(self) -> int:
        """The answers that were neither good nor shed, and the connections that broke."""
        bad = sum(n for name, n in self.counts.items() if " " in name)
        return bad - self.shed + self.broken + self.late


def find_wrk() -> str:
    """Find wrk's path. Raises NoWrk."""
    found = shutil.which("wrk")
    if found is None:
        raise NoWrk("wrk makes the load, and is not here: apt-get install wrk")
    return found


def run_load(load: Load, server: Program, installation: Installation) -> Run:
    """Load a server, and count its answers. The checks that stay open go to the pool's file, and
    updates take theirs from there.
    """
    server.wait_until_quiet()
    before, own_before = server.read_cpu_seconds(), _read_own_cpu_seconds()
    database_before = server.read_database_cpu_seconds()
    process = start_load(load, server, installation)
    try:
        output, _ = process.communicate()
    finally:
        process.kill()  # of use where the bench is interrupted
    counted = _name_output(installation)
    if process.returncode != 0 or not counted.exists():
        raise RuntimeError(f"wrk failed: {output[-2000:]}")
    found = json.loads(counted.read_text())
    after, database_after = server.read_cpu_seconds(), server.read_database_cpu_seconds()
    return Run(
        operation=load.operation,
        clients=load.clients,
        workers=server.workers,
        seconds=found.pop("microseconds") / 1e6,
        server_cpu_seconds=[round(after[pid] - before.get(pid, 0), 2) for pid in after],
        load_cpu_seconds=round(_read_own_cpu_seconds() - own_before, 2),
        database_cpu_seconds=round(database_after - database_before, 2),
        **found,
    )


def start_load(
    load: Load, server: Program, installation: Installation, *, acknowledged: Path | None = None
) -> "subprocess.Popen[str]":
    """Start a load. wrk writes the Ref_Ids of all writes that were answered with 000 to the file
    `acknowledged`.
    """
    counted = _name_output(installation)
    counted.unlink(missing_ok=True)
    needs_pool = load.operation in {CHECK_LIMIT, UPDATE_LIMIT}
    words = {
        "operation": load.operation,
        "customers": installation.sample,
        "number": installation.take_numbers(load.seconds * REQUESTS_A_SECOND),
        "out": counted,
        "pool": name_pool(installation) if needs_pool else None,
        "writes": acknowledged,
        "prefix": server.api_prefix or None,
    }
    options = f"-t1 -c{load.clients} -d{load.seconds}s --timeout {TIMEOUT_SECONDS}s"
    return subprocess.Popen(
        [
            *(find_wrk(), *options.split(), "-s", str(LUA_SCRIPT), server.url, "--"),
            *(f"{name}={value}" for name, value in words.items() if value is not None),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def name_pool(installation: Installation) -> Path:
    """Name the file of the checks that were allowed and have no update yet."""
    return installation.folder / "pool.txt"


def count_pool(installation: Installation) -> int:
    """Count the checks of the pool."""
    path = name_pool(installation)
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _name_output(installation: Installation) -> Path:
    return installation.folder / f"wrk-{os.getpid()}.json"


def _read_own_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
