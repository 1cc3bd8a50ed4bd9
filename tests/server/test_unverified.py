"""Attempts that nobody has verified: whoever waits with a hundred of them holds up no other."""

import json
import select
import socket

import pytest

from tests.server.conftest import wait_until
from tests.server.served import KYC, Served, known, request

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "its server's database is a file"),
]
HOSTILE, HELD = 100, 64
ELSEWHERE = "127.0.0.2"


@pytest.fixture
def server(prepared, tmp_path):
    made = Served(tmp_path, PPIMS_FAILED_LOGINS_PER_USERNAME="1000")
    made.set_up(prepared)
    made.start()
    made.wait_until_ready()
    yield made
    made.kill()


def attempt(port):
    """Send a wrong password from another address."""
    body = json.loads(known())
    body["Data"]["Password"] = "wrong"
    made = socket.create_connection(("127.0.0.1", port), 20, source_address=(ELSEWHERE, 0))
    made.sendall(request(KYC, json.dumps(body).encode()))
    return made


def test_of_a_hundred_attempts_from_one_address_few_come_before_the_right_one_of_another(server):
    hostile = [attempt(server.port) for _ in range(HOSTILE)]
    answered = lambda: select.select(hostile, [], [], 0)[0]  # noqa: E731
    wait_until(lambda: len(answered()) >= HOSTILE - HELD)
    before = len(answered())
    assert server.ask(request(KYC, known())).status == 200
    between = len(answered()) - before
    statuses = [each.recv(64).split()[1] for each in answered()]
    for each in hostile:
        each.close()
    # The one inside, the next at most, the one that gave up its place, and one answered meanwhile.
    assert between <= 4
    assert statuses.count(b"503") >= HOSTILE - HELD
    assert set(statuses) <= {b"401", b"503"}
