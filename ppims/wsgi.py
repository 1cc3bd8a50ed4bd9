"""What gunicorn's threads serve: Django, by WSGI."""

import errno
import time
from collections.abc import Iterable
from http import HTTPStatus
from io import BytesIO
from typing import Any

from django.conf import settings
from gunicorn.http.errors import ParseException

from ppims.api.django_handler import (
    Environ,
    Start,
    Unread,
    find_operation,
    give,
    is_at_metrics_address,
    make_plain_answer,
    refuse,
    serve,
)
from ppims.core import uploads
from ppims.wire.envelope import BODY_LIMIT_BYTES


def application(environ: Environ, start_response: Start) -> Iterable[bytes]:
    """Answer a request once its body is here whole: half a form must not count as a form. Where the
    body does not come, or comes in broken chunks, the answer is a 400.
    """
    if is_at_metrics_address(environ.get("SERVER_PORT"), environ.get("PATH_INFO", "")):
        return give(start_response, *make_plain_answer(HTTPStatus.NOT_FOUND))
    is_call = find_operation(environ) is not None
    if uploads.is_upload(environ["REQUEST_METHOD"], environ["PATH_INFO"]):
        _let_body_be_read(environ)
        return serve(environ, start_response)
    most = BODY_LIMIT_BYTES if is_call else settings.DATA_UPLOAD_MAX_MEMORY_SIZE
    if not _take_body(environ, most) and not is_call:
        return refuse(environ, start_response, "the body did not come")
    answer = serve(environ, start_response)
    if is_call:
        _hold_back(answer)
    return answer


def _hold_back(answer: Any) -> None:
    """Let an answer of a demo be late, or lost: ppims/wire/reply.py."""
    time.sleep(getattr(answer, "delay_seconds", 0))
    if getattr(answer, "is_lost", False):
        # gunicorn takes it for a client that has gone: it closes the connection without a word.
        raise ConnectionResetError(errno.ECONNRESET, "lost, as a demo was asked to")


def _let_body_be_read(environ: Environ) -> None:
    """Let a page read its body while it comes; one in chunks, of no known length, is none."""
    comes, length = environ["wsgi.input"], int(environ.get("CONTENT_LENGTH") or 0)

    def read(size: int) -> bytes:
        try:
            return bytes(comes.read(size))
        except ParseException:
            return b""

    environ["wsgi.input"], environ["CONTENT_LENGTH"] = uploads.Body(read, length), str(length)


def _take_body(environ: Environ, most: int) -> bool:
    """Read the body, one byte over the limit at most, and return whether all of it came. A body in
    chunks becomes one piece; one that says it is over the limit is left unread, and counts as come.
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
