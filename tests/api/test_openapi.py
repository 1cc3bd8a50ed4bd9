"""The API's description for programs: valid, with words for each field, and what really is sent."""

import pytest
from django.test import Client
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator

from limits.models import LedgerEntry
from ppims.api import openapi
from ppims.backoffice import labels
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
    """Get the schema of a message; of an answer that may be one of two, of the one that is done."""
    schema = content["content"]["application/json"]["schema"]
    return schema.get("anyOf", [schema])[0]


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


def test_it_is_valid_openapi(described):
    assert described["openapi"] == "3.1.0"
    assert [error.message for error in OpenAPIV31SpecValidator(described).iter_errors()] == []


def test_what_is_no_openapi_is_noticed(described):
    del described["paths"][f"{PREFIX}/add-customer"]["post"]["responses"]["400"]["description"]
    assert [*OpenAPIV31SpecValidator(described).iter_errors()]


def list_messages(described, operation):
    """List an operation's golden messages, each with the schema that it is described by."""
    asked = get_operation(described, operation)
    sent = asked["requestBody"]["content"]["application/json"]
    contents = [each["content"]["application/json"] for each in asked["responses"].values()]
    return [
        (case, content["schema"], example["value"])
        for content in (sent, *contents)
        for case, example in content["examples"].items()
    ]


@pytest.mark.parametrize("operation", OPERATIONS)
def test_each_golden_message_fits_its_schema_but_the_malformed_one(described, operation):
    messages = list_messages(described, operation)
    assert len(messages) > len(REFUSALS)
    unfit = set()
    for case, schema, message in messages:
        whole = {**schema, "components": described["components"]}
        unfit |= {case for _ in Draft202012Validator(whole).iter_errors(message)}
    assert unfit == {"malformed"}


def list_fields(schemas):
    for name, schema in schemas.items():
        properties = schema.get("properties", {})
        yield from ((f"{name}.{field}", described) for field, described in properties.items())
        yield from list_fields(properties)


def test_each_field_has_its_words(described):
    fields = dict(list_fields(described["components"]["schemas"]))
    assert {"CheckLimitIn.Amount", "DecisionOut.Reason", "UpdateLimitMeta.Flags"} <= set(fields)
    wordless = {name for name, field in fields.items() if not field.get("description")}
    assert wordless == set()
    assert {name for name, field in fields.items() if field["description"][-1] != "."} == set()


def list_codes(schema):
    return [each["code"] for each in schema["x-codes"]]


def test_each_code_of_a_reply_has_its_words(described):
    schemas = described["components"]["schemas"]
    reasons = list_codes(schemas["DecisionOut"]["properties"]["Reason"])
    assert {*reasons} == {*labels.REASONS}
    assert {*list_codes(schemas["UpdateLimitMeta"]["properties"]["Flags"])} == {*LedgerEntry.Flag}


def test_each_code_of_a_request_has_its_words(described):
    coded = [
        choice
        for _, field in list_fields(described["components"]["schemas"])
        for choice in (field, *field.get("anyOf", ()))
        if "enum" in choice and "type" in choice
    ]
    assert len(coded) > 10
    assert [each for each in coded if each["enum"] != list_codes(each)] == []


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_need_not_be_there_may_be_absent_in_each_way(described, operation):
    schema = get_schema(get_operation(described, operation)["requestBody"])
    message = get_part(described, schema, "Data", WORDS[operation])
    absent = {"enum": [None, "", "N/A", "NA"]}
    optional = {
        name
        for name, field in message["properties"].items()
        if field.get("anyOf", [None])[-1] == absent
    }
    assert optional == {*message["properties"]} - {*message["required"]}


def test_a_field_has_its_form_in_words_and_as_a_pattern(described):
    field = described["components"]["schemas"]["CheckLimitIn"]["properties"]["Account_Number"]
    assert field["description"].startswith("The account used")
    assert field["anyOf"][0] == {
        "type": "string",
        "pattern": "^([A-Za-z0-9_-]{1,32})$",
        "x-form": "1 to 32 of A-Z, a-z, 0-9, - and _",
    }
