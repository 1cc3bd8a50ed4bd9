"""The HTTP of the default server, said in bytes: what is well-formed is answered in order; what is
broken, slow or too large is refused in time; and nobody else notices.
"""

import re
import signal
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from statistics import median

import pytest

from tests.api.said import blank
from tests.crash.test_faults import locked
from tests.server.served import (
    CHECK,
    KYC,
    PATIENCE_SECONDS,
    Served,
    asked,
    chunked,
    known,
    page,
    request,
)

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]

# Less patient than it is, for these tests' sake; and with few connections.
CONFIGURATION = """
worker_connections = 24

def post_worker_init(worker):
    from ppims import worker as ours
    ours.ARRIVAL_SECONDS = ours.TAKING_SECONDS = {seconds}
"""
SECONDS, KEPT_SECONDS, CONNECTIONS = 1, 2, 24
LATE_SECONDS = 4  # on a machine that does much else
PROMPT_SECONDS = 0.5  # what a request may take here that nothing stands in the way of
HALF = request(KYC, known())


@contextmanager
def serving(prepared, folder):
    made = Served(folder)
    made.set_up(prepared)
    (folder / "gunicorn.py").write_text(CONFIGURATION.format(seconds=SECONDS))
    made.start("-c", str(folder / "gunicorn.py"))
    made.wait_until_ready()
    assert made.ask(request(KYC, known())).status == 200  # it knows the password from here on
    try:
        yield made
    finally:
        made.kill()
    assert "Traceback" not in made.log()
    assert "[ERROR]" not in made.log()


@pytest.fixture(scope="module")
def server(prepared, tmp_path_factory):
    with serving(prepared, tmp_path_factory.mktemp("http")) as made:
        yield made


def is_known(reply):
    return reply.status == 200 and reply.data["KYC_Flag"] == "P"


def ended(wire):
    """Wait until the connection ends without another word: the seconds that took."""
    began = time.monotonic()
    assert wire.reply() is None
    return time.monotonic() - began


@contextmanager
def others_unharmed(server):
    """Ask all the while, over connections of our own: each answer is prompt."""
    took = []
    with ThreadPoolExecutor(1) as threads:
        is_over = []

        def keep_asking():
            while not is_over or not took:
                began = time.monotonic()
                assert is_known(server.ask(request(KYC, known())))
                took.append(time.monotonic() - began)
                time.sleep(0.02)

        asking = threads.submit(keep_asking)
        try:
            yield took
        finally:
            is_over.append(True)
        asking.result(PATIENCE_SECONDS)
    assert median(took) < PROMPT_SECONDS, took


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


# What is slow.


def test_half_a_header_is_closed_in_time(server):
    with others_unharmed(server), server.wire() as wire:
        wire.send(HALF[:60])
        assert SECONDS - 0.5 < ended(wire) < SECONDS + LATE_SECONDS


def test_half_a_header_on_a_connection_that_was_kept_is_closed_in_time(server):
    with server.wire() as wire:
        wire.send(request(KYC, known()), HALF[:60])
        assert is_known(wire.reply())
        assert ended(wire) < KEPT_SECONDS + LATE_SECONDS


def test_nothing_at_all_is_closed_in_time(server):
    with server.wire() as wire:
        assert ended(wire) < SECONDS + LATE_SECONDS


def test_half_a_body_is_answered_in_time_and_closed(server):
    with others_unharmed(server), server.wire() as wire:
        wire.send(HALF[:-20])
        reply = wire.reply()
        assert (reply.status, reply.data) == (400, blank(KYC, "400"))
        assert ended(wire) < LATE_SECONDS
    with server.wire() as wire:
        wire.send(page("/admin/login/", "POST")[:-2], b"Content-Length: 50\r\n\r\nusername")
        assert wire.reply().status == 408
        assert ended(wire) < LATE_SECONDS


@pytest.mark.parametrize("start", [40, len(HALF) - 40])
def test_byte_by_byte_wins_no_more_time(server, start):
    with others_unharmed(server), server.wire() as wire:
        wire.send(HALF[:start])
        began = time.monotonic()
        wire.socket.settimeout(0.1)
        for byte in HALF[start:-1]:
            try:
                wire.send(bytes([byte]))
                if wire.socket.recv(1, socket.MSG_PEEK) is not None:
                    break  # it ended, or was answered
            except TimeoutError:
                continue
            except OSError:
                break
        assert SECONDS - 0.5 < time.monotonic() - began < SECONDS + LATE_SECONDS


def test_many_slow_ones_harm_nobody(server):
    with ExitStack() as stack, others_unharmed(server) as took:
        for number in range(CONNECTIONS - 6):
            wire = stack.enter_context(server.wire())
            wire.send(HALF[: 60 if number % 2 else -20])
        time.sleep(SECONDS)
    assert len(took) > 5


def test_half_a_body_that_came_with_the_request_before_is_answered_in_time(server):
    with server.wire() as wire:
        wire.send(request(KYC, known()) + HALF[:-20])
        assert is_known(wire.reply())
        began = time.monotonic()
        assert wire.reply().status == 400
        assert time.monotonic() - began < SECONDS + LATE_SECONDS


def test_who_does_not_take_its_answers_is_cut_off(server):
    with others_unharmed(server), server.wire() as wire:
        wire.socket.settimeout(PATIENCE_SECONDS)
        with pytest.raises(ConnectionError):
            wire.send(page("/static/vendor/htmx.min.js") * 500_000)


def test_who_asks_faster_than_it_is_answered_fills_no_memory(server):
    before, flood = resident_mb(server), page("/healthz") * 500_000
    with others_unharmed(server), server.wire() as wire, ThreadPoolExecutor(1) as threads:
        sending = threads.submit(wire.send, flood)
        for _ in range(300):
            assert wire.reply().status == 200
        assert resident_mb(server) - before < len(flood) / 2**21
        wire.socket.shutdown(socket.SHUT_RDWR)
        assert sending.exception(PATIENCE_SECONDS)


def resident_mb(server):
    *_, worker = server.processes()
    text = Path(f"/proc/{worker}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", text)[1]) / 1024


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


def test_no_more_connections_are_served_than_it_may_have(server):
    with ExitStack() as stack:
        wires = [stack.enter_context(server.wire()) for _ in range(CONNECTIONS)]
        for wire in wires:
            wire.send(request(KYC, known()))
        assert all(is_known(wire.reply()) for wire in wires)
        with server.wire() as one_more:
            one_more.send(request(KYC, known()))
            assert one_more.reply() is None
    assert is_known(server.ask(request(KYC, known())))


# What must not hold up the API.


def log_in(number):
    """Write a log-in of nobody, which costs as much as anyone's."""
    form = f"username=nobody{number}&password=wrong"
    token = "a" * 32
    lines = f"""Cookie: csrftoken={token}|X-CSRFToken: {token}|Content-Length: {len(form)}
        Content-Type: application/x-www-form-urlencoded""".replace("\n", "|").split("|")
    headers = "".join(f"{line.strip()}\r\n" for line in lines)
    return page("/log-in", "POST")[:-2] + f"{headers}\r\n{form}".encode()


def test_slow_pages_hold_up_nobody(server):
    """Log-ins at full price take all threads of the pages."""
    with ExitStack() as stack, others_unharmed(server):
        wires = [stack.enter_context(server.wire()) for _ in range(12)]
        for number, wire in enumerate(wires):
            wire.send(log_in(number))
        replies = [wire.reply() for wire in wires]
        assert all(b"enter a correct username" in reply.body for reply in replies)


def test_a_locked_database_holds_up_no_reads(server):
    with ExitStack() as stack, locked(server):
        wires = [stack.enter_context(server.wire()) for _ in range(8)]
        for number, wire in enumerate(wires):
            wire.send(request(CHECK, asked(Ref_Id=f"L{number}")))
        with others_unharmed(server):
            time.sleep(0.5)
        assert server.get("/healthz")[0] == 200
        stack.pop_all().close()


def test_wrong_passwords_hold_up_nobody(server):
    with ExitStack() as stack, others_unharmed(server):
        wires = [stack.enter_context(server.wire()) for _ in range(12)]
        for wire in wires:
            wire.send(request(KYC, known().replace(b"ENT123", b"wrong")))
        assert {wire.reply().status for wire in wires} == {401}


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
