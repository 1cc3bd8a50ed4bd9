"""The process that does jobs, one after another, beside a server or by itself; and how it ends with
the server that has started it, however that one ends.
"""

import logging
import os
import signal
import threading
import time
from contextlib import suppress
from typing import NoReturn

from django.db import DatabaseError, InterfaceError, connection, connections

from ppims.core.errors import Unavailable
from ppims.db import outages
from ppims.maintenance.jobs import DailyWork, QuarterlyWork, run_next
from ppims.services import jobs

LOOKS_SECONDS, AWAY_SECONDS = 1, 5  # for a job; for a database that can't be asked
WATCHES_SECONDS, ENDS_WITHIN_SECONDS = 0.5, 5
RUNNERS_NICENESS = 10
ENDING_SIGNALS = (signal.SIGTERM, signal.SIGINT)

logger = logging.getLogger(__name__)


def run_beside(server: int) -> None:
    """Keep one runner at work for as long as the process that has started this one lives, and start
    another one where it was killed. Called before any connection or thread is made.
    """
    connections.close_all()  # none is shared by two processes
    _end_by_signals()
    runner = 0
    try:
        while os.getppid() == server:
            if not runner:
                runner = _start_runner()
            ended, status = os.waitpid(runner, os.WNOHANG)
            if ended:
                logger.warning("the runner of jobs ended: %d", os.waitstatus_to_exitcode(status))
                runner = 0
            time.sleep(WATCHES_SECONDS)
    finally:
        if runner:
            os.kill(runner, signal.SIGTERM)


def _start_runner() -> int:
    keeper = os.getpid()
    pid = os.fork()
    if pid == 0:
        # Whatever happens here, it never goes on as the process that it was forked from.
        try:
            run_forever(keeper)
        except BaseException as error:
            if not isinstance(error, SystemExit):
                logger.exception("the runner of jobs failed")
        finally:
            os._exit(0)
    return pid


def run_forever(keeper: int = 0) -> NoReturn:
    """Do jobs as they come, niced, until SIGTERM or SIGINT; or until the keeper, the process that
    has started this one, is no more. The job at work is then given back.
    """
    _end_by_signals()
    os.nice(RUNNERS_NICENESS)
    if keeper:
        threading.Thread(target=_watch_keeper, args=(keeper,), daemon=True).start()
    claim, is_away = jobs.name_runner(), False
    daily, quarterly = DailyWork(), QuarterlyWork()
    while True:
        try:
            daily.ask()
            quarterly.do()
            while run_next(claim):
                pass
            is_away = False
        except (Unavailable, DatabaseError, InterfaceError) as error:
            _report(error, again=is_away)
            is_away = True
        connection.close_if_unusable_or_obsolete()
        time.sleep(AWAY_SECONDS if is_away else LOOKS_SECONDS)


def _report(error: Exception, *, again: bool) -> None:
    """Log once that the database can't be asked: it is away, or not migrated yet."""
    why = error.__cause__ or error if isinstance(error, Unavailable) else error
    if not again:
        logger.warning("no jobs can be done now: %s", type(why).__name__)
    outages.drop_connection_after(why)


def _end_by_signals() -> None:
    def end(*_: object) -> NoReturn:
        for each in ENDING_SIGNALS:
            signal.signal(each, signal.SIG_IGN)  # the job is being given back: once is enough
        raise SystemExit(0)

    for each in ENDING_SIGNALS:
        signal.signal(each, end)


def _watch_keeper(keeper: int) -> None:
    # Asked for now and then: a process that is killed can't say so, and any kernel answers this.
    while os.getppid() == keeper:
        time.sleep(WATCHES_SECONDS)
    with suppress(ProcessLookupError):
        os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(ENDS_WITHIN_SECONDS)
    os._exit(0)  # in a long statement: another runner will find the job without a beat
