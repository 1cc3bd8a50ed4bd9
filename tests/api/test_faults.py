"""Whatever goes wrong with us, and wherever: the caller hears it in the envelope, with nothing of
our insides, and the log says where.
"""

import json

import pytest
from django.db import InterfaceError

from ppims import asgi
from ppims.api import dispatch, django_handler
from ppims.api.root import OPERATIONS
from ppims.db import shared_snapshot
from ppims.services import credentials
from ppims.wire import envelope
from tests.api.answers import make_blank
from tests.server.calls import call_by_loop, call_by_thread
from tests.server.running_server import KYC

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the ways in are the same, and grouped writes are its own"),
]

INSIDE_TEXT = "a text of our insides"


def fail(*_, **__):
    raise RuntimeError(INSIDE_TEXT)


async def fail_later(*_, **__):
    fail()


CALLERS_BY_KIND = {"loop": call_by_loop, "thread": call_by_thread}
PLACES = {
    "reading the body": (envelope, "parse_body", fail),
    "finding the operation": (dispatch, "answer_operation", fail),
    "running it": (dispatch, "_run", fail_later),
    "who is calling": (credentials, "recognize", fail),
    "naming the operation": (dispatch, "answer_request", fail_later),
}
OF_THE_LOOP = {
    "beginning the moment": (shared_snapshot, "begin", fail),
    "reading the headers": (asgi, "_write_meta", fail),
    "making the request": (asgi, "WireRequest", fail),
}
OF_THE_THREAD = {"Django": (django_handler, "django", fail)}


def list_cases():
    yield from ((asked, name, place) for asked in CALLERS_BY_KIND for name, place in PLACES.items())
    yield from (("loop", name, place) for name, place in OF_THE_LOOP.items())
    yield from (("thread", name, place) for name, place in OF_THE_THREAD.items())


@pytest.fixture(autouse=True)
def grouped(settings):
    settings.PPIMS_GROUP_COMMIT = True


@pytest.mark.parametrize(("asked", "name", "place"), [*list_cases()])
def test_a_fault_is_said_in_the_envelope(monkeypatch, caplog, asked, name, place):
    monkeypatch.setattr(*place)
    monkeypatch.setattr(shared_snapshot, "end", lambda: None)
    status, body = CALLERS_BY_KIND[asked]()
    assert (status, json.loads(body)["Data"]) == (500, make_blank(KYC, "999")), name
    assert INSIDE_TEXT.encode() not in body
    assert [record.message for record in caplog.records if record.exc_info]


@pytest.mark.parametrize("path", ["no-such", "", *OPERATIONS])
def test_whatever_was_asked(monkeypatch, path):
    monkeypatch.setattr(dispatch, "_run", fail_later)
    for ask in CALLERS_BY_KIND.values():
        status, body = ask(path)
        assert (status, json.loads(body)["Data"]["Resp_Code"]) == (500, "999")


def test_a_fault_before_a_page_is_no_envelope(monkeypatch):
    monkeypatch.setattr(django_handler, "django", fail)
    for ask in CALLERS_BY_KIND.values():
        assert ask("docs", "GET") == (500, b"Internal Server Error")


def test_a_moment_that_can_not_begin_is_no_fault(monkeypatch):
    """Who reads is told what it is about the database."""

    def fail_to_begin(*_):
        raise InterfaceError

    with monkeypatch.context() as patched:
        patched.setattr(shared_snapshot.statements, "run", fail_to_begin)
        shared_snapshot.begin()
    assert shared_snapshot._snapshot.read is None
