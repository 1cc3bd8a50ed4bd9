"""Whichever server takes a request, and whether its write goes in a group or alone: the answer is
the same to the byte.
"""

import json
import re

import pytest

from tests.conftest import PREFIX
from tests.server.served import (
    CHECK,
    KYC,
    UPDATE,
    Served,
    asked,
    body_of,
    chunked,
    known,
    page,
    request,
)
from tests.test_golden import STORY, read

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only its writes are grouped"),
]

HEADERS = """Content-Type Content-Length Allow Retry-After Cache-Control X-Content-Type-Options
    X-Request-Id""".split()
FOUR = [(kind, group) for kind in ("asgi", "gthread") for group in ("1", "0")]


def golden():
    """Every golden message, in the order of the story."""
    for name in STORY:
        yield (
            name,
            request(name.split(".", maxsplit=1)[0], json.dumps(read(name, "request")).encode()),
        )


def unreadable():
    surrogate = known().replace(b'"K1"', b'"\\ud800"')
    bodies = {
        "nothing": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "null": b"null",
        "no Data": b'{"Risk": {}}',
        "another operation's": asked(),
        "Data is text": b'{"Data": "x"}',
        "NaN": known().replace(b'"K1"', b"NaN"),
        "deep": b"[" * 30_000,
        "UTF-16": known().decode().encode("utf-16"),
        "a BOM": b"\xef\xbb\xbf" + known(),
        "Latin-1": known().replace(b"K1", b"\xe9"),
        "a lone surrogate": surrogate,
        "as large as may be": known() + b" " * (65_536 - len(known())),
        "one byte more": known() + b" " * (65_537 - len(known())),
        "much more": known() + b" " * 200_000,
    }
    for name, body in bodies.items():
        yield name, request(KYC, body)
    for name in ("nothing", "one byte more", "as large as may be", "no JSON"):
        sizes = (1, 2, 1000, 40_000)
        raw = request(
            KYC, chunked(bodies[name], *sizes), "Transfer-Encoding: chunked", length=False
        )
        yield f"{name}, in chunks", raw


def odd():
    """Who asks, how, and for what."""
    for method in ("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "FOO"):
        yield method, request(KYC, b"", method=method)
    for path in (
        "no-such",
        "",
        "check-customer-kyc/",
        "Check-Customer-KYC",
        "%C3%A9",
        "a%2Fb",
        "..%2f",
    ):
        yield f"the path {path}", request(path, known())
    yield "an escaped path", request("check%2Dcustomer-kyc", known())
    yield "a query", request(f"{KYC}?a=b", known())
    yield "a proxy's target", request(KYC, known()).replace(b"/api", b"http://localhost/api", 1)
    yield "another content type", request(KYC, known(), "Content-Type: text/plain; charset=utf-16")
    yield (
        "in chunks",
        request(KYC, chunked(known(), 1, 50), "Transfer-Encoding: chunked", length=False),
    )
    yield "an id", request(KYC, known(), "X-Fapi-Uuid: my-own-id-1")
    yield "a wrong id", request(KYC, known(), "X-Fapi-Uuid: <script>")
    yield "two ids", request(KYC, known(), "X-Fapi-Uuid: one", "X-Fapi-Uuid: two")
    yield "a wrong password", request(KYC, known().replace(b"ENT123", b"wrong"))
    yield "an unknown user", request(KYC, known().replace(b"PPIM_ENT", b"NOBODY"))
    yield "a user that can't be", request(KYC, known().replace(b"PPIM_ENT", b"\\u0000"))
    yield "no password", request(KYC, known().replace(b"Password", b"Pass"))
    yield "a password of numbers", request(KYC, known().replace(b'"ENT123"', b"1"))
    yield "another's System_Id", request(KYC, body_of(KYC, Ref_Id="K", System_Id="CBS"))
    yield "no fields", request(CHECK, body_of(CHECK))
    yield "winding down", request(CHECK, asked(Ref_Id="W1", system_id="OLD"))
    yield "winding down, allowed", request(KYC, known(system_id="OLD"))
    yield "another's customer", request(CHECK, asked(Ref_Id="W2", system_id="CBS"))


def repeated():
    yield "a check", request(CHECK, asked(Ref_Id="D1"))
    yield "its repeat", request(CHECK, asked(Ref_Id="D1"))
    yield "its conflict", request(CHECK, asked(Ref_Id="D1", Amount="2.00"))
    yield "a posting", request(UPDATE, asked(UPDATE, Ref_Id="D2", Tran_Status="S"))
    yield "its repeat too", request(UPDATE, asked(UPDATE, Ref_Id="D2", Tran_Status="S"))
    yield "its conflict too", request(UPDATE, asked(UPDATE, Ref_Id="D2", Tran_Status="F"))
    yield (
        "nobody's",
        request(UPDATE, asked(UPDATE, Ref_Id="D3", Tran_Status="S", Unique_Id="1" * 15)),
    )


def pages():
    for path in ("/healthz", "/readyz", f"{PREFIX}/openapi.json", "/nothing-here"):
        yield path, page(path)


REQUESTS = [*golden(), *unreadable(), *odd(), *repeated(), *pages()]


def said(reply, drawn):
    """Tell what a reply says, but for what is drawn at random: a Unique_Id, an id of ours."""
    headers = {name: reply.headers[name] for name in HEADERS if name in reply.headers}
    headers["X-Request-Id"] = re.sub(
        r"[0-9a-f]{8}-[0-9a-f-]{27}", "ours", headers.get("X-Request-Id", "")
    )
    for unique_id in re.findall(rb'"Unique_Id":"(\d{15})"', reply.body):
        drawn.setdefault(unique_id, b"unique id %06d" % len(drawn))
    body = reply.body
    for unique_id, number in drawn.items():
        body = body.replace(unique_id, number)
    return reply.status, headers, re.sub(rb"\d\d-\d\d-\d{4} \d\d:\d\d:\d\d", b"an instant", body)


@pytest.fixture(scope="module")
def answers(prepared, tmp_path_factory):
    """What each server says to all requests, one after another."""
    servers = [
        Served(tmp_path_factory.mktemp(f"{kind}{group}"), kind, PPIMS_GROUP_COMMIT=group)
        for kind, group in FOUR
    ]
    try:
        for server in servers:
            server.set_up(prepared)
            server.start()
        for server in servers:
            server.wait_until_ready()
        told = []
        for server in servers:
            drawn = {}
            told.append([said(server.ask(raw), drawn) for _, raw in REQUESTS])
        yield servers, told
    finally:
        for server in servers:
            server.kill()


def test_all_four_say_the_same(answers):
    _, (first, *others) = answers
    for (kind, group), other in zip(FOUR[1:], others, strict=True):
        different = [
            (name, one, another)
            for (name, _), one, another in zip(REQUESTS, first, other, strict=True)
            if one != another
        ]
        assert different == [], (kind, group)


def test_what_they_say_is_what_the_golden_messages_say(answers):
    _, (first, *_) = answers
    for (name, _), (status, _, body) in zip(REQUESTS[: len(STORY)], first, strict=False):
        expected = read(name, "reply")["Data"]
        assert json.loads(body)["Data"]["Resp_Code"] == expected["Resp_Code"], (name, status)


def test_the_list_has_every_sort_of_answer(answers):
    _, (first, *_) = answers
    statuses = {status for status, _, _ in first}
    assert statuses >= {200, 400, 401, 403, 404, 405, 409, 413}
    assert sum(b'"Replayed":true' in body for _, _, body in first) >= 2


def test_only_those_that_group_stand_in_line(answers):
    servers, _ = answers
    in_line = [(server.folder / "ppims.sqlite3-turn").exists() for server in servers]
    assert in_line == [True, False, True, False]


def test_none_of_them_complained(answers):
    servers, _ = answers
    for server in servers:
        log = server.log()
        assert "Traceback" not in log
        assert '"ERROR"' not in log
        assert "WARNING" not in re.sub(
            r".*(Not Found|no-body response|django.request).*", "", log
        ), log
