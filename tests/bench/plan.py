"""What the bench measures: the setups, and the loads of each."""

from dataclasses import dataclass
from pathlib import Path

from tests.bench.installation import Installation
from tests.bench.load import (
    ADD_CUSTOMER,
    CHECK_KYC,
    CHECK_LIMIT,
    FIND_STATUS,
    MIXED_CALLS,
    READ_OPERATIONS,
    UPDATE_CUSTOMER,
    UPDATE_LIMIT,
    Load,
)

OPERATIONS = (
    CHECK_KYC,
    FIND_STATUS,
    CHECK_LIMIT,
    UPDATE_LIMIT,
    ADD_CUSTOMER,
    UPDATE_CUSTOMER,
    MIXED_CALLS,
)
TAIL_CLIENTS = 16  # an update's p99 is compared with its p50 at so many


@dataclass(frozen=True)
class Setup:
    """An installation, and the kind of machine that serves it."""

    installation: Installation
    delay_ms: int = 0
    is_low_end: bool = False

    @property
    def name(self) -> str:
        database = "PostgreSQL, " if self.installation.url else ""
        slow = f", fsync + {self.delay_ms} ms" if self.delay_ms else ""
        low_end = ", low end" if self.is_low_end else ""
        return f"{database}{write_number(self.installation.customers)}{slow}{low_end}"

    @property
    def is_plain(self) -> bool:
        return not self.delay_ms and not self.is_low_end


@dataclass(frozen=True)
class Plan:
    """What is to be measured. SQLite's setups come first, from few customers to many."""

    setups: tuple[Setup, ...]
    folder: Path
    workers: tuple[int, ...]
    clients: tuple[int, ...]
    rounds: int
    seconds: int
    raw_times: int
    is_quick: bool
    does_overload: bool

    @property
    def most_workers(self) -> int:
        return self.workers[-1]

    @property
    def most_clients(self) -> int:
        return self.clients[-1]

    @property
    def sqlite_setups(self) -> list[Setup]:
        """The plain setups on SQLite, from few customers to many."""
        return [s for s in self.setups if s.is_plain and not s.installation.url]

    def list_workers(self, setup: Setup) -> tuple[int, ...]:
        """List the numbers of workers that a setup is measured with."""
        return self.workers if setup.is_plain or not self.is_quick else self.workers[-1:]

    def list_loads(self, setup: Setup, workers: int) -> list[Load]:
        """List the loads of a server, in their order."""
        if setup.delay_ms:
            return self._load_most(CHECK_LIMIT, UPDATE_LIMIT, MIXED_CALLS)
        if setup.is_low_end:
            return self._load_most(*([MIXED_CALLS] if self.is_quick else OPERATIONS))
        has_all = workers == self.most_workers or not self.is_quick
        return [
            Load(operation, clients, self.seconds)
            for operation in (OPERATIONS if has_all else READ_OPERATIONS)
            for clients in self._list_clients(operation, workers)
        ]

    def _load_most(self, *operations: str) -> list[Load]:
        return [Load(operation, self.most_clients, self.seconds) for operation in operations]

    def _list_clients(self, operation: str, workers: int) -> list[int]:
        has_tail = operation == UPDATE_LIMIT and workers == self.most_workers
        return sorted({*self.clients, *({TAIL_CLIENTS} if has_tail else ())})


def write_number(number: int) -> str:
    """Write a number as India does: 10,00,000."""
    head, tail = divmod(number, 1000)
    if not head:
        return str(tail)
    groups = [f"{tail:03d}"]
    while head >= 100:  # above the thousands, two digits a group
        head, two = divmod(head, 100)
        groups.insert(0, f"{two:02d}")
    return ",".join([str(head), *groups])
