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

from ppims.wsgi import application as wsgi

from ppims import lane, moment, wire  # isort: skip - Django is set up by now
from ppims.api import WireRequest  # isort: skip
from ppims.errors import UnreadableBody  # isort: skip
from ppims.statements import keep_connection  # isort: skip

# The hot path's reads run on the loop: handing one to a thread would cost more than the read.
os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
keep_connection()

Message = MutableMapping[str, Any]
Answer = tuple[int, list[tuple[str, str]], bytes]  # status, headers, body

ASKED_OF = {b"x-fapi-uuid": "HTTP_X_FAPI_UUID", b"x-forwarded-for": "HTTP_X_FORWARDED_FOR"}
PAGES = ThreadPoolExecutor(settings.PPIMS_THREADS, "pages")
CALLS = ThreadPoolExecutor(settings.PPIMS_THREADS, "calls")


async def application(
    scope: Message,
    receive: Callable[[], Awaitable[Message]],
    send: Callable[[Message], Awaitable[None]],
) -> None:
    """Answer one request of HTTP; refuse all else."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    if scope["type"] != "http":
        raise ValueError(f"no {scope['type']} here")
    scope["path"] = _path(scope["path"])
    operation = lane.operation_of(scope["path"])
    is_page = operation is None
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if is_page else wire.BODY_LIMIT_BYTES
    body = await _body(receive, most)
    if operation is not None and settings.PPIMS_GROUP_COMMIT:
        moment.begin()
        reply = await lane.answered(_request(scope, body), operation)
        status, headers, content = reply.status_code, [*reply.headers.items()], reply.content
    else:
        status, headers, content = await _in_a_thread(scope, operation, body)
    raw = [(name.encode(), value.encode("latin1")) for name, value in headers]
    if scope["method"] == "HEAD":
        content = b""
    await send({"type": "http.response.start", "status": status, "headers": raw})
    await send({"type": "http.response.body", "body": content})


def _path(target: str) -> str:
    """Give the path alone, where a proxy asks for http://host/path."""
    return target if target.startswith("/") else f"/{target.partition('://')[2].partition('/')[2]}"


async def _body(receive: Callable[[], Awaitable[Message]], most: int) -> bytes | None:
    """Read the body, as soon as there is more than that: what there is. None where the rest of it
    does not come, for which ppims/worker.py sets a time.
    """
    parts, size, is_more = [], 0, True
    while is_more and size <= most:
        message = await receive()
        if message["type"] != "http.request":
            return None
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        is_more = message.get("more_body", False)
    return b"".join(parts)


def _request(scope: Message, body: bytes | None) -> WireRequest:
    meta = {"REMOTE_ADDR": scope["client"][0] if scope.get("client") else ""}
    for name, value in scope["headers"]:
        if name in ASKED_OF:
            before = f"{meta[ASKED_OF[name]]}," if ASKED_OF[name] in meta else ""
            meta[ASKED_OF[name]] = before + value.decode("latin1")

    def read() -> bytes:
        if body is None:
            raise UnreadableBody
        return body

    return WireRequest(scope["method"], scope["path"], meta, read)


async def _in_a_thread(scope: Message, operation: str | None, body: bytes | None) -> Answer:
    if operation is None and body is None:
        return _plain(HTTPStatus.REQUEST_TIMEOUT)
    try:
        environ = _environ(scope, body)
    except ValueError:
        return _plain(HTTPStatus.BAD_REQUEST)
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
