"""The demo answers the machine that it runs on, whatever it is bound to and by whom."""

from ipaddress import ip_network

import pytest
from django.test import Client

from tests.conftest import PREFIX
from tests.server.running_server import KYC, RunningServer, ask_kyc, encode, get

OTHER_ADDRESS = "192.0.2.1"


@pytest.fixture
def alone(settings):
    settings.PPIMS_THIS_MACHINE_ALONE = True
    return settings


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "opens"),
    [
        ("127.0.0.1", True),
        ("127.8.0.1", True),
        ("::1", True),
        ("::ffff:127.0.0.1", True),
        ("", True),
        (OTHER_ADDRESS, False),
        ("::ffff:192.0.2.1", False),
        ("fe80::1", False),
        ("10.0.0.1", False),
        ("nonsense", False),
    ],
)
def test_pages_and_the_api_of_a_demo_answer_this_machine_alone(ent, alone, address, opens):
    client = Client(REMOTE_ADDR=address)
    pages = ["/healthz", "/log-in", "/admin/", f"{PREFIX}/openapi.json", "/static/app.css"]
    for path in pages:
        assert (client.get(path).status_code != 403) == opens, path
    ent.client = client
    status, reply, _ = ent.call(KYC, Unique_Id="1" * 15)
    assert (reply["Data"]["Resp_Code"] == "500") == opens
    if not opens:
        assert (status, reply["Data"]["Resp_Code"]) == (403, "403")
        assert "PPIMS_DEMO_OPEN=1" in reply["Meta"]["Errors"][0]["Message"]


@pytest.mark.django_db
def test_behind_a_proxy_that_is_named_it_is_the_clients_address_that_counts(ent, alone):
    alone.PPIMS_TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    assert Client().get("/log-in", headers={"x-forwarded-for": OTHER_ADDRESS}).status_code == 403
    assert Client().get("/log-in", headers={"x-forwarded-for": "127.0.0.1"}).status_code == 200


@pytest.mark.only_on("sqlite", "the server is the same")
@pytest.mark.parametrize("kind", ["asgi", "gthread"])
def test_both_servers_ask_where_a_request_comes_from(prepared, tmp_path, kind):
    server = RunningServer(tmp_path, kind, PPIMS_TRUSTED_PROXIES="127.0.0.1")
    server.set_up(prepared)
    server.start()
    from_elsewhere = f"X-Forwarded-For: {OTHER_ADDRESS}"
    try:
        server.wait_until_ready()
        assert server.ask(encode(KYC, ask_kyc())).status == 200
        assert server.ask(encode(KYC, ask_kyc(), from_elsewhere)).data["Resp_Code"] == "403"
        assert server.ask(get("/log-in")).status == 200
        head = get("/log-in").replace(b"\r\n\r\n", f"\r\n{from_elsewhere}\r\n\r\n".encode())
        assert server.ask(head).status == 403
    finally:
        server.kill()
