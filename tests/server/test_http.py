"""The HTTP of the default server, said in bytes: what is well-formed is answered in order, what
means two things or is too large is refused, and a stop lets what is under way finish.
"""

import signal
import socket
import time
from contextlib import ExitStack, suppress

import pytest

from tests.api.said import blank
from tests.crash.test_faults import locked
from tests.server.impatient import (
    CONNECTIONS,
    HALF,
    KEPT_SECONDS,
    LATE_SECONDS,
    ended,
    is_known,
    others_unharmed,
    serving,
)
from tests.server.served import (
    CHECK,
    KYC,
    PATIENCE_SECONDS,
    asked,
    body_of,
    chunked,
    known,
    page,
    request,
)

STATUS = "customer-registration-status"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]


@pytest.fixture(scope="module")
def server(prepared, tmp_path_factory):
    with serving(prepared, tmp_path_factory.mktemp("http")) as made:
        yield made


# What is well-formed.


def test_a_connection_serves_one_request_after_another(server):
    with server.wire() as wire:
        for number in range(5):
            wire.send(request(KYC, known(f"A{number}")))
            assert is_known(wire.reply())
        wire.send(page("/healthz"))
        assert wire.reply().body == b'{"status": "ok"}'


def test_an_idle_connection_is_closed(server):
    with server.wire() as wire:
        wire.send(page("/healthz"))
        assert wire.reply().status == 200
        assert KEPT_SECONDS - 0.5 < ended(wire) < KEPT_SECONDS + LATE_SECONDS


def test_several_requests_in_one_packet_are_answered_in_order(server):
    ids = [f"pipelined-{number}" for number in range(12)]
    raws = [
        request(
            KYC if number % 2 else CHECK,
            known() if number % 2 else asked(Ref_Id=f"P{number}"),
            f"X-Fapi-Uuid: {each}",
        )
        for number, each in enumerate(ids)
    ]
    with server.wire() as wire:
        wire.send(b"".join(raws))
        replies = [wire.reply() for _ in ids]
    assert [reply.headers["X-Request-Id"] for reply in replies] == ids
    assert {reply.data["Resp_Code"] for reply in replies} == {"000"}


def test_each_of_several_in_one_packet_is_read_as_of_after_those_before_it(server):
    mobile = "919812345670"
    asks = [
        request(STATUS, body_of(STATUS, Ref_Id="N", Mobile_Number=mobile))
        if number % 2 == 0
        else request(CHECK, asked(Ref_Id=f"N{number}"))
        for number in range(9)
    ]
    with server.wire() as wire:
        wire.send(b"".join(asks))
        used = [wire.reply().data.get("Utilized_Bal") for _ in asks][::2]
    amounts = [round(100 * float(each)) for each in used]
    assert [each - amounts[0] for each in amounts] == [0, 100, 200, 300, 400]


def test_a_body_in_chunks_with_trailers_is_read_and_the_next_request_too(server):
    body = chunked(known(), 1, 7, 30)[:-2] + b"X-Sum: 1\r\n\r\n"
    with server.wire() as wire:
        wire.send(request(KYC, body, "Transfer-Encoding: chunked", "Trailer: X-Sum", length=False))
        assert is_known(wire.reply())
        wire.send(request(KYC, known()))
        assert is_known(wire.reply())


def test_who_asks_whether_to_send_the_body_is_told_to(server):
    head, body = request(KYC, known(), "Expect: 100-continue")[: -len(known())], known()
    with server.wire() as wire:
        wire.send(head)
        assert wire.reply().status == 100
        wire.send(body)
        assert is_known(wire.reply())


def test_head_has_the_headers_alone(server):
    with server.wire() as wire:
        wire.send(page("/healthz", "HEAD"), page("/healthz"))
        head, whole = wire.reply(is_head=True), wire.reply()
        assert (head.status, head.headers["Content-Length"]) == (200, str(len(whole.body)))
        wire.send(request(KYC, b"", method="HEAD"))
        head = wire.reply(is_head=True)
        assert (head.status, head.headers["Allow"]) == (405, "POST")
    assert "no-body response" not in server.log()


# What goes away.


def test_who_goes_in_mid_body_or_mid_answer_harms_nobody(server):
    with others_unharmed(server):
        for number in range(20):
            with server.wire() as wire:
                wire.send(HALF[: -1 - number])
            with server.wire() as wire:
                wire.send(request(CHECK, asked(Ref_Id=f"G{number}")))
            with server.wire() as wire:
                wire.send(page("/static/app.css"))
                wire.socket.recv(1)


def test_what_was_asked_by_who_has_gone_is_found_by_its_ref_id(server):
    with server.wire() as wire:
        wire.send(request(CHECK, asked(Ref_Id="GONE")))
    time.sleep(0.2)
    replies = [server.ask(request(CHECK, asked(Ref_Id="GONE"))) for _ in range(2)]
    assert {reply.data["Resp_Code"] for reply in replies} == {"000"}
    assert b'"Replayed":true' in replies[1].body
    assert replies[0].data == replies[1].data


# What is too large, or means two things.

LENGTH = f"Content-Length: {len(known())}"
REFUSED = {
    "a header too large": (request(KYC, known(), "X: " + "a" * 9000), 431),
    "too many headers": (request(KYC, known(), *["X: a"] * 200), 431),
    "a line too long": (page("/" + "a" * 9000), 414),
    "a length beside chunks": (request(KYC, chunked(known()), "Transfer-Encoding: chunked"), 400),
    "two lengths": (request(KYC, known(), "Content-Length: 5"), 400),
    "the same length twice": (request(KYC, known(), LENGTH), 400),
    "a length with a sign": (request(KYC, known(), length="+5"), 400),
    "a length of two": (request(KYC, known(), length="5, 5"), 400),
    "no last chunked": (request(KYC, known(), "Transfer-Encoding: identity", length=False), 400),
    "chunked twice": (
        request(KYC, chunked(known()), "Transfer-Encoding: chunked, chunked", length=False), 400
    ),
    "unknown coding": (request(KYC, known(), "Transfer-Encoding: x", length=False), 400),
    "a folded header": (request(KYC, known(), "X: a\r\n b"), 400),
    "a blank before the colon": (request(KYC, known(), "X : a"), 400),
    "a bare line feed": (request(KYC, known()).replace(b"\r\n", b"\n"), 400),
    "no HTTP": (b"hello\r\n\r\n", 400),
    "a chunk of no number": (
        request(KYC, b"zz\r\n\r\n0\r\n\r\n", "Transfer-Encoding: chunked", length=False), 400
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_it_is_refused_and_what_follows_is_not_a_request(server, name):
    raw, expected = REFUSED[name]
    with server.wire() as wire:
        wire.send(raw + request(KYC, known()))
        reply = wire.reply()
        assert reply.status in {expected, 501 if "coding" in name else expected}
        assert wire.reply() is None


@pytest.mark.parametrize("size", [66_000, 300_000, 5_000_000])
def test_a_body_too_large_is_told_so_and_is_not_taken_for_the_next_request(server, size):
    with server.wire() as wire:
        head = request(KYC, b"", length=size)
        with suppress(ConnectionError):  # it need not read on
            wire.send(head, b" " * 65_600, request(KYC, known()) * (size // 400))
        reply = wire.reply()
        assert (reply.status, reply.data) == (413, blank(KYC, "400"))


def test_a_websocket_is_refused_without_noise(server):
    headers = """Upgrade: websocket|Connection: Upgrade|Sec-WebSocket-Version: 13
        Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==""".replace("\n", "|").split("|")
    lines = "".join(f"{each.strip()}\r\n" for each in headers).encode()
    reply = server.ask(page("/")[:-2] + lines + b"\r\n")
    assert reply.status == 403


def test_one_more_than_it_may_have_is_served_and_the_longest_silent_is_closed(server):
    with ExitStack() as stack:
        wires = [stack.enter_context(server.wire()) for _ in range(CONNECTIONS)]
        for wire in wires:
            wire.send(request(KYC, known()))
            assert is_known(wire.reply())
        with server.wire() as one_more:
            one_more.send(request(KYC, known()))
            assert is_known(one_more.reply())
        assert wires[0].reply() is None
        wires[-1].send(request(KYC, known()))
        assert is_known(wires[-1].reply())


# The end.


def test_a_stop_lets_what_is_under_way_finish_and_takes_no_more(prepared, tmp_path):
    with ExitStack() as stack:
        server = stack.enter_context(serving(prepared, tmp_path))
        wires = [stack.enter_context(server.wire()) for _ in range(6)]
        with locked(server):
            for number, wire in enumerate(wires):
                wire.send(request(CHECK, asked(Ref_Id=f"S{number}")))
            time.sleep(0.2)
            server.process.send_signal(signal.SIGTERM)
            time.sleep(1.5)
        replies = [wire.reply() for wire in wires]
        assert {reply.data["Resp_Code"] for reply in replies} == {"000"}
        assert all(reply.headers["Connection"] == "close" for reply in replies)
        assert all(wire.reply() is None for wire in wires)
        with pytest.raises(OSError, match="refused"):
            socket.create_connection(("127.0.0.1", server.port), timeout=1)
        assert server.process.wait(PATIENCE_SECONDS) == 0
