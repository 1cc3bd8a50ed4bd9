"""gunicorn's asgi worker, less patient: a client has so long for the headers of its first request
(later ones fall under the keep-alive's time), and a worker so many connections.
"""

import asyncio

from gunicorn.asgi.protocol import ASGIProtocol
from gunicorn.workers import gasgi

HEADER_SECONDS = 10


class Protocol(ASGIProtocol):  # type: ignore[misc]  # it has no types
    """One connection."""

    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        if self.worker.nr_conns > self.worker.worker_connections:
            self._close_transport()
            return
        loop = self.worker.loop
        self._deadline = loop.call_later(HEADER_SECONDS, self._keepalive_timeout)

    def _on_headers_complete(self) -> bool:
        if self._deadline:
            self._deadline.cancel()
        return bool(super()._on_headers_complete())


class Worker(gasgi.ASGIWorker):  # type: ignore[misc]
    """What `--worker-class ppims.worker.Worker` names. It makes no other sort of connection."""


gasgi.ASGIProtocol = Protocol
