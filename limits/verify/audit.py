"""The walk through the audit: a chain for each customer it is about, and one for what is about
none.
"""

from collections.abc import Iterator

from limits.verify.chains import Feed, Finding, Ring, describe_difference, describe_missing_key
from limits.verify.history import History
from limits.verify.seals import Marks, Moved, find_moved_subject
from ppims.db.streaming import Reader, Row, stream_joined
from ppims.models import AuditEntry, AuditHead
from ppims.services import audit

HEAD_READER = Reader(AuditHead, [*audit.FIELDS[AuditHead], "key_id", "mac"])
ENTRY_READER = Reader(AuditEntry, [*audit.FIELDS[AuditEntry], "id", "key_id", "mac"])
OF_SUBJECTS = "WHERE subject > %s AND subject <= %s AND (subject = 0) = (0 = %s)"


class Audits:
    """The audit of some customers, as one snapshot has it; from -1 to 0: of what is about none."""

    def __init__(self, ring: Ring, bounds: list[int], after: int, upto: int) -> None:
        self._ring, self._bounds = ring, bounds
        subjects = (after, upto, upto)
        self.heads = {
            head[0]: head for head in stream_joined((HEAD_READER,), OF_SUBJECTS, subjects)
        }
        self._entries = Feed(
            stream_joined((ENTRY_READER,), f"{OF_SUBJECTS} ORDER BY subject, number", subjects)
        )
        self.moved: list[Moved] = []
        self.rows = 0

    def find_strays(self, upto: int) -> Iterator[Finding]:
        for row in self._entries.find_strays(upto):
            yield Finding(_name_entry(row), "its subject has no audit head")

    def verify(self, subject: int, history: History) -> Iterator[Finding]:
        """Judge one chain; what it says goes into the history."""
        head = self.heads.get(subject)
        if head is None:
            yield from self.find_strays(subject + 1)
            return
        marks = Marks(self._bounds)
        count, last_mac, last_at = 0, b"", None
        for row in self._entries.take(subject):
            problem = self._find_problem(row, count, last_mac)
            if problem:
                yield Finding(_name_entry(row), problem)
            else:
                _, number, at, _, _, action, detail, row_id, key_id, mac = row
                marks.note(row_id, number, mac, at)
                history.take(row_id, at, action, detail, key_id)
            count, last_mac, last_at = row[1], row[-1], row[2]
            self.rows += 1
        problem = self._find_head_problem(head, (subject, count, last_mac, last_at))
        if problem:
            yield Finding(f"audit head of {subject}", problem)
        self.moved += find_moved_subject(subject, marks, len(self._bounds))

    def _find_problem(self, row: Row, count: int, last_mac: bytes) -> str | None:
        *values, _, key_id, mac = row
        if row[1] != count + 1:
            return describe_difference("its number", row[1], count + 1)
        if key_id not in self._ring:
            return describe_missing_key(key_id)
        expected = audit.sign_entry(self._ring[key_id], values, last_mac)
        return None if expected == mac else describe_difference("its mac", mac, expected)

    def _find_head_problem(self, head: Row, found: Row) -> str | None:
        values, key_id, mac = head[:-2], *head[-2:]
        if values != found:
            return describe_difference("it", values, found)
        if key_id not in self._ring:
            return describe_missing_key(key_id)
        expected = audit.sign_head(self._ring[key_id], values)
        return None if expected == mac else describe_difference("its mac", mac, expected)


def _name_entry(row: Row) -> str:
    return f"audit entry {row[1]} of {row[0]}"
