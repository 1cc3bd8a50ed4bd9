"""What both workers refuse of HTTP beyond what gunicorn refuses itself, and how they say so: by a
line in the log and a status, neither of which repeats what was sent.
"""

from collections.abc import Iterable
from typing import Any

from gunicorn.glogging import Logger

from ppims.core.counts import HTTP_REFUSED
from ppims.server.logs import Formatter

LENGTH_DIGITS = 18  # more than any file has bytes; Python refuses to read some thousands


def asks_for_more_than_chunks(transfer_encodings: Iterable[str]) -> bool:
    """Return whether a body in chunks is compressed too. Nobody here would undo that: gunicorn
    hands such a body on as it is.
    """
    codings = [each.strip(" \t").lower() for each in ",".join(transfer_encodings).split(",")]
    return len(codings) > 1 and codings.count("chunked") == 1 and codings[-1] == "chunked"


def log_refusal(log: Any, address: object, status: int, why: str) -> None:
    """Log what a client is refused for. gunicorn's own text would repeat what the client sent:
    where a length was wrong, a piece of the body, with names and passwords.
    """
    HTTP_REFUSED.add(str(int(status)))
    log.warning("request refused", extra={"address": address, "status": int(status), "why": why})


class Log(Logger):
    """gunicorn's log, in lines like the program's own: without an error's text."""

    def setup(self, cfg: Any) -> None:
        super().setup(cfg)
        for handler in self.error_log.handlers:
            handler.setFormatter(Formatter())
