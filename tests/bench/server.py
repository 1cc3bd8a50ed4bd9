"""The server that is measured, started as `python3 -m ppims` starts it; and the one of an empty
operation, to measure it against.
"""

import http.client
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests.bench.installation import ROOT, Installation
from tests.ports import find_free_port

# All of `python3 -m ppims` but the installing: whatever runs the bench serves too.
PROGRAM = """
import os
import sys
from pathlib import Path
from ppims import __main__ as start

start.ensure_installed = lambda lock: None
start.VENV_PYTHON = Path(sys.executable)
start.make_environment = os.environ.copy  # with the slow disk that PYTHONPATH may hold
sys.exit(start.main([]))
"""
EMPTY = "--worker-class gthread --threads 4 --no-control-socket --log-level warning"
SLOW_DISK = Path(__file__).resolve().parent / "slow_disk"
PATIENCE_SECONDS = 60
QUIET_SECONDS, QUIET_CPU_SECONDS = 0.15, 0.01
TICKS_A_SECOND = os.sysconf("SC_CLK_TCK")
HEAD = re.compile(r"^[0-9a-f]+-[0-9a-f]+ \S+ \S+ \S+ \S+ *(.*)$")


@dataclass
class Memory:
    """What processes hold, in KiB: `pss` counts a page that n of them share as 1/n for each.
    `database` are the pages of the database's mapped file, `anonymous` what is no file's.
    """

    rss: int = 0
    pss: int = 0
    database_rss: int = 0
    database_pss: int = 0
    anonymous: int = 0

    @property
    def apart(self) -> int:
        """Give what is resident, the database's mapped file apart."""
        return self.pss - self.database_pss


@dataclass
class Running:
    """A server that answers at an address."""

    process: "subprocess.Popen[bytes]"
    port: int
    log: Path
    workers: int
    pids: list[int] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def wait_until_it_answers(self, path: str) -> None:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not self._answers(path):
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"the server did not start:\n{self.log.read_text()[-2000:]}")
            time.sleep(0.02)
        self.pids = descendants(self.process.pid)

    def wait_until_quiet(self) -> None:
        """Wait while it works through what the load before has left: for half a minute at most."""
        deadline, before = time.monotonic() + PATIENCE_SECONDS / 2, -1.0
        while time.monotonic() < deadline:
            spent = sum(self.cpu_seconds().values())
            if spent - before <= QUIET_CPU_SECONDS:
                return
            before = spent
            time.sleep(QUIET_SECONDS)

    def cpu_seconds(self) -> dict[int, float]:
        """Say how many seconds of processor each of its processes has had."""
        return {pid: spent for pid in self.pids if (spent := _cpu_seconds(pid)) is not None}

    def memory(self) -> dict[int, Memory]:
        """Say what memory each of its processes holds."""
        return {pid: held for pid in self.pids if (held := _memory(pid)) is not None}

    def stop(self) -> None:
        """End it as an operator would; by force where it takes too long."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(PATIENCE_SECONDS / 2)
            except subprocess.TimeoutExpired:
                self.kill()

    def kill(self) -> None:
        """Kill all of it at once, so that none can notice."""
        for pid in descendants(self.process.pid):
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was about to end
        self.process.wait(PATIENCE_SECONDS)

    def said(self, what: str) -> int:
        """Count the lines of its log that hold this."""
        with self.log.open(errors="replace") as lines:
            return sum(what in line for line in lines)

    def _answers(self, path: str) -> bool:
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            try:
                connection.request("GET", path)
                return connection.getresponse().status < http.HTTPStatus.INTERNAL_SERVER_ERROR
            except (OSError, http.client.HTTPException):
                return False


@contextmanager
def serving(
    installation: Installation, *, workers: int, delay_ms: int = 0, before: tuple[str, ...] = ()
) -> Iterator[Running]:
    """Serve an installation for a while; `before` are the words of a command that starts it."""
    port = find_free_port()
    more = {"PPIMS_BIND": f"127.0.0.1:{port}", "PPIMS_WORKERS": str(workers)}
    variables = installation.variables(**more)
    if delay_ms:
        variables["BENCH_FSYNC_DELAY_MS"] = str(delay_ms)
        variables["PYTHONPATH"] = f"{SLOW_DISK}:{ROOT}"
    log = installation.folder / "server.log"
    command = [*before, sys.executable, "-c", PROGRAM]
    with _started(command, variables, port=port, log=log, workers=workers) as running:
        yield running


@contextmanager
def empty(folder: Path, *, workers: int) -> Iterator[Running]:
    """Serve one django-ninja operation that does nothing, on gthread, for a while."""
    port = find_free_port()
    options = [*EMPTY.split(), f"--workers={workers}", f"--bind=127.0.0.1:{port}"]
    if os.access("/dev/shm", os.W_OK):  # as PPIMS itself is started
        options.append("--worker-tmp-dir=/dev/shm")
    command = [sys.executable, "-m", "gunicorn", *options, "tests.bench.empty:application"]
    own = {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "tests.bench.empty_settings"}
    variables = {**os.environ, **own}
    log = folder / "empty.log"
    with _started(command, variables, port=port, log=log, workers=workers) as running:
        running.wait_until_it_answers("/")
        yield running


@contextmanager
def _started(
    command: list[str], variables: dict[str, str], *, port: int, log: Path, workers: int
) -> Iterator[Running]:
    with log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is the bench's
        )
    running = Running(process, port, log, workers)
    try:
        yield running
    finally:
        running.stop()


def descendants(pid: int) -> list[int]:
    """List a process and all that it has led to."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(_after_name(stat.read_text())[1])
        except OSError:
            continue  # has ended
    found = [pid]
    for parent in found:
        found += [child for child, its_parent in parents.items() if its_parent == parent]
    return found


def _cpu_seconds(pid: int) -> float | None:
    try:
        fields = _after_name(Path(f"/proc/{pid}/stat").read_text())
    except OSError:
        return None
    return (int(fields[11]) + int(fields[12])) / TICKS_A_SECOND


def _after_name(stat: str) -> list[str]:
    """Give the fields after the program's name, which may hold anything: the first is the state."""
    return stat.rpartition(")")[2].split()


def _memory(pid: int) -> Memory | None:
    memory, is_database = Memory(), False
    try:
        maps = Path(f"/proc/{pid}/smaps").read_text()
    except OSError:
        return None
    for line in maps.splitlines():
        if head := HEAD.match(line):
            is_database = "ppims.sqlite3" in head.group(1)
            continue
        name, _, value = line.partition(":")
        if name in {"Rss", "Pss", "Anonymous"}:
            kib = int(value.split()[0])
            memory.rss += kib if name == "Rss" else 0
            memory.pss += kib if name == "Pss" else 0
            memory.anonymous += kib if name == "Anonymous" else 0
            memory.database_rss += kib if name == "Rss" and is_database else 0
            memory.database_pss += kib if name == "Pss" and is_database else 0
    return memory
