"""A PPIMS that serves while its PostgreSQL comes and goes, and clients that post to it."""

import json
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from contextlib import contextmanager
from itertools import count

from tests.concurrency.conftest import ROOT, make_variables
from tests.factories import PASSWORD
from tests.ports import find_free_port

PATIENCE_SECONDS = 60
AMOUNT = 1_00
THREADS = 4
GUNICORN = "-m gunicorn --workers 2 --log-level warning --no-control-socket"
KINDS = {
    "gthread": "--threads 2 --worker-class gthread ppims.wsgi:application",
    "asgi": "--worker-class ppims.server.gunicorn_worker.Worker ppims.asgi:application",
}


class Site:
    """A PPIMS that serves, as a client sees it."""

    def __init__(self, made, kind, **more):
        self.made = made
        self.url = f"http://127.0.0.1:{find_free_port()}"
        bind = ["--bind", self.url.removeprefix("http://")]
        command = [sys.executable, *GUNICORN.split(), *bind, *KINDS[kind].split()]
        environment = make_variables(made.folder, **made.database.variables, **more)
        log = (made.folder / "log").open("wb")
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stderr=log)

    def get(self, path, body=None, cookie=""):
        """Ask: the status, the body as JSON where it is some, the headers."""
        data = None if body is None else json.dumps(body).encode()
        return self._is_answered(urllib.request.Request(self.url + path, data, {"Cookie": cookie}))

    def fill_in(self, path, **fields):
        """Send a form."""
        token = 32 * "t"
        data = urllib.parse.urlencode({"csrfmiddlewaretoken": token, **fields}).encode()
        headers = {"Cookie": f"csrftoken={token}"}
        return self._is_answered(urllib.request.Request(self.url + path, data, headers))

    def _is_answered(self, request):
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                status, text, headers = response.status, response.read(), response.headers
        except urllib.error.HTTPError as error:
            status, text, headers = error.code, error.read(), error.headers
        return status, json.loads(text) if text[:1] == b"{" else {}, headers

    def post(self, ref, unique_id):
        """Report a spending."""
        report = {"Amount": "1.00", "Tran_Status": "S", "Tran_Type": "D"}
        return self.call("update-customer-limit", "Update_Limit", ref, unique_id, **report)

    def know(self, unique_id):
        """Ask how well a customer is known, which only reads."""
        return self.call("check-customer-kyc", "Check_KYC", "KNOW", unique_id)

    def call(self, operation, word, ref, unique_id, **more):
        message = {"Ref_Id": ref, "Unique_Id": str(unique_id), "System_Id": "ENT", **more}
        data = {word: message, "Username": "PPIM_ENT", "Password": PASSWORD}
        return self.get(f"/api/PPIM/v1/{operation}", {"Data": data, "Risk": {}})

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


@contextmanager
def serve(made, kind="gthread", **more):
    """Serve an installation for a while."""
    serving = Site(made, kind, **more)
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


@contextmanager
def run_clients(site, names="ABCD"):
    """Let clients post for a while: the clients, and in the end what they heard."""
    unique_id, ended = site.made.add_customer(), threading.Event()
    clients = [Client(site, name, unique_id, ended) for name in names]
    for client in clients:
        client.start()
    try:
        yield clients
    finally:
        ended.set()
        for client in clients:
            client.join(PATIENCE_SECONDS)
