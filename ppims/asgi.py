"""What gunicorn's asgi worker serves: the API on the event loop, pages by Django's WSGI handler
in a few threads of their own, so that no page holds up the API.

Django's ASGI handler would cost the API several times what its operations do, and take a thread and
a connection a request for the pages.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from http import HTTPStatus
from io import BytesIO
from typing import Any

from asgiref.wsgi import WsgiToAsgiInstance
from django.conf import settings
from django.core.handlers.wsgi import WSGIRequest

from ppims.wsgi import application as wsgi

from ppims import lane, wire  # isort: skip - Django is set up by now

# The hot path's reads run on the loop: handing one to a thread would cost more than the read.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")

Message = MutableMapping[str, Any]
Answer = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body

BODY_SECONDS, SEND_SECONDS = 10, 30
PAGES = ThreadPoolExecutor(settings.PPIMS_THREADS, "pages")
CALLS = ThreadPoolExecutor(settings.PPIMS_THREADS, "calls")


async def application(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer one request of HTTP; refuse all else."""
    if scope["type"] != "http":
        raise ValueError(f"no {scope['type']} here")
    operation = lane.operation_of(scope["path"])
    is_page = operation is None
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_page else wire.BODY_LIMIT_BYTES
    body = await _body(receive, most)
    if is_page and body is None:
        status, headers, content = _plain(HTTPStatus.REQUEST_TIMEOUT)
    else:
        status, headers, content = await _answer(scope, operation, body)
    raw = [(name.lower().encode(), value.encode("latin1")) for name, value in headers]
    async with asyncio.timeout(SEND_SECONDS):
        await send({"type": "http.response.start", "status": status, "headers": raw})
        await send({"type": "http.response.body", "body": content})


async def _body(receive: Callable[[], Awaitable[Message]], most: int) -> bytes | None:
    """Read the body, as soon as there is more than that: what there is. None where the rest of it
    does not come.
    """
    parts, size, is_more = [], 0, True
    try:
        async with asyncio.timeout(BODY_SECONDS):
            while is_more and size <= most:
                message = await receive()
                if message["type"] != "http.request":
                    return None
                parts.append(message.get("body", b""))
                size += len(parts[-1])
                is_more = message.get("more_body", False)
    except TimeoutError:
        return None
    return b"".join(parts)


async def _answer(scope: Message, operation: str | None, body: bytes | None) -> Answer:
    try:
        environ = _environ(scope, body)
    except ValueError:
        return _plain(HTTPStatus.BAD_REQUEST)
    if operation is not None and settings.PPIMS_GROUP_COMMIT:
        response = await lane.answered(WSGIRequest(environ), operation)
        return response.status_code, list(response.items()), response.content
    pool = PAGES if operation is None else CALLS
    return await asyncio.get_running_loop().run_in_executor(pool, _by_wsgi, environ)


def _environ(scope: Message, body: bytes | None) -> dict[str, Any]:
    """Write a request as WSGI has it. Raises ValueError where its headers can't be read."""
    bridge: Any = WsgiToAsgiInstance(wsgi)  # type: ignore[no-untyped-call]
    bridge.scope = scope
    whole = Unread() if body is None else BytesIO(body)
    environ: dict[str, Any] = bridge.build_environ(scope, whole)
    environ["CONTENT_LENGTH"] = str(len(body or b""))
    return environ


class Unread(BytesIO):
    """A body that did not come."""

    def read(self, _: int | None = -1) -> bytes:
        raise OSError("the body did not come")


def _by_wsgi(environ: dict[str, Any]) -> Answer:
    begun: list[Any] = []
    start: Any = lambda status, headers, *_: begun.extend((int(status.split()[0]), headers))  # noqa: E731
    parts: Any = wsgi(environ, start)
    try:
        content = b"".join(parts)
    finally:
        parts.close()
    status, headers = begun
    return status, headers, content


def _plain(status: HTTPStatus) -> Answer:
    text = status.phrase.encode()
    headers = [("Content-Type", "text/plain"), ("Content-Length", str(len(text)))]
    return status, headers, text
