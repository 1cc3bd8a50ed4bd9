"""/metrics of a running server: the sums are right over its workers and over a kill, and it has its
own address where it is told to.
"""

import os
import re
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from ppims.core.kept_counts import read_workers
from tests.concurrency.conftest import ROOT
from tests.ports import find_free_port
from tests.server.conftest import wait_until
from tests.server.running_server import KYC, RunningServer, Wire, ask_kyc, encode, get

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]

TOKEN = "0123456789abcdef0123456789abcdef"
CALLS = "ppims_calls_total"
CALL_KEY = (KYC, "000", "ENT")


@pytest.fixture
def start(prepared, tmp_path):
    made = []

    def start_server(kind="asgi", *options, workers=1, **more):
        server = RunningServer(tmp_path, kind, **more)
        server.set_up(prepared)
        server.start(*options, workers=workers)
        made.append(server)
        server.wait_until_ready()
        return server

    yield start_server
    for server in made:
        server.kill()


def read_metrics(server):
    reply = server.ask(get("/metrics"))
    assert reply.status == 200
    return reply.body.decode()


def read_number(text, name):
    found = re.findall(rf"^{name}(?:\{{.*\}})? (\S+)$", text, re.MULTILINE)
    return sum(map(float, found))


def list_documented():
    """List the metrics that docs/monitoring.md has in its table."""
    text = (ROOT / "docs" / "monitoring.md").read_text("utf-8")
    return set(re.findall(r"^\| `(ppims_\w+)` \|", text, re.MULTILINE))


def count_kept(folder):
    """Count the calls that are in the workers' files by now."""
    workers = read_workers(folder / "metrics")
    return sum(worker.counted.get(CALLS, {}).get(CALL_KEY, [0])[0] for worker in workers)


def ask_many(server, first, count):
    raws = [encode(KYC, ask_kyc(f"K{number}")) for number in range(first, first + count)]
    with ThreadPoolExecutor(8) as threads:
        assert {reply.status for reply in threads.map(server.ask, raws)} == {200}


def test_two_workers_are_added_up_and_a_killed_one_takes_nothing_with_it(start):
    server = start(workers=2)
    wait_until(lambda: len(server.list_processes()) == 3)
    ask_many(server, 0, 60)
    wait_until(lambda: count_kept(server.folder) == 60)
    text = read_metrics(server)
    assert (read_number(text, CALLS), read_number(text, "ppims_workers")) == (60, 2)
    assert read_number(text, "ppims_call_seconds_count") == 60
    assert read_number(text, "ppims_workers_memory_bytes") > 2 * 30_000_000
    assert set(re.findall(r"^# TYPE (\w+) ", text, re.MULTILINE)) == list_documented()
    _, killed, _ = server.list_processes()
    os.kill(killed, signal.SIGKILL)
    seen = []
    wait_until(lambda: seen.append(read_metrics(server)) or "starts_total 3.0" in seen[-1])
    assert {read_number(text, CALLS) for text in seen} == {60}
    ask_many(server, 60, 40)
    wait_until(lambda: count_kept(server.folder) == 100)
    text = read_metrics(server)
    assert (read_number(text, CALLS), read_number(text, "ppims_workers")) == (100, 2)
    assert len(list((server.folder / "metrics").iterdir())) == 2
    assert_who_takes_no_answer_holds_up_nobody(server)


def assert_who_takes_no_answer_holds_up_nobody(server):
    slow = [Wire(server.port) for _ in range(20)]
    for wire in slow:
        wire.send(get("/metrics") * 20)
    assert server.ask(encode(KYC, ask_kyc("LAST"))).status == 200
    assert server.ask(get("/metrics")).status == 200
    for wire in slow:
        wire.close()


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_at_an_address_of_its_own_there_is_nothing_else(start, kind):
    port = find_free_port()
    own = f"127.0.0.1:{port}"
    more = {"PPIMS_METRICS_BIND": own, "PPIMS_METRICS_TOKEN": TOKEN}
    server = start(kind, "--bind", own, **more)
    with_token = get("/metrics").replace(b"\r\n\r\n", f"\r\nAuthorization: Bearer {TOKEN}".encode())
    with_token += b"\r\n\r\n"
    wrong = with_token.replace(TOKEN.encode(), b"w" * 32)
    others = [get("/"), get("/log-in"), get("/readyz"), get("/static/app.css")]
    others += [encode(KYC, ask_kyc()), get("/metrics/"), get("//metrics")]
    for raw, status in [(with_token, 200), (wrong, 401), *((other, 404) for other in others)]:
        assert ask_at(port, raw).status == status, raw
    assert server.ask(with_token).status == 404
    assert server.ask(get("/readyz")).status == 200
    assert server.ask(encode(KYC, ask_kyc())).data["Resp_Code"] == "000"
    text = ask_at(port, with_token).body.decode()
    assert (read_number(text, CALLS), read_number(text, "ppims_database_up")) == (1, 1)
    said = server.read_log()
    assert TOKEN not in said
    assert "w" * 32 not in said


def ask_at(port, raw):
    wire = Wire(port)
    try:
        wire.send(raw)
        return wire.read_reply()
    finally:
        wire.close()
