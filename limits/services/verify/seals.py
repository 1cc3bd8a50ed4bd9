"""The seals, held against the heads as they were when each was made."""

from bisect import bisect_left
from collections.abc import Iterator

from limits.models import Seal
from limits.services import seals
from limits.services.seals import Exported
from limits.services.verify.chains import Finding, Ring, differs, no_key
from ppims.keys import Running

SEALED = ("entries", "checks", "audit entries", "digest of ledger heads", "digest of audit heads")


class Marks(dict[int, tuple[int, bytes, int]]):
    """The newest row of one owner that each seal covers, by the seal's place: number, digest,
    instant. Those newer than every seal have the place after the last.
    """

    def __init__(self, bounds: list[int]) -> None:
        super().__init__()
        self._bounds = bounds

    def note(self, row_id: int, number: int, digest: bytes, at: int) -> None:
        self[bisect_left(self._bounds, row_id)] = (number, digest, at)


class Sealed:
    """The seals that are kept, and what the rows that each covers have come to so far.

    A walk goes through the owners in the order of their ids, as the seals' digests did.
    """

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self.seals = list(Seal.objects.order_by("number"))
        # A seal whose key is not at hand is found wrong by its mac already.
        any_key = next(iter(ring.values()))
        signed_with = [ring.get(seal.key_id, any_key) for seal in self.seals]
        self.ledger = [Running(key, seals.LEDGER) for key in signed_with]
        self.audit = [Running(key, seals.AUDIT) for key in signed_with]
        self.last_entries = [seal.last_entry_id for seal in self.seals]
        self.last_checks = [seal.last_check_id for seal in self.seals]
        self.last_audits = [seal.last_audit_id for seal in self.seals]
        self.counts = [[0, 0, 0] for _ in self.seals]

    def add_customer(self, customer: int, entries: Marks, checks: Marks) -> None:
        """Add the heads that a customer's entries and checks, by seal, had come to."""
        number, count, digest, last_at = 0, 0, b"", 0
        for place in sorted(entries.keys() | checks.keys()):
            if place == len(self.seals):  # newer than every seal
                break
            before = (number, count)
            if place in entries:
                number, digest, at = entries[place]
                last_at = max(last_at, at)
            if place in checks:
                count, _, at = checks[place]
                last_at = max(last_at, at)
            self.ledger[place].add((customer, number, count, digest, last_at))
            self.counts[place][0] += number - before[0]
            self.counts[place][1] += count - before[1]

    def add_subject(self, subject: int, entries: Marks) -> None:
        before = 0
        for place in sorted(entries):
            if place == len(self.seals):
                break
            number, mac, at = entries[place]
            self.audit[place].add((subject, number, mac, at))
            self.counts[place][2] += number - before
            before = number

    def chain(self, exported: Exported | None) -> Iterator[Finding]:
        """Find what is wrong with the seals themselves, and with the one kept elsewhere."""
        previous, last_number = b"", 0
        for seal in self.seals:
            mac = bytes(seal.mac)
            if seal.number != last_number + 1:
                yield Finding(f"seal {last_number + 1}", "is missing")
            elif seal.key_id not in self._ring:
                yield Finding(f"seal {seal.number}", no_key(seal.key_id))
            elif (expected := seals.mac_of(seal, previous)) != mac:
                yield Finding(f"seal {seal.number}", differs("its mac", mac, expected))
            previous, last_number = mac, seal.number
        if exported:
            kept = next((s for s in self.seals if s.number == exported.seal.number), None)
            if kept is None:
                yield Finding(f"seal {exported.seal.number}", "is missing: the file has it")
            elif bytes(kept.mac) != exported.seal.mac:
                yield Finding(
                    f"seal {kept.number}",
                    differs("its mac", bytes(kept.mac), exported.seal.mac) + ", by the file",
                )

    def heads(self) -> Iterator[Finding]:
        """After the walks: find the seals that the rows don't come to."""
        counted = [0, 0, 0]
        for place, seal in enumerate(self.seals):
            counted = [sum(pair) for pair in zip(counted, self.counts[place], strict=True)]
            digests = (self.ledger[place].digest(), self.audit[place].digest())
            there: list[object] = [*counted, *digests]
            sealed: list[object] = [seal.entry_count, seal.check_count, seal.audit_count]
            sealed += [bytes(seal.ledger_digest), bytes(seal.audit_digest)]
            for what, found, expected in zip(SEALED, there, sealed, strict=True):
                if found != expected:
                    problem = differs(f"what it covers: {what}", found, expected)
                    yield Finding(f"seal {seal.number} of {seal.at.isoformat()}", problem)
