"""The HTTP of the default server, said in bytes: what is well-formed is answered in order, what
means two things or is too large is refused, and a stop lets what is under way finish.
"""

import signal
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from ppims.asgi import READ_AND_REFUSED_BYTES
from tests.api.answers import make_blank
from tests.crash.test_faults import lock_database
from tests.server.running_server import (
    CHECK,
    KYC,
    PATIENCE_SECONDS,
    ask_check,
    ask_kyc,
    chunk,
    encode,
    get,
    make_body,
)
from tests.server.short_timeouts import (
    HALF_SENT,
    KEPT_SECONDS,
    LATE_SECONDS,
    MOST_CONNECTIONS,
    assert_others_unharmed,
    is_known,
    serve,
    wait_for_end,
)

STATUS = "customer-registration-status"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]


@pytest.fixture(scope="module")
def server(prepared, tmp_path_factory):
    with serve(prepared, tmp_path_factory.mktemp("http")) as made:
        yield made


# What is well-formed.


def test_a_connection_serves_one_request_after_another(server):
    with server.open_wire() as wire:
        for number in range(5):
            wire.send(encode(KYC, ask_kyc(f"A{number}")))
            assert is_known(wire.read_reply())
        wire.send(get("/healthz"))
        assert wire.read_reply().body == b'{"status": "ok"}'


def test_an_idle_connection_is_closed(server):
    with server.open_wire() as wire:
        wire.send(get("/healthz"))
        assert wire.read_reply().status == 200
        assert KEPT_SECONDS - 0.5 < wait_for_end(wire) < KEPT_SECONDS + LATE_SECONDS


def test_several_requests_in_one_packet_are_answered_in_order(server):
    ids = [f"pipelined-{number}" for number in range(12)]
    raws = [
        encode(
            KYC if number % 2 else CHECK,
            ask_kyc() if number % 2 else ask_check(Ref_Id=f"P{number}"),
            f"X-Fapi-Uuid: {each}",
        )
        for number, each in enumerate(ids)
    ]
    with server.open_wire() as wire:
        wire.send(b"".join(raws))
        replies = [wire.read_reply() for _ in ids]
    assert [reply.headers["X-Request-Id"] for reply in replies] == ids
    assert {reply.data["Resp_Code"] for reply in replies} == {"000"}


def test_each_of_several_in_one_packet_is_read_as_of_after_those_before_it(server):
    mobile = "919812345670"
    asks = [
        encode(STATUS, make_body(STATUS, Ref_Id="N", Mobile_Number=mobile))
        if number % 2 == 0
        else encode(CHECK, ask_check(Ref_Id=f"N{number}"))
        for number in range(9)
    ]
    with server.open_wire() as wire:
        wire.send(b"".join(asks))
        used = [wire.read_reply().data.get("Utilized_Bal") for _ in asks][::2]
    amounts = [round(100 * float(each)) for each in used]
    assert [each - amounts[0] for each in amounts] == [0, 100, 200, 300, 400]


def test_a_body_in_chunks_with_trailers_is_read_and_the_next_request_too(server):
    body = chunk(ask_kyc(), 1, 7, 30)[:-2] + b"X-Sum: 1\r\n\r\n"
    with server.open_wire() as wire:
        wire.send(encode(KYC, body, "Transfer-Encoding: chunked", "Trailer: X-Sum", length=False))
        assert is_known(wire.read_reply())
        wire.send(encode(KYC, ask_kyc()))
        assert is_known(wire.read_reply())


def test_who_asks_whether_to_send_the_body_is_told_to(server):
    head, body = encode(KYC, ask_kyc(), "Expect: 100-continue")[: -len(ask_kyc())], ask_kyc()
    with server.open_wire() as wire:
        wire.send(head)
        assert wire.read_reply().status == 100
        wire.send(body)
        assert is_known(wire.read_reply())


def test_head_has_the_headers_alone(server):
    with server.open_wire() as wire:
        wire.send(get("/healthz", "HEAD"), get("/healthz"))
        head, whole = wire.read_reply(is_head=True), wire.read_reply()
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(whole.body)))
        wire.send(encode(KYC, b"", method="HEAD"))
        head = wire.read_reply(is_head=True)
        assert (head.status, head.headers["Allow"]) == (405, "POST")
    assert "no-body response" not in server.read_log()


# What goes away.


def test_who_goes_in_mid_body_or_mid_answer_harms_nobody(server):
    with assert_others_unharmed(server):
        for number in range(20):
            with server.open_wire() as wire:
                wire.send(HALF_SENT[: -1 - number])
            with server.open_wire() as wire:
                wire.send(encode(CHECK, ask_check(Ref_Id=f"G{number}")))
            with server.open_wire() as wire:
                wire.send(get("/static/app.css"))
                wire.socket.recv(1)


def test_what_was_asked_by_who_has_gone_is_found_by_its_ref_id(server):
    with server.open_wire() as wire:
        wire.send(encode(CHECK, ask_check(Ref_Id="GONE")))
    time.sleep(0.2)
    replies = [server.ask(encode(CHECK, ask_check(Ref_Id="GONE"))) for _ in range(2)]
    assert {reply.data["Resp_Code"] for reply in replies} == {"000"}
    assert b'"Replayed":true' in replies[1].body
    assert replies[0].data == replies[1].data


# What is too large, or means two things.

LENGTH = f"Content-Length: {len(ask_kyc())}"
REFUSED_REQUESTS = {
    "a header too large": (encode(KYC, ask_kyc(), "X: " + "a" * 9000), 431),
    "too many headers": (encode(KYC, ask_kyc(), *["X: a"] * 200), 431),
    "a line too long": (get("/" + "a" * 9000), 414),
    "a length beside chunks": (encode(KYC, chunk(ask_kyc()), "Transfer-Encoding: chunked"), 400),
    "two lengths": (encode(KYC, ask_kyc(), "Content-Length: 5"), 400),
    "the same length twice": (encode(KYC, ask_kyc(), LENGTH), 400),
    "a length with a sign": (encode(KYC, ask_kyc(), length="+5"), 400),
    "a length of two": (encode(KYC, ask_kyc(), length="5, 5"), 400),
    "no last chunked": (encode(KYC, ask_kyc(), "Transfer-Encoding: identity", length=False), 400),
    "chunked twice": (
        encode(KYC, chunk(ask_kyc()), "Transfer-Encoding: chunked, chunked", length=False), 400
    ),
    "unknown coding": (encode(KYC, ask_kyc(), "Transfer-Encoding: x", length=False), 400),
    "a folded header": (encode(KYC, ask_kyc(), "X: a\r\n b"), 400),
    "a blank before the colon": (encode(KYC, ask_kyc(), "X : a"), 400),
    "a bare line feed": (encode(KYC, ask_kyc()).replace(b"\r\n", b"\n"), 400),
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a chunk of no number": (
        encode(KYC, b"zz\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False), 400
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED_REQUESTS)
def test_it_is_refused_and_what_follows_is_not_a_request(server, name):
    raw, expected = REFUSED_REQUESTS[name]
    with server.open_wire() as wire:
        wire.send(raw + encode(KYC, ask_kyc()))
        reply = wire.read_reply()
        assert reply.status in {expected, 501 if "coding" in name else expected}
        assert wire.read_reply() is None


@pytest.mark.parametrize("size", [66_000, 300_000, 5_000_000])
def test_a_body_too_large_is_told_so_and_is_not_taken_for_the_next_request(server, size):
    with server.open_wire() as wire:
        head = encode(KYC, b"", length=size)
        with suppress(ConnectionError):  # it need not read on
            wire.send(head, b" " * 65_600, encode(KYC, ask_kyc()) * (size // 400))
        reply = wire.read_reply()
        assert (reply.status, reply.data) == (413, make_blank(KYC, "400"))


def test_a_connection_that_ends_with_an_answer_is_said_to_end(server):
    """A proxy sends the next call on it otherwise, which nobody answers."""
    with server.open_wire() as wire:
        wire.send(encode(KYC, b"", length=READ_AND_REFUSED_BYTES + 1))
        reply = wire.read_reply()
        assert (reply.status, reply.headers.get("Connection")) == (413, "close")
        assert wire.read_reply() is None


@pytest.mark.parametrize(
    ("size", "status"), [(65_536, 400), (65_537, 413), (READ_AND_REFUSED_BYTES, 413)]
)
def test_a_body_that_is_read_and_refused_costs_no_connection(server, size, status):
    """A proxy that is cut off while it sends passes no refusal on."""
    with server.open_wire() as wire:
        wire.send(encode(KYC, b" " * size))
        reply = wire.read_reply()
        assert (reply.status, reply.headers.get("Connection")) == (status, None)
        wire.send(encode(KYC, ask_kyc()))
        assert is_known(wire.read_reply())


def test_a_websocket_is_refused_without_noise(server):
    headers = """Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==""".replace("\n", "|").split("|")
    lines = "".join(f"{each.strip()}\r\n" for each in headers).encode()
    reply = server.ask(get("/")[:-2] + lines + b"\r\n")
    assert reply.status == 403


def test_one_more_than_it_may_have_is_served_and_the_longest_silent_is_closed(server):
    with ExitStack() as stack:
        wires = [stack.enter_context(server.open_wire()) for _ in range(MOST_CONNECTIONS)]
        for wire in wires:
            wire.send(encode(KYC, ask_kyc()))
            assert is_known(wire.read_reply())
        with server.open_wire() as one_more:
            one_more.send(encode(KYC, ask_kyc()))
            assert is_known(one_more.read_reply())
        assert wires[0].read_reply() is None
        wires[-1].send(encode(KYC, ask_kyc()))
        assert is_known(wires[-1].read_reply())


# The end.


def test_a_stop_lets_what_is_under_way_finish_and_takes_no_more(prepared, tmp_path):
    with ExitStack() as stack:
        server = stack.enter_context(serve(prepared, tmp_path))
        wires = [stack.enter_context(server.open_wire()) for _ in range(6)]
        with lock_database(server):
            for number, wire in enumerate(wires):
                wire.send(encode(CHECK, ask_check(Ref_Id=f"S{number}")))
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1.5)
        replies = [wire.read_reply() for wire in wires]
        assert {reply.data["Resp_Code"] for reply in replies} == {"000"}
        assert all(reply.headers["Connection"] == "close" for reply in replies)
        assert all(wire.read_reply() is None for wire in wires)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        assert server.process.wait(PATIENCE_SECONDS) == 0
