"""A PPIMS that serves, started as `python3 -m ppims` starts it, in a data folder of its own; and a
client that knows an answer from none.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from contextlib import closing
from dataclasses import dataclass

from tests.concurrency.conftest import ROOT, Sqlite, install, make_variables
from tests.conftest import PREFIX, WORDS
from tests.factories import PASSWORD
from tests.ports import find_free_port
from tests.processes import list_processes

# All of `python3 -m ppims` but the installing: the environment that runs the tests serves too.
PROGRAM = """
import sys
from pathlib import Path
from ppims import __main__ as start

start.ensure_installed = lambda lock: None
start.VENV_PYTHON = Path(sys.executable)
sys.exit(start.run_command([]))
"""
PATIENCE_SECONDS = 60


class Server:
    """One at a time, at the same port, again and again."""

    program = PROGRAM

    def __init__(self, folder, **more):
        self.folder = folder
        self.more = more
        self.port = find_free_port()
        self.process = None

    def set_up(self):
        """Make the database, with two processors: what finds them loads no demo."""
        with install(self.folder, Sqlite(self.folder)):
            pass

    def manage(self, *command, patience_seconds=PATIENCE_SECONDS):
        return subprocess.run(
            [sys.executable, "manage.py", *command],
            cwd=ROOT,
            env=make_variables(self.folder, **self.more),
            check=True,
            capture_output=True,
            text=True,
            timeout=patience_seconds,
        )

    def start(self):
        self.began = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-c", self.program],
                cwd=ROOT,
                env=make_variables(self.folder, PPIMS_BIND=f"127.0.0.1:{self.port}", **self.more),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def wait_until_ready(self):
        """Give the seconds from the start on until it said that it is ready."""
        while True:
            try:
                if self.get("/readyz")[0] == 200:
                    return time.monotonic() - self.began
            except (OSError, http.client.HTTPException):
                pass  # not yet
            waited = time.monotonic() - self.began
            assert waited < PATIENCE_SECONDS, self.read_log()
            assert self.process.poll() is None, self.read_log()
            time.sleep(0.01)

    def get(self, path):
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)) as connection:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, json.loads(response.read())

    def list_processes(self):
        """List all that the start has led to: the workers too, and while it starts its commands."""
        return list_processes(self.process.pid)

    def kill(self, *, at_a_write=False):
        """Kill all of it, so that none can notice; if so asked, just when the log is written: most
        often before, or right after, the write is a commit.
        """
        pids = self.list_processes()
        if at_a_write:
            self.wait_for_a_write()
        for pid in pids:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it was about to end
        self.process.wait(timeout=PATIENCE_SECONDS)

    def wait_for_a_write(self):
        log = self.folder / "ppims.sqlite3-wal"
        deadline = time.monotonic() + 1
        before = log.stat().st_mtime_ns
        while log.stat().st_mtime_ns == before and time.monotonic() < deadline:
            pass  # to sleep would be to miss it

    def read_log(self):
        return (self.folder / "server.log").read_text()[-2000:]


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    data: dict[str, str]
    meta: dict

    @property
    def is_replay(self):
        return self.meta.get("Replayed", False)

    @property
    def said(self):
        """Its Data, and its Meta but that it is a repeat."""
        return self.data, {name: value for name, value in self.meta.items() if name != "Replayed"}


class NoAnswer(Exception):
    """The connection ended, or there was none; `was_sent`: the request may have been heard."""

    def __init__(self, *, was_sent):
        super().__init__(was_sent)
        self.was_sent = was_sent


class Client:
    """One processor's connection, kept open from one request to the next."""

    def __init__(self, server, system_id="ENT", password=PASSWORD):
        self.system_id, self.password = system_id, password
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, operation, **fields):
        """Raises NoAnswer."""
        message = {"System_Id": self.system_id, **fields}
        data = {WORDS[operation]: message, "Username": f"PPIM_{self.system_id}"}
        body = json.dumps({"Data": {**data, "Password": self.password}, "Risk": {}})
        was_sent = False
        try:
            if self.connection.sock is None:
                self.connection.connect()
            was_sent = True
            self.connection.request("POST", f"{PREFIX}/{operation}", body)
            response = self.connection.getresponse()
            said = json.loads(response.read())
        except (OSError, http.client.HTTPException, ValueError):
            self.connection.close()
            raise NoAnswer(was_sent=was_sent) from None
        return Answer(response.status, dict(response.headers), said["Data"], said["Meta"])

    def close(self):
        self.connection.close()
