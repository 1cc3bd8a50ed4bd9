"""The API's own description: ninja's, with the golden messages as examples, and every refusal that
may come.
"""

from typing import Any

from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from ppims.api.examples import GOLDEN_FOLDER, REFUSALS, find_http_status, list_examples
from ppims.core.errors import Conflict

__all__ = ["GOLDEN_FOLDER", "READ_OPERATIONS", "DocumentedApi", "find_http_status"]

# What only reads conflicts with nothing.
READ_OPERATIONS = {"customer-registration-status", "check-customer-kyc"}
REFUSED_REF = {"$ref": "#/components/schemas/Refused"}
ERROR_SCHEMA = {
    "type": "object",
    "description": "A field that is wrong, or in conflict with the record.",
    "properties": {
        "Field": {
            "type": "string",
            "description": "Where it is, such as Data.Check_Limit.Amount.",
        },
        "Message": {
            "type": "string",
            "description": "What is wrong with it. It never repeats what was sent.",
        },
    },
}
# The envelope with the operation's documented fields, all "NA" but Resp_Code, and Meta.Errors.
REFUSED_SCHEMA = {
    "type": "object",
    "description": "A request that is not carried out: nothing of it is recorded.",
    "required": ["Data", "Risk", "Links", "Meta"],
    "properties": {
        "Data": {
            "type": "object",
            "description": "The operation's documented fields, all NA; Allow_Customer is F.",
            "properties": {
                "Resp_Code": {"type": "string", "description": "Why it is not carried out."}
            },
            "additionalProperties": {"type": "string"},
            "required": ["Resp_Code"],
        },
        "Risk": {"type": "object", "description": "Always empty."},
        "Links": {"type": "object", "description": "Always empty."},
        "Meta": {
            "type": "object",
            "description": "What we add to the format.",
            "properties": {
                "Errors": {
                    "type": "array",
                    "description": "Each field that is wrong; left out where none is.",
                    "items": ERROR_SCHEMA,
                }
            },
        },
    },
}


class DocumentedApi(NinjaAPI):
    """A NinjaAPI whose description has the golden messages."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        schema["components"]["schemas"]["Refused"] = REFUSED_SCHEMA
        for path, methods in schema["paths"].items():
            operation = path.rsplit("/", 1)[-1]
            _add_refusals(operation, methods["post"])
            _add_examples(operation, methods["post"])
        return schema


def _add_refusals(operation: str, described: dict[str, Any]) -> None:
    responses = described["responses"]
    if any(example.case == "unknown-customer" for example in list_examples(operation)):
        done = responses[200]["content"]["application/json"]  # that one comes with 200
        done["schema"] = {"anyOf": [done["schema"], REFUSED_REF]}
    for refusal in REFUSALS:
        if not (refusal is Conflict and operation in READ_OPERATIONS):
            content = {"application/json": {"schema": REFUSED_REF}}
            responses[refusal.http] = {"description": refusal.message, "content": content}


def _add_examples(operation: str, described: dict[str, Any]) -> None:
    requests = described["requestBody"]["content"]["application/json"].setdefault("examples", {})
    for example in list_examples(operation):
        words = {"summary": example.title, "description": example.when}
        if example.request is not None:
            requests[example.case] = {**words, "value": example.request}
        answer = described["responses"][example.status]["content"]["application/json"]
        answer.setdefault("examples", {})[example.case] = {**words, "value": example.reply}
