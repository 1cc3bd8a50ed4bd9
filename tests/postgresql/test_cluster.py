"""The tests' own PostgreSQL leaves nothing behind, whatever becomes of its user."""

import signal
import subprocess
import sys
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from tests.postgresql import cluster

pytestmark = pytest.mark.only_on("postgresql", "it is PostgreSQL's own")
USER_OF_ONE = """
import sys
from tests.postgresql import cluster
with cluster.run_cluster() as server:
    print(server.write_url("postgres"), flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_it_is_gone_when_its_user_is(how):
    user = subprocess.Popen(
        [sys.executable, "-c", USER_OF_ONE],
        cwd=cluster.ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    url = user.stdout.readline().strip()
    folder = Path(unquote(urlsplit(url).netloc.rpartition("@")[2].partition(":")[0]))
    assert cluster.Server(url).connect().execute("SELECT 1").fetchone() == (1,)
    if how:
        user.send_signal(how)
    user.stdin.close()
    user.wait(timeout=60)
    user.stdout.close()
    deadline = time.monotonic() + 30
    while folder.exists():
        assert time.monotonic() < deadline, folder
        time.sleep(0.05)
