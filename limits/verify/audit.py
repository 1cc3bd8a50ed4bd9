"""The walk through the audit: a chain for each customer it is about, and one for what is about
none.
"""

from collections.abc import Iterator

from limits.verify.chains import Feed, Finding, Ring, differs, no_key
from limits.verify.history import History
from limits.verify.seals import Marks, Moved, moved_subject
from ppims.db.streaming import Reader, Row, joined
from ppims.models import AuditEntry, AuditHead
from ppims.services import audit

HEAD = Reader(AuditHead, [*audit.FIELDS[AuditHead], "key_id", "mac"])
ENTRY = Reader(AuditEntry, [*audit.FIELDS[AuditEntry], "id", "key_id", "mac"])
OF_SUBJECTS = "WHERE subject > %s AND subject <= %s AND (subject = 0) = (0 = %s)"


class Audits:
    """The audit of some customers, as one snapshot has it; from -1 to 0: of what is about none."""

    def __init__(self, ring: Ring, bounds: list[int], after: int, upto: int) -> None:
        self._ring, self._bounds = ring, bounds
        subjects = (after, upto, upto)
        self.heads = {head[0]: head for head in joined((HEAD,), OF_SUBJECTS, subjects)}
        self._entries = Feed(joined((ENTRY,), f"{OF_SUBJECTS} ORDER BY subject, number", subjects))
        self.moved: list[Moved] = []
        self.rows = 0

    def strays(self, upto: int) -> Iterator[Finding]:
        for row in self._entries.strays(upto):
            yield Finding(_named(row), "its subject has no audit head")

    def findings(self, subject: int, history: History) -> Iterator[Finding]:
        """Judge one chain; what it says goes into the history."""
        head = self.heads.get(subject)
        if head is None:
            yield from self.strays(subject + 1)
            return
        marks = Marks(self._bounds)
        count, last_mac, last_at = 0, b"", None
        for row in self._entries.take(subject):
            problem = self._problem(row, count, last_mac)
            if problem:
                yield Finding(_named(row), problem)
            else:
                _, number, at, _, _, action, detail, row_id, key_id, mac = row
                marks.note(row_id, number, mac, at)
                history.take(row_id, at, action, detail, key_id)
            count, last_mac, last_at = row[1], row[-1], row[2]
            self.rows += 1
        problem = self._head_problem(head, (subject, count, last_mac, last_at))
        if problem:
            yield Finding(f"audit head of {subject}", problem)
        self.moved += moved_subject(subject, marks, len(self._bounds))

    def _problem(self, row: Row, count: int, last_mac: bytes) -> str | None:
        *values, _, key_id, mac = row
        if row[1] != count + 1:
            return differs("its number", row[1], count + 1)
        if key_id not in self._ring:
            return no_key(key_id)
        expected = audit.entry_mac(self._ring[key_id], values, last_mac)
        return None if expected == mac else differs("its mac", mac, expected)

    def _head_problem(self, head: Row, found: Row) -> str | None:
        values, key_id, mac = head[:-2], *head[-2:]
        if values != found:
            return differs("it", values, found)
        if key_id not in self._ring:
            return no_key(key_id)
        expected = audit.head_mac(self._ring[key_id], values)
        return None if expected == mac else differs("its mac", mac, expected)


def _named(row: Row) -> str:
    return f"audit entry {row[1]} of {row[0]}"
