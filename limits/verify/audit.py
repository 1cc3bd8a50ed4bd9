"""Walk through the audit: a chain for each customer it is about, and one for what is about none.
docs/ledger.md, "How the ledger is kept".
"""

from collections.abc import Iterator

from limits.verify.chains import Feed, Finding
from limits.verify.history import History
from limits.verify.seals import Marks, Moved, find_moved_subject
from ppims.core.chain import KeysByName, Walk, find_head_problem
from ppims.db import signed_rows
from ppims.db.streaming import Reader, Row, stream_joined
from ppims.models import AuditEntry, AuditHead

HEAD_READER = Reader(AuditHead, [*signed_rows.list_fields(AuditHead), "key_id", "mac"])
ENTRY_READER = Reader(AuditEntry, [*signed_rows.list_fields(AuditEntry), "id", "key_id", "mac"])
OF_SUBJECTS = "WHERE subject > %s AND subject <= %s AND (subject = 0) = (0 = %s)"


class Audits:
    """The audit of some customers, as one snapshot has it; from -1 to 0: of what is about none."""

    def __init__(self, ring: KeysByName, bounds: list[int], after: int, upto: int) -> None:
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
        walk, last_at = Walk(self._ring, "audit"), None
        for row in self._entries.take(subject):
            *values, row_id, key_id, mac = row
            _, number, at, _, _, action, detail = values
            problem = walk.follow(values, number, key_id, mac)
            if problem:
                yield Finding(_name_entry(row), problem)
            else:
                marks.note(row_id, number, mac, at)
                history.take(row_id, at, action, detail, key_id)
            last_at = at
            self.rows += 1
        came = (subject, walk.count, walk.last_mac, last_at)
        problem = find_head_problem(self._ring, "audit head", head, [("it", head[:-2], came)])
        if problem:
            yield Finding(f"audit head of {subject}", problem)
        self.moved += find_moved_subject(subject, marks, len(self._bounds))


def _name_entry(row: Row) -> str:
    return f"audit entry {row[1]} of {row[0]}"
