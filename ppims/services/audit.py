"""The only writer of AuditEntry: who did what, chained per customer it is about."""

import json
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.apps.registry import Apps
from django.conf import settings
from django.db.models import Model

from ppims.core import keys
from ppims.core.chain import sign_link, sign_row
from ppims.db import bulk, row_proofs, signed_rows, statements
from ppims.models import AuditEntry, AuditHead, Processor, User

NO_CUSTOMER = 0
ENTRIES, HEADS = statements.Table(AuditEntry), statements.Table(AuditHead)
OF_SUBJECT = "WHERE subject = %s"
NEW_HEAD = """
    INSERT INTO ppims_audithead (subject, entry_count, last_mac, key_id, mac)
    VALUES (%s, 0, '', '', '') ON CONFLICT DO NOTHING
"""
SET_HEAD = """
    UPDATE ppims_audithead SET entry_count = %s, last_mac = %s, last_at = %s, key_id = %s, mac = %s
    WHERE subject = %s
"""
Event = tuple[int, int, str, dict[str, object]]  # microseconds, processor, action, detail


def record(
    action: str,
    *,
    at: datetime,
    subject: int = NO_CUSTOMER,
    user: User | None = None,
    processor: Processor | None = None,
    detail: dict[str, object] | None = None,
    rows: Iterable[Model] = (),
) -> AuditEntry:
    """Append one entry, inside the use-case's transaction. Lock order: after LedgerHead and
    Customer.

    `detail` is JSON; document and card numbers never go into it. `rows` are those of the subject
    that were made or changed, as they are now: the entry proves them from here on.
    """
    key = settings.PPIMS_LEDGER_KEYS[0]
    head = _lock_head(subject)
    proven = row_proofs.prove_rows(key, rows)
    entry = AuditEntry(
        subject=subject,
        number=head.entry_count + 1,
        at=at,
        user_id=user.pk if user else None,
        processor_id=processor.pk if processor else None,
        action=action,
        detail=_write_detail(
            {**(detail or {}), **({row_proofs.PROOFS_KEY: proven} if proven else {})}
        ),
        key_id=key.id,
    )
    values = signed_rows.list_values(entry)
    entry.mac = sign_link(key, "audit", values, bytes(head.last_mac))
    ENTRIES.insert(entry)
    head.entry_count, head.last_mac, head.last_at, head.key_id = entry.number, entry.mac, at, key.id
    head.mac = sign_row(key, "audit head", signed_rows.list_values(head))
    counts = [head.entry_count, head.last_mac, statements.store_value(at)]
    statements.run(SET_HEAD, [*counts, head.key_id, head.mac, subject])
    return entry


def extend(
    details: Iterable[dict[str, object]], *, action: str, at: datetime, apps: Apps, using: str
) -> None:
    """Append entries about no customer, by the installation itself, where nobody else writes: for
    a migration, with its own models.
    """
    key = find_key()
    heads = apps.get_model("ppims", "AuditHead")._base_manager.using(using)
    entries = apps.get_model("ppims", "AuditEntry")._base_manager.using(using)
    head = heads.filter(subject=NO_CUSTOMER).first()
    number, mac = (head.entry_count, bytes(head.last_mac)) if head else (0, b"")
    for number, detail in enumerate(details, start=number + 1):  # noqa: B020 - it goes on from there
        row: dict[str, Any] = {"subject": NO_CUSTOMER, "number": number, "at": at, "user_id": None}
        row |= {"processor_id": None, "action": action, "detail": _write_detail(detail)}
        values = [keys.make_plain(row[name]) for name in signed_rows.list_fields(AuditEntry)]
        mac = sign_link(key, "audit", values, mac)
        entries.create(**row, key_id=key.id, mac=mac)
    head_mac = sign_row(key, "audit head", [NO_CUSTOMER, number, mac, keys.make_plain(at)])
    counts = {"entry_count": number, "last_mac": mac, "last_at": at}
    signed = {"key_id": key.id, "mac": head_mac}
    heads.update_or_create(subject=NO_CUSTOMER, defaults=counts | signed)


def find_key() -> keys.Key:
    """Give the key that entries, and what they prove, are signed with from now on."""
    return settings.PPIMS_LEDGER_KEYS[0]


class Chains:
    """Whole new audit chains, of customers nobody has heard of: gathered, then inserted."""

    def __init__(self, ids: Iterable[int]) -> None:
        self.key = settings.PPIMS_LEDGER_KEYS[0]
        self.ids = iter(ids)
        self.rows: bulk.Rows = {AuditEntry: [], AuditHead: []}

    def add(self, subject: int, events: Sequence[Event]) -> None:
        """Add a subject's whole chain so far."""
        last_mac, number, at = b"", 0, 0
        for number, (at, processor_id, action, detail) in enumerate(events, start=1):
            values = (subject, number, at, None, processor_id, action, _write_detail(detail))
            last_mac = sign_link(self.key, "audit", values, last_mac)
            self.rows[AuditEntry].append([next(self.ids), *values, self.key.id, last_mac])
        head = (subject, number, last_mac, at)
        mac = sign_row(self.key, "audit head", head)
        self.rows[AuditHead].append([*head, self.key.id, mac])


def insert(rows: bulk.Rows, *, are_reserved: bool = False) -> None:
    """Insert whole new chains, inside a transaction. `are_reserved`: their ids were reserved."""
    bulk.insert(AuditEntry, rows[AuditEntry])
    bulk.insert(AuditHead, rows[AuditHead])
    if not are_reserved:
        bulk.move_sequences_past_ids(AuditEntry)


def read_detail(entry: AuditEntry) -> dict[str, Any]:
    """Read what an entry says to people: its detail but for the proofs of rows."""
    detail: dict[str, Any] = json.loads(entry.detail)
    detail.pop(row_proofs.PROOFS_KEY, None)
    return detail


def _write_detail(detail: dict[str, object]) -> str:
    return json.dumps(detail, ensure_ascii=False, sort_keys=True, default=str)


def _lock_head(subject: int) -> AuditHead:
    new = AuditHead(subject=subject, key_id="", mac=b"")
    found = HEADS.lock_row(OF_SUBJECT, [subject])
    if found is None and statements.run(NEW_HEAD, [subject]):
        return new
    return found or HEADS.lock_row(OF_SUBJECT, [subject]) or new
