"""The form of the API's pages, by either server: from a page's thread the call is made, grouped and
answered as any other, under whichever prefix.
"""

import re
from urllib.parse import quote_plus

import pytest

from tests.server.running_server import CHECK, RunningServer, ask_check, get

PREFIXES = ("/api/PPIM/v1", "/gateway/v9")
URLENCODED_TYPE = "application/x-www-form-urlencoded"
pytestmark = pytest.mark.only_on("sqlite", "the server is the same")


@pytest.fixture(params=["asgi", "gthread"])
def server(prepared, tmp_path, request):
    server = RunningServer(tmp_path, request.param, PPIMS_API_PREFIXES=",".join(PREFIXES))
    server.set_up(prepared)
    server.start()
    server.wait_until_ready()
    yield server
    server.kill()


def send_form(server, path, text):
    page = server.ask(get(path))
    token = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', page.body.decode())[1]
    cookie = page.headers["Set-Cookie"].partition(";")[0]
    body = f"csrfmiddlewaretoken={token}&text={quote_plus(text)}".encode()
    head = [
        f"POST {path} HTTP/1.1",
        *("Host: localhost", f"Cookie: {cookie}", f"Content-Type: {URLENCODED_TYPE}"),
        f"Content-Length: {len(body)}",
    ]
    return server.ask("\r\n".join([*head, "", ""]).encode() + body)


def test_each_prefix_has_its_pages_and_their_form_makes_calls(server):
    for place, prefix in enumerate(PREFIXES):
        page = server.ask(get(f"{prefix}/docs/{CHECK}")).body.decode()
        assert f"POST http://localhost{prefix}/{CHECK}" in page
        assert f'href="{prefix}/docs"' in page
        [other] = {*PREFIXES} - {prefix}
        assert f"{other}/" not in page
        described = server.ask(get(f"{prefix}/openapi.json")).body.decode()
        assert f'"{prefix}/{CHECK}"' in described
        assert f'"{other}/' not in described
        sent = ask_check(Ref_Id=f"F{place}").decode()
        answer = send_form(server, f"{prefix}/docs/{CHECK}", sent)
        assert answer.status == 200
        assert "Resp_Code 000" in answer.body.decode()
    log = server.read_log()
    assert log.count(f'"operation":"{CHECK}","processor":"ENT","resp_code":"000"') == len(PREFIXES)
    assert "ENT123" not in log
    assert "Traceback" not in log
