"""The API's lane: from a request, by whichever server it came, to the operation and back, past
sessions, cookies and CSRF. Whatever is said of a request in the log is said here.
"""

import logging
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Coroutine
from functools import cache, partial
from typing import Any, TypeVar, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden
from django.urls import resolve

from ppims import auth, wire
from ppims.api import OPERATIONS, WireRequest, refuse
from ppims.errors import Forbidden, Refusal, TooLarge, UnknownOperation, UnreadableBody, WrongMethod
from ppims.logs import Event
from ppims.replies import WireReply

DOCUMENTATION = {"docs", "openapi.json"}
PREFIXES = tuple(f"/{prefix}/" for prefix in settings.PPIMS_API_PREFIXES)
ELSEWHERE = "a demo answers the machine it runs on, unless PPIMS_DEMO_OPEN=1"
REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")

logger = logging.getLogger("ppims.api")
GetResponse = Callable[[HttpRequest], HttpResponse]
View = Callable[[HttpRequest], Awaitable[WireReply]]
T = TypeVar("T")


def middleware(get_response: GetResponse) -> GetResponse:
    """Answer the API as the outermost of Django's middleware; all else goes on."""

    def answer(request: HttpRequest) -> HttpResponse:
        operation = operation_of(request.path_info)
        if operation is None:
            return get_response(request) if auth.may_ask(request) else _elsewhere()
        read = partial(_read_body, request)
        wired = WireRequest(request.method or "", request.path_info, request.META, read)
        reply = finished(answered(wired, operation))
        response = HttpResponse(reply.content, status=reply.status_code, headers=reply.headers)
        response._has_been_logged = True  # type: ignore[attr-defined]  # by us: Django says less
        return response

    return answer


def _elsewhere() -> HttpResponse:
    response = HttpResponseForbidden(f"Not from this machine: {ELSEWHERE}.", "text/plain")
    response._has_been_logged = True  # type: ignore[attr-defined]  # the API logs its own
    return response


def operation_of(path: str) -> str | None:
    """Tell what is asked of the API: None where it is not the API, or its documentation."""
    for prefix in PREFIXES:
        if path.startswith(prefix):
            operation = path.removeprefix(prefix)
            return None if operation in DOCUMENTATION else operation
    return None


def finished(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run to its end what never has to wait for an event loop."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        return cast("T", end.value)
    raise AssertionError("it waits")


async def answered(request: WireRequest, operation: str) -> WireReply:
    """Answer whatever is asked, and log it."""
    started = time.perf_counter()
    sent_id = str(request.META.get("HTTP_X_FAPI_UUID", ""))
    request.id = sent_id if REQUEST_ID.fullmatch(sent_id) else str(uuid.uuid4())
    request.operation = operation if operation in OPERATIONS else "unknown"
    try:
        reply = await _run(request)
    except Refusal as refusal:
        reply = refuse(request, refusal)
    reply.headers |= {
        "Content-Length": str(len(reply.content)),
        "X-Request-Id": request.id,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    _log(request, reply.resp_code, (time.perf_counter() - started) * 1000)
    return reply


async def _run(request: WireRequest) -> WireReply:
    if not auth.may_ask(request):
        raise Forbidden([("", ELSEWHERE)])
    if request.operation not in OPERATIONS:
        raise UnknownOperation
    if request.method != "POST":
        raise WrongMethod
    request._body = request.read_body()  # ninja asks whether there is one
    request.wire_body = wire.parse_body(request._body, OPERATIONS[request.operation][0])
    return await _view(request.path_info)(request)


@cache
def _view(path: str) -> View:
    return cast("View", resolve(path).func)


def _read_body(request: HttpRequest) -> bytes:
    """Read the body, one byte over the limit at most; a chunked one too, which Django takes for
    empty.
    """
    most = wire.BODY_LIMIT_BYTES
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise TooLarge
        if "chunked" in request.META.get("HTTP_TRANSFER_ENCODING", "").lower():
            return cast("bytes", request.META["wsgi.input"].read(most + 1))
        return request.read(most + 1)
    except OSError:
        raise UnreadableBody from None


def _log(request: WireRequest, resp_code: str, milliseconds: float) -> None:
    if logger.isEnabledFor(logging.INFO):
        event = Event(
            logger.name,
            "answered",
            request_id=request.id,
            operation=request.operation,
            processor=request.processor,
            resp_code=resp_code,
            ms=round(milliseconds, 1),
        )
        logger.handle(event)
