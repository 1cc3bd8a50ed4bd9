"""The attacks of `bench --attacks`. Each runs in a process of its own, which its starter ends:
`python -m tests.bench.attackers NAME PORT`.

Standard library only, and cheap: the server is on the same cores.
"""

import asyncio
import json
import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import count

SERVER_HOST, ATTACKER_HOST = "127.0.0.1", "127.0.0.2"
OPEN_FILES = 8192
PIPELINES, SENT_AHEAD = 4, 2_000
PASSWORD_GUESSERS = 400
HALF_REQUESTS, PAUSE_SECONDS = 2_600, 5
REQUEST_HEAD = "POST /api/PPIM/v1/check-customer-kyc HTTP/1.1\r\nHost: 127.0.0.1\r\n"
Attack = Callable[[int, int], Awaitable[None]]


async def send_pipeline(port: int, number: int) -> None:
    """Send many requests without waiting for an answer, then read all answers."""
    raw = b"POST /api/PPIM/v1/none HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 0\r\n\r\n"
    reader, writer = await _connect(port, ATTACKER_HOST)
    writer.write(raw * SENT_AHEAD)
    answered, before = 0, b""
    while answered < SENT_AHEAD and (data := await reader.read(1 << 16)):
        answered += (before + data).count(b"HTTP/1.1 ")
        before = data[-8:]  # too short to hold one that has been counted
    writer.close()


async def guess_passwords(port: int, number: int) -> None:
    """Try passwords for users that don't exist, one after another, from one of four addresses."""
    reader, writer = await _connect(port, f"127.0.0.{2 + number % 4}")
    for each in count():
        log_in = {"Username": f"nobody{number}-{each}", "Password": "wrong"}
        body = json.dumps({"Data": {"Check_KYC": {}, **log_in}}).encode()
        writer.write(f"{REQUEST_HEAD}Content-Length: {len(body)}\r\n\r\n".encode() + body)
        head = await reader.readuntil(b"\r\n\r\n")
        await reader.readexactly(int(head.lower().partition(b"content-length: ")[2].split()[0]))


async def send_half_a_request(port: int, number: int) -> None:
    """Send half a request and wait until the server closes the connection; then pause."""
    reader, writer = await _connect(port, ATTACKER_HOST)
    writer.write(REQUEST_HEAD[:20].encode())
    await reader.read()
    writer.close()
    await asyncio.sleep(PAUSE_SECONDS)


ATTACKS_BY_NAME: dict[str, tuple[int, Attack]] = {
    "pipelines": (PIPELINES, send_pipeline),
    "guesses": (PASSWORD_GUESSERS, guess_passwords),
    "half-open": (HALF_REQUESTS, send_half_a_request),
}


async def attack(name: str, port: int) -> None:
    """Attack until this process is ended. Prints a line when all connections have begun."""
    connections, attack_once = ATTACKS_BY_NAME[name]

    async def repeat(number: int) -> None:
        while True:
            with suppress(OSError, EOFError):
                await attack_once(port, number)
            await asyncio.sleep(0.01)

    tasks = [asyncio.create_task(repeat(number)) for number in range(connections)]
    await asyncio.sleep(1)
    print("begun", flush=True)
    await asyncio.gather(*tasks)


async def _connect(port: int, address: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    return await asyncio.open_connection(SERVER_HOST, port, local_addr=(address, 0))


def main() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = OPEN_FILES if hard == resource.RLIM_INFINITY else min(OPEN_FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    asyncio.run(attack(sys.argv[1], int(sys.argv[2])))


if __name__ == "__main__":
    main()
