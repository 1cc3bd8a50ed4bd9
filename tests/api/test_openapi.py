"""The API's own description shows what really is sent, and its page works under the CSP."""

import re
from html.parser import HTMLParser

import pytest
from django.test import Client

from ppims.api import openapi
from tests.api.answers import OPERATIONS, list_documented, make_valid
from tests.conftest import PREFIX, WORDS

REFUSALS = {"400", "401", "403", "413", "429", "500", "503"}


@pytest.fixture
def described(db):
    response = Client().get(f"{PREFIX}/openapi.json")
    assert response.status_code == 200
    return response.json()


def resolve(described, schema):
    while "$ref" in schema:
        schema = described["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return schema


def get_part(described, schema, *path):
    """Go down a schema's properties."""
    schema = resolve(described, schema)
    for name in path:
        schema = resolve(described, schema["properties"][name])
    return schema


def get_operation(described, operation):
    return described["paths"][f"{PREFIX}/{operation}"]["post"]


def get_schema(content):
    return content["content"]["application/json"]["schema"]


def test_it_describes_the_six_operations(described):
    assert set(described["paths"]) == {f"{PREFIX}/{operation}" for operation in OPERATIONS}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_reply_is_the_envelope_with_its_documented_fields(described, operation):
    schema = get_schema(get_operation(described, operation)["responses"]["200"])
    envelope = get_part(described, schema)
    assert set(envelope["properties"]) == {"Data", "Risk", "Links", "Meta"}
    fields = get_part(described, schema, "Data")["properties"]
    assert set(fields) == set(list_documented(operation))
    assert {field["type"] for field in fields.values()} == {"string"}


@pytest.mark.parametrize("operation", OPERATIONS)
def test_a_request_is_the_envelope_with_the_operations_fields(described, operation):
    schema = get_schema(get_operation(described, operation)["requestBody"])
    data = get_part(described, schema, "Data")
    assert set(data["properties"]) == {WORDS[operation], "Username", "Password"}
    message = get_part(described, schema, "Data", WORDS[operation])
    assert {"Ref_Id", "System_Id", *make_valid(operation)} <= set(message["properties"])
    assert {"Ref_Id", "System_Id"} <= set(message["required"])


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_refusal_is_described(described, operation):
    responses = get_operation(described, operation)["responses"]
    conflicts = set() if operation in openapi.READ_OPERATIONS else {"409"}
    assert set(responses) == {"200", *REFUSALS, *conflicts}
    for code in REFUSALS | conflicts:
        envelope = get_part(described, get_schema(responses[code]))
        assert set(envelope["properties"]) == {"Data", "Risk", "Links", "Meta"}
        assert responses[code]["description"]


class Page(HTMLParser):
    """Collects what a page loads, and what of it the CSP would stop."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.inline = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        if tag != "a":  # which leads away, and loads nothing
            self.loads += [attributes[name] for name in ("src", "href") if attributes.get(name)]
        runs = attributes.get("type", "text/javascript") in {"text/javascript", "module"}
        if tag == "style" or (tag == "script" and "src" not in attributes and runs):
            self.inline.append(tag)
        self.inline += [name for name in attributes if name.startswith("on") or name == "style"]


def test_the_page_of_the_description_loads_nothing_from_elsewhere(db):
    response = Client().get(f"{PREFIX}/docs")
    assert response.status_code == 200
    policy = response["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    page = Page(response.content.decode())
    assert page.loads
    assert [url for url in page.loads if re.match(r"(https?:)?//", url)] == []
    assert page.inline == []


def test_the_page_loads_what_is_there(db):
    page = Page(Client().get(f"{PREFIX}/docs").content.decode())
    codes = {url: Client().get(url).status_code for url in page.loads if not url.startswith("#")}
    assert set(codes.values()) == {200}, codes
