"""What gunicorn's threads serve, and what the event loop hands its pages to: Django, by WSGI."""

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
from gunicorn.http.errors import ParseException

from ppims.refused import log_refusal

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "ppims.settings")

# `python3 -m ppims` says so sooner; commands that serve nobody need no host.
if settings.PRODUCTION and not settings.ALLOWED_HOSTS:
    raise ImproperlyConfigured("Production needs PPIMS_ALLOWED_HOSTS.")

django = get_wsgi_application()

from ppims import lane, wire  # noqa: E402  # Django is set up by now

logger = logging.getLogger("ppims.http")
Environ = dict[str, Any]
Start = Callable[..., Any]
Answer = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body


def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer a request once its body is here whole: half a form must not count as a form.

    Where it does not come, or in chunks that are none, it is a 400.
    """
    is_call = _operation(environ) is not None
    most = wire.BODY_LIMIT_BYTES if is_call else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not _take_body(environ, most) and not is_call:
        return _refuse(environ, start_response, "the body did not come")
    return serve(environ, start_response)


def serve(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Have Django answer; whatever it can't turn into an answer itself is a fault of ours."""
    if _operation(environ) is not None:
        environ["CONTENT_TYPE"] = "application/json"  # whatever is said: it is read as such
    elif not _is_utf8(environ.get("CONTENT_TYPE", "")):
        return _refuse(environ, start_response, "not UTF-8")
    lane.forget_forged_scheme(environ)
    try:
        return django(environ, start_response)
    except Exception as error:  # noqa: BLE001 - nobody else would answer
        reply = lane.answer_outside(environ["REQUEST_METHOD"], environ["PATH_INFO"], error)
        if reply is None:
            return _give(start_response, *plain(HTTPStatus.INTERNAL_SERVER_ERROR))
        return _give(start_response, reply.status_code, [*reply.headers.items()], reply.content)


def plain(status: HTTPStatus) -> Answer:
    """Say it to whoever asked for a page, where no page can be made."""
    text = status.phrase.encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    return status, headers, text


class Unread(BytesIO):
    """A body that did not come."""

    def read(self, _: int | None = -1) -> bytes:
        raise OSError("the body did not come")


def _take_body(environ: Environ, most: int) -> bool:
    """Read the body, one byte over the limit at most, and one in chunks as if it had come in one
    piece. Tell whether all of it came; one whose length is over the limit is left unread.
    """
    is_chunked = environ.pop("HTTP_TRANSFER_ENCODING", None) is not None
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > most:
        return True
    try:
        body = environ["wsgi.input"].read(most + 1 if is_chunked else length)
    except (OSError, ParseException):
        body = None
    if body is None or not (is_chunked or len(body) == length):
        environ["wsgi.input"] = Unread()
        environ["CONTENT_LENGTH"] = "1"
        return False
    environ["wsgi.input"], environ["CONTENT_LENGTH"] = BytesIO(body), str(len(body))
    return True


def _operation(environ: Environ) -> str | None:
    return lane.operation_of(environ["REQUEST_METHOD"], environ["PATH_INFO"])


def _is_utf8(content_type: str) -> bool:
    """Tell whether a form may be read: each of ours is UTF-8. Django would read it, and the query
    as well, by whatever codec it names, some of which are none for text.
    """
    try:
        charset = parse_header_parameters(content_type)[1].get("charset", "utf-8")
        return codecs.lookup(charset).name == "utf-8"
    except (LookupError, ValueError):
        return False


def _refuse(environ: Environ, start: Start, why: str) -> list[bytes]:
    status = HTTPStatus.BAD_REQUEST
    log_refusal(logger, environ.get("REMOTE_ADDR", ""), status, why)
    return _give(start, *plain(status))


def _give(start: Start, status: int, headers: list[tuple[str, str]], content: bytes) -> list[bytes]:
    start(f"{int(status)} {HTTPStatus(status).phrase}", headers)
    return [content]
