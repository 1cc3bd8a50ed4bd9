"""Attempts that nobody has verified: whoever waits with a hundred of them holds up no other."""

import json
import select
import socket

import pytest

from tests.server.conftest import wait_until
from tests.server.running_server import KYC, RunningServer, ask_kyc, encode

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "its server's database is a file"),
]
HOSTILE_CALLS, HELD_CONNECTIONS = 100, 64
OTHER_ADDRESS = "127.0.0.2"


@pytest.fixture
def server(prepared, tmp_path):
    made = RunningServer(tmp_path, PPIMS_FAILED_LOGINS_PER_USERNAME="1000")
    made.set_up(prepared)
    made.start()
    made.wait_until_ready()
    yield made
    made.kill()


def attempt_log_in(port):
    """Send a wrong password from another address."""
    body = json.loads(ask_kyc())
    body["Data"]["Password"] = "wrong"
    made = socket.create_connection(("127.0.0.1", port), 20, source_address=(OTHER_ADDRESS, 0))
    made.sendall(encode(KYC, json.dumps(body).encode()))
    return made


def test_of_a_hundred_attempts_from_one_address_few_come_before_the_right_one_of_another(server):
    hostile = [attempt_log_in(server.port) for _ in range(HOSTILE_CALLS)]
    answered = lambda: select.select(hostile, [], [], 0)[0]  # noqa: E731

    def count(status):
        """Count the attempts that are answered so; each answer is left there to be read."""
        return sum(each.recv(64, socket.MSG_PEEK).split()[1] == status for each in answered())

    def are_refused():
        # On a busy machine some are served before the last ones come: others take their places.
        while len(hostile) < HOSTILE_CALLS + count(b"401"):
            hostile.append(attempt_log_in(server.port))
        return count(b"503") >= HOSTILE_CALLS - HELD_CONNECTIONS

    wait_until(are_refused)
    before = len(answered())
    assert server.ask(encode(KYC, ask_kyc())).status == 200
    between = len(answered()) - before
    statuses = [each.recv(64).split()[1] for each in answered()]
    for each in hostile:
        each.close()
    # The one inside, the next at most, the one that gave up its place, and one answered meanwhile.
    assert between <= 4
    assert statuses.count(b"503") >= HOSTILE_CALLS - HELD_CONNECTIONS
    assert set(statuses) <= {b"401", b"503"}
