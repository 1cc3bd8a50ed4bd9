"""A demo as it is served: put back while others call, and traffic that it starts itself."""

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from contextlib import closing

import pytest

from limits.verify import verify
from ppims.core import clock
from tests.concurrency.conftest import ROOT, make_variables
from tests.crash.server import Client
from tests.server.conftest import use_file, wait_until
from tests.server.running_server import SAMPLE, RunningServer

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the demo's controls are there on SQLite alone"),
]

CREDENTIALS = {"Username": "PPIM_ENT", "Password": "ENT123"}
CLIENTS, WORKERS, TIMES_PUT_BACK, CALLS_BETWEEN = 4, 2, 4, 40


@pytest.fixture
def server(demo_folder, tmp_path):
    made = RunningServer(tmp_path / "demo")
    shutil.copytree(demo_folder, made.folder)
    access = json.loads((made.folder / "demo.json").read_text())
    access["api_url"] = f"http://127.0.0.1:{made.port}/api/PPIM/v1"
    (made.folder / "demo.json").write_text(json.dumps(access))
    made.start(workers=WORKERS)
    made.wait_until_ready()
    yield made
    made.kill()


def use_control(server, name, **asked):
    """Use a control of the demo: the status, and what is answered."""
    with closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)) as connection:
        connection.request("POST", f"/demo/{name}", json.dumps({**CREDENTIALS, **asked}))
        response = connection.getresponse()
        return response.status, json.loads(response.read())


class Load(threading.Thread):
    """A processor that checks and posts, one call after another, until it is told to stop."""

    def __init__(self, server, number):
        super().__init__()
        self.client = Client(server, password=CREDENTIALS["Password"])
        self.number = number
        self.heard, self.count, self.ends = Counter(), 0, threading.Event()

    def run(self):
        spent = {"Unique_Id": SAMPLE, "Amount": "1.00", "Tran_Type": "D"}
        while not self.ends.is_set():
            ref = f"L{self.number}-{self.count:06d}"
            self.hear("check-customer-limit", **spent, Ref_Id=ref)
            self.hear("update-customer-limit", **spent, Ref_Id=ref, Tran_Status="S")

    def hear(self, operation, **fields):
        answer = self.client.ask(operation, **fields)
        self.heard[answer.status, answer.data["Resp_Code"]] += 1
        self.count += 1


def test_each_call_is_answered_while_the_demo_is_put_back_and_the_ledger_is_whole(
    server, django_db_blocker
):
    loads = [Load(server, number) for number in range(CLIENTS)]
    for load in loads:
        load.start()
    took = [put_back_within_seconds(server, loads) for _ in range(TIMES_PUT_BACK)]
    for load in loads:
        load.ends.set()
    for load in loads:
        load.join()
    heard = sum((load.heard for load in loads), Counter())
    assert set(heard) <= {(200, "000"), (503, "503")}
    assert heard[503, "503"] < heard[200, "000"] / 10
    assert max(took) < 2, took
    assert_people_are_forgotten(server)
    assert_the_clock_is_back(server)
    with django_db_blocker.unblock(), use_file(server.folder / "ppims.sqlite3"):
        assert [str(finding) for finding in verify()] == []
    assert '"level":"ERROR"' not in server.read_log()


def put_back_within_seconds(server, loads):
    before = count_heard(loads)
    wait_until(lambda: count_heard(loads) > before + CALLS_BETWEEN)
    began = time.monotonic()
    status, said = use_control(server, "reset")
    assert (status, said["Ahead_Seconds"]) == (200, 0)
    return time.monotonic() - began


def count_heard(loads):
    return sum(load.count for load in loads)


def assert_people_are_forgotten(server):
    """Who is made for the caller is known at once, and to no worker after a reset."""
    new = use_control(server, "people")[1]["People"][0]
    asked = {"Amount": "1.00", "Tran_Type": "D", "Ref_Id": "new-1", "Unique_Id": new["Unique_Id"]}
    client = Client(server, password=CREDENTIALS["Password"])
    assert client.ask("check-customer-limit", **asked).data["Allow_Customer"] == "T"
    assert use_control(server, "reset")[0] == 200
    for _ in range(WORKERS * 4):
        client = Client(server, password=CREDENTIALS["Password"])
        assert client.ask("check-customer-limit", **asked).data["Resp_Code"] == "500"
        client.close()
    again = use_control(server, "people")[1]["People"][0]
    assert again["Mobile_Number"] == new["Mobile_Number"]  # the second set once more


def assert_the_clock_is_back(server):
    assert use_control(server, "clock", To="month-end")[1]["Ahead_Seconds"] > 0
    said = use_control(server, "reset")[1]
    assert (said["Now"][:10], said["Ahead_Seconds"]) == (clock.today().strftime("%d-%m-%Y"), 0)
    for _ in range(WORKERS * 4):
        assert use_control(server, "state")[1]["Ahead_Seconds"] == 0


def test_traffic_runs_until_it_is_interrupted_stopped_or_without_a_server(server):
    assert_the_command_says_what_it_did(server)
    assert use_control(server, "traffic", Rate=1, For="30s")[1]["Traffic"]["Rate"] == 1
    first = read_pid(server)
    use_control(server, "traffic", Rate=20, For="30s")  # in the place of what runs
    second = read_pid(server)
    assert not is_alive(first)
    assert use_control(server, "state")[1]["Traffic"]["Rate"] == 20
    wait_for_calls(server)
    os.kill(server.process.pid, signal.SIGTERM)
    server.process.wait(timeout=20)
    wait_until(lambda: not is_alive(second))


def assert_the_command_says_what_it_did(server):
    traffic = subprocess.Popen(
        [sys.executable, "manage.py", "traffic", "--rate", "20", "--for", "10m"],
        cwd=ROOT,
        env=make_variables(server.folder),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        wait_for_calls(server)
        os.kill(traffic.pid, signal.SIGINT)
        said, errors = traffic.communicate(timeout=20)
    finally:
        traffic.kill()
    assert (traffic.returncode, errors) == (0, "")
    assert "check-customer-limit" in said
    assert "000 " in said
    assert use_control(server, "state")[1]["Traffic"] is None


def wait_for_calls(server, count=5):
    before = count_calls(server)
    wait_until(lambda: count_calls(server) >= before + count)


def count_calls(server):
    log = (server.folder / "server.log").read_text()
    return log.count('"operation":"update-customer-limit"')


def read_pid(server):
    return json.loads((server.folder / "traffic.json").read_text())["pid"]


def is_alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
