"""The process that does background work beside a server: it is there once, comes again where it
was killed, and goes with the server, however that one ends.
"""

import os
import signal
import time
from pathlib import Path

import pytest

from tests.crash.server import Server

PATIENCE_SECONDS = 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("jobs")


@pytest.fixture
def server(folder):
    started = Server(folder, PPIMS_WORKERS="1")
    if not (folder / "ppims.sqlite3").exists():
        started.set_up()
    started.start()
    started.wait_until_ready()
    yield started
    started.kill()


def is_alive(pid):
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return stat.rpartition(")")[2].split()[0] != "Z"


def list_runners(server):
    """List the processes that do jobs: first the one that keeps the other at work."""
    words = {pid: Path(f"/proc/{pid}/cmdline") for pid in server.list_processes() if is_alive(pid)}
    return sorted(pid for pid, said in words.items() if b"run_jobs" in said.read_bytes())


def wait_until(is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_it_goes_with_the_server_however_that_one_ends(server, how):
    wait_until(lambda: len(list_runners(server)) == 2)
    pids = server.list_processes()
    server.process.send_signal(how)
    server.process.wait(timeout=PATIENCE_SECONDS)
    wait_until(lambda: not any(map(is_alive, pids)))


def test_it_gives_way_and_comes_again_where_it_was_killed_and_is_never_there_twice(server):
    wait_until(lambda: len(list_runners(server)) == 2)
    keeper, runner = list_runners(server)
    wait_until(lambda: os.getpriority(os.PRIO_PROCESS, runner) >= 10)
    assert os.getpriority(os.PRIO_PROCESS, server.process.pid) < 10
    os.kill(runner, signal.SIGKILL)
    wait_until(lambda: set(list_runners(server)) - {runner, keeper})
    assert len(list_runners(server)) == 2
    assert keeper in list_runners(server)
    os.kill(keeper, signal.SIGKILL)
    wait_until(lambda: list_runners(server) == [])
    assert server.get("/readyz")[0] == 200  # the server goes on without it
