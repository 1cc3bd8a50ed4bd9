"""JSON logs: a line an event, on standard error, without personal data."""

import traceback
from types import TracebackType

from pythonjsonlogger.json import JsonFormatter

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Formatter(JsonFormatter):
    """Writes of an exception its type and where it arose; its text may repeat what a caller
    sent.
    """

    def formatException(self, ei: ExcInfo) -> str:  # noqa: N802 - logging's own name
        kind, _, trace = ei
        where = "".join(traceback.format_tb(trace))
        return f"{where}{kind.__name__ if kind else ''}"
