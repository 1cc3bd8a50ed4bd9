"""Far more clients than the queue of writes takes: who is refused hears 503 and when to come again,
who isn't is answered right, and each Ref_Id that was refused counts once in the end.
"""

import fcntl
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from tests.crash.clients import WritingClient
from tests.crash.server import Server
from tests.crash.test_kills import Trial

CLIENTS, QUEUE_LENGTH, ANSWERS_EACH = 40, 4, 4
REFUSED_CLIENTS = 30  # but for the places in the queue and the one that the writer has
REPEATING_CLIENTS = 5
pytestmark = pytest.mark.only_on("sqlite", "it brings its own server")


def ask_often(client):
    try:
        for _ in range(ANSWERS_EACH):
            client.ask_until_answered(client.draw_ref())
    finally:
        client.client.close()


@contextmanager
def hold_turn(server):
    """Let the server write nothing meanwhile: the queue fills, however quick it is."""
    with (server.folder / "ppims.sqlite3-turn").open("a") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        yield


def wait_for_refusals(trial, asking):
    while sum(till.refused > 0 for till in trial.tills) < REFUSED_CLIENTS:
        assert not any(each.done() for each in asking)
        time.sleep(0.01)


def test_who_asks_too_much_is_refused_with_a_time_and_nobody_is_answered_wrong(tmp_path):
    limits = {"PPIMS_QUEUE_LENGTH": str(QUEUE_LENGTH), "PPIMS_WORKERS": "1"}
    server = Server(tmp_path, PPIMS_HOLD_MINUTES="1440", PPIMS_RUN_JOBS="0", **limits)
    server.set_up()
    with ThreadPoolExecutor(CLIENTS) as threads:
        trial = Trial(server, threads)
        trial.tills = [WritingClient(server, number) for number in range(CLIENTS)]
        try:
            trial.start()
            with hold_turn(server):
                asking = [threads.submit(ask_often, till) for till in trial.tills]
                wait_for_refusals(trial, asking)
            for each in asking:
                each.result()
            for till in trial.tills[:REPEATING_CLIENTS]:
                till.repeat_some(2)
        finally:
            server.kill()
    trial.compare()
    assert [len(till.asked) for till in trial.tills] == [ANSWERS_EACH] * CLIENTS
    server.manage("verify_ledger")
