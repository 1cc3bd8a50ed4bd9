"""The walk through the audit: a chain for each customer it is about."""

from collections.abc import Iterator

from limits.services.verify.chains import EVERY_ID, Feed, Finding, Ring, counted, differs, no_key
from limits.services.verify.ledger import Progress
from limits.services.verify.seals import Marks, Sealed
from ppims import audit
from ppims.models import AuditEntry, AuditHead
from ppims.rows import Reader, Row, joined
from ppims.transact import snapshot

HEADS_AT_ONCE = 1_000

HEAD = Reader(AuditHead, [*audit.FIELDS[AuditHead], "key_id", "mac"])
ENTRY = Reader(AuditEntry, [*audit.FIELDS[AuditEntry], "id", "key_id", "mac"])
HEADS = "WHERE subject > %s ORDER BY subject LIMIT %s"
ENTRIES = "WHERE subject > %s AND subject <= %s ORDER BY subject, number"


def walk(ring: Ring, sealed: Sealed, progress: Progress) -> Iterator[Finding]:
    after = -EVERY_ID
    while after < EVERY_ID:
        with snapshot():
            heads = list(joined((HEAD,), HEADS, (after, HEADS_AT_ONCE)))
            upto = heads[-1][0] if len(heads) == HEADS_AT_ONCE else EVERY_ID
            entries = Feed(joined((ENTRY,), ENTRIES, (after, upto)))
            for head in heads:
                yield from _strays(entries, head[0])
                yield from _subject(ring, sealed, head, entries)
            yield from _strays(entries, EVERY_ID)
        progress(counted(head[1] for head in heads))
        after = upto


def _strays(entries: Feed, upto: int) -> Iterator[Finding]:
    for row in entries.strays(upto):
        yield Finding(_named(row), "its subject has no audit head")


def _subject(ring: Ring, sealed: Sealed, head: Row, entries: Feed) -> Iterator[Finding]:
    subject, marks = head[0], Marks(sealed.bounds.audits)
    count, last_mac, last_at = 0, b"", None
    for row in entries.take(subject):
        *values, row_id, key_id, mac = row
        if row[1] != count + 1:
            yield Finding(_named(row), differs("its number", row[1], count + 1))
        elif key_id not in ring:
            yield Finding(_named(row), no_key(key_id))
        elif (expected := audit.entry_mac(ring[key_id], values, last_mac)) != mac:
            yield Finding(_named(row), differs("its mac", mac, expected))
        else:
            marks.note(row_id, row[1], mac, row[2])
        count, last_mac, last_at = row[1], mac, row[2]
    problem = _head_problem(ring, head, (subject, count, last_mac, last_at))
    if problem:
        yield Finding(f"audit head of {subject}", problem)
    sealed.add_subject(subject, marks)


def _head_problem(ring: Ring, head: Row, found: Row) -> str | None:
    values, key_id, mac = head[:-2], *head[-2:]
    if values != found:
        return differs("it", values, found)
    if key_id not in ring:
        return no_key(key_id)
    expected = audit.head_mac(ring[key_id], values)
    return None if expected == mac else differs("its mac", mac, expected)


def _named(row: Row) -> str:
    return f"audit entry {row[1]} of {row[0]}"
