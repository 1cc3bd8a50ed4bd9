"""Hold the seals against the heads as they were when each was made. docs/ledger.md, "Seals"."""

from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from limits.models import Seal
from limits.services import seals
from limits.verify.chains import Finding, make_row_type
from ppims.core.chain import KeysByName, describe_difference, find_mac_problem, sign_link
from ppims.core.keys import Running
from ppims.db import signed_rows
from ppims.db.streaming import Reader, stream_joined

SEAL_COLUMNS = [*signed_rows.list_fields(Seal), "key_id", "mac"]
SEAL_READER = Reader(Seal, SEAL_COLUMNS)
Kept = make_row_type("Kept", SEAL_COLUMNS)
SEALED_NAMES = (
    "entries",
    "checks",
    "audit entries",
    "digest of ledger heads",
    "digest of audit heads",
)


class Marks(dict[int, tuple[int, bytes, int]]):
    """The newest row of one owner that each seal covers, by the seal's place: number, digest,
    instant. Those newer than every seal have the place after the last.
    """

    def __init__(self, bounds: list[int]) -> None:
        super().__init__()
        self._bounds = bounds

    def note(self, row_id: int, number: int, digest: bytes, at: int) -> None:
        self[bisect_left(self._bounds, row_id)] = (number, digest, at)


@dataclass(frozen=True)
class Bounds:
    """The newest rows that each seal covers."""

    entries: list[int]
    checks: list[int]
    audits: list[int]


@dataclass(frozen=True)
class Moved:
    """A head as a seal found it, and how many rows had come since the seal before."""

    place: int
    head: tuple[Any, ...]
    entries: int
    checks: int = 0


def find_moved_heads(customer: int, entries: Marks, checks: Marks, seals: int) -> Iterator[Moved]:
    """Find what a customer's entries and checks had come to at each of so many seals that found
    them moved.
    """
    number, count, digest, last_at = 0, 0, b"", 0
    for place in sorted(entries.keys() | checks.keys()):
        if place == seals:  # newer than every seal
            break
        before = (number, count)
        if place in entries:
            number, digest, at = entries[place]
            last_at = max(last_at, at)
        if place in checks:
            count, _, at = checks[place]
            last_at = max(last_at, at)
        head = (customer, number, count, digest, last_at)
        yield Moved(place, head, number - before[0], count - before[1])


def find_moved_subject(subject: int, entries: Marks, seals: int) -> Iterator[Moved]:
    """Find what an audit chain had come to at each of so many seals that found it moved."""
    before = 0
    for place in sorted(entries):
        if place == seals:
            break
        number, mac, at = entries[place]
        yield Moved(place, (subject, number, mac, at), number - before)
        before = number


class Sealed:
    """The seals that are kept, and what the rows that each covers have come to so far.

    A walk goes through the owners in the order of their ids, as the seals' digests did. A seal
    whose own signature is wrong proves nothing: it is a finding, and left out.
    """

    def __init__(self, ring: KeysByName, exported: Seal | None) -> None:
        self.findings: list[Finding] = []
        self.seals = list(self._read_genuine(ring))
        if exported:
            self._compare(exported)
        self.ledger = [Running(ring[seal.key_id], seals.LEDGER_PURPOSE) for seal in self.seals]
        self.audit = [Running(ring[seal.key_id], seals.AUDIT_PURPOSE) for seal in self.seals]
        self.bounds = Bounds(
            [seal.last_entry_id for seal in self.seals],
            [seal.last_check_id for seal in self.seals],
            [seal.last_audit_id for seal in self.seals],
        )
        self.counts = [[0, 0, 0] for _ in self.seals]

    def _read_genuine(self, ring: KeysByName) -> Iterator[Any]:
        """Yield the seals whose signature is right; the others are findings."""
        previous, last_number = b"", 0
        for row in stream_joined((SEAL_READER,), "ORDER BY number", ()):
            seal = Kept._make(row)
            if seal.number != last_number + 1:
                self.findings.append(Finding(f"seal {last_number + 1}", "is missing"))
            sign_again = partial(sign_link, kind="seal", values=row[:-2], previous=previous)
            problem = find_mac_problem(ring, seal.key_id, seal.mac, sign_again)
            if problem:
                self.findings.append(Finding(f"seal {seal.number}", problem))
            else:
                yield seal
            previous, last_number = seal.mac, seal.number

    def _compare(self, exported: Seal) -> None:
        number, mac = exported.number, bytes(exported.mac)
        kept = next((seal for seal in self.seals if seal.number == number), None)
        if kept is None:
            self.findings.append(Finding(f"seal {number}", "is missing: the file has it"))
        elif kept.mac != mac:
            problem = describe_difference("its mac", kept.mac, mac)
            self.findings.append(Finding(f"seal {number}", f"{problem}, by the file"))

    def take(self, moved: Iterable[Moved]) -> None:
        """Take some customers' heads, in the order of their ids."""
        for each in moved:
            self.ledger[each.place].add(each.head)
            self.counts[each.place][0] += each.entries
            self.counts[each.place][1] += each.checks

    def take_audits(self, moved: Iterable[Moved]) -> None:
        """Take some audit heads, in the order of their subjects."""
        for each in moved:
            self.audit[each.place].add(each.head)
            self.counts[each.place][2] += each.entries

    def verify_heads(self) -> Iterator[Finding]:
        """After the walks: find the seals that the rows don't come to."""
        counted = [0, 0, 0]
        for place, seal in enumerate(self.seals):
            counted = [sum(pair) for pair in zip(counted, self.counts[place], strict=True)]
            digests = (self.ledger[place].digest(), self.audit[place].digest())
            there: list[object] = [*counted, *digests]
            sealed: list[object] = [seal.entry_count, seal.check_count, seal.audit_count]
            sealed += [seal.ledger_digest, seal.audit_digest]
            for what, found, expected in zip(SEALED_NAMES, there, sealed, strict=True):
                if found != expected:
                    problem = describe_difference(f"what it covers: {what}", found, expected)
                    yield Finding(f"seal {seal.number}", problem)
