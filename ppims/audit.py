"""The only writer of AuditEntry: who did what, chained per customer it is about."""

import json
from datetime import datetime

from django.conf import settings

from ppims import keys
from ppims.models import AuditEntry, AuditHead, Processor, User

NO_CUSTOMER = 0


def record(
    action: str,
    *,
    at: datetime,
    subject: int = NO_CUSTOMER,
    user: User | None = None,
    processor: Processor | None = None,
    detail: dict[str, object] | None = None,
) -> AuditEntry:
    """Append one entry, inside the use-case's transaction. Lock order: after LedgerHead and
    Customer.

    `detail` is JSON; document and card numbers never go into it.
    """
    key = settings.PPIMS_LEDGER_KEYS[0]
    head = _locked_head(subject)
    entry = AuditEntry(
        subject=subject,
        number=head.entry_count + 1,
        at=at,
        user=user,
        processor=processor,
        action=action,
        detail=json.dumps(detail or {}, ensure_ascii=False, sort_keys=True, default=str),
        key_id=key.id,
    )
    entry.mac = entry_mac(key, entry, bytes(head.last_mac))
    entry.save(force_insert=True)
    head.entry_count, head.last_mac, head.last_at, head.key_id = entry.number, entry.mac, at, key.id
    head.mac = head_mac(key, head)
    head.save(update_fields=["entry_count", "last_mac", "last_at", "key_id", "mac"])
    return entry


def entry_mac(key: keys.Key, entry: AuditEntry, previous: bytes) -> bytes:
    return keys.sign(
        key,
        [
            "audit",
            previous,
            entry.subject,
            entry.number,
            entry.at,
            entry.user_id,
            entry.processor_id,
            entry.action,
            entry.detail,
        ],
    )


def head_mac(key: keys.Key, head: AuditHead) -> bytes:
    return keys.sign(
        key, ["audit head", head.subject, head.entry_count, bytes(head.last_mac), head.last_at]
    )


def _locked_head(subject: int) -> AuditHead:
    locked = AuditHead.objects.select_for_update()
    head = locked.filter(pk=subject).first()
    if head is None:
        AuditHead.objects.bulk_create([AuditHead(subject=subject, mac=b"")], ignore_conflicts=True)
        head = locked.get(pk=subject)
    return head
