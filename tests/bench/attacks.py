"""What attacks cost those who are none: how long a processor waits for an answer, with each attack
and without, by turns. docs/performance.md tells how to read it.
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

from tests.bench.attackers import ATTACKS
from tests.bench.installation import ROOT, Installation
from tests.bench.server import Running, serving

CUSTOMERS = 1_000
ROUNDS, SECONDS = 2, 3
PATIENCE_SECONDS = 10  # what none took counts as so much
AFTER_A_START = {"guesses"}  # who has been verified is known to the worker that did it
WORKERS = 1  # so that whoever asks meets the one that is attacked
SHOWN = {
    "pipelines": "4 connections, each 2,000 requests ahead of their answers, again and again",
    "guesses": "400 connections that try passwords of nobody, from 4 addresses, after a restart",
    "half-open": "2,600 connections from one address, half a header each",
}


@dataclass
class Waits:
    """How long each answer took, a connection for each; and how often there was none."""

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


def run(installation: Installation, say: Callable[[str], None]) -> dict[str, tuple[Waits, Waits]]:
    """Measure all attacks: each one's waits without it and with it."""
    found = {name: (Waits(), Waits()) for name in ATTACKS}
    raw = _call(installation)
    for number in range(1, ROUNDS + 1):
        for name, (without, under) in found.items():
            with _served(installation) as running:
                _ask_for(SECONDS, running.port, raw, without)
                if name not in AFTER_A_START:
                    with _attacked(name, running.port):
                        _ask_for(SECONDS, running.port, raw, under)
            if name in AFTER_A_START:
                with _served(installation) as running, _attacked(name, running.port):
                    _ask_for(SECONDS, running.port, raw, under)
            say(f"round {number}, {name}: p99 {without.p99_ms:.0f} → {under.p99_ms:.0f} ms")
    return found


def table(found: dict[str, tuple[Waits, Waits]]) -> str:
    """Write the figures as Markdown."""
    lines = [
        "| attack | p50 / p99 / worst, ms | with it | p99, with ÷ without | unanswered |",
        "|---|---|---|---|---|",
    ]
    for name, (without, under) in found.items():
        ratio = under.p99_ms / without.p99_ms
        unanswered = f"{under.unanswered} of {len(under.seconds)}"
        lines.append(f"| {SHOWN[name]} | {without} | {under} | {ratio:.1f} | {unanswered} |")
    return "\n".join(lines)


def plain(found: dict[str, tuple[Waits, Waits]]) -> dict[str, Any]:
    """Give all of it as JSON has it."""
    return {
        name: {"without": asdict(without), "with": asdict(under)}
        for name, (without, under) in found.items()
    }


@contextmanager
def _served(installation: Installation) -> Iterator[Running]:
    with serving(installation, workers=WORKERS) as running:
        running.wait_until_it_answers("/readyz")
        yield running


@contextmanager
def _attacked(name: str, port: int) -> Iterator[None]:
    command = [sys.executable, "-m", "tests.bench.attackers", name, str(port)]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        process.stdout.readline()  # all of them have begun
        yield
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def _call(installation: Installation) -> bytes:
    """Write a call of the first processor's, for a customer of its own."""
    lines = [line.split() for line in installation.sample.read_text().splitlines()]
    number, system_id, username, password = next(w[1:] for w in lines if w[0] == "processor")
    unique_id = next(w[2] for w in lines if w[:2] == ["customer", number])
    about = {"Ref_Id": "A1", "Unique_Id": unique_id, "System_Id": system_id}
    data = {"Check_KYC": about, "Username": username, "Password": password}
    body = json.dumps({"Data": data, "Risk": {}}).encode()
    head = "POST /api/PPIM/v1/check-customer-kyc HTTP/1.1\r\nHost: 127.0.0.1\r\n"
    return f"{head}Connection: close\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def _ask_for(seconds: float, port: int, raw: bytes, waits: Waits) -> None:
    """Ask one call after another, each over a connection of its own, as who comes anew does."""
    ends = time.monotonic() + seconds
    while (began := time.monotonic()) < ends:
        is_answered = _is_answered(port, raw)
        waits.unanswered += not is_answered
        waits.seconds.append(time.monotonic() - began)


def _is_answered(port: int, raw: bytes) -> bool:
    said = b""
    try:
        with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS)) as wire:
            wire.sendall(raw)
            while data := wire.recv(1 << 16):
                said += data
    except OSError:
        return False
    return b'"Resp_Code":"000"' in said
