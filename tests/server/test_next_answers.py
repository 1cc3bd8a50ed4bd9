"""A demo's next answers over a real connection: lost, late, and under load, by either server."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import pytest

from tests.crash.integrity import assert_whole, read
from tests.server.running_server import (
    CHECK,
    PASSWORDS,
    UPDATE,
    RunningServer,
    ask_check,
    ask_kyc,
    encode,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "no demo's controls are on PostgreSQL"),
]

CLIENTS, REPORTS_EACH, LOST_TIMES = 8, 10, 60
LIST_POSTED = "SELECT ref_id FROM limits_ledgerentry ORDER BY ref_id"


@pytest.fixture
def kind():
    return "asgi"


@pytest.fixture
def server(prepared, tmp_path, kind):
    made = RunningServer(tmp_path, kind)
    made.set_up(prepared)
    made.start(workers=2)
    made.wait_until_ready()
    yield made
    made.kill()


def use_control(server, name, **said):
    """Ask a control of the demo: what it answers."""
    body = json.dumps({"Username": "PPIM_ENT", "Password": PASSWORDS["ENT"], **said}).encode()
    head = f"POST /demo/{name} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n\r\n"
    reply = server.ask(head.encode() + body)
    assert reply.status == 200, reply
    return json.loads(reply.body)


def report(ref_id):
    return encode(UPDATE, ask_check(UPDATE, Ref_Id=ref_id, Tran_Status="S", Amount="0.01"))


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_answers_are_lost_and_late_and_nobody_else_waits(server):
    check = encode(CHECK, ask_check(Ref_Id="LOST-1"))
    use_control(server, "faults", Operation=CHECK, Answer="lost", Effect="done", Seconds=0)
    assert server.ask(check) is None
    reply = server.ask(check)
    assert json.loads(reply.body)["Meta"]["Replayed"]

    use_control(server, "faults", Operation=CHECK, Answer="lost", Effect="not-done", Seconds=0)
    check = encode(CHECK, ask_check(Ref_Id="LOST-2"))
    assert server.ask(check) is None
    assert "Replayed" not in json.loads(server.ask(check).body)["Meta"]

    use_control(server, "faults", Operation=CHECK, Answer="slow", Seconds=1)
    with server.open_wire() as wire:
        began = time.monotonic()
        wire.send(encode(CHECK, ask_check(Ref_Id="SLOW")))
        for _ in range(3):
            assert server.ask(encode("check-customer-kyc", ask_kyc())).status == 200
        assert time.monotonic() - began < 1
        assert wire.read_reply().data["Resp_Code"] == "000"
        assert time.monotonic() - began >= 1
    log = [json.loads(line) for line in server.read_log().splitlines() if line.startswith("{")]
    assert [line["fault"] for line in log if "fault" in line] == [
        "lost after 0 s, done",
        "lost after 0 s, not done",
        "slow after 1 s, done",
    ]


def post_until_answered(server, client):
    """Report one transaction after another, each until it is done: how many answers were lost."""
    lost = 0
    for number in range(REPORTS_EACH):
        code = ""
        while code != "000":
            reply = server.ask(report(f"{client}-{number}"))
            lost += reply is None
            code = reply.data["Resp_Code"] if reply else ""
            # Busy with hashing the password, until each worker knows it.
            assert code in {"", "000", "503"}
    return lost


def test_what_is_done_and_lost_under_load_is_booked_once_and_counted_exactly(server):
    lost = {"Operation": UPDATE, "Answer": "lost", "Effect": "done", "Seconds": 0}
    use_control(server, "faults", **lost, Times=LOST_TIMES)
    with ThreadPoolExecutor(CLIENTS) as threads:
        found = list(threads.map(partial(post_until_answered, server), range(CLIENTS)))
    assert sum(found) == LOST_TIMES
    assert use_control(server, "state")["Faults"] == []
    posted = Counter(ref_id for (ref_id,) in read(server.folder, LIST_POSTED))
    assert len(posted) == CLIENTS * REPORTS_EACH
    assert set(posted.values()) == {1}
    assert_whole(server.folder)
    server.manage("verify_ledger")
