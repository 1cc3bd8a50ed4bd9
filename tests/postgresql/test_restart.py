"""PostgreSQL stopped, crashed and started again beneath a PPIMS that serves."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from itertools import count

import pytest

from ppims.bench import postgres
from tests.concurrency.conftest import ROOT, Postgresql, installed, variables
from tests.factories import PASSWORD

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no server to restart")
PATIENCE_SECONDS = 60
AMOUNT = 1_00
POSTED = "SELECT ref_id, amount_paise FROM limits_ledgerentry ORDER BY ref_id"
ITS_POSTING = "SELECT COUNT(*) FROM limits_ledgerentry WHERE ref_id = ?"
THREADS = 4
GUNICORN = "-m gunicorn --workers 2 --threads 2 --worker-class gthread --log-level warning"


class Site:
    """A PPIMS that serves, as a client sees it."""

    def __init__(self, made):
        self.made = made
        self.url = f"http://127.0.0.1:{postgres.free_port()}"
        bind = ["--no-control-socket", "--bind", self.url.removeprefix("http://")]
        command = [sys.executable, *GUNICORN.split(), *bind, "ppims.wsgi:application"]
        environment = variables(made.folder, **made.database.variables)
        log = (made.folder / "log").open("wb")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)

    def get(self, path, body=None, cookie=""):
        """Ask: the status, the body as JSON where it is some, the headers."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, {"Cookie": cookie})
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, json.loads(response.read()), response.headers
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text[:1] == b"{" else {}, error.headers

    def post(self, ref, unique_id):
        message = {
            "Ref_Id": ref,
            "Unique_Id": str(unique_id),
            "System_Id": "ENT",
            "Amount": "1.00",
            "Tran_Status": "S",
            "Tran_Type": "D",
        }
        data = {"Update_Limit": message, "Username": "PPIM_ENT", "Password": PASSWORD}
        return self.get("/api/PPIM/v1/update-customer-limit", {"Data": data, "Risk": {}})

    def wait_until_ready(self):
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                if self.get("/readyz")[0] == 200:
                    return
            except OSError:  # not listening yet
                pass
            assert time.monotonic() < deadline, (self.made.folder / "log").read_text()
            time.sleep(0.1)


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with (
        postgres.cluster(**postgres.DURABLE) as server,
        installed(tmp_path_factory.mktemp("restart"), Postgresql(server)) as made,
    ):
        serving = Site(made)
        try:
            serving.wait_until_ready()
            yield serving
        finally:
            serving.process.terminate()
            serving.process.wait(timeout=20)


class Client(threading.Thread):
    """Posts one thing after another, each with its Ref_Id until it hears 200."""

    def __init__(self, site, name, unique_id, ended):
        super().__init__()
        self.site, self.name, self.unique_id, self.ended = site, name, unique_id, ended
        self.done, self.heard, self.failure = [], Counter(), None

    def run(self):
        for number in count():
            if self.ended.is_set():
                return
            ref = f"{self.name}{number:05d}"
            while not self.hears_that_it_is_done(ref):
                time.sleep(0.02)
            self.done.append(ref)

    def hears_that_it_is_done(self, ref):
        status, body, headers = self.site.post(ref, self.unique_id)
        self.heard[status, body["Data"]["Resp_Code"], headers["Retry-After"]] += 1
        return status == 200


def test_a_server_that_comes_back_is_found_and_nothing_was_lost_or_done_twice(site):
    server = site.made.database.server
    unique_id, ended = site.made.new_customer(), threading.Event()
    clients = [Client(site, name, unique_id, ended) for name in "ABCD"]
    for client in clients:
        client.start()
    for how in ("stop", "crash") * 3:
        time.sleep(0.7)
        server.do(how)
        time.sleep(0.2)
        server.do("start")
    time.sleep(0.7)
    ended.set()
    for client in clients:
        client.join(PATIENCE_SECONDS)
    heard = sum((client.heard for client in clients), Counter())
    assert set(heard) == {(200, "000", None), (503, "503", "1")}, heard
    done = sorted(ref for client in clients for ref in client.done)
    assert site.made.query(POSTED) == [(ref, AMOUNT) for ref in done]
    site.wait_until_ready()
    site.made.manage("verify_ledger")


def test_while_it_is_away_everything_says_so_and_heals_by_itself(site):
    server, unique_id = site.made.database.server, site.made.new_customer()
    server.do("stop")
    assert site.get("/healthz")[0] == 200
    status, body, _ = site.get("/readyz")
    assert (status, body["missing"]) == (503, ["database"])
    for _ in range(2 * THREADS):
        status, body, headers = site.post("AWAY", unique_id)
        assert (status, body["Data"]["Resp_Code"], headers["Retry-After"]) == (503, "503", "1")
    status, _, headers = site.get("/admin/", cookie=f"sessionid={32 * 's'}")
    assert (status, headers["Retry-After"]) == (503, "1")
    server.do("start")
    site.wait_until_ready()
    heard = Counter(site.post("AWAY", unique_id)[0] for _ in range(10 * THREADS))
    assert set(heard) <= {200, 503}
    assert heard[503] <= THREADS  # each may find its own connection dead, once
    assert site.made.query(ITS_POSTING, "AWAY") == [(1,)]
