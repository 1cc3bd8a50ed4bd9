"""Where TLS ends at a proxy, a call that came by plain HTTP or to another name is refused in the
envelope; who looks after the processes asks them by address, and without TLS.
"""

import ipaddress
import json
from contextlib import suppress

import pytest

from tests.api.answers import make_blank
from tests.server.calls import PEER, call_by_loop, call_by_thread
from tests.server.running_server import CHECK, KYC, RunningServer, ask_check, ask_kyc, encode, get

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "the ways in are the same, and grouped writes are its own"),
]

OUR_HOST, TLS = "ppims.example.in", {"x-forwarded-proto": "https"}


@pytest.fixture(autouse=True)
def behind_a_proxy(settings):
    settings.PPIMS_BEHIND_TLS_PROXY = settings.SECURE_SSL_REDIRECT = True
    settings.PPIMS_GROUP_COMMIT = True
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    settings.ALLOWED_HOSTS = [OUR_HOST, ".bank.example"]
    return settings


@pytest.fixture(params=[call_by_loop, call_by_thread])
def ask(request, monkeypatch):
    monkeypatch.setattr("ppims.db.shared_snapshot.begin", lambda: None)
    return request.param


def read_code(answer):
    status, body = answer
    return status, json.loads(body)["Data"]["Resp_Code"]


@pytest.mark.parametrize("scheme", [{}, {"x-forwarded-proto": "http"}, {"x-forwarded-proto": ""}])
@pytest.mark.parametrize("path", [KYC, CHECK, "no-such"])
def test_plain_http_is_403(ask, scheme, path):
    status, body = ask(path, headers={"host": OUR_HOST, **scheme})
    refused = {"Resp_Code": "403"} if path == "no-such" else make_blank(path, "403")
    assert (status, json.loads(body)["Data"]) == (403, refused)
    assert b"HTTPS" in body


@pytest.mark.parametrize(
    ("host", "is_known"),
    [
        (OUR_HOST, True),
        (OUR_HOST.upper() + ":8443", True),
        ("api.bank.example", True),
        ("evil.example", False),
        (f"{OUR_HOST}.evil.example", False),
        ("10.0.0.5:8000", False),
        ("", False),
        ("a b", False),
    ],
)
def test_an_unknown_host_is_400(ask, host, is_known):
    status, body = ask(headers={"host": host, **TLS})
    assert (status, json.loads(body)["Data"]["Resp_Code"]) == (
        (401, "401") if is_known else (400, "400")
    )
    assert host.encode() not in body or not host


def test_the_scheme_counts_from_a_named_proxy_alone(ask, behind_a_proxy):
    headers = {"host": OUR_HOST, **TLS}
    behind_a_proxy.PPIMS_TRUSTED_PROXIES = [ipaddress.ip_network(PEER)]
    assert read_code(ask(headers=headers)) == (401, "401")
    behind_a_proxy.PPIMS_TRUSTED_PROXIES = [ipaddress.ip_network("10.0.0.0/8")]
    assert read_code(ask(headers=headers)) == (403, "403")


def test_of_a_page_likewise(monkeypatch, behind_a_proxy):
    seen = []
    monkeypatch.setattr(
        "ppims.api.django_handler.django", lambda environ, _: seen.append(environ) or []
    )
    for network in (PEER, "10.0.0.0/8"):
        behind_a_proxy.PPIMS_TRUSTED_PROXIES = [ipaddress.ip_network(network)]
        with suppress(IndexError):  # it answers nothing
            call_by_thread("/log-in", "GET", headers=TLS)
    assert [environ.get("HTTP_X_FORWARDED_PROTO") for environ in seen] == ["https", None]


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_health_answers_by_address_and_over_plain_http(ask, path):
    status, body = ask(path, "GET", headers={"host": "10.0.0.5:8000"})
    assert (status, json.loads(body)["status"]) == (200, "ok")
    assert ask(path, headers={"host": "10.0.0.5:8000"})[0] == 405


def test_without_a_proxy_nothing_of_it_is_asked(ask, behind_a_proxy):
    behind_a_proxy.PPIMS_BEHIND_TLS_PROXY = False
    assert read_code(ask(headers={"host": "evil.example"})) == (401, "401")


@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_both_servers_in_production(prepared, tmp_path, kind):
    production = {"PPIMS_ENV": "production", "PPIMS_ALLOWED_HOSTS": OUR_HOST}
    server = RunningServer(tmp_path, kind, PPIMS_BEHIND_TLS_PROXY="1", **production)
    server.set_up(prepared)
    server.start()
    here = f"Host: {OUR_HOST}".encode()
    try:
        server.wait_until_ready()  # asks 127.0.0.1, by plain HTTP
        by_tls = encode(KYC, ask_kyc(), "X-Forwarded-Proto: https")
        assert server.ask(by_tls.replace(b"Host: localhost", here)).data["Resp_Code"] == "000"
        assert server.ask(by_tls).data == make_blank(KYC, "400")
        plain = encode(CHECK, ask_check(Ref_Id="T1")).replace(b"Host: localhost", here)
        reply = server.ask(plain)
        assert (reply.status, reply.data) == (403, make_blank(CHECK, "403"))
        assert server.ask(get("/log-in").replace(b"Host: localhost", here)).status == 301
        assert server.ask(get("/healthz")).status == 200
    finally:
        server.kill()
    assert "Traceback" not in server.read_log()
