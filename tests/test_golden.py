"""Golden messages: what is in fixtures/wire is what the server says, the docs show and the README
runs.
"""

import json
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client

from ppims.api import openapi
from ppims.core import clock
from ppims.demo import load
from tests.conftest import PREFIX, WORDS
from tests.refusals import REQUESTED

AT = datetime(2026, 11, 23, 5, tzinfo=UTC)
# In this order each message meets what it needs: a check before its update, an add before its
# repeat.
STORY = """
    customer-registration-status.known customer-registration-status.unknown add-customer.new
    add-customer.already-registered add-customer.malformed add-customer.another-person
    check-customer-kyc.known check-customer-kyc.unknown-customer
    check-customer-kyc.wrong-password check-customer-kyc.not-your-system-id
    check-customer-limit.allowed check-customer-limit.declined check-customer-limit.malformed
    check-customer-limit.other-content check-customer-limit.load update-customer.changed
    update-customer.lower-kyc update-customer.full-kyc-without-document update-customer-limit.posted
    update-customer-limit.without-a-check update-customer-limit.reversed
    update-customer-limit.failed update-customer-limit.posted-already update-customer-limit.transfer
    update-customer-limit.posted-with-another-amount
    update-customer-limit.retried-with-a-fresh-balance
""".split()
ROOT = Path(settings.BASE_DIR)


def read(name: str, kind: str) -> dict:
    return json.loads((openapi.GOLDEN / f"{name}.{kind}.json").read_text(encoding="utf-8"))


def posted(name: str) -> tuple[int, dict]:
    body = json.dumps(read(name, "request"))
    reply = Client().post(
        f"{PREFIX}/{name.split('.', maxsplit=1)[0]}", body, content_type="application/json"
    )
    return reply.status_code, reply.json()


@pytest.fixture
def sample_customer(db):
    with clock.frozen(AT):
        load._load_processors()
        load._load_sample_customer()
        yield


def test_every_golden_message_is_told_in_the_story():
    files = {
        file.name.removesuffix(".request.json") for file in openapi.GOLDEN.glob("*.request.json")
    }
    assert files == {*STORY, *REQUESTED}
    assert {name.split(".")[0] for name in STORY} == set(WORDS)


def test_the_server_answers_as_the_golden_messages_say(sample_customer):
    given = None
    for name in STORY:
        status, reply = posted(name)
        expected = read(name, "reply")
        if name == "add-customer.new":
            given = reply["Data"]["Unique_Id"]
        if given and name.startswith("add-customer") and expected["Data"]["Unique_Id"] != "NA":
            expected["Data"]["Unique_Id"] = given  # drawn at random
        assert (status, reply) == (openapi.http_status(expected["Data"]["Resp_Code"]), expected), (
            name
        )


def test_each_sample_runs_on_the_demo_by_itself_whatever_ran_before(sample_customer):
    for name in reversed(STORY):
        _, reply = posted(name)
        assert reply["Data"]["Resp_Code"] not in {"999", "503"}, name


def test_the_api_document_shows_every_golden_message_as_it_is():
    blocks = [json.loads(block) for block in fenced("docs/api.md", "json")]
    for name in STORY:
        assert read(name, "request") in blocks, name
        assert read(name, "reply") in blocks, name


def test_the_readme_calls_all_six_operations_with_golden_messages():
    calls = re.findall(
        rf"127\.0\.0\.1:8000{PREFIX}/(\S+) -d '(.*)'", (ROOT / "README.md").read_text()
    )
    assert {operation for operation, _ in calls} == set(WORDS)
    for operation, body in calls:
        known = [request for request, _, _ in openapi.golden(operation).values()]
        assert json.loads(body) in known, operation


def test_the_readme_is_at_most_two_hundred_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def fenced(path: str, language: str) -> list[str]:
    return re.findall(
        rf"```{language}\n(.*?)```", (ROOT / path).read_text(encoding="utf-8"), re.DOTALL
    )
