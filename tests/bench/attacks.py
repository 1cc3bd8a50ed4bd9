"""What attacks cost everybody else: how long a processor waits for an answer, with each attack and
without, in turn. docs/performance.md says how to read it.
"""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass, field
from statistics import median, quantiles
from typing import Any

from tests.bench.attackers import ATTACKS_BY_NAME
from tests.bench.installation import ROOT, Installation
from tests.bench.server import Server, serve

CUSTOMER_COUNT = 1_000
ROUND_COUNT, ASK_SECONDS = 2, 3
PATIENCE_SECONDS = 10  # a call without an answer counts as so much
AFTER_A_RESTART = {"guesses"}  # a worker remembers the log-ins that it has verified
WORKER_COUNT = 1  # so that every call meets the worker that is attacked
DESCRIPTIONS = {
    "pipelines": "4 connections, each 2,000 requests ahead of their answers, again and again",
    "guesses": "400 connections that try passwords of nobody, from 4 addresses, after a restart",
    "half-open": "2,600 connections from one address, half a header each",
}


@dataclass
class Waits:
    """How long each answer took, each over its own connection; and how many calls got none."""

    seconds: list[float] = field(default_factory=list)
    unanswered: int = 0

    @property
    def p50_ms(self) -> float:
        return 1000 * median(self.seconds)

    @property
    def p99_ms(self) -> float:
        return 1000 * quantiles([*self.seconds, *self.seconds], n=100)[-1]  # of one answer, too

    @property
    def worst_ms(self) -> float:
        return 1000 * max(self.seconds)

    def __str__(self) -> str:
        return f"{self.p50_ms:.1f} / {self.p99_ms:.1f} / {self.worst_ms:.0f}"


def measure_attacks(
    installation: Installation, say: Callable[[str], None]
) -> dict[str, tuple[Waits, Waits]]:
    """Measure the waits without and with each attack."""
    found = {name: (Waits(), Waits()) for name in ATTACKS_BY_NAME}
    raw = _write_call(installation)
    for number in range(1, ROUND_COUNT + 1):
        for name, (without, under) in found.items():
            with _serve(installation) as server:
                _ask_for(ASK_SECONDS, server.port, raw, without)
                if name not in AFTER_A_RESTART:
                    with _attack(name, server.port):
                        _ask_for(ASK_SECONDS, server.port, raw, under)
            if name in AFTER_A_RESTART:
                with _serve(installation) as server, _attack(name, server.port):
                    _ask_for(ASK_SECONDS, server.port, raw, under)
            say(f"round {number}, {name}: p99 {without.p99_ms:.0f} → {under.p99_ms:.0f} ms")
    return found


def write_table(found: dict[str, tuple[Waits, Waits]]) -> str:
    """Write the figures as Markdown."""
    lines = [
        "| attack | p50 / p99 / worst, ms | with it | p99, with ÷ without | unanswered |",
        "|---|---|---|---|---|",
    ]
    for name, (without, under) in found.items():
        ratio = under.p99_ms / without.p99_ms
        unanswered = f"{under.unanswered} of {len(under.seconds)}"
        lines.append(f"| {DESCRIPTIONS[name]} | {without} | {under} | {ratio:.1f} | {unanswered} |")
    return "\n".join(lines)


def make_plain(found: dict[str, tuple[Waits, Waits]]) -> dict[str, Any]:
    """Make plain values for JSON."""
    return {
        name: {"without": asdict(without), "with": asdict(under)}
        for name, (without, under) in found.items()
    }


@contextmanager
def _serve(installation: Installation) -> Iterator[Server]:
    with serve(installation, workers=WORKER_COUNT) as server:
        server.wait_until_it_answers("/readyz")
        yield server


@contextmanager
def _attack(name: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.attackers", name, str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()  # all its connections have begun
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _write_call(installation: Installation) -> bytes:
    """Write a call of the first processor, about one of its customers."""
    lines = [line.split() for line in installation.sample.read_text().splitlines()]
    number, system_id, username, password = next(w[1:] for w in lines if w[0] == "processor")
    unique_id = next(w[2] for w in lines if w[:2] == ["customer", number])
    about = {"Ref_Id": "A1", "Unique_Id": unique_id, "System_Id": system_id}
    data = {"Check_KYC": about, "Username": username, "Password": password}
    body = json.dumps({"Data": data, "Risk": {}}).encode()
    head = "POST /api/PPIM/v1/check-customer-kyc HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _ask_for(seconds: float, port: int, raw: bytes, waits: Waits) -> None:
    """Make one call after another, each over its own connection, as a new client does."""
    ends = time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        is_answered = _is_answered(port, raw)
        waits.unanswered += not is_answered
        waits.seconds.append(time.monotonic() - began)


def _is_answered(port: int, raw: bytes) -> bool:
    answer = b""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)) as wire:
            wire.sendall(raw)
            while data := wire.recv(1 << 16):
                answer += data
    except OSError:
        return False
    return b'"Resp_Code":"000"' in answer
