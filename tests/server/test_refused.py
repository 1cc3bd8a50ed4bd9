"""What comes over the wire and can't be a request: refused with a status of its own, by either
server, with a line in the log that has no trace and nothing of what was sent.
"""

import json
import socket
from contextlib import suppress

import pytest

from tests.api.answers import make_blank
from tests.conftest import PREFIX
from tests.server.running_server import KYC, RunningServer, ask_kyc, chunk, encode, get

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]

SECRET = "S3cret-of-the-sender"
HALF_BODY, NO_LENGTH = ask_kyc()[:-20], {"length": False}
TOKEN = "a" * 32
POSTING = (f"Cookie: csrftoken={TOKEN}", f"X-CSRFToken: {TOKEN}")
FORM = f"username=nobody&password={SECRET}".encode()
URLENCODED_TYPE, MULTIPART_TYPE = (
    "application/x-www-form-urlencoded",
    "multipart/form-data; boundary=x",
)


def call(*headers, body=None, **more):
    return encode(KYC, ask_kyc() if body is None else body, *headers, **more)


def log_in(kind=URLENCODED_TYPE, *headers, body=FORM, **more):
    """Send a form to the log-in, as a browser does that has been there."""
    raw = encode("log-in", body, f"Content-Type: {kind}", *POSTING, *headers, **more)
    return raw.replace(f"{PREFIX}/log-in".encode(), b"/log-in", 1)


def list_codings(*values, make=call):
    lines = [f"Transfer-Encoding: {value}" for value in values]
    return make(*(("x",) if make is log_in else ()), *lines, body=chunk(ask_kyc()), **NO_LENGTH)


def chunk_up(body, make=call):
    more = (URLENCODED_TYPE,) if make is log_in else ()
    return make(*more, "Transfer-Encoding: chunked", body=body, **NO_LENGTH)


def cut_host(raw, version=b"1.1"):
    return raw.replace(b"Host: localhost\r\n", b"", 1).replace(b"HTTP/1.1", b"HTTP/" + version, 1)


def name_host(host, path="/log-in"):
    return get(path).replace(b"Host: localhost", b"Host: " + host)


# What is sent, what is answered. Where it is the API's to answer, in the envelope.
PLAIN = {
    "a wrong host": (name_host(b"evil.example"), 400),
    "a wrong host of the admin": (name_host(b"evil.example", "/admin/"), 400),
    "a wrong host of the docs": (name_host(b"evil.example", f"{PREFIX}/docs"), 400),
    "an odd host": (name_host(b"a b<>"), 400),
    "no host": (cut_host(get("/log-in")), 400),
    "no host of the API": (cut_host(call()), 400),
    "no host but in the target": (cut_host(get("http://localhost/healthz")), 400),
    "no host, by HTTP/1.0": (cut_host(get("/healthz"), b"1.0"), 200),
    "a length of 5,000 digits": (call(length="1" * 5000), 400),
    "a page's length of 5,000 digits": (log_in(length="1" * 5000), 400),
    "a length of 5,000 zeros": (call(length=f"{len(ask_kyc()):05000}"), 400),
    "a page too large": (log_in(body=FORM + b"a" * 300_000), 400),
    "too many fields": (log_in(body=b"a=b&" * 1500), 400),
    "no boundary": (log_in("multipart/form-data"), 400),
    "utf-7": (log_in(f"{URLENCODED_TYPE}; charset=utf-7"), 400),
    "utf-16": (log_in(f"{MULTIPART_TYPE}; charset=utf-16"), 400),
    "a codec of no text": (log_in(f"{MULTIPART_TYPE}; charset=rot13"), 400),
    "no codec": (log_in(f"{URLENCODED_TYPE}; charset=\xff\xfe"), 400),
    "a query by a codec of no text": (
        get("/log-in?next=a%FFb")[:-2] + b"Content-Type: text/html; charset=idna\r\n\r\n", 400
    ),
    "compressed chunks": (list_codings("gzip, chunked"), 501),
    "compressed chunks, in two lines": (list_codings("deflate", "chunked"), 501),
    "compressed chunks of a page": (list_codings("gzip,chunked", make=log_in), 501),
    "an old coding": (list_codings("identity, chunked"), 501),
    "an unknown coding": (list_codings("x, chunked"), 501),
    "chunks of a page that are none": (chunk_up(b"zz\r\nab\r\n0\r\n\r\n", make=log_in), 400),
    "a body where a request should be": (call(length=5), None),
    "a look that is sent to": (get("/healthz", "POST"), 405),
    "an odd address of a page": (
        get("/overview")[:-2] + b"HX-Request: true\r\nHX-Current-URL: http://[\r\n\r\n", 204
    ),
}  # fmt: skip
IN_ENVELOPE = {
    "any codec": (call("Content-Type: text/plain; charset=rot13"), 200),
    "a length beyond all bounds": (call(length="9" * 18), 413),
    "the docs, sent to": (encode("docs", ask_kyc()), 405),
    "their schema, sent to": (encode("openapi.json", ask_kyc()), 405),
    "the docs, deleted": (encode("docs", b"", method="DELETE"), 405),
}
MALFORMED_REQUESTS = {
    "chunks that are none": chunk_up(b"zz\r\n" + ask_kyc()),
    "a second chunk that is none": chunk_up(b"5\r\n{    \r\nzz\r\n\r\n"),
    "a chunk that goes on": chunk_up(b"5\r\n{    zz5\r\nabcde\r\n0\r\n\r\n"),
    "a trailer that means something": chunk_up(
        chunk(ask_kyc())[:-2] + b"Content-Length: 5\r\n\r\n"
    ),
}
EARLY_ENDS = {
    "half a body": (call(body=HALF_BODY, length=len(ask_kyc())), True),
    "half a chunk": (chunk_up(b"ff\r\n{}"), True),
    "half a form": (log_in(body=FORM[:-5], length=len(FORM)), False),
    "half a form of parts": (log_in(MULTIPART_TYPE, body=b"--x\r\n", length=50), False),
    "half a form in chunks": (chunk_up(b"ff\r\nusername", make=log_in), False),
}


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def server(request, prepared, tmp_path_factory):
    made = RunningServer(tmp_path_factory.mktemp("refused"), request.param)
    made.set_up(prepared)
    made.start()
    made.wait_until_ready()
    try:
        yield made
    finally:
        made.kill()


@pytest.fixture(autouse=True)
def log(server):
    """The lines of this test: they may say what was refused, and no more."""
    began = len(server.read_log())
    yield lambda: server.read_log()[began:].splitlines()  # noqa: PLW0108 - the log as it is then
    said = server.read_log()[began:]
    assert all(isinstance(json.loads(line), dict) for line in said.splitlines())
    assert "exc_info" not in said
    assert SECRET not in said


def ask(server, raw, *, is_last=False):
    """Send it: the reply, and whether the connection ended with it."""
    with server.open_wire() as wire:
        with suppress(ConnectionError):  # it need not read on
            wire.send(raw)
        if is_last:
            wire.socket.shutdown(socket.SHUT_WR)
        return wire.read_reply()


@pytest.mark.parametrize("name", PLAIN)
def test_it_is_refused_by_its_status(server, log, name):
    raw, status = PLAIN[name]
    reply = ask(server, raw)
    assert reply.status == status or status is None
    assert len(log()) <= 2


@pytest.mark.parametrize("name", IN_ENVELOPE)
def test_it_is_answered_in_the_envelope(server, name):
    raw, status = IN_ENVELOPE[name]
    reply = ask(server, raw)
    assert reply.status == status
    assert reply.data["Resp_Code"] == {200: "000", 413: "400", 405: "405"}[status]
    assert status != 405 or reply.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize("name", MALFORMED_REQUESTS)
def test_chunks_that_are_none_are_a_400_and_the_end(server, name):
    with server.open_wire() as wire:
        wire.send(MALFORMED_REQUESTS[name] + call())
        reply = wire.read_reply()
        assert reply.status == 400
        if server.kind == "gthread":  # the other one sees it before it knows whose it is
            assert reply.data == make_blank(KYC, "400")
        assert wire.read_reply() is None


@pytest.mark.parametrize("name", EARLY_ENDS)
def test_a_body_that_ends_early_is_a_400_and_counts_for_nothing(server, name):
    raw, is_call = EARLY_ENDS[name]
    reply = ask(server, raw, is_last=True)
    assert reply.status == 400
    assert reply.data == make_blank(KYC, "400") if is_call else reply.body == b"Bad Request"


def test_who_has_asked_all_it_will_is_answered(server):
    """It sends nothing more, and listens."""
    with server.open_wire() as wire:
        wire.send(call() + (b"" if server.kind == "gthread" else call()))
        wire.socket.shutdown(socket.SHUT_WR)
        replies = [wire.read_reply() for _ in range(1 if server.kind == "gthread" else 2)]
        assert [reply.status for reply in replies] == [200] * len(replies)
        assert wire.read_reply() is None


def test_a_wrong_host_is_one_line(server, log):
    assert ask(server, name_host(b"evil.example")).status == 400
    # An answer of the test before may be logged only now.
    lines = [line for line in map(json.loads, log()) if line["message"] != "answered"]
    assert [line["logger"] for line in lines] == ["django.security.DisallowedHost"]


def test_what_is_no_request_is_one_line_that_does_not_repeat_it(server, log):
    """A wrong length leaves a piece of the body where the next request should begin."""
    body = ask_kyc()[:-1] + f', "Note": "{SECRET}"}}\r\n\r\n'.encode()
    with server.open_wire() as wire:
        wire.send(call(body=body, length=len(ask_kyc()) - 1))
        assert wire.read_reply().status == 400
        assert wire.read_reply().status == 400
        assert wire.read_reply() is None
    lines = [json.loads(line) for line in log()]
    assert [line["message"] for line in lines] == ["answered", "request refused"]
    assert lines[1]["why"].startswith("InvalidRequest")
    assert lines[1]["status"] == 400
