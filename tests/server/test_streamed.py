"""What is made while it is sent: part after part as the client takes them, on either server."""

import asyncio
import csv
import io
import urllib.parse
import urllib.request
from http.cookiejar import CookieJar

import pytest
from django.http import StreamingHttpResponse

from limits.models import LimitCheck
from ppims import asgi
from ppims.backoffice import transaction_export
from ppims.core import clock
from ppims.models import Processor
from tests.server.conftest import use_file
from tests.server.running_server import PATIENCE_SECONDS, SAMPLE, RunningServer
from tests.web.users import RIGHT_PASSWORD, make_user_of

CHECKS = 2 * transaction_export.ROWS_AT_ONCE + 1

SCOPE = {
    "type": "http",
    "method": "GET",
    "path": "/transactions",
    "query_string": b"",
    "headers": [(b"host", b"localhost")],
    "client": ("127.0.0.1", 1),
    "server": ("localhost", 80),
    "scheme": "http",
    "http_version": "1.1",
    "root_path": "",
}


def answer(monkeypatch, parts, send):
    """Have the page's answer be made of parts, and send it."""
    response = StreamingHttpResponse(parts)

    def serve(_, start_response):
        start_response("200 OK", [("Content-Type", "text/csv")])
        return response

    async def receive():
        return {"type": "http.request", "body": b""}

    monkeypatch.setattr(asgi, "serve", serve)
    asyncio.run(asgi.application(dict(SCOPE), receive, send))


@pytest.mark.django_db  # at its end the thread looks after its connection
def test_a_part_is_made_when_the_one_before_it_is_taken(monkeypatch):
    happened = []

    def make_parts():
        for part in ("one", "two", "three"):
            happened.append(f"made {part}")
            yield part
        happened.append("closed")

    async def send(message):
        if body := message.get("body"):
            happened.append(f"sent {body.decode()}")
        elif message["type"] == "http.response.body":
            happened.append("ended" if not message.get("more_body") else "?")

    answer(monkeypatch, make_parts(), send)
    steps = [f"{what} {part}" for part in ("one", "two", "three") for what in ("made", "sent")]
    assert happened == [*steps, "closed", "ended"]


@pytest.mark.django_db
def test_where_a_part_fails_the_answer_does_not_end(monkeypatch):
    sent = []

    def make_parts():
        yield "one"
        raise OSError("the database went")

    async def send(message):
        sent.append(message)

    with pytest.raises(OSError, match="went"):
        answer(monkeypatch, make_parts(), send)
    assert [message.get("more_body") for message in sent] == [None, True]


class Person:
    """Somebody logged in, in front of a browser without scripts."""

    def __init__(self, port, username, password):
        self.address, self.jar = f"http://127.0.0.1:{port}", CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.jar))
        self.open("/log-in")
        self.open("/log-in", username=username, password=password)

    def open(self, path, **form):
        data = None
        if form:
            token = next(cookie.value for cookie in self.jar if cookie.name == "csrftoken")
            data = urllib.parse.urlencode({**form, "csrfmiddlewaretoken": token}).encode()
        return self.opener.open(self.address + path, data, timeout=PATIENCE_SECONDS)


@pytest.fixture(scope="module", params=["asgi", "gthread"])
def server(request, tmp_path_factory, prepared, django_db_blocker):
    """A server with checks of several batches, and an auditor."""
    made = RunningServer(tmp_path_factory.mktemp(request.param), request.param)
    made.set_up(prepared)
    with django_db_blocker.unblock(), use_file(made.folder / "ppims.sqlite3"):
        made.auditor = make_user_of("auditor").username
        ent, customer = Processor.objects.get(system_id="ENT"), int(SAMPLE)
        rows = [
            LimitCheck(
                customer_id=customer,
                number=number,
                processor=ent,
                unique_id_sent=customer,
                ref_id=f"EXPORTED{number}",
                at=clock.now(),
                month=203106,
                direction="D",
                amount_paise=number,
                tier="N",
                is_allowed=False,
                reason="MONTH_LIMIT",
                cumulative_paise=0,
                key_id="",
                mac=b"",
            )
            for number in range(1_000, 1_000 + CHECKS)
        ]
        LimitCheck.objects.bulk_create(rows)
    made.start()
    try:
        made.wait_until_ready()
        yield made
    finally:
        made.kill()


@pytest.fixture
def auditor(server):
    return Person(server.port, server.auditor, RIGHT_PASSWORD)


@pytest.mark.django_db
@pytest.mark.only_on("sqlite", "the prepared folder is one")
def test_an_export_has_every_row_and_says_no_length(auditor, server):
    with auditor.open("/transactions/export", type="spend") as response:
        assert response.headers["Transfer-Encoding"] == "chunked"
        assert response.headers["Content-Length"] is None
        _, *rows = csv.reader(io.StringIO(response.read().decode("utf-8-sig")))
    assert [row[8] for row in rows if row[8].startswith("EXPORTED")] == [
        f"EXPORTED{number}" for number in reversed(range(1_000, 1_000 + CHECKS))
    ]
    assert "Traceback" not in server.read_log()


@pytest.mark.django_db
@pytest.mark.only_on("sqlite", "the prepared folder is one")
def test_who_goes_away_in_the_middle_holds_up_nobody(auditor, server):
    for _ in range(6):
        with auditor.open("/transactions/export", type="spend") as response:
            assert response.read(100)
    with auditor.open("/transactions?outcome=declined") as page:
        assert page.status == 200
    assert "Traceback" not in server.read_log()
