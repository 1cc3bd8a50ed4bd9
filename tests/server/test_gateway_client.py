"""A card system's client in another language does the checklist for going live against a demo."""

import os
import shutil
import subprocess

import pytest

from tests.concurrency.conftest import ROOT
from tests.server.running_server import RunningServer

CLIENT = ROOT / "tests" / "clients" / "gateway_client.mjs"
CHECKLIST_LINES = 9
IS_REQUIRED = "node" in os.environ.get("PPIMS_TEST_REQUIRE", "")

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the demo's controls are there on SQLite alone"),
    pytest.mark.skipif(
        not shutil.which("node") and not IS_REQUIRED,
        reason="no node here, the client is NOT tried (apt-get install nodejs)",
    ),
]


@pytest.fixture
def server(demo_folder, tmp_path):
    made = RunningServer(tmp_path / "demo")
    made.set_up(demo_folder)
    made.start(workers=2)
    made.wait_until_ready()
    yield made
    made.kill()


def run_client(server):
    command = ["node", str(CLIENT), f"http://127.0.0.1:{server.port}"]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)


def test_a_client_written_from_the_guide_does_the_checklist(server):
    told = run_client(server)
    assert told.returncode == 0, told.stderr
    assert told.stdout.count("done: ") == CHECKLIST_LINES
    server.manage("verify_ledger")
