"""Whichever server takes a request, and whether its write goes in a group or alone: the answer is
the same to the byte.
"""

import json
import re

import pytest

from tests.conftest import PREFIX
from tests.server.running_server import (
    CHECK,
    KYC,
    UPDATE,
    RunningServer,
    ask_check,
    ask_kyc,
    chunk,
    encode,
    get,
    make_body,
)
from tests.test_golden import STORY, read

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only its writes are grouped"),
]

HEADERS = """Content-Type Content-Length Allow Retry-After Cache-Control X-Content-Type-Options
    X-Request-Id""".split()
SERVER_KINDS = [(kind, group) for kind in ("asgi", "gthread") for group in ("1", "0")]


def list_golden():
    """Every golden message, in the order of the story."""
    for name in STORY:
        yield (
            name,
            encode(name.split(".", maxsplit=1)[0], json.dumps(read(name, "request")).encode()),
        )


def list_unreadable():
    surrogate = ask_kyc().replace(b'"K1"', b'"\\ud800"')
    bodies = {
        "nothing": b"",
        "no JSON": b"{",
        "a list": b"[]",
        "null": b"null",
        "no Data": b'{"Risk": {}}',
        "another operation's": ask_check(),
        "Data is text": b'{"Data": "x"}',
        "NaN": ask_kyc().replace(b'"K1"', b"NaN"),
        "deep": b"[" * 30_000,
        "UTF-16": ask_kyc().decode().encode("utf-16"),
        "a BOM": b"\xef\xbb\xbf" + ask_kyc(),
        "Latin-1": ask_kyc().replace(b"K1", b"\xe9"),
        "a lone surrogate": surrogate,
        "as large as may be": ask_kyc() + b" " * (65_536 - len(ask_kyc())),
        "one byte more": ask_kyc() + b" " * (65_537 - len(ask_kyc())),
        "much more": ask_kyc() + b" " * 200_000,
    }
    for name, body in bodies.items():
        yield name, encode(KYC, body)
    for name in ("nothing", "one byte more", "as large as may be", "no JSON"):
        sizes = (1, 2, 1000, 40_000)
        raw = encode(KYC, chunk(bodies[name], *sizes), "Transfer-Encoding: chunked", length=False)
        yield f"{name}, in chunks", raw


def list_odd():
    """Who asks, how, and for what."""
    for method in ("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "PATCH", "FOO"):
        yield method, encode(KYC, b"", method=method)
    for path in (
        "no-such",
        "",
        "check-customer-kyc/",
        "Check-Customer-KYC",
        "%C3%A9",
        "a%2Fb",
        "..%2f",
    ):
        yield f"the path {path}", encode(path, ask_kyc())
    yield "an escaped path", encode("check%2Dcustomer-kyc", ask_kyc())
    yield "a query", encode(f"{KYC}?a=b", ask_kyc())
    yield "a proxy's target", encode(KYC, ask_kyc()).replace(b"/api", b"http://localhost/api", 1)
    yield "another content type", encode(KYC, ask_kyc(), "Content-Type: text/plain; charset=utf-16")
    yield (
        "in chunks",
        encode(KYC, chunk(ask_kyc(), 1, 50), "Transfer-Encoding: chunked", length=False),
    )
    yield "an id", encode(KYC, ask_kyc(), "X-Fapi-Uuid: my-own-id-1")
    yield "a wrong id", encode(KYC, ask_kyc(), "X-Fapi-Uuid: <script>")
    yield "two ids", encode(KYC, ask_kyc(), "X-Fapi-Uuid: one", "X-Fapi-Uuid: two")
    yield "a wrong password", encode(KYC, ask_kyc().replace(b"ENT123", b"wrong"))
    yield "an unknown user", encode(KYC, ask_kyc().replace(b"PPIM_ENT", b"NOBODY"))
    yield "a user that can't be", encode(KYC, ask_kyc().replace(b"PPIM_ENT", b"\\u0000"))
    yield "no password", encode(KYC, ask_kyc().replace(b"Password", b"Pass"))
    yield "a password of numbers", encode(KYC, ask_kyc().replace(b'"ENT123"', b"1"))
    yield "another's System_Id", encode(KYC, make_body(KYC, Ref_Id="K", System_Id="CBS"))
    yield "no fields", encode(CHECK, make_body(CHECK))
    yield "winding down", encode(CHECK, ask_check(Ref_Id="W1", system_id="OLD"))
    yield "winding down, allowed", encode(KYC, ask_kyc(system_id="OLD"))
    yield "another's customer", encode(CHECK, ask_check(Ref_Id="W2", system_id="CBS"))


def list_repeated():
    yield "a check", encode(CHECK, ask_check(Ref_Id="D1"))
    yield "its repeat", encode(CHECK, ask_check(Ref_Id="D1"))
    yield "its conflict", encode(CHECK, ask_check(Ref_Id="D1", Amount="2.00"))
    yield "a posting", encode(UPDATE, ask_check(UPDATE, Ref_Id="D2", Tran_Status="S"))
    yield "its repeat too", encode(UPDATE, ask_check(UPDATE, Ref_Id="D2", Tran_Status="S"))
    yield "its conflict too", encode(UPDATE, ask_check(UPDATE, Ref_Id="D2", Tran_Status="F"))
    yield (
        "nobody's",
        encode(UPDATE, ask_check(UPDATE, Ref_Id="D3", Tran_Status="S", Unique_Id="1" * 15)),
    )


def list_pages():
    for path in ("/healthz", "/readyz", f"{PREFIX}/openapi.json", "/nothing-here"):
        yield path, get(path)


REQUESTS = [*list_golden(), *list_unreadable(), *list_odd(), *list_repeated(), *list_pages()]


def read_said(reply, drawn):
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
        RunningServer(tmp_path_factory.mktemp(f"{kind}{group}"), kind, PPIMS_GROUP_COMMIT=group)
        for kind, group in SERVER_KINDS
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
            told.append([read_said(server.ask(raw), drawn) for _, raw in REQUESTS])
        yield servers, told
    finally:
        for server in servers:
            server.kill()


def test_all_four_say_the_same(answers):
    _, (first, *others) = answers
    for (kind, group), other in zip(SERVER_KINDS[1:], others, strict=True):
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
        log = server.read_log()
        assert "Traceback" not in log
        assert '"ERROR"' not in log
        assert "WARNING" not in re.sub(
            r".*(Not Found|no-body response|django.request).*", "", log
        ), log
