"""Golden refusals: each example of one in the API's description is what the server says."""

import json
import re

import pytest
from django.db import OperationalError
from django.test import Client

from ppims.api import openapi, root
from ppims.core import clock
from ppims.demo import load
from ppims.models import Processor
from ppims.services import credentials
from ppims.services.rates import SECOND_NS, Rates
from ppims.wire import envelope
from tests.conftest import PREFIX, WORDS
from tests.refusals import BY_MOMENT, BY_REQUEST, CASES, RIGHT_CASES
from tests.test_golden import AT, ROOT, list_linked_golden_files


@pytest.fixture(autouse=True)
def _sample_customer(db):
    with clock.freeze(AT):
        load._load_processors()
        load._load_sample_customer()
        yield


def read(name, kind="reply"):
    return json.loads((openapi.GOLDEN_FOLDER / f"{name}.{kind}.json").read_text("utf-8"))


def send(operation, body):
    path = f"{PREFIX}/{operation}"
    reply = Client().post(path, body, content_type="application/json")
    return reply.status_code, reply.json(), reply.headers


def make_body(operation, case):
    """Give what is sent, after making it the moment for that answer."""
    right = f"{operation}.{RIGHT_CASES[operation]}"
    names = {"too-many-attempts": f"{operation}.wrong-password"}
    if operation == "update-customer-limit":  # what has happened is never too much
        names["too-many-requests"] = f"{operation}.failed"
    name = names.get(case, right)
    body = json.dumps(read(f"{operation}.{case}" if case in BY_REQUEST else name, "request"))
    return body + " " * envelope.BODY_LIMIT_BYTES if case == "too-large" else body


def make_it_the_moment(case, settings, monkeypatch, tmp_path):
    def fail(*_):
        raise OperationalError("database is locked") if case == "busy" else ZeroDivisionError

    if case == "winding-down":
        Processor.objects.update(state=Processor.State.WINDING_DOWN)
    if case == "too-many-attempts":
        settings.PPIMS_FAILED_LOGINS_PER_ADDRESS = 1
        send("check-customer-kyc", json.dumps(read("check-customer-kyc.wrong-password", "request")))
    if case == "too-many-requests":
        Processor.objects.update(requests_per_second=1)
        rates = Rates(tmp_path / "rates", lambda: SECOND_NS)
        monkeypatch.setattr(root, "find_rates", lambda: rates)
        send("check-customer-kyc", json.dumps(read("check-customer-kyc.known", "request")))
    if case in {"busy", "fault"}:
        monkeypatch.setattr(credentials, "recognize", fail)


@pytest.mark.parametrize(("operation", "case"), CASES)
def test_the_server_refuses_as_the_golden_reply_says(
    operation, case, settings, monkeypatch, tmp_path
):
    make_it_the_moment(case, settings, monkeypatch, tmp_path)
    status, reply, headers = send(operation, make_body(operation, case))
    expected = read(f"{operation}.{case}")
    code = expected["Data"]["Resp_Code"]
    assert (reply, status) == (
        expected,
        413 if case == "too-large" else openapi.find_http_status(code),
    )
    assert ("Retry-After" in headers) == (code in {"429", "503"})


@pytest.mark.parametrize("operation", WORDS)
def test_each_refusal_that_is_described_has_such_an_example_and_no_other(operation):
    described = Client().get(f"{PREFIX}/openapi.json").json()["paths"]
    responses = described[f"{PREFIX}/{operation}"]["post"]["responses"]
    for status, response in responses.items():
        examples = response["content"]["application/json"]["examples"]
        assert examples, status
        for case, example in examples.items():
            assert example["value"] == read(f"{operation}.{case}")
    assert ("409" in responses) == (operation not in openapi.READ_OPERATIONS)


def test_the_api_document_links_each_refusal_once_with_its_codes():
    text = (ROOT / "docs" / "api.md").read_text("utf-8")
    table = re.findall(r"^\| \[([a-z-]+)\] \| (\d+) \| (\d+) \|", text, re.MULTILINE)
    assert [case for case, _, _ in table] == [*BY_REQUEST, *BY_MOMENT]
    for case, status, code in table:
        file = f"check-customer-limit.{case}.reply.json"
        assert text.count(f"[{case}]: ../fixtures/wire/{file}\n") == 1
        assert code == read(f"check-customer-limit.{case}")["Data"]["Resp_Code"]
        assert int(status) == (413 if case == "too-large" else openapi.find_http_status(code))


def test_the_api_document_links_every_golden_file_or_tells_its_case():
    told = {f"{operation}.{case}" for operation, case in CASES}
    linked = list_linked_golden_files("docs/api.md")
    files = {file.name for file in openapi.GOLDEN_FOLDER.iterdir()}
    assert {name for name in files - linked if ".".join(name.split(".")[:2]) not in told} == set()
