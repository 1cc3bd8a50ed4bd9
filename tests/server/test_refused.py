"""What comes over the wire and can't be a request: refused with a status of its own, by either
server, with a line in the log that has no trace and nothing of what was sent.
"""

import json
import socket
from contextlib import suppress

import pytest

from tests.api.said import blank
from tests.conftest import PREFIX
from tests.server.served import KYC, Served, chunked, known, page, request

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the server is the same"),
]

SECRET = "S3cret-of-the-sender"
HALF, NO_LENGTH = known()[:-20], {"length": False}
TOKEN = "a" * 32
POSTING = (f"Cookie: csrftoken={TOKEN}", f"X-CSRFToken: {TOKEN}")
FORM = f"username=nobody&password={SECRET}".encode()
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"


def call(*headers, body=None, **more):
    return request(KYC, known() if body is None else body, *headers, **more)


def form(kind=URLENCODED, *headers, body=FORM, **more):
    """Send a form to the log-in, as a browser does that has been there."""
    raw = request("log-in", body, f"Content-Type: {kind}", *POSTING, *headers, **more)
    return raw.replace(f"{PREFIX}/log-in".encode(), b"/log-in", 1)


def codings(*values, make=call):
    lines = [f"Transfer-Encoding: {value}" for value in values]
    return make(*(("x",) if make is form else ()), *lines, body=chunked(known()), **NO_LENGTH)


def in_chunks(body, make=call):
    more = (URLENCODED,) if make is form else ()
    return make(*more, "Transfer-Encoding: chunked", body=body, **NO_LENGTH)


def without_host(raw, version=b"1.1"):
    return raw.replace(b"Host: localhost\r\n", b"", 1).replace(b"HTTP/1.1", b"HTTP/" + version, 1)


def named(host, path="/log-in"):
    return page(path).replace(b"Host: localhost", b"Host: " + host)


# What is sent, what is answered. Where it is the API's to answer, in the envelope.
PLAIN = {
    "a wrong host": (named(b"evil.example"), 400),
    "a wrong host of the admin": (named(b"evil.example", "/admin/"), 400),
    "a wrong host of the docs": (named(b"evil.example", f"{PREFIX}/docs"), 400),
    "an odd host": (named(b"a b<>"), 400),
    "no host": (without_host(page("/log-in")), 400),
    "no host of the API": (without_host(call()), 400),
    "no host but in the target": (without_host(page("http://localhost/healthz")), 400),
    "no host, by HTTP/1.0": (without_host(page("/healthz"), b"1.0"), 200),
    "a length of 5,000 digits": (call(length="1" * 5000), 400),
    "a page's length of 5,000 digits": (form(length="1" * 5000), 400),
    "a length of 5,000 zeros": (call(length=f"{len(known()):05000}"), 400),
    "a page too large": (form(body=FORM + b"a" * 300_000), 400),
    "too many fields": (form(body=b"a=b&" * 1500), 400),
    "no boundary": (form("multipart/form-data"), 400),
    "utf-7": (form(f"{URLENCODED}; charset=utf-7"), 400),
    "utf-16": (form(f"{MULTIPART}; charset=utf-16"), 400),
    "a codec of no text": (form(f"{MULTIPART}; charset=rot13"), 400),
    "no codec": (form(f"{URLENCODED}; charset=\xff\xfe"), 400),
    "a query by a codec of no text": (
        page("/log-in?next=a%FFb")[:-2] + b"Content-Type: text/html; charset=idna\r\n\r\n", 400
    ),
    "compressed chunks": (codings("gzip, chunked"), 501),
    "compressed chunks, in two lines": (codings("deflate", "chunked"), 501),
    "compressed chunks of a page": (codings("gzip,chunked", make=form), 501),
    "an old coding": (codings("identity, chunked"), 501),
    "an unknown coding": (codings("x, chunked"), 501),
    "chunks of a page that are none": (in_chunks(b"zz\r\nab\r\n0\r\n\r\n", make=form), 400),
    "a body where a request should be": (call(length=5), None),
    "a look that is sent to": (page("/healthz", "POST"), 405),
    "an odd address of a page": (
        page("/overview")[:-2] + b"HX-Request: true\r\nHX-Current-URL: http://[\r\n\r\n", 204
    ),
}  # fmt: skip
IN_ENVELOPE = {
    "any codec": (call("Content-Type: text/plain; charset=rot13"), 200),
    "a length beyond all bounds": (call(length="9" * 18), 413),
    "the docs, sent to": (request("docs", known()), 405),
    "their schema, sent to": (request("openapi.json", known()), 405),
    "the docs, deleted": (request("docs", b"", method="DELETE"), 405),
}
MALFORMED = {
    "chunks that are none": in_chunks(b"zz\r\n" + known()),
    "a second chunk that is none": in_chunks(b"5\r\n{    \r\nzz\r\n\r\n"),
    "a chunk that goes on": in_chunks(b"5\r\n{    zz5\r\nabcde\r\n0\r\n\r\n"),
    "a trailer that means something": in_chunks(
        chunked(known())[:-2] + b"Content-Length: 5\r\n\r\n"
    ),
}
EARLY = {
    "half a body": (call(body=HALF, length=len(known())), True),
    "half a chunk": (in_chunks(b"ff\r\n{}"), True),
    "half a form": (form(body=FORM[:-5], length=len(FORM)), False),
    "half a form of parts": (form(MULTIPART, body=b"--x\r\n", length=50), False),
    "half a form in chunks": (in_chunks(b"ff\r\nusername", make=form), False),
}


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def server(request, prepared, tmp_path_factory):
    made = Served(tmp_path_factory.mktemp("refused"), request.param)
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
    began = len(server.log())
    yield lambda: server.log()[began:].splitlines()  # noqa: PLW0108 - the log as it is then
    said = server.log()[began:]
    assert all(isinstance(json.loads(line), dict) for line in said.splitlines())
    assert "exc_info" not in said
    assert SECRET not in said


def ask(server, raw, *, is_last=False):
    """Send it: the reply, and whether the connection ended with it."""
    with server.wire() as wire:
        with suppress(ConnectionError):  # it need not read on
            wire.send(raw)
        if is_last:
            wire.socket.shutdown(socket.SHUT_WR)
        return wire.reply()


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


@pytest.mark.parametrize("name", MALFORMED)
def test_chunks_that_are_none_are_a_400_and_the_end(server, name):
    with server.wire() as wire:
        wire.send(MALFORMED[name] + call())
        reply = wire.reply()
        assert reply.status == 400
        if server.kind == "gthread":  # the other one sees it before it knows whose it is
            assert reply.data == blank(KYC, "400")
        assert wire.reply() is None


@pytest.mark.parametrize("name", EARLY)
def test_a_body_that_ends_early_is_a_400_and_counts_for_nothing(server, name):
    raw, is_call = EARLY[name]
    reply = ask(server, raw, is_last=True)
    assert reply.status == 400
    assert reply.data == blank(KYC, "400") if is_call else reply.body == b"Bad Request"


def test_who_has_asked_all_it_will_is_answered(server):
    """It sends nothing more, and listens."""
    with server.wire() as wire:
        wire.send(call() + (b"" if server.kind == "gthread" else call()))
        wire.socket.shutdown(socket.SHUT_WR)
        replies = [wire.reply() for _ in range(1 if server.kind == "gthread" else 2)]
        assert [reply.status for reply in replies] == [200] * len(replies)
        assert wire.reply() is None


def test_a_wrong_host_is_one_line(server, log):
    assert ask(server, named(b"evil.example")).status == 400
    (line,) = map(json.loads, log())
    assert line["logger"] == "django.security.DisallowedHost"


def test_what_is_no_request_is_one_line_that_does_not_repeat_it(server, log):
    """A wrong length leaves a piece of the body where the next request should begin."""
    body = known()[:-1] + f', "Note": "{SECRET}"}}\r\n\r\n'.encode()
    with server.wire() as wire:
        wire.send(call(body=body, length=len(known()) - 1))
        assert wire.reply().status == 400
        assert wire.reply().status == 400
        assert wire.reply() is None
    lines = [json.loads(line) for line in log()]
    assert [line["message"] for line in lines] == ["answered", "request refused"]
    assert lines[1]["why"].startswith("InvalidRequest")
    assert lines[1]["status"] == 400
