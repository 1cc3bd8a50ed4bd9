"""gunicorn's asgi worker, less patient. A request has so long to arrive from its first byte on, an
answer has so long to be taken, and a worker has so many connections. Others go on meanwhile.
"""

import asyncio
import os
import re
import resource
import sys
from http import HTTPStatus
from typing import Any

from django.conf import settings
from gunicorn.asgi import protocol
from gunicorn.asgi.parser import (
    InvalidChunkSize,
    InvalidHeader,
    LimitRequestHeaders,
    PythonProtocol,
    UnsupportedTransferCoding,
)
from gunicorn.workers import gasgi

from ppims.core import uploads
from ppims.core.addresses import is_trusted_proxy, name_source
from ppims.db import shared_snapshot
from ppims.db.failed_syncs import end_server_where_syncs_fail
from ppims.db.statements import keep_connection
from ppims.server.connections import Connections
from ppims.server.http_refusals import LENGTH_DIGITS, asks_for_more_than_chunks, log_refusal

ARRIVAL_SECONDS, TAKING_SECONDS = 10, 30
CODINGS_HEADER = b"transfer-encoding"
PIPELINED_BYTES = 64 * 1024  # read of a connection, ahead of the answers to what came before
HEADERS_BYTES = 32 * 1024  # of a request: they are read in one turn of the loop
CHUNKS_AT_MOST = 1024  # of a body, for the same reason
# A field that nothing is wrong with (RFC 9110 section 5), and some of them. Possessive: a pattern
# that gives back what it took would try a line of blanks in as many ways as it has pairs of them.
FIELD_PATTERN = rb"([!#$%&'*+.^_`|~0-9A-Za-z-]++):[ \t]*+([\t\x20-\x7e\x80-\xff]*+)\r\n"
EACH_FIELD, FIELDS = re.compile(FIELD_PATTERN), re.compile(b"(?:" + FIELD_PATTERN + b")+")


class Parser(PythonProtocol):
    """Reads headers all at once where nothing is wrong with them. Otherwise gunicorn reads them,
    line by line and byte by byte, and says what is wrong.
    """

    _header_count: int
    _read_bytes = 0  # of a request's headers, line by line
    _headers_list: list[tuple[bytes, bytes]]

    def _parse_headers(self) -> bool:
        end = 0 if self._buffer.startswith(b"\r\n") else self._buffer.find(b"\r\n\r\n")
        if not self._header_count and self._take_plain_headers(end):
            return True
        size = len(self._buffer)
        read = self._read_bytes if self._header_count else 0
        # gunicorn limits each field and their number, but not all of them together.
        if read + (size if end < 0 else end) > HEADERS_BYTES:
            raise LimitRequestHeaders("Too large")
        is_whole = bool(super()._parse_headers())
        self._read_bytes = read + size - len(self._buffer)
        return is_whole

    def _take_plain_headers(self, end: int) -> bool:
        # The line of a field and its end: gunicorn counts both.
        if not 0 < end <= self._limit_request_field_size - len(b"\r\n"):
            return False
        block = bytes(self._buffer[: end + 2])
        fields = EACH_FIELD.findall(block) if FIELDS.fullmatch(block) else []
        if not 0 < len(fields) <= self._limit_request_fields:
            return False
        del self._buffer[: end + 4]
        self._headers_list = [(name.lower(), value.rstrip(b" \t")) for name, value in fields]
        self._header_count, self._scan_from = len(fields), 0
        self._finalize_headers()
        return True

    def _finalize_headers(self) -> None:
        values = dict(self._headers_list)
        if b"host" not in values and self.http_version >= (1, 1):
            raise InvalidHeader("Host")
        if len(values.get(b"content-length", b"")) > LENGTH_DIGITS:
            raise InvalidHeader("Content-Length")
        if CODINGS_HEADER in values and asks_for_more_than_chunks(
            value.decode("latin1") for name, value in self._headers_list if name == CODINGS_HEADER
        ):
            raise UnsupportedTransferCoding("Transfer-Encoding")
        super()._finalize_headers()


class Protocol(gasgi.ASGIProtocol):
    """One connection. Between requests gunicorn's own keep-alive closes it."""

    _arrival: asyncio.TimerHandle | None = None  # runs while a request is on its way
    _taking: asyncio.TimerHandle | None = None  # runs while the client takes no more of an answer
    _chunks = 0
    _has_ended = False  # its client sends nothing more, but may listen

    def connection_made(self, transport: asyncio.Transport) -> None:
        super().connection_made(transport)
        self._max_buffer_size = PIPELINED_BYTES
        self._arrival = self._call_after(ARRIVAL_SECONDS, self._has_not_arrived)
        address, *_ = transport.get_extra_info("peername") or ("",)
        source = "" if is_trusted_proxy(address) else name_source(address)
        if leaving := self.worker.connections.admit(self, source):
            leaving.give_way()

    def give_way(self) -> None:
        """Close it, for one that may have something to say."""
        self._stop(self._arrival)
        self._keepalive_timeout()

    def _feed_callback_parser(self, data: bytes) -> bool:
        """Read what has come: just now, or ahead of the answer to what came before it."""
        shared_snapshot.end()  # what it asks is to be read as of now
        is_well_formed = bool(super()._feed_callback_parser(data))
        request = self._body_receiver
        if request is not None and request._complete:
            self._stop(self._arrival)
            self._arrival = None
            self.worker.connections.answer(self)
        else:
            # The time runs from the first byte: each byte more must not begin it anew.
            if self._arrival is None:
                seconds = 0 if self._has_ended else ARRIVAL_SECONDS
                self._arrival = self._call_after(seconds, self._has_not_arrived)
            self.worker.connections.wait_for(self)
        return is_well_formed

    def eof_received(self) -> bool:
        """Go on answering what has come whole, and refuse what has not."""
        self._has_ended = True
        if self._arrival is not None:
            self._has_not_arrived()
        elif self._awaiting_request:
            self._keepalive_timeout()
        return True

    def _on_headers_complete(self) -> bool:
        self._chunks = 0
        is_taken = bool(super()._on_headers_complete())
        request = self._current_request
        if uploads.is_upload(request.method, request.path):
            self._stop(self._arrival)
            self._arrival = self._call_after(uploads.ARRIVAL_SECONDS, self._has_not_arrived)
        return is_taken

    def _on_body(self, chunk: bytes) -> None:
        self._chunks += 1
        # A body in as many chunks as bytes would cost a step of the loop for each byte.
        if self._chunks > CHUNKS_AT_MOST and self._callback_parser.is_chunked:
            raise InvalidChunkSize("Too many")
        super()._on_body(chunk)

    def _resume_reading(self) -> None:
        # gunicorn would read on after each answer: whoever asks faster than it is answered would
        # fill the memory.
        if self._http1_buffered() <= self._max_buffer_size:
            super()._resume_reading()

    async def _serve_http_request(self, request: Any, sockname: Any, peername: Any) -> bool:
        """Serve a request in the connection's own task. gunicorn makes a task for each request, so
        that a program may go on after its answer; ours has nothing to do then.
        """
        is_kept = bool(await self._handle_http_request(request, sockname, peername))
        if self._http1_buffered():
            # What was sent ahead waits for the next turn of the loop. Otherwise nothing comes
            # between the answers to a whole pipeline, and all others wait until it has ended.
            await asyncio.sleep(0)
        return is_kept

    def _will_close(self, request: Any, response_requires_close: bool) -> bool:
        """Say so in the answer to a body that wasn't read to its end, too: gunicorn closes then,
        and a proxy that hasn't heard of it would lose the next call that it sends this way.
        """
        body = self._body_receiver
        is_left_unread = body is not None and not body._complete
        return is_left_unread or bool(super()._will_close(request, response_requires_close))

    def _arm_keepalive_timer(self) -> None:
        # It has just been answered: from here on it is silent, and may have to give way.
        self.worker.connections.wait_for(self)
        super()._arm_keepalive_timer()
        if self._has_ended:
            self._keepalive_timeout()

    def pause_writing(self) -> None:
        super().pause_writing()
        self.worker.connections.wait_for(self)
        self._taking = self._call_after(TAKING_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if not self._awaiting_request:
            self.worker.connections.answer(self)
        self._stop(self._taking)

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop(self._arrival)
        self._stop(self._taking)
        self.worker.connections.remove(self)
        super().connection_lost(exc)

    def _has_not_arrived(self) -> None:
        if self._body_receiver is None:
            self._keepalive_timeout()
        else:  # the headers are there: the program refuses the request in its own words
            self._body_receiver._body_wait_expired = True
            self._body_receiver._wake_waiter()

    def _send_error_response(self, status: int, message: str, extra_headers: Any = ()) -> None:
        """Refuse in the standard's words: gunicorn's own may repeat what was sent."""
        if status != HTTPStatus.INTERNAL_SERVER_ERROR:  # of that one gunicorn has written a line
            address, *_ = self.transport.get_extra_info("peername") or ("",)
            log_refusal(self.log, address, status, type(sys.exception()).__name__)
        super()._send_error_response(status, HTTPStatus(status).phrase, extra_headers)

    def _call_after(self, seconds: float, what: Any) -> Any:
        return self.worker.loop.call_later(seconds, what)

    def _stop(self, timer: asyncio.TimerHandle | None) -> None:
        if timer is not None:
            timer.cancel()


class Worker(gasgi.ASGIWorker):
    """What `--worker-class ppims.server.gunicorn_worker.Worker` names."""

    connections: Connections[Protocol]

    def load_wsgi(self) -> None:
        """Load the program, and with it the settings: the process that starts workers has none."""
        super().load_wsgi()
        # The hot path's reads run on the loop, by one connection of its thread: handing one to
        # another thread would cost more than the read.
        os.environ.setdefault("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        keep_connection()
        end_server_where_syncs_fail()
        # What a worker opens besides: on SQLite each thread has the database's three.
        own_files = 64 + 3 * 2 * settings.PPIMS_THREADS
        most = make_room_for_files(self.worker_connections, beside=own_files)
        self.connections = Connections(most, settings.PPIMS_CONNECTIONS_PER_ADDRESS)
        # Here, for it needs the settings, which are there now.
        from ppims.server import worker_counts  # noqa: PLC0415

        worker_counts.start(self.connections.count)


def make_room_for_files(wanted: int, *, beside: int) -> int:
    """Raise this process's limit of open files as far as it needs and may, and return how many of
    the wanted connections it can have. Without a free file it could accept none at all.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    limits = [limit for limit in (wanted + beside, hard) if limit != resource.RLIM_INFINITY]
    if resource.RLIM_INFINITY != soft < min(limits):
        soft = min(limits)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return wanted if soft == resource.RLIM_INFINITY else max(min(wanted, soft - beside), 1)


# No setting of gunicorn names these two: its worker and its protocol look them up here.
gasgi.ASGIProtocol, protocol.PythonProtocol = Protocol, Parser
