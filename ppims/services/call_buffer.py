"""Note refused calls without waiting, and write them in a thread of its own, many at a time and
within seconds. No answer depends on them, so they take no fsync: a kill or a crash may lose the
last ones.
"""

import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings

from ppims.core import clock
from ppims.core.errors import Unavailable
from ppims.db import outages, put_back, statements
from ppims.db.transaction import run_without_fsync, wrap_in_transaction
from ppims.models import Processor, RefusedCall

KEPT_CODES = set(RefusedCall.Code.values)
KEPT_OF_A_PROCESSOR = 10_000
WAITING_AT_MOST, ROWS_AT_ONCE = 5_000, 100
# What comes within the first is written together.
WRITES_AFTER_SECONDS, PURGES_EVERY_SECONDS = 2, 3_600
WELL_FORMED = re.compile("[A-Za-z0-9_-]{1,32}")
PAST_NUMBER = """
    DELETE FROM ppims_refusedcall WHERE processor_id = %s AND id <= (
        SELECT id FROM ppims_refusedcall WHERE processor_id = %s
        ORDER BY id DESC LIMIT 1 OFFSET %s)
"""
PAST_TIME = "DELETE FROM ppims_refusedcall WHERE processor_id = %s AND at < %s"

logger = logging.getLogger(__name__)


class CallBuffer:
    """What waits to be written: at most WAITING_AT_MOST calls; more are only counted.

    Any thread may note. The writing thread is made by the first call, not at import: it would not
    survive gunicorn's fork.
    """

    def __init__(self) -> None:
        # Each with the time since boot when it was noted: a demo may be put back meanwhile.
        self._waiting: deque[tuple[int, dict[str, Any]]] = deque()
        self._taken: list[tuple[int, RefusedCall]] = []  # of the writing thread alone
        self._has_come, self._starting = threading.Event(), threading.Lock()
        self._is_started, self._lost, self._purge_due = False, 0, -math.inf

    def note(
        self, *, processor_id: int, operation: str, ref_id: object, code: str, fields: Iterable[str]
    ) -> None:
        """Note a refused call, if calls of such a code are kept. Never waits, never fails."""
        if code not in KEPT_CODES:
            return
        if len(self._waiting) >= WAITING_AT_MOST:
            self._lost += 1
            return
        is_well_formed = isinstance(ref_id, str) and WELL_FORMED.fullmatch(ref_id)
        said = {
            "at": clock.now(),
            "processor_id": processor_id,
            "operation": operation,
            "ref_id": ref_id if is_well_formed else "",
            "code": code,
            "fields": ",".join(dict.fromkeys(fields)),
        }
        self._waiting.append((time.monotonic_ns(), said))
        self._has_come.set()
        self.start()

    def start(self) -> None:
        if not self._is_started:
            with self._starting:
                if not self._is_started:
                    self._is_started = True
                    threading.Thread(target=self._serve, name="calls", daemon=True).start()

    def write(self) -> int:
        """Write the next ROWS_AT_ONCE that wait. Return how many; what fails to be written stays.

        Raises Unavailable, DatabaseError, OSError.
        """
        while self._waiting and len(self._taken) < ROWS_AT_ONCE:
            noted_ns, said = self._waiting.popleft()
            self._taken.append((noted_ns, RefusedCall(**said)))
        with put_back.refuse_once_put_back():
            since_ns = put_back.read_moment_ns()
            if calls := [call for noted_ns, call in self._taken if noted_ns > since_ns]:
                write(calls)
        written, self._taken = len(self._taken), []
        return written

    def _serve(self) -> NoReturn:
        while True:
            if self._has_come.wait(PURGES_EVERY_SECONDS):
                time.sleep(WRITES_AFTER_SECONDS)
            self._has_come.clear()
            try:
                self._write_all()
                self._purge_if_due()
            except Exception as error:  # noqa: BLE001 - this thread is never started again
                self._report(error)
                self._has_come.set()

    def _report(self, error: Exception) -> None:
        """Log that calls wait, if the database is away; else drop them: the next try would fail
        as well.
        """
        # Unavailable hides what happened to the database; that is its cause.
        why = error.__cause__ or error if isinstance(error, Unavailable) else error
        if isinstance(error, Unavailable | OSError) or outages.is_outage(why):
            logger.warning("refused calls wait to be kept: %s", type(why).__name__)
            outages.drop_connection_after(why)
        else:
            count, self._taken = len(self._taken), []
            logger.warning("%d refused calls were dropped: %s", count, type(why).__name__)

    def _write_all(self) -> None:
        while self.write():
            pass
        if self._lost:
            logger.warning("%d refused calls were not kept: too many came", self._lost)
            self._lost = 0

    def _purge_if_due(self) -> None:
        now = time.monotonic()
        if now >= self._purge_due:
            purge(clock.now())
            self._purge_due = now + PURGES_EVERY_SECONDS


buffer = CallBuffer()


def write(calls: Sequence[RefusedCall]) -> None:
    """Write calls, and delete the oldest beyond the number kept of each processor. Raises
    Unavailable, DatabaseError.
    """

    def work() -> None:
        RefusedCall.objects.bulk_create(calls)
        for processor_id in {call.processor_id for call in calls}:
            statements.run(PAST_NUMBER, [processor_id, processor_id, KEPT_OF_A_PROCESSOR])

    run_without_fsync(work)


def find_oldest_kept(at: datetime) -> datetime:
    """Return the instant from which on calls are kept, and shown."""
    return at - timedelta(days=settings.PPIMS_CALLS_DAYS)


@wrap_in_transaction
def purge(at: datetime) -> int:
    """Delete calls older than PPIMS_CALLS_DAYS. Return how many. Raises Unavailable,
    DatabaseError.
    """
    before = statements.store_value(find_oldest_kept(at))
    ids = Processor.objects.values_list("pk", flat=True)
    return sum(statements.run(PAST_TIME, [processor_id, before]) for processor_id in ids)
