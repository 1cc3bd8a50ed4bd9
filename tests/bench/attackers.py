"""The hostile side of `bench --attacks`, by its name, on a port, in a process of its own that
is ended by whoever started it.

Standard library only, and cheap: the server is on the same cores.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

HOST = "127.0.0.1"
FILES = 8192
PIPELINES, SENT_AHEAD = 4, 2_000
GUESSERS = 400
HALF_OPEN, AGAIN_SECONDS = 2_600, 5
CALL = "POST /api/PPIM/v1/check-customer-kyc HTTP/1.1\r\nHost: 127.0.0.1\r\n"
Attack = Callable[[int, int], Awaitable[None]]


async def pipeline(port: int, number: int) -> None:
    """Send so many requests without waiting for an answer, and take all of them."""
    raw = b"POST /api/PPIM/v1/none HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    reader, writer = await _open(port, "127.0.0.2")
    writer.write(raw * SENT_AHEAD)
    answered, before = 0, b""
    while answered < SENT_AHEAD and (data := await reader.read(1 << 16)):
        answered += (before + data).count(b"HTTP/1.1 ")
        before = data[-8:]  # too short to hold one that has been counted
    writer.close()


async def guess(port: int, number: int) -> None:
    """Try passwords of nobody, one after another, from one of four addresses."""
    reader, writer = await _open(port, f"127.0.0.{2 + number % 4}")
    for each in count():
        log_in = {"Username": f"nobody{number}-{each}", "Password": "wrong"}
        body = json.dumps({"Data": {"Check_KYC": {}, **log_in}}).encode()
        writer.write(f"{CALL}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))


async def half_open(port: int, number: int) -> None:
    """Begin a request and leave it there; some seconds after that was closed, begin another."""
    reader, writer = await _open(port, "127.0.0.2")
    writer.write(CALL[:20].encode())
    await reader.read()
    writer.close()
    await asyncio.sleep(AGAIN_SECONDS)


ATTACKS: dict[str, tuple[int, Attack]] = {
    "pipelines": (PIPELINES, pipeline),
    "guesses": (GUESSERS, guess),
    "half-open": (HALF_OPEN, half_open),
}


async def attack(name: str, port: int) -> None:
    """Attack until this process is ended; a line says when all have begun."""
    connections, one = ATTACKS[name]

    async def again(number: int) -> None:
        while True:
            with suppress(OSError, EOFError):
                await one(port, number)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(again(number)) for number in range(connections)]
    await asyncio.sleep(1)
    print("begun", flush=True)
    await asyncio.gather(*tasks)


async def _open(port: int, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(HOST, port, local_addr=(address, 0))


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    asyncio.run(attack(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
