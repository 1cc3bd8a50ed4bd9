"""What the work of each kind of job is, and how a runner does one job: it says every few seconds
that it lives, and goes on, gives the job back or says that it failed.
"""

import logging
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import date, datetime
from functools import partial

from django.db import DatabaseError, InterfaceError, connection

from ppims.core import clock
from ppims.core.errors import Refusal, Unavailable
from ppims.db import outages, put_back
from ppims.maintenance import import_reading, importing, ledger_work, reconciling, watch
from ppims.models import Job
from ppims.services import access, jobs

WRITES_SECONDS, BEATS_SECONDS = 1, 5  # at most so often what is new; else so often that one lives
MOST_TRIES, TRIES_AGAIN_SECONDS = 5, 1
FAULT_TEXT = "A fault of ours; the log has it."

logger = logging.getLogger(__name__)


Work = Callable[[Job, jobs.Progress], dict[str, object]]

# The one place where a kind has its work. It may run again from the start, after a kill.
WORK_BY_KIND: dict[str, Work] = {
    Job.Kind.SEAL: ledger_work.make_seal,
    Job.Kind.VERIFY: ledger_work.verify_ledger,
    Job.Kind.WHAT_IF: ledger_work.replay_change,
    Job.Kind.WATCH: watch.do_job,
    Job.Kind.IMPORT_READ: import_reading.read_brought_file,
    Job.Kind.IMPORT: importing.do_import,
    Job.Kind.RECONCILE: reconciling.do_job,
}


class DailyWork:
    """What a runner asks for by itself, once a day; it remembers for which day it has last, so that
    its looks cost nothing.
    """

    def __init__(self) -> None:
        self._asked_for: date | None = None

    def ask(self) -> None:
        """Ask for the day's watch, if nobody has. Where that can't be kept now, at the next
        look.
        """
        day = watch.find_day(clock.now())
        if day == self._asked_for:
            return
        with suppress(Unavailable):
            jobs.ask_of_day(Job.Kind.WATCH, day)
            self._asked_for = day


class QuarterlyWork:
    """What a runner does once in a quarter of an hour: entries of the audit of what was counted in
    those that are over. Other looks cost nothing.
    """

    def __init__(self) -> None:
        self._done_for: datetime | None = None

    def do(self) -> None:
        """Do it, unless it is done. Where it can't be done now, at the next look."""
        quarter = access.find_quarter(clock.now())
        if quarter == self._done_for:
            return
        with suppress(Unavailable):
            access.flush_failures()
            self._done_for = quarter


class Beat:
    """Says for a job at work that its runner lives, and how far it is: from a thread with a
    connection of its own, for the work may be inside a snapshot, or silent for minutes.
    """

    def __init__(self, job: Job) -> None:
        self._job = job
        self._so_far, self._is_taken_away = (0, 0), False
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="beat", daemon=True)

    def __enter__(self) -> "Beat":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self._thread.join()

    def __call__(self, done: int, total: int) -> None:
        self._so_far = (done, total)
        if self._is_taken_away:
            raise jobs.TakenAway

    def _serve(self) -> None:
        kept, kept_at = self._so_far, time.monotonic()
        while not self._ends.wait(WRITES_SECONDS) and not self._is_taken_away:
            so_far, now = self._so_far, time.monotonic()
            if so_far != kept or now >= kept_at + BEATS_SECONDS:
                self._keep(so_far)
                kept, kept_at = so_far, now
        connection.close()

    def _keep(self, so_far: tuple[int, int]) -> None:
        try:
            jobs.keep_progress(self._job, *so_far)
        except jobs.TakenAway:
            self._is_taken_away = True
        except (Unavailable, DatabaseError, InterfaceError) as error:
            # Without a beat for long another runner takes the job: then the next one hears of it.
            outages.drop_connection_after(error.__cause__ or error)


def run_next(claim: str) -> Job | None:
    """Do the next job for the runner of this name; None: there is none. Raises Unavailable."""
    job = jobs.claim_next(claim)
    if job:
        began = time.monotonic()
        try:
            _run(job)
        except jobs.TakenAway:
            logger.warning("job %d was taken away", job.pk)
        logger.info("job %d, %s: %.1f s", job.pk, job.kind, time.monotonic() - began)
    return job


def _run(job: Job) -> None:
    with Beat(job) as beat:
        try:
            with put_back.refuse_once_put_back():
                result = WORK_BY_KIND[job.kind](job, beat)
        except (SystemExit, KeyboardInterrupt):  # this runner is to end, by no fault of the job
            with suppress(jobs.TakenAway, Unavailable, DatabaseError, InterfaceError):
                jobs.give_back(job)
            raise
        except (Unavailable, DatabaseError, InterfaceError) as error:
            _let_wait_or_fail(job, error)
            return
        except Refusal as refusal:
            _end_patiently(partial(jobs.fail, job, refusal.describe()))
            return
        except jobs.TakenAway:
            raise
        except Exception:
            logger.exception("job %d failed", job.pk)
            _end_patiently(partial(jobs.fail, job, FAULT_TEXT))
            return
        _end_patiently(partial(jobs.finish, job, result))


def _end_patiently(end: Callable[[], None]) -> None:
    """End a job; again while the database is busy or away, for the work would be lost, and the beat
    goes on meanwhile. Raises Unavailable, if the last try fails too.
    """
    for _ in range(MOST_TRIES - 1):
        with suppress(Unavailable):
            end()
            return
        time.sleep(TRIES_AGAIN_SECONDS)
    end()


def _let_wait_or_fail(job: Job, error: Exception) -> None:
    """Let a job be tried again where the database was away, or too busy, in the midst of it."""
    why = error.__cause__ or error if isinstance(error, Unavailable) else error
    logger.warning("job %d was cut off: %s", job.pk, type(why).__name__)
    outages.drop_connection_after(why)
    if isinstance(error, Unavailable) or outages.is_outage(why):
        jobs.give_back(job, counts=True)
    else:
        jobs.fail(job, FAULT_TEXT)
