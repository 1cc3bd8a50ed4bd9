"""Who may read /metrics, and what nobody can do to it."""

import secrets
from concurrent.futures import Future
from ipaddress import ip_network

import pytest
from django.conf import settings as configured
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families

from ppims.core import counts
from ppims.metrics import families, gauges, look, page, readings
from ppims.metrics.look import Look
from tests.conftest import PREFIX, Caller
from tests.server.running_server import KYC

TOKEN = "t" * 32
OTHER_ADDRESS = "192.0.2.1"

pytestmark = pytest.mark.django_db


class InThisThread:
    """In the place of threads: another one would not see the test's transaction."""

    def submit(self, work):
        done = Future()
        done.set_result(work())
        return done


@pytest.fixture(autouse=True)
def _as_a_worker_begins(monkeypatch, settings, tmp_path):
    settings.PPIMS_DATA_DIR = tmp_path
    database_look = Look()
    database_look._threads = InThisThread()
    monkeypatch.setattr(families, "DATABASE_LOOK", database_look)
    monkeypatch.setattr(look, "run_as_a_request", lambda work: work())
    monkeypatch.setattr(readings, "BACKUP_TRIES", readings.BackupTries())
    for count in counts.EVERY_COUNT:
        count.clear()


def ask(client=None, path="/metrics", **more):
    return (client or Client()).get(path, **more)


def say(token):
    return {"headers": {"authorization": f"Bearer {token}"}}


def read_values(response):
    assert response.status_code == 200
    found = text_string_to_metric_families(response.content.decode())
    return {
        (sample.name, *sorted(sample.labels.values())): sample.value
        for family in found
        for sample in family.samples
    }


def test_a_demo_shows_its_own_machine_all_of_it():
    response = ask()
    assert read_values(response)["ppims_database_up",] == 1
    shown = {family.name for family in text_string_to_metric_families(response.content.decode())}
    named = {count.name.removesuffix("_total") for count in counts.EVERY_COUNT}
    assert shown == named | set(gauges.EVERY_GAUGE)
    assert response["Cache-Control"] == "no-store"
    assert int(response["Content-Length"]) == len(response.content)


def test_openmetrics_is_written_to_whom_it_is_asked_by():
    accepted = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3"
    response = ask(headers={"accept": accepted})
    assert response["Content-Type"].startswith("application/openmetrics-text")
    assert response.content.endswith(b"# EOF\n")


@pytest.mark.parametrize(
    ("address", "is_production", "token", "status"),
    [
        ("127.0.0.1", False, "", 200),
        ("::1", False, "", 200),
        ("", False, "", 200),
        (OTHER_ADDRESS, False, "", 404),
        ("nonsense", False, "", 404),
        ("127.0.0.1", True, "", 404),
        ("", True, "", 404),
        ("127.0.0.1", False, TOKEN, 401),
        ("127.0.0.1", True, TOKEN, 401),
        (OTHER_ADDRESS, True, TOKEN, 401),
    ],
)
def test_without_a_token_a_demo_alone_answers_its_own_machine_alone(
    settings, address, is_production, token, status
):
    settings.PRODUCTION, settings.PPIMS_METRICS_TOKEN = is_production, token
    response = ask(Client(REMOTE_ADDR=address))
    assert response.status_code == status
    assert (b"ppims_" in response.content) == (status == 200)


def test_of_a_demo_behind_a_named_proxy_it_is_the_client_that_counts(settings):
    settings.PPIMS_TRUSTED_PROXIES = [ip_network("127.0.0.1")]
    assert ask(headers={"x-forwarded-for": OTHER_ADDRESS}).status_code == 404


def test_where_there_is_none_it_is_answered_as_any_unknown_address(settings):
    settings.PRODUCTION = True
    one, other = ask(), ask(path="/metrics-of-nobody")
    assert (one.status_code, one.content) == (404, other.content.replace(b"-of-nobody", b""))


@pytest.mark.parametrize(
    ("said", "status"),
    [
        (f"Bearer {TOKEN}", 200),
        (f"Bearer {TOKEN}t", 401),
        (f"Bearer {TOKEN[:-1]}", 401),
        (f"Bearer {TOKEN[:-1]}T", 401),
        (f"bearer {TOKEN}", 401),
        (f"Basic {TOKEN}", 401),
        (TOKEN, 401),
        ("", 401),
        ("Bearer ", 401),
        ("Bearer ü\udcff", 401),
    ],
)
def test_it_has_to_be_the_whole_token(settings, said, status):
    settings.PPIMS_METRICS_TOKEN = TOKEN
    response = ask(Client(HTTP_AUTHORIZATION=said, REMOTE_ADDR=OTHER_ADDRESS))
    assert response.status_code == status
    if status == 401:
        assert response["WWW-Authenticate"] == "Bearer"
        assert b"ppims_" not in response.content


def test_a_wrong_token_is_compared_in_constant_time_and_counted_but_not_logged(
    settings, monkeypatch, caplog
):
    settings.PPIMS_METRICS_TOKEN = TOKEN
    compared = []

    def compare(one, other):
        compared.append((one, other))
        return one == other

    monkeypatch.setattr(secrets, "compare_digest", compare)
    wrong = "w" * 32
    assert ask(**say(wrong)).status_code == 401
    assert compared == [(f"Bearer {wrong}".encode(), f"Bearer {TOKEN}".encode())]
    assert caplog.records == []
    values = read_values(ask(**say(TOKEN)))
    assert values["ppims_access_refused_total", page.WRONG_TOKEN] == 1


def test_with_an_address_of_its_own_the_main_one_has_none(settings):
    settings.PPIMS_METRICS_PORT, settings.PPIMS_METRICS_TOKEN = 9464, TOKEN
    assert ask(**say(TOKEN)).status_code == 404
    assert ask(SERVER_PORT="9464", **say(TOKEN)).status_code == 200
    assert ask(SERVER_PORT="9464").status_code == 401
    # By a unix socket the port is whatever the client says.
    assert ask(Client(REMOTE_ADDR=""), SERVER_PORT="9464", **say(TOKEN)).status_code == 404


@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_it_is_only_read(method):
    assert getattr(Client(), method)("/metrics").status_code == 405


# Nobody can make it grow.


def call_as_a_stranger(caller, number):
    """Send words of one's own wherever one can."""
    names = {"_username": f"nobody{number}", "System_Id": f"S{number}"}
    for operation, more in ((f"made-up-{number}", names), (KYC, names), (KYC, {})):
        body = caller.make_body(KYC, Unique_Id="1" * 15, Ref_Id=f"R{number}", **more)
        Client().post(f"{PREFIX}/{operation}", body, content_type="application/json")
    Client().get(f"/nowhere-{number}")
    Client().post("/log-in", {"username": f"u{number}", "password": "wrong"})
    ask(Client(REMOTE_ADDR=OTHER_ADDRESS), **say(f"token{number}"))


def test_no_word_of_a_caller_becomes_a_label(ent):
    caller = Caller(ent, Client())
    call_as_a_stranger(caller, 0)
    before = set(read_values(ask()))
    assert ("ppims_calls_total", "", "404", "unknown") in before
    for number in range(1, 4):
        call_as_a_stranger(caller, number)
    assert set(read_values(ask())) == before


def test_calls_are_counted_by_operation_code_and_processor(ent, cbs):
    for processor, system_id in ((ent, "ENT"), (ent, "ENT"), (cbs, "ENT")):
        Caller(processor, Client()).call(KYC, System_Id=system_id, Unique_Id="1" * 15)
    values = read_values(ask())
    calls = {key[1:]: value for key, value in values.items() if key[0] == "ppims_calls_total"}
    assert calls == {("500", "ENT", KYC): 2, ("403", "CBS", KYC): 1}
    assert values["ppims_call_seconds_count", KYC] == 3
    assert values["ppims_call_seconds_bucket", "+Inf", KYC] == 3


def test_pages_are_counted_but_neither_scrapes_nor_health_nor_static_files():
    for path in ("/log-in", "/nowhere", "/metrics", "/healthz", "/static/app.css"):
        Client().get(path)
    values = read_values(ask())
    assert {key[1]: values[key] for key in values if key[0] == "ppims_pages_total"} == {
        "2xx": 1,
        "4xx": 1,
    }
    assert values["ppims_page_seconds_count",] == 2


def test_there_is_neither_a_token_nor_an_address_unless_somebody_sets_one():
    assert (configured.PPIMS_METRICS_TOKEN, configured.PPIMS_METRICS_PORT) == ("", 0)
