"""JSON logs: a line an event, on standard error, without personal data."""

import asyncio
import json
import logging
import time
import traceback
from contextlib import nullcontext
from datetime import UTC, datetime
from http import HTTPStatus
from types import TracebackType
from typing import TextIO

from pydantic_core import to_json

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Nobody asks from where a line comes: logging looks for none of this then.
logging._srcfile = ""
logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False

# What every record has. What an event tells is all the rest.
BLANK_RECORD = vars(logging.makeLogRecord({"levelname": "INFO", "levelno": logging.INFO}))
COMMON_NAMES = {*BLANK_RECORD, "message", "asctime", "taskName"}


class Event(logging.LogRecord):
    """A record that does not look for where it was made: logging's own takes as long as a read of
    the database.
    """

    def __init__(self, logger: str, message: str, **details: object) -> None:
        self.__dict__.update(BLANK_RECORD, name=logger, msg=message, created=time.time())
        self.details = details


class Handler(logging.StreamHandler[TextIO]):
    """Writes a line at once; on an event loop, the lines of one turn together after it, for one by
    one they would cost the loop twice as much.
    """

    def __init__(self, stream: TextIO | None = None) -> None:
        super().__init__(stream)
        self._said: list[logging.LogRecord] = []
        self._writes_after: asyncio.AbstractEventLoop | None = None  # this one's turn

    def emit(self, record: logging.LogRecord) -> None:
        self._said.append(record)
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            self.flush()
            return
        if loop is not self._writes_after:
            self._writes_after = loop
            loop.call_soon(self.flush)

    def flush(self) -> None:
        """Write what has been said; what can't be written is lost."""
        with self.lock or nullcontext():
            said, self._said, self._writes_after = self._said, [], None
            try:
                if lines := "".join(map(self._write_line, said)):
                    self.stream.write(lines)
            except Exception:  # as logging has it: no program ends for its log
                self.handleError(logging.makeLogRecord({"msg": "lines were lost"}))

    def _write_line(self, record: logging.LogRecord) -> str:
        try:
            return f"{self.format(record)}\n"
        except Exception:  # as above: one line that can't be written keeps back no other
            self.handleError(record)
            return ""


class Formatter(logging.Formatter):
    """Writes of an exception its type and where it arose; its text may repeat what a caller
    sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        event: dict[str, object] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if isinstance(record, Event):
            event |= record.details
        else:
            event |= {n: value for n, value in vars(record).items() if n not in COMMON_NAMES}
            if "request" in event:  # Django's: its text would be the whole address
                event["request"] = getattr(record.__dict__["request"], "path", "")
        # What was wrong with a request is no fault of ours: a line says it. Django writes a trace.
        fault = HTTPStatus.INTERNAL_SERVER_ERROR
        if record.exc_info and getattr(record, "status_code", fault) >= fault:
            event["exc_info"] = self.formatException(record.exc_info)
        try:
            return to_json(event, fallback=str).decode()
        except ValueError:  # of a text that is not whole characters
            return json.dumps(event, default=str)

    def formatException(self, ei: ExcInfo) -> str:
        kind, _, trace = ei
        where = "".join(traceback.format_tb(trace))
        return f"{where}{kind.__name__ if kind else ''}"
