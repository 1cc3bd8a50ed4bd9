"""Stands between a client and PostgreSQL, and cuts the connection where it is told to; or leads new
ones to another server.
"""

import socket
import threading
from contextlib import suppress
from urllib.parse import unquote

from tests.concurrency.conftest import Postgresql

CHUNK_BYTES = 65_536


def is_commit(message):
    return b"COMMIT\0" in message


def is_no_commit(message):
    return not is_commit(message)


class Proxy:
    """Listens on 127.0.0.1. `cut` says where to cut next, once: at a message of the client, before
    it is handed on, or after, when the server has answered it and nobody has heard.
    """

    def __init__(self, server):
        self.server = server
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.cuts = 0
        self._armed = None
        self._lock = threading.Lock()
        self._open = []
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def cut(self, when, *, at=is_commit, number=1):
        """Cut at the number-th such message from now on: `when` is "before" or "after"."""
        with self._lock:
            self._armed = [when, at, number]

    def cut_all(self):
        """Cut every connection that is open now."""
        for one in self._open:
            _close(one)

    def cut_nowhere(self):
        with self._lock:
            self._armed = None

    def end(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._thread.join()
        self.cut_all()

    def _accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:  # ended
                return
            try:
                upstream = _connect(self.server)
            except OSError:  # it is away
                _close(client)
                continue
            self._open += [client, upstream]
            pair = _Pair(self, client, upstream)
            for pump in (pair.ask, pair.answer):
                threading.Thread(target=pump, daemon=True).start()

    def meets(self, message):
        """Tell whether, and when, the connection is to be cut at this message."""
        with self._lock:
            if self._armed is None or not self._armed[1](message):
                return None
            self._armed[2] -= 1
            if self._armed[2]:
                return None
            when, _, _ = self._armed
            self._armed = None
            self.cuts += 1
            return when


class _Pair:
    """One client's connection, and ours for it."""

    def __init__(self, proxy, client, upstream):
        self.proxy, self.client, self.upstream = proxy, client, upstream
        self.is_last_answer = False

    def ask(self):
        for data in _receive(self.client):
            when = self.proxy.meets(data)
            if when == "before":
                break
            # What comes behind it, a pipeline's Sync, is handed on too: then it is answered.
            self.is_last_answer = self.is_last_answer or when == "after"
            if not _send(self.upstream, data):
                break
        if not self.is_last_answer:
            self._cut()

    def answer(self):
        for data in _receive(self.upstream):
            if self.is_last_answer or not _send(self.client, data):
                break
        self._cut()

    def _cut(self):
        _close(self.upstream)
        _close(self.client)


class Proxied(Postgresql):
    """A database that the workers reach through a proxy, and we directly."""

    def __init__(self, server):
        super().__init__(server)
        self.proxy = Proxy(server)
        through = server.write_url(self.name, port=self.proxy.port)
        self.variables = {"DATABASE_URL": f"{through}&sslmode=disable&gssencmode=disable"}

    def switch_to(self, server):
        """Let new connections, and ours, reach another server with the same database."""
        self.server = self.proxy.server = server

    def remove(self):
        self.proxy.end()
        super().remove()


def _receive(connection):
    try:
        while data := connection.recv(CHUNK_BYTES):
            yield data
    except OSError:  # cut
        return


def _send(connection, data):
    try:
        connection.sendall(data)
    except OSError:  # cut
        return False
    return True


def _close(connection):
    with suppress(OSError):  # was closed before
        connection.shutdown(socket.SHUT_RDWR)
    connection.close()


def _connect(server):
    host = unquote(server.parts.netloc.rpartition("@")[2].partition(":")[0])
    port = server.parts.port or 5432
    if not host.startswith("/"):
        return socket.create_connection((host, port))
    connection = socket.socket(socket.AF_UNIX)
    connection.connect(f"{host}/.s.PGSQL.{port}")
    return connection
