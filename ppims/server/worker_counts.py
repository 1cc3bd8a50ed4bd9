"""What a worker counts, kept where every other one can read it (ppims/core/kept_counts.py): by a
thread, once a second, and whenever somebody asks for all.
"""

import atexit
import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

from django.conf import settings

from ppims.core import counts, kept_counts
from ppims.core.kept_counts import CountsFile, Worker
from ppims.db import group_commit

KEPT_EVERY_SECONDS = 1
CountConnections = Callable[[], int]

logger = logging.getLogger(__name__)


class Keeper:
    """Keeps the counts of this process in a file. Any thread may ask it to."""

    def __init__(self) -> None:
        self.is_started = False
        self._count_connections: CountConnections | None = None
        self._file: CountsFile | None = None
        self._opening = threading.Lock()

    @property
    def path(self) -> Path | None:
        return self._file.path if self._file else None

    def start(self, count_connections: CountConnections | None) -> None:
        """Go on counting from a worker before this one, count a start, and keep from now on."""
        self.is_started, self._count_connections = True, count_connections
        self.keep()
        counts.WORKER_STARTS.add()
        threading.Thread(target=self._serve, name="counts", daemon=True).start()
        atexit.register(self.keep)

    def keep(self) -> bool:
        """Write the counts as of now. False: they can't be written, and go on in memory alone; the
        log says so once.
        """
        try:
            with self._opening:
                if self._file is None:
                    self._file = CountsFile(find_folder())
            self._file.keep(self.measure())
        except OSError as error:
            kept_counts.report(error)
            return False
        return True

    def measure(self) -> dict[str, float]:
        """Measure what this process has just now."""
        gauges: dict[str, float] = {"queue": group_commit.count_waiting()}
        if self._count_connections:
            gauges["connections"] = self._count_connections()
        return gauges

    def _serve(self) -> NoReturn:
        while True:
            time.sleep(KEPT_EVERY_SECONDS)
            try:
                self.keep()
            except Exception:  # this thread is never started again
                logger.exception("counts were not kept")


_keeper = Keeper()


def start(count_connections: CountConnections | None = None) -> None:
    """Keep this worker's counts. Called in the worker: a thread doesn't survive fork."""
    _keeper.start(count_connections)


def read_all() -> list[Worker]:
    """Read the counts of all workers, as of now of this one and of a second ago of the others.
    Where no worker runs, those of this process.
    """
    if _keeper.is_started and _keeper.keep():
        # Its own too by the file: whoever is asked next must not know of less.
        return kept_counts.read_workers(find_folder())
    others = kept_counts.read_workers(find_folder(), but=_keeper.path)
    return [*others, kept_counts.describe_own(_keeper.measure())]


def find_folder() -> Path:
    return Path(settings.PPIMS_DATA_DIR) / kept_counts.FOLDER_NAME
