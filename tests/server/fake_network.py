"""A worker's connections without a network: what each of them gets, in the order it gets it."""

import asyncio
from contextlib import contextmanager

from gunicorn.asgi import protocol
from gunicorn.config import Config
from gunicorn.glogging import Logger

from ppims.server import gunicorn_worker as ours
from ppims.server.connections import Connections

GET = b"GET /%d HTTP/1.1\r\nHost: localhost\r\n\r\n"
MOST_TURNS = 20_000  # more than any of these tests needs


class Network(asyncio.Transport):
    """One connection, as the event loop shows it to the server."""

    def __init__(self, told, address):
        super().__init__({"peername": (address, 1), "sockname": ("127.0.0.1", 2)})
        self.told, self.address = told, address
        self.protocol, self.is_open, self.is_read = None, True, True

    def send(self, data):
        self.protocol.data_received(data)

    def end(self):
        """Send nothing more, but go on listening."""
        if not self.protocol.eof_received():
            self.close()

    # What the server calls.

    def write(self, data):
        if self.is_open and data.startswith(b"HTTP/"):
            self.told.append((self, int(data.split()[1])))

    def set_write_buffer_limits(self, high=None, low=None):
        pass

    def pause_reading(self):
        self.is_read = False

    def resume_reading(self):
        self.is_read = True

    def can_write_eof(self):
        return False

    def is_closing(self):
        return not self.is_open

    def close(self):
        if self.is_open:
            self.is_open = False
            self.protocol.worker.loop.call_soon(self.protocol.connection_lost, None)

    abort = close


class Worker:
    """What a connection knows of its worker, and an application that answers at once; or, for a
    path below /slow, when it is told to.
    """

    def __init__(self, loop, most=1000, of_a_source=1000):
        self.loop, self.cfg = loop, Config()
        self.log, self.asgi = Logger(self.cfg), self._take_request
        self.connections, self.nr_conns = Connections(most, of_a_source), 0
        self.alive, self.nr, self.max_requests = True, 0, 10**9
        self.told = []  # (connection, status) of each answer, in order
        self.finish = asyncio.Event()

    def connect(self, address="192.0.2.1"):
        made = Network(self.told, address)
        made.protocol = ours.Protocol(self)
        made.protocol.connection_made(made)
        return made

    def count(self, connection):
        return sum(each is connection for each, _ in self.told)

    async def wait_until(self, holds):
        """Let turns of the loop pass until that holds."""
        for _ in range(MOST_TURNS):
            if holds():
                return
            await asyncio.sleep(0)
        raise AssertionError("it never came to that")

    async def _take_request(self, scope, receive, send):
        while (await receive()).get("more_body"):
            pass
        if scope["path"].startswith("/slow"):
            await self.finish.wait()
        headers = [(b"content-length", b"0")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def run(test, **more):
    """Run an async test with a worker of its own."""

    async def run_whole():
        await test(Worker(asyncio.get_running_loop(), **more))

    with _use_our_parser():
        asyncio.run(run_whole())


@contextmanager
def _use_our_parser():
    before, protocol.PythonProtocol = protocol.PythonProtocol, ours.Parser
    try:
        yield
    finally:
        protocol.PythonProtocol = before
