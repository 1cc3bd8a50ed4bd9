"""What the bench measures: the setups, and the loads of each."""

from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.bench.installation import OWN_CHECKOUT, Installation
from tests.bench.load import (
    ADD_CUSTOMER,
    CHECK_KYC,
    CHECK_LIMIT,
    FIND_STATUS,
    MIXED_CALLS,
    PAIRED_CALLS,
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
    PAIRED_CALLS,
)
TAIL_CLIENTS = 16  # an update's p99 is compared with its p50 at so many


@dataclass(frozen=True)
class Setup:
    """An installation, and the kind of machine that serves it."""

    installation: Installation
    delay_ms: int = 0
    is_low_end: bool = False
    round_trip_ms: float = 0.0  # added, between server and database

    @property
    def name(self) -> str:
        is_own = self.installation.checkout == OWN_CHECKOUT
        whose = "" if is_own else f"{self.installation.checkout.name}: "
        return f"{whose}{self.kind}"

    @property
    def kind(self) -> str:
        """Its name, whichever checkout it is served from."""
        database = "PostgreSQL, " if self.installation.url else ""
        slow = f", fsync + {self.delay_ms} ms" if self.delay_ms else ""
        far = f", + {self.round_trip_ms:g} ms" if self.round_trip_ms else ""
        low_end = ", low end" if self.is_low_end else ""
        return f"{database}{write_number(self.installation.customers)}{slow}{far}{low_end}"

    @property
    def is_plain(self) -> bool:
        return not self.delay_ms and not self.is_low_end and not self.round_trip_ms


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
    operations: tuple[str, ...] = OPERATIONS
    other_checkout: str = ""  # its name, where two are compared

    @property
    def most_workers(self) -> int:
        return self.workers[-1]

    @property
    def most_clients(self) -> int:
        return self.clients[-1]

    @property
    def sqlite_setups(self) -> list[Setup]:
        """Our plain setups on SQLite, from few customers to many."""
        return [
            setup
            for setup in self.setups
            if setup.is_plain
            and not setup.installation.url
            and setup.installation.checkout == OWN_CHECKOUT
        ]

    def list_groups(self, round_number: int) -> list[tuple[Setup, ...]]:
        """List the setups in a round's order: every second round from the last to the first. What
        differs by its checkout alone is one group, and is measured by turns.
        """
        step = 1 if round_number % 2 else -1
        groups = groupby(self.setups, key=lambda each: each.name if each.is_low_end else each.kind)
        return [tuple(group)[::step] for _, group in groups][::step]

    def has_raw_loop(self, setup: Setup) -> bool:
        """Say whether the statements are made in a bare loop too, before a setup's server."""
        return bool(self.raw_times) and not setup.installation.url and not setup.is_low_end

    def list_pairs(self) -> list[tuple[Setup, Setup]]:
        """List each of our setups with the same one of the other checkout."""
        by_name = {setup.name: setup for setup in self.setups}
        pairs = [
            (setup, by_name.get(f"{self.other_checkout}: {setup.name}")) for setup in self.setups
        ]
        return [(ours, theirs) for ours, theirs in pairs if theirs]

    def list_workers(self, setup: Setup) -> tuple[int, ...]:
        """List the numbers of workers that a setup is measured with."""
        if setup.round_trip_ms:
            return self.workers[-1:]
        return self.workers if setup.is_plain or not self.is_quick else self.workers[-1:]

    def list_loads(self, setup: Setup, workers: int) -> list[Load]:
        """List the loads of a server, in their order."""
        return [
            Load(operation, clients, self.seconds)
            for operation in self._list_operations(setup, workers)
            if operation in self.operations
            for clients in self._list_clients(setup, operation, workers)
        ]

    def _list_operations(self, setup: Setup, workers: int) -> tuple[str, ...]:
        if setup.round_trip_ms:
            return (PAIRED_CALLS,)
        if setup.delay_ms:
            return (CHECK_LIMIT, UPDATE_LIMIT, MIXED_CALLS)
        if setup.is_low_end:
            return (MIXED_CALLS,) if self.is_quick else OPERATIONS
        has_all = workers == self.most_workers or not self.is_quick
        return OPERATIONS if has_all else READ_OPERATIONS

    def _list_clients(self, setup: Setup, operation: str, workers: int) -> list[int]:
        if not setup.is_plain:
            return [self.most_clients]
        is_most = workers == self.most_workers and not self.other_checkout
        has_tail = operation == UPDATE_LIMIT and is_most
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
