"""A page that takes a file reads its body while it comes; no other page is sent as much."""

import asyncio

import pytest

from ppims import asgi
from ppims.core import uploads

PATH = max(uploads.UPLOAD_PATHS)
SCOPE = {
    "type": "http",
    "method": "POST",
    "path": PATH,
    "query_string": b"",
    "headers": [(b"host", b"localhost"), (b"content-length", b"6")],
    "client": ("127.0.0.1", 1),
    "server": ("localhost", 80),
    "scheme": "http",
    "http_version": "1.1",
    "root_path": "",
}
PIECES = [b"one", b"two"]


def send_body(monkeypatch, read, *, comes_whole=True, **scope):
    """Send a body in pieces to a page that reads it so: what was asked for, and what was read."""
    happened, coming = [], list(PIECES)

    def serve(environ, start_response):
        try:
            happened.append(read(environ))
        except OSError:
            happened.append("cut")
        start_response("200 OK", [("Content-Length", "0")])
        return [b""]

    async def receive():
        if len(coming) == 1 and not comes_whole:
            return {"type": "http.disconnect"}
        happened.append("asked")
        return {"type": "http.request", "body": coming.pop(0), "more_body": bool(coming)}

    async def send(_):
        pass

    monkeypatch.setattr(asgi, "serve", serve)
    asyncio.run(asgi.application({**SCOPE, **scope}, receive, send))
    return happened


pytestmark = pytest.mark.django_db  # at its end the thread looks after its connection


def read_all(environ):
    return b"".join(iter(lambda: environ["wsgi.input"].read(1_000), b""))


def test_a_page_reads_as_much_as_it_asks_for(monkeypatch):
    assert send_body(monkeypatch, read_all) == ["asked", "asked", b"onetwo"]


def test_whoever_is_refused_unread_has_sent_nothing(monkeypatch):
    assert send_body(monkeypatch, lambda environ: environ["CONTENT_LENGTH"]) == ["6"]


def test_a_body_that_does_not_come_whole_is_no_body(monkeypatch):
    assert send_body(monkeypatch, read_all, comes_whole=False) == ["asked", "cut"]


@pytest.mark.parametrize("other", [{"method": "GET"}, {"path": f"{PATH}/x"}, {"path": "/overview"}])
def test_every_other_page_is_given_its_body_whole(monkeypatch, other):
    assert send_body(monkeypatch, read_all, **other) == ["asked", "asked", b"onetwo"]
