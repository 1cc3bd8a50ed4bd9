"""What gunicorn's asgi worker serves: the API on the event loop, and pages by Django's WSGI handler
in a few threads of their own, so that no page holds up the API.

Django's ASGI handler would cost the API several times what its operations cost, and the pages a
thread and a connection for each request.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from http import HTTPStatus
from io import BytesIO
from typing import Any

from asgiref.wsgi import WsgiToAsgiInstance
from django.conf import settings

from ppims.api.django_handler import (
    METRICS_PORT,
    Headers,
    is_at_metrics_address,
    make_plain_answer,
    serve,
)
from ppims.api import dispatch
from ppims.api.root import WireRequest
from ppims.core import uploads
from ppims.core.errors import UnreadableBody
from ppims.db import shared_snapshot
from ppims.wire import envelope
from ppims.wire.reply import WireReply

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Answer = tuple[int, Headers, bytes | AsyncIterator[bytes]]  # its content whole, or by parts

ASKED_OF = {
    b"content-length": "CONTENT_LENGTH",
    b"host": "HTTP_HOST",
    b"x-fapi-uuid": "HTTP_X_FAPI_UUID",
    b"x-forwarded-for": "HTTP_X_FORWARDED_FOR",
    b"x-forwarded-proto": "HTTP_X_FORWARDED_PROTO",
}
# So much of a body is read though it is too large. A proxy that is cut off while it sends doesn't
# pass on the refusal: it answers that we are away.
READ_AND_REFUSED_BYTES = 1024 * 1024
PAGE_THREADS = ThreadPoolExecutor(settings.PPIMS_THREADS, "pages")


async def application(scope: Message, receive: Receive, send: Send) -> None:
    """Answer one request of HTTP; refuse all else."""
    if scope["type"] == "websocket":
        await send({"type": "websocket.close"})
        return
    if scope["type"] != "http":
        raise ValueError(f"no {scope['type']} here")
    scope["path"] = _read_path(scope["path"])
    try:
        status, headers, content = await _answer(scope, receive)
    except Exception as error:  # gunicorn's own answer would not be in the envelope
        reply = dispatch.answer_outside(scope["method"], scope["path"], error)
        fault = make_plain_answer(HTTPStatus.INTERNAL_SERVER_ERROR)
        status, headers, content = fault if reply is None else _make_answer(reply)
    raw = [(name.encode(), value.encode("latin1")) for name, value in headers]
    if scope["method"] == "HEAD":
        content = b""
    await send({"type": "http.response.start", "status": status, "headers": raw})
    if not isinstance(content, bytes):
        async for part in content:  # where one fails, gunicorn cuts the connection
            await send({"type": "http.response.body", "body": part, "more_body": True})
        content = b""
    await send({"type": "http.response.body", "body": content})


async def _answer(scope: Message, receive: Receive) -> Answer:
    if METRICS_PORT and is_at_metrics_address(scope["server"][1], scope["path"]):
        return make_plain_answer(HTTPStatus.NOT_FOUND)
    operation = dispatch.find_operation(scope["method"], scope["path"])
    most = settings.DATA_UPLOAD_MAX_MEMORY_SIZE if operation is None else envelope.BODY_LIMIT_BYTES
    meta = _write_meta(scope)
    if operation is None and uploads.is_upload(scope["method"], scope["path"]):
        return await _answer_upload(scope, receive, int(meta.get("CONTENT_LENGTH", 0)))
    body = await _read_body(receive, most, int(meta.get("CONTENT_LENGTH", 0)))
    if operation is None:
        return await _answer_page(scope, body)
    shared_snapshot.begin()
    request = WireRequest(scope["method"], scope["path"], meta, partial(_read, body))
    reply = await dispatch.answer_request(request, operation)
    if reply.delay_seconds:
        await asyncio.sleep(reply.delay_seconds)
    if reply.is_lost:
        # gunicorn takes it for a client that has gone: it closes the connection without a word.
        raise asyncio.CancelledError
    return _make_answer(reply)


def _make_answer(reply: WireReply) -> Answer:
    return reply.status_code, [*reply.headers.items()], reply.content


def _read_path(target: str) -> str:
    # A proxy may ask for http://host/path.
    return target if target.startswith("/") else f"/{target.partition('://')[2].partition('/')[2]}"


async def _read_body(receive: Receive, most: int, announced: int) -> bytes | None:
    """Read the body; of one that is larger than allowed, something as large. None where the rest of
    it does not come: ppims/server/gunicorn_worker.py sets the time for that.
    """
    too_large = bytes(most + 1)
    if announced > READ_AND_REFUSED_BYTES:
        return too_large
    parts, size, is_more = [], 0, True
    while is_more and size <= READ_AND_REFUSED_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return too_large if max(announced, size) > most else None
        size += len(message.get("body", b""))
        if size <= most:
            parts.append(message.get("body", b""))
        is_more = message.get("more_body", False)
    return b"".join(parts) if size <= most else too_large


def _read(body: bytes | None) -> bytes:
    if body is None:
        raise UnreadableBody
    return body


def _write_meta(scope: Message) -> dict[str, str]:
    meta = {"REMOTE_ADDR": scope["client"][0] if scope.get("client") else ""}
    for name, value in scope["headers"]:
        if key := ASKED_OF.get(name):
            text = value.decode("latin1")
            meta[key] = f"{meta[key]},{text}" if key in meta else text  # as WSGI joins them
    return meta


async def _answer_page(scope: Message, body: bytes | None) -> Answer:
    if body is None:
        return make_plain_answer(HTTPStatus.BAD_REQUEST)
    status, headers, parts = await _run_in_page_thread(
        _answer_by_wsgi, _write_environ(scope, BytesIO(body), len(body))
    )
    return status, headers, parts if isinstance(parts, bytes) else _stream(parts)


async def _answer_upload(scope: Message, receive: Receive, length: int) -> Answer:
    """Let a page read its body while it comes. Who it is from is looked at before: a stranger's
    stays unread.
    """
    loop, waiting = asyncio.get_running_loop(), bytearray()

    def read(size: int) -> bytes:
        if not waiting:
            coming = asyncio.run_coroutine_threadsafe(_receive_some(receive), loop)
            waiting.extend(coming.result(uploads.ARRIVAL_SECONDS))
        found = bytes(waiting[:size])
        del waiting[:size]
        return found

    environ = _write_environ(scope, uploads.Body(read, length), length)
    status, headers, parts = await _run_in_page_thread(_answer_by_wsgi, environ)
    return status, headers, parts if isinstance(parts, bytes) else _stream(parts)


async def _receive_some(receive: Receive) -> bytes:
    """Receive some bytes of a body; none: no more come."""
    message: Message = {"type": "http.request", "more_body": True}
    while not (found := message.get("body", b"")) and message.get("more_body", False):
        message = await receive()
        if message["type"] != "http.request":
            return b""
    return bytes(found)


async def _stream(parts: Any) -> AsyncIterator[bytes]:
    """Give the parts of a page as its client takes them. A thread makes one, and is free for other
    pages until the next one is asked for.
    """
    each: Iterator[bytes] = iter(parts)
    try:
        while part := await _run_in_page_thread(next, each, b""):
            yield part
    finally:
        await _run_in_page_thread(parts.close)


async def _run_in_page_thread(what: Callable[..., Any], *values: Any) -> Any:
    return await asyncio.get_running_loop().run_in_executor(PAGE_THREADS, what, *values)


def _write_environ(scope: Message, body: Any, length: int) -> dict[str, Any]:
    bridge: Any = WsgiToAsgiInstance(serve)
    bridge.scope = scope
    environ: dict[str, Any] = bridge.build_environ(scope, body)
    environ["CONTENT_LENGTH"] = str(length)
    return environ


def _answer_by_wsgi(environ: dict[str, Any]) -> tuple[int, Headers, Any]:
    """Have Django answer: the content whole, but for what has parts and says no length."""
    begun: list[Any] = []
    parts: Any = serve(
        environ, lambda status, headers, *_: begun.extend((int(status.split()[0]), headers))
    )
    status, headers = begun
    if getattr(parts, "streaming", False) and "Content-Length" not in dict(headers):
        return status, headers, parts
    try:
        content = b"".join(parts)
    finally:
        if hasattr(parts, "close"):
            parts.close()
    return status, headers, content
