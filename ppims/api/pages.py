"""The API's own documentation, under each of its prefixes: a page that lists the operations, and
one for each of them. A demo's has a form that makes a real call.
"""

import json
from functools import cache, partial
from typing import Any

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_http_methods

from ppims.api import dispatch, examples, reference
from ppims.api.example_words import WHAT_CODES_MEAN
from ppims.api.root import WireRequest, api
from ppims.core.coroutines import run_to_end

SHOWN_HEADERS = ("Retry-After", "X-Request-Id")


@require_http_methods(["GET", "HEAD"])
def docs(request: HttpRequest, prefix: str) -> HttpResponse:
    """List the operations, the envelope and the codes."""
    context = _make_context(request, prefix) | {"codes": WHAT_CODES_MEAN}
    return render(request, "api/docs.html", context)


@require_http_methods(["GET", "HEAD"])
def openapi(request: HttpRequest, prefix: str) -> HttpResponse:
    """Describe the API for programs, as OpenAPI 3.1."""
    return HttpResponse(_write_openapi(prefix), "application/json")


@require_http_methods(["GET", "HEAD", "POST"])
def operation_docs(request: HttpRequest, prefix: str, operation: str) -> HttpResponse:
    """Describe an operation. In a demo, a POST makes the call that its form holds."""
    try:
        described = reference.find_operation(operation)
    except LookupError:
        raise Http404 from None
    context = _make_context(request, prefix) | {
        "operation": described,
        "path": f"/{prefix}/{operation}",
        "has_form": not settings.PRODUCTION,
    }
    context |= _fill_form(described, request.GET.get("example", ""))
    if request.method == "POST":
        text = request.POST.get("text", "").replace("\r\n", "\n")  # as it was typed
        context |= {"text": text, "answer": _send(request, context["path"], operation, text)}
    is_swapped = request.method == "POST" and request.headers.get("HX-Request") == "true"
    template = "api/operation.html#answer" if is_swapped else "api/operation.html"
    return render(request, template, context)


@cache
def _write_openapi(prefix: str) -> str:
    return json.dumps(api.get_openapi_schema(path_prefix=f"/{prefix}/"))


def _make_context(request: HttpRequest, prefix: str) -> dict[str, Any]:
    return {
        "operations": reference.list_operations(),
        "base": f"/{prefix}",
        "address": request.build_absolute_uri(f"/{prefix}"),
    }


def _fill_form(described: reference.Described, chosen: str) -> dict[str, Any]:
    """Fill the form with the golden request that is chosen, or else the first one."""
    ready = [example for example in described.examples if example.request is not None]
    example = next((each for each in ready if each.case == chosen), ready[0])
    return {
        "ready": ready,
        "example": example,
        "text": example.sent,
    }


def _send(request: HttpRequest, path: str, operation: str, text: str) -> dict[str, Any]:
    """Make the call as a client's is made: throttled, logged and kept, from the same address."""
    wired = WireRequest("POST", path, request.META, partial(str.encode, text))
    reply = run_to_end(dispatch.answer_request(wired, operation))
    message = json.loads(reply.content)
    return {
        "status": reply.status_code,
        "code": reply.resp_code,
        "is_done": reply.resp_code in examples.DONE_CODES,
        # Nobody waits here: it is said how long a client would.
        "is_lost": reply.is_lost,
        "delay_seconds": reply.delay_seconds,
        "errors": message["Meta"].get("Errors", []),
        "headers": [(name, reply.headers[name]) for name in SHOWN_HEADERS if name in reply.headers],
        "text": examples.write_json(message),
    }
