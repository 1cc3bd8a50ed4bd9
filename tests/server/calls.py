"""A call of the API as each of gunicorn's workers hands it on, without one."""

import asyncio
import os
from contextlib import contextmanager
from io import BytesIO
from unittest.mock import patch

from ppims import asgi, wsgi
from ppims.db import statements
from tests.conftest import PREFIX
from tests.server.running_server import KYC, ask_kyc

PEER = "192.0.2.1"


def call_by_loop(path=KYC, method="POST", headers=()):
    """Ask as gunicorn's asgi worker does: status, body."""
    named = {"host": "localhost", **dict(headers)}
    scope = {
        "type": "http",
        "method": method,
        "path": path if path.startswith("/") else f"{PREFIX}/{path}",
        "query_string": b"",
        "http_version": "1.1",
        "client": (PEER, 1),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    sent = []

    async def receive():
        return {"type": "http.request", "body": ask_kyc()}

    async def send(message):
        sent.append(message)

    with _share_connection():
        asyncio.run(asgi.application(scope, receive, send))
    return sent[0]["status"], sent[1]["body"]


@contextmanager
def _share_connection():
    """Let the loop have this thread's connection, as a worker's has, and none of its own."""
    before = getattr(statements._threads, "kept", None)
    statements.keep_connection()
    try:
        with patch.dict(os.environ, DJANGO_ALLOW_ASYNC_UNSAFE="1"):
            yield
    finally:
        statements._threads.kept = before


def call_by_thread(path=KYC, method="POST", headers=(), body=None):
    """Ask as gunicorn's gthread worker does."""
    body, said = ask_kyc() if body is None else body, []
    named = {"host": "localhost", **dict(headers)}
    environ = {
        "REQUEST_METHOD": method,
        "PATH_INFO": path if path.startswith("/") else f"{PREFIX}/{path}",
        "CONTENT_LENGTH": "" if "transfer-encoding" in named else str(len(body)),
        "SERVER_NAME": "localhost",
        "SERVER_PORT": "80",
        "REMOTE_ADDR": PEER,
        "wsgi.input": BytesIO(body),
        "wsgi.url_scheme": "http",
        **{f"HTTP_{name.upper().replace('-', '_')}": value for name, value in named.items()},
    }
    parts = wsgi.application(environ, lambda status, _: said.append(int(status.split()[0])))
    return said[0], b"".join(parts)
