"""gunicorn as `python3 -m ppims` starts it, on a copy of a prepared data folder; and a client that
speaks in bytes.
"""

import json
import shutil
import socket
import subprocess
import sys
import time
from contextlib import closing, contextmanager
from dataclasses import dataclass

from ppims import __main__ as start
from tests.concurrency.conftest import ROOT, make_variables
from tests.conftest import PREFIX, WORDS
from tests.crash.server import Server

PATIENCE_SECONDS = 20
SAMPLE = "482915307264158"
KYC, CHECK, UPDATE = "check-customer-kyc", "check-customer-limit", "update-customer-limit"
PASSWORDS = {"ENT": "ENT123", "CBS": "CBS123", "OLD": "OLD123"}


class RunningServer(Server):
    """One worker, at once: what it serves has been prepared."""

    def __init__(self, folder, kind="asgi", **more):
        super().__init__(folder, **more)
        self.kind = kind

    def set_up(self, prepared):
        shutil.copytree(prepared, self.folder, dirs_exist_ok=True)

    def start(self, *options, workers=1):
        bind = f"127.0.0.1:{self.port}"
        command = start.make_gunicorn_options(start.SERVERS[self.kind], bind, workers, 4)
        self.began = time.monotonic()
        with (self.folder / "server.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "gunicorn", *options, *command],
                cwd=ROOT,
                env=make_variables(self.folder, **self.more),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def read_log(self):
        return (self.folder / "server.log").read_text()

    @contextmanager
    def open_wire(self):
        with closing(Wire(self.port)) as wire:
            yield wire

    def ask(self, raw):
        """Send one request over a connection of its own: the reply."""
        with self.open_wire() as wire:
            wire.send(raw)
            return wire.read_reply(is_head=raw.startswith(b"HEAD"))


@dataclass
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self):
        return json.loads(self.body)["Data"]


class Wire:
    """One connection."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_SECONDS)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.stream = self.socket.makefile("rb")

    def send(self, *parts):
        for part in parts:
            self.socket.sendall(part)

    def read_reply(self, *, is_head=False):
        """Read the next reply. None where the connection ends instead."""
        try:
            line = self.stream.readline()
        except ConnectionError:
            return None
        if not line:
            return None
        status, headers = int(line.split()[1]), {}
        while field := self.stream.readline().strip().decode("latin-1"):
            name, _, value = field.partition(":")
            headers[name.title()] = value.strip()
        has_body = status >= 200 and status != 204 and not is_head
        return Reply(status, headers, self._read_body(headers) if has_body else b"")

    def _read_body(self, headers):
        if headers.get("Transfer-Encoding") != "chunked":
            return self.stream.read(int(headers["Content-Length"]))
        parts = []
        while size := int(self.stream.readline(), 16):
            parts.append(self.stream.read(size))
            self.stream.readline()
        self.stream.readline()
        return b"".join(parts)

    def close(self):
        self.stream.close()
        self.socket.close()


def make_body(operation, system_id="ENT", **fields):
    message = {"System_Id": system_id, **fields}
    data = {WORDS[operation]: message, "Username": f"PPIM_{system_id}"}
    return json.dumps({"Data": {**data, "Password": PASSWORDS[system_id]}, "Risk": {}}).encode()


def encode(operation, body, *headers, method="POST", length=None):
    """Write a request as bytes; of a length of its own, if so said."""
    lines = [f"{method} {PREFIX}/{operation} HTTP/1.1", "Host: localhost", *headers]
    if length is not False:
        lines.append(f"Content-Length: {len(body) if length is None else length}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def get(path, method="GET"):
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def ask_kyc(ref="K1", **more):
    """Ask what is known of the sample customer."""
    return make_body(KYC, Ref_Id=ref, Unique_Id=SAMPLE, **more)


def ask_check(operation=CHECK, **more):
    """Ask for a rupee of the sample customer's."""
    fields = {"Unique_Id": SAMPLE, "Amount": "1.00", "Tran_Type": "D", **more}
    return make_body(operation, **fields)


def chunk(body, *sizes):
    """Write a body in chunks of these sizes, and of the rest."""
    pieces, rest = [], body
    for size in (*sizes, len(body)):
        piece, rest = rest[:size], rest[size:]
        pieces.append(b"%x\r\n%b\r\n" % (len(piece), piece) if piece else b"")
    return b"".join(pieces) + b"0\r\n\r\n"
