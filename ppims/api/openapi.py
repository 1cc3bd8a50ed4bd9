"""The API's own description: ninja's, with the golden messages as examples and every refusal that
may come.
"""

import json
from pathlib import Path
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from ninja import NinjaAPI
from ninja.openapi.schema import OpenAPISchema
from pydantic_core import to_json

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
from ppims.wire.reply import WireReply

GOLDEN_FOLDER = settings.BASE_DIR / "fixtures" / "wire"
READ_OPERATIONS = {
    "customer-registration-status",
    "check-customer-kyc",
}  # which conflict with nothing
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


class DocumentedApi(NinjaAPI):
    """A NinjaAPI whose description shows what really is sent, and whose answers are no more than
    that.
    """

    def create_temporal_response(self, request: HttpRequest) -> Any:
        return WireReply()

    def create_response(
        self,
        request: HttpRequest,
        data: Any,
        *,
        status: int | None = None,
        temporal_response: Any = None,
    ) -> Any:
        reply = temporal_response or WireReply()
        reply.status_code = status or reply.status_code
        reply.content = to_json(data)
        return reply

    def get_openapi_schema(self, **options: Any) -> OpenAPISchema:
        schema = super().get_openapi_schema(**options)
        for path, methods in schema["paths"].items():
            _add_examples(path.rsplit("/", 1)[-1], methods["post"])
        return schema


def read_golden(operation: str) -> dict[str, tuple[Any, Any, int]]:
    """Read an operation's golden messages: case → (request, reply, HTTP status)."""
    found = {}
    for file in sorted(GOLDEN_FOLDER.glob(f"{operation}.*.request.json")):
        case = file.name.split(".")[1]
        reply = _read(file.with_name(f"{operation}.{case}.reply.json"))
        found[case] = (_read(file), reply, find_http_status(reply["Data"]["Resp_Code"]))
    return found


def read_refused(operation: str) -> dict[str, tuple[Any, int]]:
    """Read what an operation answers to requests that nothing is wrong with, but their size or
    the moment: case → (reply, HTTP status).
    """
    found = {}
    for file in sorted(GOLDEN_FOLDER.glob(f"{operation}.*.reply.json")):
        case = file.name.split(".")[1]
        if not file.with_name(f"{operation}.{case}.request.json").exists():
            reply = _read(file)
            status = find_http_status(reply["Data"]["Resp_Code"])
            found[case] = (reply, TooLarge.http if case == "too-large" else status)
    return found


def find_http_status(resp_code: str) -> int:
    """Tell the HTTP status that goes with a Resp_Code (413 apart, whose Resp_Code is 400)."""
    return {refusal.code: refusal.http for refusal in REFUSALS if refusal is not TooLarge}.get(
        resp_code, 200
    )


def _add_examples(operation: str, described: dict[str, Any]) -> None:
    cases = read_golden(operation)
    body = described["requestBody"]["content"]["application/json"]
    body["examples"] = {case: {"value": request} for case, (request, _, _) in cases.items()}
    for refusal in REFUSALS:
        if refusal is Conflict and operation in READ_OPERATIONS:
            continue
        described["responses"].setdefault(
            refusal.http,
            {
                "description": refusal.message,
                "content": {"application/json": {"schema": _make_refused_schema()}},
            },
        )
    replies = {case: (reply, status) for case, (_, reply, status) in cases.items()}
    for case, (reply, status) in {**replies, **read_refused(operation)}.items():
        content = described["responses"][status]["content"]["application/json"]
        content.setdefault("examples", {})[case] = {"value": reply}


def _make_refused_schema() -> dict[str, Any]:
    """The envelope with the operation's documented fields, all "NA" but Resp_Code, and
    Meta.Errors.
    """
    error = {
        "type": "object",
        "properties": {"Field": {"type": "string"}, "Message": {"type": "string"}},
    }
    errors = {"type": "array", "items": error}
    return {
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
            "Meta": {"type": "object", "properties": {"Errors": errors}},
        },
    }


def _read(file: Path) -> Any:
    return json.loads(file.read_text(encoding="utf-8"))
