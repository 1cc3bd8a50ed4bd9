"""From a request, by whichever server it came, to its operation and back, past sessions, cookies
and CSRF. Here alone an answer of the API is logged.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any, cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import split_domain_port, validate_host

from ppims.api.kept_calls import note_call
from ppims.api.root import (
    OPERATIONS,
    WireRequest,
    answer_error,
    answer_operation,
    change_answer,
)
from ppims.core.addresses import is_trusted_proxy
from ppims.core.coroutines import run_to_end
from ppims.core.counts import CALL_SECONDS, CALLS
from ppims.core.errors import (
    Forbidden,
    Malformed,
    NotAuthenticated,
    TooLarge,
    TooManyAttempts,
    UnknownOperation,
    UnreadableBody,
    WrongMethod,
)
from ppims.server.logs import Event
from ppims.services import credentials
from ppims.services.access import find_source
from ppims.wire import envelope
from ppims.wire.reply import WireReply

# To the pages of the operations a demo's form sends a call.
FORM_PATHS = {f"docs/{operation}" for operation in OPERATIONS}
DOCUMENTATION_PATHS = {"docs", "openapi.json", *FORM_PATHS}
# Of these the log has where the request came from.
SOURCE_CODES = {NotAuthenticated.code, Forbidden.code, TooManyAttempts.code}
READ_METHODS = ("GET", "HEAD")
API_PREFIXES = tuple(f"/{prefix}/" for prefix in settings.PPIMS_API_PREFIXES)
ELSEWHERE_MESSAGE = "a demo answers the machine it runs on, unless PPIMS_DEMO_OPEN=1"

logger = logging.getLogger("ppims.api")
GetResponse = Callable[[HttpRequest], HttpResponse]


class LoggedResponse(HttpResponse):
    """A response of which Django logs nothing: it would say less than our own line."""

    _has_been_logged = True
    delay_seconds, is_lost = 0, False  # as a WireReply says


def make_middleware(get_response: GetResponse) -> GetResponse:
    """Answer the API as the outermost of Django's middleware; all else goes on."""

    def answer(request: HttpRequest) -> HttpResponse:
        method, path = request.method or "", request.path_info
        operation = find_operation(method, path)
        if operation is None and credentials.may_ask(request):
            return get_response(request)
        if operation is None:
            text = f"Not from this machine: {ELSEWHERE_MESSAGE}."
            return LoggedResponse(text, "text/plain", status=403)
        try:
            wired = WireRequest(method, path, request.META, partial(_read_body, request))
            reply = run_to_end(answer_request(wired, operation))
        except Exception as error:  # Django would answer with a page
            reply = cast("WireReply", answer_outside(method, path, error))
        response = LoggedResponse(reply.content, status=reply.status_code, headers=reply.headers)
        response.delay_seconds, response.is_lost = reply.delay_seconds, reply.is_lost
        return response

    return answer


def find_operation(method: str, path: str) -> str | None:
    """Return what is asked of the API, known or not; None where it is a page, one of the API's
    documentation too.
    """
    for prefix in API_PREFIXES:
        if path.startswith(prefix):
            operation = path.removeprefix(prefix)
            return None if _is_page(method, operation) else operation
    return None


def _is_page(method: str, operation: str) -> bool:
    """Return whether it is a look at the API's documentation, or sent by a form there."""
    if operation not in DOCUMENTATION_PATHS:
        return False
    is_form = method == "POST" and operation in FORM_PATHS and not settings.PRODUCTION
    return is_form or method in READ_METHODS


async def answer_request(request: WireRequest, operation: str) -> WireReply:
    """Answer whatever is asked, and log it. Raises nothing."""
    started = time.perf_counter()
    request.operation = _name_operation(operation)
    try:
        reply = await _run(request, operation)
    except Exception as error:
        reply = answer_error(request, error)
    if request.next_answer is not None:
        reply = change_answer(request, reply)
    return _finish(request, reply, started)


def answer_outside(method: str, path: str, error: Exception) -> WireReply | None:
    """Log a fault that kept a request from getting here, and answer for it; None of a page."""
    operation = find_operation(method, path)
    request = WireRequest(method, path, {}, bytes)
    request.operation = _name_operation(operation or "")
    reply = answer_error(request, error)
    return None if operation is None else _finish(request, reply, time.perf_counter())


def _name_operation(operation: str) -> str:
    return operation if operation in OPERATIONS else "unknown"  # the log holds no made-up names


def _finish(request: WireRequest, reply: WireReply, started: float) -> WireReply:
    reply.headers |= {
        "Content-Length": str(len(reply.content)),
        "X-Request-Id": request.id,
        "Cache-Control": "no-store",
        "X-Content-Type-Options": "nosniff",
    }
    seconds = time.perf_counter() - started
    milliseconds = seconds * 1000
    # No word of the caller's is a label: what isn't known has no name here.
    CALLS.add(request.operation, reply.resp_code, request.processor)
    CALL_SECONDS.add_value(seconds, request.operation)
    if settings.PPIMS_KEEPS_BODIES:
        note_call(request, reply, milliseconds)
    if logger.isEnabledFor(logging.INFO):
        event = Event(
            logger.name,
            "answered",
            request_id=request.id,
            operation=request.operation,
            processor=request.processor,
            resp_code=reply.resp_code,
            ms=round(milliseconds, 1),
            **({"fault": request.fault} if request.fault else {}),
            **({"why": request.refusal.why} if request.refusal and request.refusal.why else {}),
            **(_describe_source(request) if reply.resp_code in SOURCE_CODES else {}),
        )
        logger.handle(event)
    return reply


def _describe_source(request: WireRequest) -> dict[str, str]:
    """Describe where a request that isn't let in came from, and in whose name."""
    known = {"system_id": request.processor} if request.processor else request.caller
    return {"source": find_source(request), **known}


async def _run(request: WireRequest, operation: str) -> WireReply:
    # Which refusal comes first is a promise: docs/api.md, "Which refusal comes first".
    if not credentials.may_ask(request):
        raise Forbidden([("", ELSEWHERE_MESSAGE)])
    if settings.PPIMS_BEHIND_TLS_PROXY:
        _require_tls_and_known_host(request)
    if operation in DOCUMENTATION_PATHS:
        raise WrongMethod(", ".join(READ_METHODS))
    if request.operation not in OPERATIONS:
        raise UnknownOperation
    if request.method != "POST":
        raise WrongMethod
    request.wire_body = envelope.parse_body(request.read_body(), OPERATIONS[request.operation][0])
    return await answer_operation(request)


def _require_tls_and_known_host(request: WireRequest) -> None:
    """Hold a call to what Django holds pages to. Raises Forbidden, or Malformed."""
    forget_forged_scheme(request.META)
    if not request.is_secure():
        raise Forbidden([("", "must come by HTTPS")])
    domain, _ = split_domain_port(str(request.META.get("HTTP_HOST", "")))
    if not domain or not validate_host(domain, settings.ALLOWED_HOSTS):
        raise Malformed([("", "must come to a host name that this installation has")])


def forget_forged_scheme(meta: dict[str, Any]) -> None:
    """Drop a request's word that it came by HTTPS, unless one of the named proxies says so."""
    if settings.PPIMS_TRUSTED_PROXIES and not is_trusted_proxy(str(meta.get("REMOTE_ADDR", ""))):
        meta.pop("HTTP_X_FORWARDED_PROTO", None)


def _read_body(request: HttpRequest) -> bytes:
    """Read the body, one byte over the limit at most."""
    most = envelope.BODY_LIMIT_BYTES
    try:
        if int(request.META.get("CONTENT_LENGTH") or 0) > most:
            raise TooLarge
        return request.read(most + 1)
    except OSError:
        raise UnreadableBody from None
