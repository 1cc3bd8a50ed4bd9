"""Note calls without waiting, and write them in a thread of its own, many at a time and within
seconds. No answer depends on them, so they take no fsync: a kill or a crash may lose the last ones.

In production those are the refused calls, without their bodies; elsewhere all of them, with both,
encrypted (`PPIMS_KEEPS_BODIES`).
"""

import json
import logging
import math
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NoReturn

from django.conf import settings

from ppims.core import clock
from ppims.core.errors import Unavailable
from ppims.db import outages, put_back, statements
from ppims.db.transaction import run_without_fsync, wrap_in_transaction
from ppims.models import KeptCall, Processor

KEPT_CODES = set(KeptCall.COUNTED_CODES)
KEPT_OF_A_PROCESSOR = 10_000
WAITING_AT_MOST, ROWS_AT_ONCE = 5_000, 100
WAITING_BYTES = 32 * 1024 * 1024  # of bodies
# What comes within the first is written together.
WRITES_AFTER_SECONDS, PURGES_EVERY_SECONDS = 2, 3_600
WELL_FORMED = re.compile("[A-Za-z0-9_-]{1,32}")
PAST_NUMBER = """
    DELETE FROM ppims_keptcall WHERE {whose} AND id <= (
        SELECT id FROM ppims_keptcall WHERE {whose} ORDER BY id DESC LIMIT 1 OFFSET %s)
"""
PAST_TIME = "DELETE FROM ppims_keptcall WHERE {whose} AND at < %s"

logger = logging.getLogger(__name__)


class CallBuffer:
    """What waits to be written: at most WAITING_AT_MOST calls, and WAITING_BYTES of their bodies;
    more are only counted.

    Any thread may note. The writing thread is made by the first call, not at import: it would not
    survive gunicorn's fork.
    """

    def __init__(self) -> None:
        # Each with the time since boot when it was noted: a demo may be put back meanwhile.
        self._waiting: deque[tuple[int, dict[str, Any], bytes, bytes]] = deque()
        self._taken: list[tuple[int, KeptCall]] = []  # of the writing thread alone
        self._has_come, self._starting = threading.Event(), threading.Lock()
        self._is_started, self._lost, self._purge_due = False, 0, -math.inf
        self._bytes, self._counting = 0, threading.Lock()

    def note(
        self,
        *,
        processor_id: int,
        operation: str,
        ref_id: object,
        code: str,
        fields: str = "",
        request_id: str = "",
    ) -> None:
        """Note a refused call, if calls of such a code are kept. Never waits, never fails."""
        if code not in KEPT_CODES:
            return
        row = {
            "at": clock.now(),
            "processor_id": processor_id,
            "operation": operation,
            "request_id": request_id,
            "ref_id": read_ref(ref_id),
            "code": code,
            "fields": fields,
        }
        self.note_whole(row, b"", b"")

    def note_whole(self, row: dict[str, Any], sent: bytes, answered: bytes) -> None:
        """Note a call by its columns, what was sent and what was answered, both JSON. Never waits,
        never fails.
        """
        size = len(sent) + len(answered)
        if len(self._waiting) >= WAITING_AT_MOST or self._bytes + size > WAITING_BYTES:
            self._lost += 1
            return
        self._count_bytes(size)
        self._waiting.append((time.monotonic_ns(), row, sent, answered))
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
            noted_ns, row, sent, answered = self._waiting.popleft()
            self._count_bytes(-len(sent) - len(answered))
            self._taken.append((noted_ns, make_call(row, sent, answered)))
        with put_back.refuse_once_put_back():
            since_ns = put_back.read_moment_ns()
            if calls := [call for noted_ns, call in self._taken if noted_ns > since_ns]:
                write(calls)
        written, self._taken = len(self._taken), []
        return written

    def _count_bytes(self, more: int) -> None:
        with self._counting:
            self._bytes += more

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
            logger.warning("calls wait to be kept: %s", type(why).__name__)
            outages.drop_connection_after(why)
        else:
            count, self._taken = len(self._taken), []
            logger.warning("%d calls were dropped: %s", count, type(why).__name__)

    def _write_all(self) -> None:
        while self.write():
            pass
        if self._lost:
            logger.warning("%d calls were not kept: too many came", self._lost)
            self._lost = 0

    def _purge_if_due(self) -> None:
        now = time.monotonic()
        if now >= self._purge_due:
            purge(clock.now())
            self._purge_due = now + PURGES_EVERY_SECONDS


buffer = CallBuffer()


def read_ref(value: object) -> str:
    """Return a Ref_Id, or another number of the sender's, if it is well-formed; else ""."""
    return value if isinstance(value, str) and WELL_FORMED.fullmatch(value) else ""


def make_call(row: dict[str, Any], sent: bytes, answered: bytes) -> KeptCall:
    """Make a row of what was noted, with the bodies encrypted in it."""
    call = KeptCall(**row)
    if answered:
        if call.unique_id is None:  # an add is answered with one
            unique_id = json.loads(answered)["Data"].get("Unique_Id", "")
            call.unique_id = int(unique_id) if unique_id.isdecimal() else None
        call.seal(f'{{"sent":{sent.decode()},"answered":{answered.decode()}}}')
    return call


def write(calls: Sequence[KeptCall]) -> None:
    """Write calls, and delete the oldest beyond the number kept of each processor, and of nobody.
    Raises Unavailable, DatabaseError.
    """

    def work() -> None:
        KeptCall.objects.bulk_create(calls)
        for processor_id in {call.processor_id for call in calls}:
            whose, values = _name_owner(processor_id)
            sql = PAST_NUMBER.format(whose=whose)
            statements.run(sql, [*values, *values, KEPT_OF_A_PROCESSOR])

    run_without_fsync(work)


def find_oldest_kept(at: datetime) -> datetime | None:
    """Return the instant from which on calls are kept, and shown; None: whatever their age is, for
    a demo's clock may jump.
    """
    return None if settings.PPIMS_KEEPS_BODIES else at - timedelta(days=settings.PPIMS_CALLS_DAYS)


@wrap_in_transaction
def purge(at: datetime) -> int:
    """Delete calls older than PPIMS_CALLS_DAYS. Return how many. Raises Unavailable,
    DatabaseError.
    """
    oldest, deleted = find_oldest_kept(at), 0
    if oldest is not None:
        before = statements.store_value(oldest)
        for processor_id in (None, *Processor.objects.values_list("pk", flat=True)):
            whose, values = _name_owner(processor_id)
            deleted += statements.run(PAST_TIME.format(whose=whose), [*values, before])
    return deleted


def _name_owner(processor_id: int | None) -> tuple[str, list[int]]:
    """Write the condition of whose calls, as either database finds it in the index."""
    if processor_id is None:
        return "processor_id IS NULL", []
    return "processor_id = %s", [processor_id]
