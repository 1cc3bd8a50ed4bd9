"""The load: wrk, with a script of Lua that makes each request and judges each answer."""

import json
import os
import resource
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.bench.installation import Installation
from tests.bench.server import Running

SCRIPT = Path(__file__).resolve().parent / "load.lua"
MIX, EMPTY = "mix", "empty"
KYC, STATUS = "check-customer-kyc", "customer-registration-status"
CHECK, UPDATE = "check-customer-limit", "update-customer-limit"
ADD, CHANGE = "add-customer", "update-customer"
READS, WRITES = (KYC, STATUS), (CHECK, UPDATE, ADD, CHANGE)
TIMEOUT_SECONDS = 60
SHED = "503 "
REQUESTS_A_SECOND = 100_000  # more than wrk can make


class NoWrk(Exception):
    """There is no load generator here."""


@dataclass(frozen=True)
class Run:
    """What came of one load. `counts` are the answers, by "HTTP-status Resp_Code" where they are
    not good ones; of good ones also C, U, S, A …, by operation, declined and flagged.
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

    @property
    def rate(self) -> float:
        """Give the good answers a second."""
        return self.counts.get("good", 0) / self.seconds

    @property
    def pairs(self) -> int:
        """Count the checks that were settled by an update."""
        return self.counts.get("U", 0)

    @property
    def shed(self) -> int:
        return sum(n for name, n in self.counts.items() if name.startswith(SHED))

    @property
    def errors(self) -> int:
        """Count the answers that were neither good nor shed, and the connections that broke."""
        wrong = (n for name, n in self.counts.items() if " " in name and not name.startswith(SHED))
        return sum(wrong) + self.broken + self.late


def require_wrk() -> str:
    """Give the path of wrk. Raises NoWrk."""
    found = shutil.which("wrk")
    if found is None:
        raise NoWrk("wrk makes the load, and is not here: apt-get install wrk")
    return found


@dataclass(frozen=True)
class Load:
    """What to ask, of how many clients at once, for how long."""

    operation: str
    clients: int
    seconds: int


def drive(
    load: Load, running: Running, installation: Installation, *, heard: Path | None = None
) -> Run:
    """Load a server; `heard` is a file for the Ref_Ids of all writes that were answered with 000.
    What checks leave open goes to the pool, and updates take from there.
    """
    running.wait_until_quiet()
    before, own_before = running.cpu_seconds(), _childrens_cpu_seconds()
    process = begin(load, running, installation, heard=heard)
    try:
        output, _ = process.communicate()
    finally:
        process.kill()  # of use where one is interrupted
    out = _out(installation)
    if process.returncode != 0 or not out.exists():
        raise RuntimeError(f"wrk failed: {output[-2000:]}")
    return judge(load, running, out, before, own_before)


def begin(
    load: Load, running: Running, installation: Installation, *, heard: Path | None = None
) -> "subprocess.Popen[str]":
    """Start a load."""
    out = _out(installation)
    out.unlink(missing_ok=True)
    words = {
        "operation": load.operation,
        "customers": installation.sample,
        "number": installation.numbers(load.seconds * REQUESTS_A_SECOND),
        "out": out,
        "pool": pool(installation) if load.operation in {CHECK, UPDATE} else None,
        "heard": heard,
    }
    options = f"-t1 -c{load.clients} -d{load.seconds}s --timeout {TIMEOUT_SECONDS}s"
    return subprocess.Popen(
        [
            *(require_wrk(), *options.split(), "-s", str(SCRIPT), running.url, "--"),
            *(f"{name}={value}" for name, value in words.items() if value is not None),
        ],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def judge(
    load: Load, running: Running, out: Path, before: dict[int, float], own_before: float
) -> Run:
    """Read what the script has counted."""
    said: dict[str, Any] = json.loads(out.read_text())
    after = running.cpu_seconds()
    return Run(
        operation=load.operation,
        clients=load.clients,
        workers=running.workers,
        seconds=said["microseconds"] / 1e6,
        p50_us=said["p50_us"],
        p99_us=said["p99_us"],
        worst_us=said["worst_us"],
        counts=said["counts"],
        broken=said["broken"],
        late=said["late"],
        server_cpu_seconds=[round(after[pid] - before.get(pid, 0), 2) for pid in after],
        load_cpu_seconds=round(_childrens_cpu_seconds() - own_before, 2),
    )


def pool(installation: Installation) -> Path:
    """Give the file of checks that were allowed and have no update yet."""
    return installation.folder / "pool.txt"


def pool_size(installation: Installation) -> int:
    path = pool(installation)
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _out(installation: Installation) -> Path:
    return installation.folder / f"wrk-{os.getpid()}.json"


def _childrens_cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
