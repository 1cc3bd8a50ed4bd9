"""A relay before a server on a Unix socket: what goes through it comes later, each way. Nothing
waits for an answer: what is sent at once arrives at once. It ends when its standard input does:
`python -m tests.bench.relay PATH MILLISECONDS`.

One thread, and select: asyncio's timers, like epoll's, are of whole milliseconds.
"""

import json
import os
import select
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from statistics import median

from tests.bench.installation import ROOT

CHUNK_BYTES = 65_536
WAITS_TO_MEASURE = 100
END_SECONDS = 10


@dataclass
class Relay:
    """A relay that runs. How late it made what it passed on is known when it has ended."""

    process: "subprocess.Popen[str]"
    port: int
    each_way_ms: float = 0.0

    def end(self) -> None:
        try:
            told, _ = self.process.communicate(timeout=END_SECONDS)
        finally:
            self.process.kill()
        self.each_way_ms = json.loads(told)


@contextmanager
def run_relay(path: str, *, round_trip_ms: float) -> Iterator[Relay]:
    """Relay a port of 127.0.0.1 to a Unix socket for a while, each way with half of the delay."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.bench.relay", path, str(round_trip_ms / 2)],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C is the bench's
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"the relay did not start: exit code {process.wait()}")
    relay = Relay(process, int(line))
    try:
        yield relay
    finally:
        relay.end()


# The relay's own process.


@dataclass(eq=False)
class Wire:
    """One side of a relayed connection, and what it couldn't take yet."""

    socket: socket.socket
    peer: "Wire" = field(init=False)
    unsent: bytearray = field(default_factory=bytearray)

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def is_open(self) -> bool:
        return self.fileno() >= 0

    def receive(self) -> bytes:
        """Receive what is there; nothing means that the other end has closed."""
        with suppress(OSError):
            return self.socket.recv(CHUNK_BYTES)
        return b""

    def send(self, data: bytes) -> None:
        """Send what it can take now, and keep the rest."""
        self.unsent += data
        with suppress(OSError):  # it can't take more now; or has gone, which reading tells
            del self.unsent[: self.socket.send(self.unsent)]

    def close(self) -> None:
        """Close the connection on both sides."""
        self.socket.close()
        self.peer.socket.close()


class Delay:
    """What is under way: all of it comes equally late, so the first that came is due first."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.under_way: deque[tuple[float, Wire, bytes]] = deque()
        self.lag = _measure_lag()  # how much too late a wait ends
        self.passed, self.spent = 0, 0.0

    def put(self, wire: Wire, data: bytes) -> None:
        self.under_way.append((time.monotonic() + self.seconds, wire, data))

    def count_seconds(self) -> float | None:
        """Count how long to wait until something is due; None if nothing is under way."""
        if not self.under_way:
            return None
        return max(0.0, self.under_way[0][0] - time.monotonic() - self.lag)

    def pass_on(self) -> None:
        """Pass on what is due, give or take half of a wait's lag."""
        soon = time.monotonic() + self.lag / 2
        while self.under_way and self.under_way[0][0] <= soon:
            due, wire, data = self.under_way.popleft()
            self.passed += 1
            self.spent += time.monotonic() - due + self.seconds
            if wire.is_open:
                wire.send(data) if data else wire.close()

    def work_out_mean_ms(self) -> float:
        return round(1000 * self.spent / self.passed, 3) if self.passed else 0.0


def _measure_lag() -> float:
    """Measure how many seconds too late a wait of a quarter of a millisecond ends."""
    wanted, late = 0.00025, []
    for _ in range(WAITS_TO_MEASURE):
        began = time.monotonic()
        select.select((), (), (), wanted)
        late.append(time.monotonic() - began - wanted)
    return median(late)


def relay_until_input_ends(path: str, seconds: float) -> None:
    """Relay until standard input ends; then print how many milliseconds it took each way."""
    delay, listener, ending = Delay(seconds), socket.create_server(("127.0.0.1", 0)), sys.stdin
    print(listener.getsockname()[1], flush=True)
    reading: set[Wire] = set()
    while True:
        blocked = [wire for wire in reading if wire.unsent]
        waits = ([listener, ending, *reading], blocked, (), delay.count_seconds())
        readable, writable, _ = select.select(*waits)
        for wire in writable:
            wire.send(b"")
        for ready in readable:
            if isinstance(ready, Wire):
                data = ready.receive()
                delay.put(ready.peer, data)
                if not data:
                    reading -= {ready, ready.peer}
            elif ready is listener:
                reading |= _accept(listener, path)
            else:
                print(json.dumps(delay.work_out_mean_ms()))
                return
        delay.pass_on()


def _accept(listener: socket.socket, path: str) -> set[Wire]:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    server = socket.socket(socket.AF_UNIX)
    server.connect(path)
    near, far = Wire(client), Wire(server)
    near.peer, far.peer = far, near
    for wire in (near, far):
        wire.socket.setblocking(False)
    return {near, far}


if __name__ == "__main__":
    # A network doesn't wait for its turn: where the system allows it, nor does the relay.
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    relay_until_input_ends(sys.argv[1], float(sys.argv[2]) / 1000)
