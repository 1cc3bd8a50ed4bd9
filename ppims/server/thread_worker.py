"""gunicorn's gthread worker, as strict as the other one (ppims/server/http_refusals.py)."""

from http import HTTPStatus
from typing import Any

from gunicorn import util
from gunicorn.http.errors import (
    ExpectationFailed,
    ForbiddenProxyRequest,
    InvalidHeader,
    LimitRequestHeaders,
    LimitRequestLine,
    ParseException,
    UnsupportedTransferCoding,
)
from gunicorn.workers import gthread

from ppims.db.failed_syncs import end_server_where_syncs_fail
from ppims.server.http_refusals import asks_for_more_than_chunks, log_refusal

STATUSES = {
    ForbiddenProxyRequest: 403,
    LimitRequestLine: 414,
    ExpectationFailed: 417,
    LimitRequestHeaders: 431,
    UnsupportedTransferCoding: 501,
}  # all else is a 400


class Worker(gthread.ThreadWorker):
    """What `--worker-class ppims.server.thread_worker.Worker` names."""

    def load_wsgi(self) -> None:
        """Load the program, and with it the settings: the process that starts workers has none."""
        super().load_wsgi()
        # Here, for it needs the settings, which are there now.
        from ppims.server import worker_counts  # noqa: PLC0415

        worker_counts.start()
        end_server_where_syncs_fail()

    def handle_request(self, req: Any, conn: Any) -> Any:
        # The asgi worker refuses the same two: gunicorn takes the one and passes the other on.
        if req.version >= (1, 1) and "HOST" not in dict(req.headers):
            raise InvalidHeader("HOST")
        if asks_for_more_than_chunks(v for n, v in req.headers if n == "TRANSFER-ENCODING"):
            raise UnsupportedTransferCoding("TRANSFER-ENCODING")
        return super().handle_request(req, conn)

    def handle_error(self, req: Any, client: Any, addr: Any, exc: Exception) -> None:
        if not isinstance(exc, ParseException):
            super().handle_error(req, client, addr, exc)
            return
        status = STATUSES.get(type(exc), 400)
        log_refusal(self.log, (addr or ("",))[0], status, type(exc).__name__)
        util.write_error(client, status, HTTPStatus(status).phrase, "")
