"""The server that is measured, started as `python3 -m ppims` starts it; and the server of an empty
operation, which it is compared with.
"""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.installation import ROOT, Installation
from tests.bench.processes import (
    Memory,
    read_cpu_seconds,
    read_memory,
    read_tree_cpu_seconds,
)
from tests.ports import find_free_port
from tests.processes import list_processes

# `python3 -m ppims` without its installing: whatever runs the bench serves too.
START_PROGRAM = """
import os
import sys
from pathlib import Path
from ppims import __main__ as start

start.ensure_installed = lambda lock: None
start.VENV_PYTHON = Path(sys.executable)
start.make_environment = os.environ.copy  # with the slow disk that PYTHONPATH may hold
sys.exit(start.run_command([]))
"""
GTHREAD_OPTIONS = "--worker-class gthread --threads 4 --no-control-socket --log-level warning"
SLOW_DISK_FOLDER = Path(__file__).resolve().parent / "slow_disk"
PATIENCE_SECONDS = 60
QUIET_SECONDS, QUIET_CPU_SECONDS = 0.15, 0.01


@dataclass(kw_only=True)
class Program:
    """What answers at a URL: its operations under a prefix of paths, or where PPIMS has them."""

    url: str
    workers: int
    api_prefix: str = ""

    def read_cpu_seconds(self) -> dict[int, float]:
        """Read the CPU time of each of its processes."""
        return {}

    def read_memory(self) -> dict[int, Memory]:
        """Read the memory of each of its processes."""
        return {}

    def read_database_cpu_seconds(self) -> float:
        """Read the CPU time of its database's own processes."""
        return 0.0

    def wait_until_quiet(self) -> None:
        """Wait until it has worked off the load before: for half a minute at most."""
        deadline, before = time.monotonic() + PATIENCE_SECONDS / 2, -1.0
        while time.monotonic() < deadline:
            spent = sum(self.read_cpu_seconds().values())
            if spent - before <= QUIET_CPU_SECONDS:
                return
            before = spent
            time.sleep(QUIET_SECONDS)


@dataclass(kw_only=True)
class Server(Program):
    """A server of ours. `postmaster` is the process of the PostgreSQL that it writes to."""

    process: "subprocess.Popen[bytes]"
    log: Path
    postmaster: int = 0
    pids: list[int] = field(default_factory=list)

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def wait_until_it_answers(self, path: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.pids = list_processes(self.process.pid)

    def read_cpu_seconds(self) -> dict[int, float]:
        return {pid: spent for pid in self.pids if (spent := read_cpu_seconds(pid)) is not None}

    def read_database_cpu_seconds(self) -> float:
        return read_tree_cpu_seconds(self.postmaster) if self.postmaster else 0.0

    def read_memory(self) -> dict[int, Memory]:
        return {pid: held for pid in self.pids if (held := read_memory(pid)) is not None}

    def stop(self) -> None:
        """End it as an operator would, or by force where that takes too long."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS / 2)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Kill all its processes at once, so that none notices the end of another."""
        for pid in list_processes(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was about to end
        self.process.wait(PATIENCE_SECONDS)

    def count_in_log(self, text: str) -> int:
        """Count the lines of its log that hold a text."""
        with self.log.open(errors="replace") as lines:
            return sum(text in line for line in lines)

    def _answers(self, path: str) -> bool:
        where = self.url.removeprefix("http://")
        with closing(http.client.HTTPConnection(where, timeout=10)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
            except (OSError, http.client.HTTPException):
                return False


@contextmanager
def serve(
    installation: Installation,
    *,
    workers: int,
    delay_ms: int = 0,
    prefix: tuple[str, ...] = (),
    **variables: str,
) -> Iterator[Server]:
    """Serve an installation for a while; `prefix` are the words of a command that starts it."""
    port, checkout = find_free_port(), installation.checkout
    # What is measured is the server: without the process for background work beside it.
    more = {"PPIMS_BIND": f"127.0.0.1:{port}", "PPIMS_WORKERS": str(workers), "PPIMS_RUN_JOBS": "0"}
    environment = installation.make_environment(**more, **variables)
    if delay_ms:
        environment["BENCH_FSYNC_DELAY_MS"] = str(delay_ms)
        environment["PYTHONPATH"] = f"{SLOW_DISK_FOLDER}:{checkout.root}"
    log = installation.folder / "server.log"
    command = [*prefix, checkout.python, "-c", START_PROGRAM]
    with _run(
        command, environment, port=port, log=log, workers=workers, folder=checkout.root
    ) as server:
        server.postmaster = installation.postmaster
        yield server


@contextmanager
def serve_empty(folder: Path, *, workers: int) -> Iterator[Server]:
    """Serve one django-ninja operation that does nothing, on gthread, for a while."""
    port = find_free_port()
    options = [*GTHREAD_OPTIONS.split(), f"--workers={workers}", f"--bind=127.0.0.1:{port}"]
    if os.access("/dev/shm", os.W_OK):  # as PPIMS itself is started
        options.append("--worker-tmp-dir=/dev/shm")
    command = [sys.executable, "-m", "gunicorn", *options, "tests.bench.empty:application"]
    own = {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.bench.empty_settings"}
    variables = {**os.environ, **own}
    with _run(command, variables, port=port, log=folder / "empty.log", workers=workers) as server:
        server.wait_until_it_answers("/")
        yield server


@contextmanager
def _run(
    command: list[str],
    variables: dict[str, str],
    *,
    port: int,
    log: Path,
    workers: int,
    folder: Path = ROOT,
) -> Iterator[Server]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is the bench's
        )
    url = f"http://127.0.0.1:{port}"
    server = Server(url=url, workers=workers, process=process, log=log)
    try:
        yield server
    finally:
        server.stop()
