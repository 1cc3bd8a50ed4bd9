"""Django by WSGI, for pages, and with gthread for operations too. What Django can't answer is
answered here, in the envelope or as plain text. Importing this sets Django up.
"""

import codecs
import logging
import os
from collections.abc import Callable, Iterable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.wsgi import get_wsgi_application
from django.utils.http import parse_header_parameters

from ppims.server.http_refusals import log_refusal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ppims.settings")

# `python3 -m ppims` says so sooner; commands that serve nobody need no host.
if settings.PRODUCTION and not settings.ALLOWED_HOSTS:
    raise ImproperlyConfigured("Production needs PPIMS_ALLOWED_HOSTS.")

django = get_wsgi_application()

from ppims.api import dispatch  # noqa: E402  # Django is set up by now

logger = logging.getLogger("ppims.http")
METRICS_PORT, METRICS_PATH = settings.PPIMS_METRICS_PORT, "/metrics"
Environ = dict[str, Any]
Start = Callable[..., Any]
Headers = list[tuple[str, str]]


def serve(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Have Django answer. Whatever it can't turn into an answer itself is a fault of ours."""
    if find_operation(environ) is not None:
        environ["CONTENT_TYPE"] = "application/json"  # whatever it says: it is read as JSON
    elif not _is_utf8(environ.get("CONTENT_TYPE", "")):
        return refuse(environ, start_response, "not UTF-8")
    dispatch.forget_forged_scheme(environ)
    try:
        return django(environ, start_response)
    except Exception as error:
        reply = dispatch.answer_outside(environ["REQUEST_METHOD"], environ["PATH_INFO"], error)
        if reply is None:
            return give(start_response, *make_plain_answer(HTTPStatus.INTERNAL_SERVER_ERROR))
        return give(start_response, reply.status_code, [*reply.headers.items()], reply.content)


def make_plain_answer(status: HTTPStatus) -> tuple[int, Headers, bytes]:
    """Make an answer of a status's own words, where no page can be made."""
    text = status.phrase.encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    return status, headers, text


def refuse(environ: Environ, start: Start, why: str) -> list[bytes]:
    """Answer 400, and log why."""
    status = HTTPStatus.BAD_REQUEST
    log_refusal(logger, environ.get("REMOTE_ADDR", ""), status, why)
    return give(start, *make_plain_answer(status))


class Unread(BytesIO):
    """A body that did not come."""

    def read(self, _: int | None = -1) -> bytes:
        raise OSError("the body did not come")


def is_at_metrics_address(port: object, path: str) -> bool:
    """Return whether a request came to the port that /metrics has for itself, and asks there for
    something else.
    """
    is_there = METRICS_PORT != 0 and str(port) == str(METRICS_PORT)
    return is_there and path != METRICS_PATH


def find_operation(environ: Environ) -> str | None:
    """Find the operation that a request is for; None of a page."""
    return dispatch.find_operation(environ["REQUEST_METHOD"], environ["PATH_INFO"])


def _is_utf8(content_type: str) -> bool:
    # Each form of ours is UTF-8. Django would read it, and the query as well, by whatever codec
    # the request names, and some of them are none for text.
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False


def give(start: Start, status: int, headers: Headers, content: bytes) -> list[bytes]:
    """Answer by WSGI."""
    start(f"{int(status)} {HTTPStatus(status).phrase}", headers)
    return [content]
