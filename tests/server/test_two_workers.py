"""Two processes take turns at one file: everyone is answered, and each amount counts once."""

import json
import sqlite3
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from functools import partial
from itertools import count
from pathlib import Path

import pytest

from tests.crash.integrity import assert_whole, read
from tests.server.conftest import wait_until
from tests.server.running_server import (
    KYC,
    PATIENCE_SECONDS,
    SAMPLE,
    UPDATE,
    RunningServer,
    ask_check,
    ask_kyc,
    encode,
    make_body,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only its writes are grouped"),
]

CLIENTS, REQUESTS_EACH, MOST_CLIENTS = 12, 12, 120
ROUNDS = 25
STATUS = "customer-registration-status"
LIST_POSTED = "SELECT ref_id FROM limits_ledgerentry"
SUM_USED = f"SELECT SUM(debit_paise) FROM limits_monthlyusage WHERE customer_id = {SAMPLE}"


@pytest.fixture
def server(prepared, tmp_path):
    made = RunningServer(tmp_path)
    made.set_up(prepared)
    made.start(workers=2)
    made.wait_until_ready()
    yield made
    made.kill()


def post(server, client):
    """Post one after another, each over a connection of its own: whichever process takes it."""
    refs = [f"{client}-{number}" for number in range(REQUESTS_EACH)]
    replies = [
        server.ask(encode(UPDATE, ask_check(UPDATE, Ref_Id=ref, Tran_Status="S"))) for ref in refs
    ]
    assert {(reply.status, reply.data["Resp_Code"]) for reply in replies} == {(200, "000")}
    return refs


def post_until_each_has_its_part(server, workers):
    """Post from many clients at once: on a busy machine one process may take nearly all."""
    refs = []
    with ThreadPoolExecutor(CLIENTS) as threads:
        for first in range(0, MOST_CLIENTS, CLIENTS):
            clients = range(first, first + CLIENTS)
            for each in threads.map(partial(post, server), clients):
                refs += each
            if all(count_bytes_written(worker) > 100_000 for worker in workers):  # pages of the log
                return refs
    raise AssertionError("one of them wrote nothing")


def count_bytes_written(pid):
    counters = Path(f"/proc/{pid}/io").read_text().split()
    return int(counters[counters.index("wchar:") + 1])


def test_nobody_finds_the_database_busy(server):
    wait_until(lambda: len(server.list_processes()) == 3)
    _, *workers = server.list_processes()
    refs = post_until_each_has_its_part(server, workers)
    assert sorted(ref for (ref,) in read(server.folder, LIST_POSTED)) == sorted(refs)
    assert read(server.folder, SUM_USED) == [(100 * len(refs),)]
    assert "unavailable" not in server.read_log()
    assert_whole(server.folder)


def test_reads_on_the_loop_open_one_connection(server):
    _, *workers = server.list_processes()
    for number in range(30):
        assert server.ask(encode(KYC, ask_kyc(f"K{number}"))).status == 200
        fields = {"Ref_Id": f"S{number}", "Mobile_Number": "919812345670"}
        assert server.ask(encode(STATUS, make_body(STATUS, **fields))).status == 200
    most = max(open_files(worker, server.folder / "ppims.sqlite3") for worker in workers)
    assert 1 <= most <= 4  # the loop's, the passwords', the writer's, a page's


def test_of_calls_at_once_both_together_let_pass_a_seconds_worth(server):
    database = server.folder / "ppims.sqlite3"
    with closing(sqlite3.connect(database, timeout=PATIENCE_SECONDS)) as opened, opened:
        opened.execute("UPDATE ppims_processor SET requests_per_second = 20")
    began, raws = time.monotonic(), [encode(KYC, ask_kyc(f"K{number}")) for number in range(150)]
    with ThreadPoolExecutor(CLIENTS) as threads:
        said = [reply.data["Resp_Code"] for reply in threads.map(server.ask, raws)]
    passed, took_seconds = said.count("000"), time.monotonic() - began
    assert said.count("429") == len(said) - passed > 0
    assert 20 <= passed <= 21 + 20 * took_seconds
    lines = [json.loads(line) for line in server.read_log().splitlines() if '"why"' in line]
    assert {line["why"] for line in lines} == {"rate"}
    _, *workers = server.list_processes()
    assert [open_files(worker, server.folder / "rates") for worker in workers] == [1, 1]
    assert server.ask(write_posting_request("P")).data["Resp_Code"] == "000"


def open_files(pid, file):
    links = Path(f"/proc/{pid}/fd").iterdir()
    return sum(link.is_symlink() and link.readlink() == file for link in links)


# What it has acknowledged, whoever asks next is told, whatever else is being asked.


@contextmanager
def keep_asking(server, clients=6):
    """Keep it busy with reads, so that there is always a moment."""
    has_ended = threading.Event()

    def ask():
        with server.open_wire() as wire:
            while not has_ended.is_set():
                wire.send(write_status_request("BUSY"))
                assert wire.read_reply().status == 200

    threads = [threading.Thread(target=ask) for _ in range(clients)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        has_ended.set()
        for thread in threads:
            thread.join()


def write_status_request(ref):
    return encode(STATUS, make_body(STATUS, Ref_Id=ref, Mobile_Number="919812345670"))


def write_posting_request(ref):
    return encode(UPDATE, ask_check(UPDATE, Ref_Id=ref, Tran_Status="S", Amount="1.00"))


def read_used(reply):
    return float(reply.data["Utilized_Bal"])


def test_what_was_acknowledged_is_told_over_every_connection(server):
    with keep_asking(server):
        before = read_used(server.ask(write_status_request("FIRST")))
        for number in range(1, ROUNDS + 1):
            assert server.ask(write_posting_request(f"P{number}")).data["Resp_Code"] == "000"
            for other in range(2):
                assert (
                    read_used(server.ask(write_status_request(f"S{number}-{other}")))
                    == before + number
                )


def test_of_requests_in_one_packet_each_is_told_what_those_before_it_did(server):
    refs = count()
    with keep_asking(server), server.open_wire() as wire:
        before = read_used(server.ask(write_status_request("FIRST")))
        for number in range(0, ROUNDS, 2):
            raws = [
                write_posting_request(f"P{next(refs)}"),
                write_status_request("S"),
                write_posting_request(f"P{next(refs)}"),
                write_status_request("S"),
            ]
            wire.send(b"".join(raws))
            _, one, _, other = (wire.read_reply() for _ in raws)
            assert [read_used(one), read_used(other)] == [before + number + 1, before + number + 2]
