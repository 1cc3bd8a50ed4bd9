"""What a process counts while it works, for /metrics: numbers in memory, each under a lock of its
own. Counting one call costs less than a microsecond; nothing here waits, writes or fails.

How the counts of all processes come together: ppims/core/kept_counts.py.
"""

import threading
from bisect import bisect_left
from collections.abc import Sequence

# Of one count; beyond it all are counted as OTHERS_LABEL. None of ours comes near it.
MOST_LABELS, OTHERS_LABEL = 4_000, "others"
SECONDS_BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)
SIZE_BOUNDS = (1, 2, 4, 8, 16, 32, 64)
REFUSED_ACCESS = ("log-in", "code", "page", "reveal", "lock-out", "metrics-token")
Labels = tuple[str, ...]
# Of a count its one number. Of a spread: how many fell between each two bounds, how many above the
# last one, and the sum of all.
Numbers = list[float]


class Counts:
    """One kind of thing that is counted, by its labels. Any thread may add."""

    def __init__(
        self,
        name: str,
        means: str,
        labels: Labels = (),
        bounds: Sequence[float] = (),
        known: Sequence[str] = (),
    ) -> None:
        """Count by labels of these names. Those of the known values are there from the start."""
        self.name, self.means, self.labels, self.bounds = name, means, labels, bounds
        self.known = known
        self._numbers: dict[Labels, Numbers] = {}
        self._lock = threading.Lock()

    def add(self, *labels: str) -> None:
        """Count one."""
        with self._lock:
            self._find(labels, 1)[0] += 1

    def add_value(self, value: float, *labels: str) -> None:
        """Count one by how large it is: in seconds, where the name says so."""
        with self._lock:
            numbers = self._find(labels, len(self.bounds) + 2)
            numbers[bisect_left(self.bounds, value)] += 1
            numbers[-1] += value

    def add_all(self, numbers: dict[Labels, Numbers]) -> None:
        """Add what another process has counted."""
        with self._lock:
            for labels, others in numbers.items():
                own = self._find(labels, len(others))
                own[:] = [one + other for one, other in zip(own, others, strict=True)]

    def read(self) -> dict[Labels, Numbers]:
        """Read what is counted so far, by the values of the labels."""
        with self._lock:
            return {labels: list(numbers) for labels, numbers in self._numbers.items()}

    def clear(self) -> None:
        """Forget what is counted: for tests."""
        with self._lock:
            self._numbers.clear()

    def _find(self, labels: Labels, width: int) -> Numbers:
        found = self._numbers.get(labels)
        if found is None:
            if len(self._numbers) >= MOST_LABELS:
                labels = (OTHERS_LABEL,) * len(labels)
            found = self._numbers.setdefault(labels, [0] * width)
        return found


CALLS = Counts(
    "ppims_calls_total",
    "Calls of the API that were answered; of nobody who is known the processor is empty.",
    ("operation", "code", "processor"),
)
CALL_SECONDS = Counts(
    "ppims_call_seconds",
    "How long the API took to answer, from the request's last byte on.",
    ("operation",),
    SECONDS_BOUNDS,
)
PAGE_COUNT = Counts("ppims_pages_total", "Pages that were answered, by their status.", ("status",))
PAGE_SECONDS = Counts("ppims_page_seconds", "How long pages took.", (), SECONDS_BOUNDS)
HTTP_REFUSED = Counts(
    "ppims_http_refused_total", "Requests that were no proper HTTP, or too large.", ("status",)
)
ACCESS_REFUSED = Counts(
    "ppims_access_refused_total",
    "How often staff, or who claims to be, was refused.",
    ("what",),
    (),
    REFUSED_ACCESS,
)
QUEUE_REFUSED = Counts(
    "ppims_queue_refused_total",
    "Writes that were not begun: the queue was full, or they had waited too long.",
    ("why",),
    (),
    ("full", "late"),
)
GROUP_SIZE = Counts("ppims_group_size", "How many writes went into one group.", (), SIZE_BOUNDS)
TURN_SECONDS = Counts(
    "ppims_turn_seconds",
    "How long a group waited for its turn to write, where processes take turns.",
    (),
    SECONDS_BOUNDS,
)
GROUP_SECONDS = Counts(
    "ppims_group_seconds",
    "How long a group took from its turn on, with its COMMIT.",
    (),
    SECONDS_BOUNDS,
)
COMMIT_SECONDS = Counts("ppims_commit_seconds", "How long a COMMIT took.", (), SECONDS_BOUNDS)
WORKER_STARTS = Counts("ppims_worker_starts_total", "Workers that were started.")
EVERY_COUNT = (
    *(CALLS, CALL_SECONDS, PAGE_COUNT, PAGE_SECONDS, HTTP_REFUSED, ACCESS_REFUSED, QUEUE_REFUSED),
    *(GROUP_SIZE, TURN_SECONDS, GROUP_SECONDS, COMMIT_SECONDS, WORKER_STARTS),
)
