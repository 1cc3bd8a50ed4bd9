"""The API's own description: ninja's, with the golden messages (fixtures/wire) as examples, and
every refusal that may come.
"""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema

from ppims.core.errors import (
    Conflict,
    Fault,
    Forbidden,
    Malformed,
    NotAuthenticated,
    Refusal,
    TooLarge,
    TooManyAttempts,
    Unavailable,
)

GOLDEN_FOLDER = settings.BASE_DIR / "fixtures" / "wire"
# What only reads conflicts with nothing.
READ_OPERATIONS = {"customer-registration-status", "check-customer-kyc"}
REFUSALS: tuple[type[Refusal], ...] = (
    Malformed,
    NotAuthenticated,
    Forbidden,
    Conflict,
    TooLarge,
    TooManyAttempts,
    Fault,
    Unavailable,
)
ERROR_SCHEMA = {
    "type": "object",
    "properties": {"Field": {"type": "string"}, "Message": {"type": "string"}},
}
# The envelope with the operation's documented fields, all "NA" but Resp_Code, and Meta.Errors.
REFUSED_SCHEMA = {
    "type": "object",
    "required": ["Data", "Risk", "Links", "Meta"],
    "properties": {
        "Data": {
            "type": "object",
            "additionalProperties": {"type": "string"},
            "required": ["Resp_Code"],
        },
        "Risk": {"type": "object"},
        "Links": {"type": "object"},
        "Meta": {
            "type": "object",
            "properties": {"Errors": {"type": "array", "items": ERROR_SCHEMA}},
        },
    },
}


class DocumentedApi(NinjaAPI):
    """A NinjaAPI whose description has the golden messages."""

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for path, methods in schema["paths"].items():
            _add_examples(path.rsplit("/", 1)[-1], methods["post"])
        return schema


def find_http_status(resp_code: str) -> int:
    """Find the HTTP status that goes with a Resp_Code (413 apart, whose Resp_Code is 400)."""
    return {refusal.code: refusal.http for refusal in REFUSALS if refusal is not TooLarge}.get(
        resp_code, 200
    )


def _add_examples(operation: str, described: dict[str, Any]) -> None:
    for refusal in REFUSALS:
        if not (refusal is Conflict and operation in READ_OPERATIONS):
            content = {"application/json": {"schema": REFUSED_SCHEMA}}
            answer = {"description": refusal.message, "content": content}
            described["responses"].setdefault(refusal.http, answer)
    requests = described["requestBody"]["content"]["application/json"].setdefault("examples", {})
    for file in sorted(GOLDEN_FOLDER.glob(f"{operation}.*.reply.json"), key=_order_example):
        case, reply = file.name.split(".")[1], _read(file)
        if (sent := _find_request(file)).exists():
            requests[case] = {"value": _read(sent)}
        code = reply["Data"]["Resp_Code"]
        status = TooLarge.http if case == "too-large" else find_http_status(code)
        answer = described["responses"][status]["content"]["application/json"]
        answer.setdefault("examples", {})[case] = {"value": reply}


def _order_example(reply: Path) -> tuple[bool, Path]:
    # Last the replies alone: of what is too large, or comes while nothing can be recorded.
    return not _find_request(reply).exists(), reply


def _find_request(reply: Path) -> Path:
    return reply.with_name(reply.name.replace(".reply.", ".request."))


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
