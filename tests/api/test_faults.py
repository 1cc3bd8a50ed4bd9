"""Whatever goes wrong with us, and wherever: the caller hears it in the envelope, with nothing of
our insides, and the log says where.
"""

import asyncio
import json

import pytest
from django.db import InterfaceError

from ppims import asgi, auth, lane, moment, wire, wsgi
from ppims.api import OPERATIONS
from tests.api.said import blank
from tests.conftest import PREFIX
from tests.server.served import KYC, known

pytestmark = pytest.mark.django_db

INSIDES = "a text of our insides"


def fail(*_, **__):
    raise RuntimeError(INSIDES)


async def fail_later(*_, **__):
    fail()


def by_loop(path=KYC, method="POST"):
    """Ask as gunicorn's asgi worker does: status, body."""
    scope = {"type": "http", "method": method, "path": f"{PREFIX}/{path}", "query_string": b""}
    scope |= {
        "headers": [(b"host", b"localhost")],
        "http_version": "1.1",
        "client": ("192.0.2.1", 1),
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": known()}

    async def send(message):
        sent.append(message)

    asyncio.run(asgi.application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


def by_thread(path=KYC, method="POST"):
    """Ask as gunicorn's gthread worker does."""
    body, said = known(), []
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": f"{PREFIX}/{path}",
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_HOST": "localhost",
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "wsgi.input": wsgi.BytesIO(body),
        "wsgi.url_scheme": "http",
    }
    parts = wsgi.application(environ, lambda status, _: said.append(int(status.split()[0])))
    return said[0], b"".join(parts)


ASKING = {"loop": by_loop, "thread": by_thread}
PLACES = {
    "reading the body": (wire, "parse_body", fail),
    "finding the operation": (lane, "_view", fail),
    "running it": (lane, "_run", fail_later),
    "who is calling": (auth, "recognized", fail),
    "naming the operation": (lane, "answered", fail_later),
}
OF_THE_LOOP = {
    "beginning the moment": (moment, "begin", fail),
    "reading the headers": (asgi, "_meta", fail),
    "making the request": (asgi, "WireRequest", fail),
}
OF_THE_THREAD = {"Django": (wsgi, "django", fail)}


def cases():
    yield from ((asked, name, place) for asked in ASKING for name, place in PLACES.items())
    yield from (("loop", name, place) for name, place in OF_THE_LOOP.items())
    yield from (("thread", name, place) for name, place in OF_THE_THREAD.items())


@pytest.fixture(autouse=True)
def grouped(settings):
    settings.PPIMS_GROUP_COMMIT = True


@pytest.mark.parametrize(("asked", "name", "place"), [*cases()])
def test_a_fault_is_said_in_the_envelope(monkeypatch, caplog, asked, name, place):
    monkeypatch.setattr(*place)
    monkeypatch.setattr(moment, "end", lambda: None)
    status, body = ASKING[asked]()
    assert (status, json.loads(body)["Data"]) == (500, blank(KYC, "999")), name
    assert INSIDES.encode() not in body
    assert [record.message for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("path", ["no-such", "", *OPERATIONS])
def test_whatever_was_asked(monkeypatch, path):
    monkeypatch.setattr(lane, "_run", fail_later)
    for ask in ASKING.values():
        status, body = ask(path)
        assert (status, json.loads(body)["Data"]["Resp_Code"]) == (500, "999")


def test_a_fault_before_a_page_is_no_envelope(monkeypatch):
    monkeypatch.setattr(wsgi, "django", fail)
    for ask in ASKING.values():
        assert ask("docs", "GET") == (500, b"Internal Server Error")


def test_a_moment_that_can_not_begin_is_no_fault(monkeypatch):
    """Who reads is told what it is about the database."""

    def gone(*_):
        raise InterfaceError

    with monkeypatch.context() as patched:
        patched.setattr(moment.statements, "run", gone)
        moment.begin()
    assert moment._moment.read is None
