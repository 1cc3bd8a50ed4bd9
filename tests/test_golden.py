"""Golden messages: what is in fixtures/wire is what the server says, the docs link and the README
posts.
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
from tests.refusals import REQUESTED_CASES

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
    return json.loads((openapi.GOLDEN_FOLDER / f"{name}.{kind}.json").read_text(encoding="utf-8"))


def post(name: str) -> tuple[int, dict]:
    body = json.dumps(read(name, "request"))
    reply = Client().post(
        f"{PREFIX}/{name.split('.', maxsplit=1)[0]}", body, content_type="application/json"
    )
    return reply.status_code, reply.json()


@pytest.fixture
def sample_customer(db):
    with clock.freeze(AT):
        load._load_processors()
        load._load_sample_customer()
        yield


def test_every_golden_message_is_told_in_the_story():
    files = {
        file.name.removesuffix(".request.json")
        for file in openapi.GOLDEN_FOLDER.glob("*.request.json")
    }
    assert files == {*STORY, *REQUESTED_CASES}
    assert {name.split(".")[0] for name in STORY} == set(WORDS)


def test_the_server_answers_as_the_golden_messages_say(sample_customer):
    given = None
    for name in STORY:
        status, reply = post(name)
        expected = read(name, "reply")
        if name == "add-customer.new":
            given = reply["Data"]["Unique_Id"]
        if given and name.startswith("add-customer") and expected["Data"]["Unique_Id"] != "NA":
            expected["Data"]["Unique_Id"] = given  # drawn at random
        assert (status, reply) == (
            openapi.find_http_status(expected["Data"]["Resp_Code"]),
            expected,
        ), name


def test_each_sample_runs_on_the_demo_by_itself_whatever_ran_before(sample_customer):
    for name in reversed(STORY):
        _, reply = post(name)
        assert reply["Data"]["Resp_Code"] not in {"999", "503"}, name


def test_the_api_document_links_every_golden_message_of_the_story():
    links = list_linked_golden_files("docs/api.md")
    assert {f"{name}.{kind}.json" for name in STORY for kind in ("request", "reply")} <= links


def test_the_api_document_links_no_golden_file_that_is_not_there():
    assert list_linked_golden_files("docs/api.md") <= {
        file.name for file in openapi.GOLDEN_FOLDER.iterdir()
    }


def test_the_readme_calls_all_six_operations_with_golden_messages():
    api, calls = read_calls_of_the_readme()
    assert api == f"http://127.0.0.1:8000{PREFIX}"
    assert sorted(operation for operation, _ in calls) == sorted(WORDS)
    for operation, file in calls:
        name = Path(file).name.removesuffix(".request.json")
        assert ROOT / file == openapi.GOLDEN_FOLDER / f"{name}.request.json"
        assert name.split(".")[0] == operation
        assert name in STORY


def test_each_call_of_the_readme_is_done_in_the_readmes_order(sample_customer):
    """As the README says of a fresh demo: each answers 000, and the check's figures."""
    _, calls = read_calls_of_the_readme()
    replies = [post(Path(file).name.removesuffix(".request.json"))[1] for _, file in calls]
    assert {reply["Data"]["Resp_Code"] for reply in replies} == {"000"}
    [check] = [reply["Data"] for reply in replies if "Allow_Customer" in reply["Data"]]
    readme = (ROOT / "README.md").read_text("utf-8")
    for field in ("Resp_Code", "Allow_Customer", "Cumulative_Bal", "Avail_Amount_Limit"):
        assert f'"{field}": "{check[field]}"' in " ".join(readme.split())


def test_the_readme_is_at_most_two_hundred_lines():
    assert len((ROOT / "README.md").read_text().splitlines()) <= 200


def list_linked_golden_files(path: str) -> set[str]:
    """Name the golden files that a document links, inline or by a reference."""
    text = (ROOT / path).read_text(encoding="utf-8")
    return set(re.findall(r"\.\./fixtures/wire/([\w.-]+\.json)\b", text))


def read_calls_of_the_readme() -> tuple[str, list[tuple[str, str]]]:
    """Read the address that README's curls post to, and of each its operation and file."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    [api] = re.findall(r"^API=(\S+)$", text, re.MULTILINE)
    return api, re.findall(r"^curl -s \$API/(\S+) -d @(\S+)$", text, re.MULTILINE)
