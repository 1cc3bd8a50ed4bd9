"""The API: one NinjaAPI of two routers, its lane past Django's middleware, and what becomes of
every refusal.
"""

import json
import logging
import re
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any, cast

from csp.constants import SELF
from csp.decorators import csp_update
from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.urls import resolve
from ninja.errors import ValidationError
from ninja.parser import Parser
from ninja.renderers import BaseRenderer

from customers.api import router as customers_router
from customers.schemas import AddCustomerOut, CheckKycOut, UpdateCustomerOut
from limits.api import router as limits_router
from limits.schemas import CheckLimitOut, CheckRegStatusOut, UpdateLimitOut
from ppims import auth, wire
from ppims.errors import (
    Fault,
    Forbidden,
    Malformed,
    NotAuthenticated,
    Refusal,
    TooLarge,
    Unavailable,
    UnknownOperation,
    UnreadableBody,
    WrongMethod,
)
from ppims.models import Processor
from ppims.openapi import DocumentedApi

OPERATIONS: Mapping[str, tuple[str, type[wire.Answer]]] = {
    "add-customer": ("Add_Customer", AddCustomerOut),
    "update-customer": ("Update_Customer", UpdateCustomerOut),
    "customer-registration-status": ("Check_Reg_Status", CheckRegStatusOut),
    "check-customer-kyc": ("Check_KYC", CheckKycOut),
    "check-customer-limit": ("Check_Limit", CheckLimitOut),
    "update-customer-limit": ("Update_Limit", UpdateLimitOut),
}
NOT_WHILE_WINDING_DOWN = {"add-customer", "check-customer-limit"}
DOCUMENTATION = {"docs", "openapi.json"}
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

logger = logging.getLogger("ppims.api")
GetResponse = Callable[[HttpRequest], HttpResponse]


class WireRequest(HttpRequest):
    """A request on its way through the lane; typing only."""

    id: str
    operation: str
    wire_body: dict[str, Any]
    resp_code: str
    processor: str


def lane(get_response: GetResponse) -> GetResponse:
    """Middleware, the outermost: answers the API itself, without sessions, cookies or CSRF; all
    else goes on.
    """
    prefixes = tuple(f"/{prefix}/" for prefix in settings.PPIMS_API_PREFIXES)

    def answer(request: HttpRequest) -> HttpResponse:
        prefix = next((p for p in prefixes if request.path_info.startswith(p)), None)
        operation = request.path_info.removeprefix(prefix) if prefix else None
        if operation is None or operation in DOCUMENTATION:
            return get_response(request)
        return _answered(cast("WireRequest", request), operation)

    return answer


def _answered(request: WireRequest, operation: str) -> HttpResponse:
    started = time.perf_counter()
    sent_id = request.headers.get("x-fapi-uuid", "")
    request.id = sent_id if REQUEST_ID.fullmatch(sent_id) else str(uuid.uuid4())
    request.operation = operation if operation in OPERATIONS else "unknown"
    request.resp_code, request.processor = Fault.code, ""
    try:
        response = _run(request)
    except Refusal as refusal:
        response = refuse(request, refusal)
    response["X-Request-Id"] = request.id
    response["Cache-Control"] = "no-store"
    response["X-Content-Type-Options"] = "nosniff"
    response._has_been_logged = True  # type: ignore[attr-defined]  # by us: Django's line says less
    _log(request, (time.perf_counter() - started) * 1000)
    return response


def _run(request: WireRequest) -> HttpResponse:
    if request.operation not in OPERATIONS:
        raise UnknownOperation
    if request.method != "POST":
        raise WrongMethod
    request._body = _read_body(request)  # ninja asks whether there is one
    request.wire_body = wire.parse_body(request.body, OPERATIONS[request.operation][0])
    match = resolve(request.path_info)
    return cast("HttpResponse", match.func(request, **match.kwargs))


def _read_body(request: HttpRequest) -> bytes:
    """Read the body, one byte over the limit at most; a chunked one too, which Django takes for
    empty.
    """
    most = wire.BODY_LIMIT_BYTES
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise TooLarge
        if "chunked" in request.headers.get("Transfer-Encoding", "").lower():
            return cast("bytes", request.META["wsgi.input"].read(most + 1))
        return request.read(most + 1)
    except OSError:
        raise UnreadableBody from None


def _log(request: WireRequest, milliseconds: float) -> None:
    logger.info(
        "answered",
        extra={
            "request_id": request.id,
            "operation": request.operation,
            "processor": request.processor,
            "resp_code": request.resp_code,
            "ms": round(milliseconds, 1),
        },
    )


# --- inside ninja ---------------------------------------------------------------------------------


def authenticate(request: HttpRequest) -> Processor:
    """Say who is calling and whether it may ask this. Runs before the fields are read."""
    wired = cast("WireRequest", request)
    data = wired.wire_body["Data"]
    username, password = data.get("Username"), data.get("Password")
    if not isinstance(username, str) or not isinstance(password, str):
        raise NotAuthenticated
    processor = auth.authenticate(username, password, auth.source_address(request))
    wired.processor = processor.system_id
    system_id = data[OPERATIONS[wired.operation][0]].get("System_Id")
    if not wire.is_absent(system_id) and system_id != processor.system_id:
        raise Forbidden([("system_id", "is not yours")])
    if (
        processor.state == Processor.State.WINDING_DOWN
        and wired.operation in NOT_WHILE_WINDING_DOWN
    ):
        raise Forbidden([("", "is not open to a processor that is winding down")])
    return processor


class ParsedOnce(Parser):
    """Hands ninja the body that the lane has read."""

    def parse_body(self, request: HttpRequest) -> dict[str, Any]:
        return cast("WireRequest", request).wire_body


class WireJson(BaseRenderer):
    """Writes replies, and remembers their Resp_Code for the log."""

    media_type = "application/json"

    def render(self, request: HttpRequest, data: Any, *, response_status: int) -> bytes:
        if isinstance(data, dict) and "Data" in data:
            cast("WireRequest", request).resp_code = data["Data"]["Resp_Code"]
        return json.dumps(data, ensure_ascii=False, separators=(",", ":"), default=str).encode()


api = DocumentedApi(
    title="PPIMS",
    version="1",
    description="Six operations that payment processors call. docs/api.md explains them.",
    auth=authenticate,
    parser=ParsedOnce(),
    renderer=WireJson(),
    # Swagger draws its icons from data: addresses; this page alone may.
    docs_decorator=csp_update({"img-src": [SELF, "data:"]}),
)
api.add_router("", customers_router)
api.add_router("", limits_router)


@api.exception_handler(Refusal)
def refuse(request: HttpRequest, refusal: Refusal) -> HttpResponse:
    """Write a refusal in the envelope: every documented field "NA", Allow_Customer "F"."""
    word, answer = OPERATIONS.get(cast("WireRequest", request).operation, ("", None))
    names = [wire.wire_name(name) for name in answer.model_fields] if answer else []
    blank = {name: "F" if name == "Allow_Customer" else "NA" for name in names}
    response = api.create_response(
        request, wire.refusal_body(refusal, word, blank), status=refusal.http
    )
    if refusal.retry_after_seconds is not None:
        response["Retry-After"] = str(refusal.retry_after_seconds)
    if isinstance(refusal, WrongMethod):
        response["Allow"] = "POST"
    return response


@api.exception_handler(ValidationError)
def _name_fields(request: HttpRequest, error: ValidationError) -> HttpResponse:
    """Name every missing or malformed field; loc ends with "Data", "Check_Limit", "Amount"."""
    return refuse(request, Malformed((str(line["loc"][-1]), line["msg"]) for line in error.errors))


@api.exception_handler(Unavailable)
def _unavailable(request: HttpRequest, refusal: Unavailable) -> HttpResponse:
    if refusal.__cause__ is not None:
        _log_why(request, refusal.__cause__)
    return refuse(request, refusal)


@api.exception_handler(OperationalError)
@api.exception_handler(InterfaceError)
def _busy(request: HttpRequest, error: Exception) -> HttpResponse:
    _log_why(request, error)
    return refuse(request, Unavailable())


def _log_why(request: HttpRequest, error: BaseException) -> None:
    """Log the database's own code for it, SQLITE_FULL or 57P01: its text might tell of a row."""
    codes = (getattr(error.__cause__, name, None) for name in ("sqlite_errorname", "sqlstate"))
    why = next(filter(None, codes), type(error).__name__)
    extra = {"request_id": cast("WireRequest", request).id}
    logger.warning("database unavailable: %s", why, extra=extra)


@api.exception_handler(Exception)
def _fault(request: HttpRequest, error: Exception) -> HttpResponse:
    logger.error("fault", exc_info=error, extra={"request_id": cast("WireRequest", request).id})
    return refuse(request, Fault())
