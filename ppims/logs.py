"""JSON logs: a line an event, on standard error, without personal data."""

import json
import logging
import traceback
from datetime import UTC, datetime
from types import TracebackType

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]

# Nobody asks from where a line comes: logging looks for none of this then.
logging._srcfile = ""
logging.logThreads = logging.logMultiprocessing = logging.logProcesses = False

# What every record has: of all else, an event tells.
COMMON = {*vars(logging.makeLogRecord({})), "message", "asctime", "taskName"}

_written = json.JSONEncoder(ensure_ascii=False, default=str).encode


class Formatter(logging.Formatter):
    """Writes of an exception its type and where it arose; its text may repeat what a caller
    sent.
    """

    def format(self, record: logging.LogRecord) -> str:
        event = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        event |= {name: value for name, value in vars(record).items() if name not in COMMON}
        if record.exc_info:
            event["exc_info"] = self.formatException(record.exc_info)
        return _written(event)

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's own name
        kind, _, trace = ei
        where = "".join(traceback.format_tb(trace))
        return f"{where}{kind.__name__ if kind else ''}"
