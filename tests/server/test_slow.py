"""Slow clients, slow pages, slow passwords: closed or answered in time, and nobody else notices."""

import re
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.api.answers import make_blank
from tests.crash.test_faults import lock_database
from tests.server.running_server import (
    CHECK,
    KYC,
    PATIENCE_SECONDS,
    ask_check,
    ask_kyc,
    encode,
    get,
)
from tests.server.short_timeouts import (
    ARRIVAL_SECONDS,
    HALF_SENT,
    KEPT_SECONDS,
    LATE_SECONDS,
    MOST_CONNECTIONS,
    assert_others_unharmed,
    is_known,
    serve,
    wait_for_end,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]


@pytest.fixture(scope="module")
def server(prepared, tmp_path_factory):
    with serve(prepared, tmp_path_factory.mktemp("http")) as made:
        yield made


# What comes slowly.


def test_half_a_header_is_closed_in_time(server):
    with assert_others_unharmed(server), server.open_wire() as wire:
        wire.send(HALF_SENT[:60])
        assert ARRIVAL_SECONDS - 0.5 < wait_for_end(wire) < ARRIVAL_SECONDS + LATE_SECONDS


def test_half_a_header_on_a_connection_that_was_kept_is_closed_in_time(server):
    with server.open_wire() as wire:
        wire.send(encode(KYC, ask_kyc()), HALF_SENT[:60])
        assert is_known(wire.read_reply())
        assert wait_for_end(wire) < KEPT_SECONDS + LATE_SECONDS


def test_a_connection_stays_as_long_as_it_is_used_and_not_much_longer(server):
    began = time.monotonic()
    with server.open_wire() as wire:
        while time.monotonic() - began < 2 * KEPT_SECONDS:
            wire.send(encode(KYC, ask_kyc()))
            assert is_known(wire.read_reply())
            time.sleep(KEPT_SECONDS / 4)
        idle = wait_for_end(wire) + KEPT_SECONDS / 4
        assert KEPT_SECONDS - 0.1 < idle < KEPT_SECONDS + LATE_SECONDS


def test_nothing_at_all_is_closed_in_time(server):
    with server.open_wire() as wire:
        assert wait_for_end(wire) < ARRIVAL_SECONDS + LATE_SECONDS


def test_half_a_body_is_answered_in_time_and_closed(server):
    with assert_others_unharmed(server), server.open_wire() as wire:
        wire.send(HALF_SENT[:-20])
        reply = wire.read_reply()
        assert (reply.status, reply.data) == (400, make_blank(KYC, "400"))
        assert wait_for_end(wire) < LATE_SECONDS
    with server.open_wire() as wire:
        wire.send(get("/admin/login/", "POST")[:-2], b"Content-Length: 50\r\n\r\nusername")
        assert wire.read_reply().status == 400
        assert wait_for_end(wire) < LATE_SECONDS


@pytest.mark.parametrize("start", [40, len(HALF_SENT) - 40])
def test_byte_by_byte_wins_no_more_time(server, start):
    with assert_others_unharmed(server), server.open_wire() as wire:
        wire.send(HALF_SENT[:start])
        began = time.monotonic()
        wire.socket.settimeout(0.1)
        for byte in HALF_SENT[start:-1]:
            try:
                wire.send(bytes([byte]))
                if wire.socket.recv(1, socket.MSG_PEEK) is not None:
                    break  # it ended, or was answered
            except TimeoutError:
                continue
            except OSError:
                break
        assert ARRIVAL_SECONDS - 0.5 < time.monotonic() - began < ARRIVAL_SECONDS + LATE_SECONDS


def test_many_slow_ones_harm_nobody(server):
    with ExitStack() as stack, assert_others_unharmed(server) as took:
        for number in range(MOST_CONNECTIONS - 6):
            wire = stack.enter_context(server.open_wire())
            wire.send(HALF_SENT[: 60 if number % 2 else -20])
        time.sleep(ARRIVAL_SECONDS)
    assert len(took) > 5


def test_half_a_body_that_came_with_the_request_before_is_answered_in_time(server):
    with server.open_wire() as wire:
        wire.send(encode(KYC, ask_kyc()) + HALF_SENT[:-20])
        assert is_known(wire.read_reply())
        began = time.monotonic()
        assert wire.read_reply().status == 400
        assert time.monotonic() - began < ARRIVAL_SECONDS + LATE_SECONDS


def test_who_does_not_take_its_answers_is_cut_off(server):
    with assert_others_unharmed(server), server.open_wire() as wire:
        wire.socket.settimeout(PATIENCE_SECONDS)
        with pytest.raises(ConnectionError):
            wire.send(get("/static/vendor/htmx.min.js") * 500_000)


def test_who_asks_faster_than_it_is_answered_fills_no_memory(server):
    before, flood = measure_resident_mb(server), get("/healthz") * 500_000
    with (
        assert_others_unharmed(server),
        server.open_wire() as wire,
        ThreadPoolExecutor(1) as threads,
    ):
        sending = threads.submit(wire.send, flood)
        for _ in range(300):
            assert wire.read_reply().status == 200
        assert measure_resident_mb(server) - before < len(flood) / 2**21
        wire.socket.shutdown(socket.SHUT_RDWR)
        assert sending.exception(PATIENCE_SECONDS)


def measure_resident_mb(server):
    *_, worker = server.list_processes()
    text = Path(f"/proc/{worker}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


# What must not hold up the API.


def write_log_in(number):
    """Write a log-in of nobody, which costs as much as anyone's."""
    form = f"username=nobody{number}&password=wrong"
    token = "a" * 32
    lines = f"""Cookie: csrftoken={token}|X-CSRFToken: {token}|Content-Length: {len(form)}
        Content-Type: application/x-www-form-urlencoded""".replace("\n", "|").split("|")
    headers = "".join(f"{line.strip()}\r\n" for line in lines)
    return get("/log-in", "POST")[:-2] + f"{headers}\r\n{form}".encode()


def test_slow_pages_hold_up_nobody(server):
    """Log-ins at full price take all threads of the pages."""
    with ExitStack() as stack, assert_others_unharmed(server):
        wires = [stack.enter_context(server.open_wire()) for _ in range(12)]
        for number, wire in enumerate(wires):
            wire.send(write_log_in(number))
        replies = [wire.read_reply() for wire in wires]
        verified = [reply for reply in replies if reply.status != 503]  # too many wait: at once
        assert len(verified) >= 2
        assert all(b"enter a correct username" in reply.body for reply in verified)


def test_a_locked_database_holds_up_no_reads(server):
    with ExitStack() as stack, lock_database(server):
        wires = [stack.enter_context(server.open_wire()) for _ in range(8)]
        for number, wire in enumerate(wires):
            wire.send(encode(CHECK, ask_check(Ref_Id=f"L{number}")))
        with assert_others_unharmed(server):
            time.sleep(0.5)
        assert server.get("/healthz")[0] == 200
        stack.pop_all().close()


def test_wrong_passwords_hold_up_nobody(server):
    with ExitStack() as stack, assert_others_unharmed(server):
        wires = [stack.enter_context(server.open_wire()) for _ in range(12)]
        for wire in wires:
            wire.send(encode(KYC, ask_kyc().replace(b"ENT123", b"wrong")))
        assert {wire.read_reply().status for wire in wires} == {401}
