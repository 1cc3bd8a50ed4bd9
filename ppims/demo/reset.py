"""The demo put back to the state of its start, while the server goes on.

The start is a copy of the database as it was once the demo was loaded and its passwords given. A
draft of it gets what stays (who is logged in) and what is to be known afterwards (the audit), and
takes the database's place in one commit, under the lock that every writer waits for.
"""

import logging
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from django.conf import settings
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from customers.models import Customer
from limits.models import OF_ALL, OverviewSnapshot
from limits.services import overview
from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.core.private_files import write_private
from ppims.db import alias, put_back
from ppims.db.write_lock import hold_write_lock
from ppims.demo import next_answers, traffic_place
from ppims.demo.control_log import record_use
from ppims.demo.load import ACCESS_FILE, SAMPLE_CUSTOMER
from ppims.demo.locked_file import open_locked
from ppims.demo.turned_clock import LOCK_FILE
from ppims.models import Processor, StaffSession, User
from ppims.services import key_usage, role_groups

logger = logging.getLogger(__name__)

START_FILE = "demo-start.sqlite3"
NO_START_MESSAGE = "has no start to be put back to: stop the server, and start it again"


def ensure_start(*, url: str, is_new: bool) -> None:
    """Let there be a start to go back to: of a demo that is new, the database as it is; of one that
    an older version has loaded, a demo loaded anew, beside it. Nothing, where the data are no
    demo's.
    """
    own = alias.find_file()
    if not settings.PPIMS_STAND_IN or own is None:
        return
    put_back.forget_moment()
    if is_new:
        _keep_start(own)
    elif _is_demo() and not _is_fit(_find_start()):
        _load_beside(url)


def put_back_to_start(*, processor: Processor | None = None, user: User | None = None) -> None:
    """Put the demo back to its start: data, clock, next answers, traffic. Whoever is logged in
    stays so. `processor` or `user` is who asked.

    Raises Conflict where there is no start, or it is an older version's, or the data are no demo's
    by now; Unavailable, sqlite3.Error or OSError. Then only traffic has ended.
    """
    start = _find_start()
    if not _is_demo() or not _is_fit(start):
        raise Conflict([("", NO_START_MESSAGE)])
    traffic_place.end_running()
    with tempfile.TemporaryDirectory(dir=settings.PPIMS_DATA_DIR, prefix=".reset-") as folder:
        draft = Path(folder) / START_FILE
        shutil.copyfile(start, draft)
        # In this order: whoever turns the clock puts that on record while having the first one.
        with (
            open_locked(settings.PPIMS_DATA_DIR / LOCK_FILE),
            hold_write_lock(patience_seconds=settings.PPIMS_BUSY_SECONDS),
            _hold_clock_right(),
        ):
            sessions = list(StaffSession.objects.all())
            count, version = put_back.read_count(), _read_version()
            with alias.use_file_as_own(draft):
                _finish_draft(sessions, count=count + 1, version=version)
                _record(processor, user)
            put_back.note_moment()
            alias.put_back_pages(draft)
            next_answers.forget_all()


def forget_what_was_set() -> None:
    """Before a demo is loaded into an empty database: forget the clock and the answers that were
    set for one that was here before.
    """
    own_file = settings.PPIMS_DATA_DIR in Path(settings.PPIMS_CLOCK_OFFSET_FILE).parents
    if settings.PPIMS_STAND_IN and own_file and not Processor.objects.exists():
        _set_clock_right()
        next_answers.forget_all()


def _find_start() -> Path:
    path: Path = settings.PPIMS_DATA_DIR / START_FILE
    return path


def _keep_start(own: Path) -> None:
    """Keep the database as it is now, whole or not at all."""
    start = _find_start()
    with tempfile.TemporaryDirectory(dir=start.parent, prefix=".start-") as folder:
        draft = Path(folder) / START_FILE
        draft.touch(mode=0o600)
        with alias.open_database(alias.write_sqlite_url(draft)) as other:
            alias.copy_pages(other)
        draft.replace(start)


def _is_demo() -> bool:
    """Whether the data are a demo's, which may be taken away: it has told its passwords."""
    access = settings.PPIMS_DATA_DIR / ACCESS_FILE
    return access.exists() and Customer.objects.filter(pk=SAMPLE_CUSTOMER).exists()


def _is_fit(start: Path) -> bool:
    """Whether there is a start, and this version can use it, with the keys that are here."""
    if not start.exists():
        return False
    try:
        with alias.use_file_as_own(start):
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return False
            return not key_usage.list_missing(key_usage.list_keys_in_use())
    except DatabaseError:  # somebody has spoilt it
        return False


def _load_beside(url: str) -> None:
    """Load a demo into a database of its own, with the same keys and passwords, and keep it as the
    start: by a process of its own, as a first start is.
    """
    with tempfile.TemporaryDirectory(dir=settings.PPIMS_DATA_DIR, prefix=".start-") as folder:
        variables = {
            **os.environ,
            "PPIMS_DATA_DIR": str(settings.PPIMS_DATA_DIR),
            "DATABASE_URL": alias.write_sqlite_url(Path(folder) / "ppims.sqlite3"),
            "PPIMS_CLOCK_OFFSET_FILE": str(Path(folder) / "clock-offset"),  # the real time
        }
        variables.pop("DATABASE_URL_FILE", None)
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "prepare", "--url", url]
        # Where it fails the server starts all the same: a reset says then that there is no start.
        done = subprocess.run(command, env=variables, check=False, capture_output=True)  # noqa: S603 - ours
        if done.returncode != 0:
            logger.warning("no start was made for the demo to be put back to")


def _set_clock_right() -> None:
    """Let the clock be the real one in every process, before there are rows of the start to write
    to: what is ahead could not be followed by an earlier instant.
    """
    name = settings.PPIMS_CLOCK_OFFSET_FILE
    if name and Path(name).exists():
        Path(name).unlink()
        clock.wait_for_offset()


@contextmanager
def _hold_clock_right() -> Iterator[None]:
    """Set the clock right; where the block fails, ahead again as it was, for then there are rows of
    later instants still.
    """
    ahead = clock.read_offset()
    _set_clock_right()
    try:
        yield
    except BaseException:
        if ahead:
            write_private(Path(settings.PPIMS_CLOCK_OFFSET_FILE), repr(ahead.total_seconds()))
            clock.wait_for_offset()
        raise


def _read_version() -> int:
    row = OverviewSnapshot.objects.filter(pk=OF_ALL).first()
    return row.version if row else 0


def _finish_draft(sessions: Sequence[StaffSession], *, count: int, version: int) -> None:
    """Give the draft what stays of the database now, and what this version has of its own."""
    put_back.set_count(count)
    people = set(User.objects.values_list("pk", flat=True))  # who came later is gone again
    StaffSession.objects.all().delete()
    StaffSession.objects.bulk_create(each for each in sessions if each.user_id in {None, *people})
    overview.restart_figures(at=clock.now(), after_version=version)
    role_groups.set_up()
    key_usage.record_use()


def _record(processor: Processor | None, user: User | None) -> None:
    """Put on record who had the demo put back, as they are known in its start."""
    users = User.objects.filter(username=user.username) if user else User.objects.none()
    callers = Processor.objects.filter(system_id=processor.system_id if processor else "")
    record_use(
        "demo put back to its start",
        processor=callers.first(),
        user=users.first(),
        username=user.username if user else "",
    )
