"""One look at the database for all who ask for /metrics: so a flood of them costs it nothing, and
nobody waits long for one that doesn't answer.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from dataclasses import dataclass

from ppims.db.threads import run_as_a_request
from ppims.metrics.gauges import Sample
from ppims.metrics.readings import read_samples

FRESH_SECONDS, PATIENCE_SECONDS = 5.0, 2.0
# Each holds a thread of the pages meanwhile; two servers of Prometheus may ask at once.
WAITERS_AT_MOST = 2

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Seen:
    """What was read, when (by the monotonic clock), and whether the database answered."""

    is_up: bool = False
    samples: Sequence[Sample] = ()
    at: float = -FRESH_SECONDS


class Look:
    """The last look at the database, and the one that is under way, if any. For any thread."""

    def __init__(
        self,
        read: Callable[[], Sequence[Sample]] = read_samples,
        tell: Callable[[], float] = time.monotonic,
    ) -> None:
        self._read, self._tell = read, tell
        self._threads = ThreadPoolExecutor(1, "metrics")  # the thread is made at first use
        self._lock, self._waiters = threading.Lock(), 0
        self._under_way: Future[None] | None = None
        self._seen, self._has_failed = Seen(), False

    def take(self) -> Seen:
        """Return what was seen within the last seconds, by a new look if need be. Where the
        database doesn't answer in time: that it is not up.
        """
        with self._lock:
            if self._is_fresh():
                return self._seen
            if self._under_way is None or self._under_way.done():
                self._under_way = self._threads.submit(self._look)
            look, may_wait = self._under_way, self._waiters < WAITERS_AT_MOST
            self._waiters += may_wait
        if may_wait:
            wait_for([look], PATIENCE_SECONDS)
            with self._lock:
                self._waiters -= 1
        return self._seen if self._is_fresh() else Seen()

    def _is_fresh(self) -> bool:
        return self._tell() - self._seen.at < FRESH_SECONDS

    def _look(self) -> None:
        began = time.time()
        try:
            samples = list(run_as_a_request(self._read))
        except Exception as error:  # noqa: BLE001 - whatever it is, the others' figures come
            if not self._has_failed:  # once an outage: the API's own lines tell more
                logger.warning("database not read for /metrics: %s", type(error).__name__)
            self._seen, self._has_failed = Seen(at=self._tell()), True
            return
        samples.append(Sample("ppims_database_read_timestamp_seconds", began))
        samples.append(Sample("ppims_database_read_seconds", time.time() - began))
        self._seen, self._has_failed = Seen(True, samples, self._tell()), False


DATABASE_LOOK = Look()
