"""Seals: a signature over all heads and counts at one instant, to be kept elsewhere too
(docs/ledger.md, "Seals").
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import IntegrityError, connection

from limits.models import LedgerHead, Seal
from ppims.core import clock, keys
from ppims.core.chain import sign_link
from ppims.core.errors import Conflict, Unavailable
from ppims.db import nodes, put_back, signed_rows
from ppims.db.other_writers import read_without_writers
from ppims.db.streaming import Reader, stream_joined
from ppims.db.transaction import read_snapshot, run_in_transaction
from ppims.models import AuditHead, User
from ppims.services import audit

SEAL_FORMAT = "ppims-seal-1"
MOST_TRIES = 12
LEDGER_PURPOSE, AUDIT_PURPOSE = "sealed ledger heads", "sealed audit heads"
# Whoever adds a row has locked one of these first, and holds it until the commit.
HEAD_TABLES = ("limits_ledgerhead", "ppims_audithead")

READ_CUT = """
    SELECT (SELECT COALESCE(MAX(id), 0) FROM limits_ledgerentry),
           (SELECT COALESCE(MAX(id), 0) FROM limits_limitcheck),
           (SELECT COALESCE(MAX(id), 0) FROM ppims_auditentry)
"""
COUNT_AFTER = """
    SELECT (SELECT COUNT(*) FROM limits_ledgerentry WHERE id > %s),
           (SELECT COUNT(*) FROM limits_limitcheck WHERE id > %s),
           (SELECT COUNT(*) FROM ppims_auditentry WHERE id > %s)
"""
LEDGER_HEADS = Reader(LedgerHead, signed_rows.list_fields(LedgerHead))
AUDIT_HEADS = Reader(AuditHead, signed_rows.list_fields(AuditHead))
LEDGER_MOVED = """
    WHERE customer_id IN (
        SELECT customer_id FROM limits_ledgerentry WHERE id > %s
        UNION SELECT customer_id FROM limits_limitcheck WHERE id > %s)
    ORDER BY customer_id
"""
AUDIT_MOVED = """
    WHERE subject IN (
        SELECT subject FROM ppims_auditentry WHERE id > %s)
    ORDER BY subject
"""


def make(*, user: User | None = None) -> Seal:
    """Seal all heads as they are now, and keep the seal. Only on PostgreSQL writers wait, for one
    look.

    Raises Conflict where another seal is being made, or a machine of the database has a transaction
    that is neither committed nor undone yet; Unavailable.
    """
    with put_back.refuse_once_put_back():
        return _make(user)


def _make(user: User | None) -> Seal:
    with read_snapshot():
        seal = _draft_seal()

    def work() -> Seal:
        try:
            seal.save(force_insert=True)
        except IntegrityError:  # on PostgreSQL it has waited for the other one's commit
            raise Conflict([("number", "another seal was made in the same moment")]) from None
        audit.record("sealed", at=clock.now(), user=user, detail={"seal": seal.number})
        return seal

    return run_in_transaction(work)


def make_patiently(*, user: User | None = None) -> Seal:
    """Make a seal among many writers: try again, for on SQLite luck decides who writes next.

    Raises what `make` raises, if the last try fails too.
    """
    for _ in range(MOST_TRIES - 1):
        with suppress(Conflict, Unavailable):
            return make(user=user)
    return make(user=user)


def export_seal(seal: Seal) -> dict[str, Any]:
    """Write a seal as JSON, for a file that is kept elsewhere."""
    with read_snapshot():
        previous = Seal.objects.filter(pk=seal.number - 1).first()
    fields = {
        name: getattr(seal, name) for name in [*signed_rows.list_fields(Seal), "key_id", "mac"]
    }
    fields["previous_mac"] = previous.mac if previous else b""
    return {"format": SEAL_FORMAT, **{name: _write_json(value) for name, value in fields.items()}}


def read_exported(data: Any) -> Seal:
    """Read a seal's file. Raises ValueError (it is none, or its signature is wrong), KeyMissing."""
    names = [*signed_rows.list_fields(Seal), "key_id", "mac", "previous_mac"]
    if (
        not isinstance(data, dict)
        or data.get("format") != SEAL_FORMAT
        or not set(names) <= set(data)
    ):
        raise ValueError("is no seal of PPIMS")
    try:
        fields = {name: _read_json(name, data[name]) for name in names}
    except TypeError as error:
        raise ValueError("is no seal of PPIMS") from error
    previous_mac = fields.pop("previous_mac")
    seal = Seal(**fields)
    if sign_seal(seal, previous_mac) != seal.mac:
        raise ValueError("has a wrong signature")
    return seal


def sign_seal(seal: Seal, previous_mac: bytes) -> bytes:
    """Sign a seal anew. Raises KeyMissing."""
    key = keys.find_key(settings.PPIMS_LEDGER_KEYS, seal.key_id)
    return sign_link(key, "seal", signed_rows.list_values(seal), previous_mac)


def _draft_seal() -> Seal:
    # Where an older id may still be on its way to its commit, writers are let finish; and this is
    # the snapshot's first look.
    cut = read_without_writers(HEAD_TABLES, _read_cut)
    key = settings.PPIMS_LEDGER_KEYS[0]
    before = Seal.objects.order_by("-number").first() or _make_empty_seal()
    since = (before.last_entry_id, before.last_check_id, before.last_audit_id)
    entries, checks, audits = _read_row(COUNT_AFTER, since)
    seal = Seal(
        number=before.number + 1,
        at=clock.now(),
        last_entry_id=cut[0],
        last_check_id=cut[1],
        last_audit_id=cut[2],
        entry_count=before.entry_count + entries,
        check_count=before.check_count + checks,
        audit_count=before.audit_count + audits,
        ledger_digest=_digest(key, LEDGER_PURPOSE, LEDGER_HEADS, LEDGER_MOVED, since[:2]),
        audit_digest=_digest(key, AUDIT_PURPOSE, AUDIT_HEADS, AUDIT_MOVED, since[2:]),
        key_id=key.id,
    )
    seal.mac = sign_seal(seal, bytes(before.mac))
    return seal


def _read_cut() -> tuple[int, ...]:
    # Looked at while nobody writes: what is prepared now has lost its coordinator, and its rows may
    # come in below the newest ids once another one ends it.
    if unsettled := nodes.list_unsettled():
        raise Conflict([("seal", f"has to wait: {', '.join(unsettled)} has not settled yet")])
    return _read_row(READ_CUT)


def _read_row(sql: str, parameters: tuple[int, ...] = ()) -> tuple[int, ...]:
    with connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        row: tuple[int, ...] = cursor.fetchone()
    return row


def _digest(key: keys.Key, what: str, heads: Reader, moved: str, since: tuple[int, ...]) -> bytes:
    digest = keys.Running(key, what)
    for values in stream_joined((heads,), moved, since):
        digest.add(values)
    return digest.digest()


def _make_empty_seal() -> Seal:
    counts = dict.fromkeys(
        ("last_entry_id", "last_check_id", "last_audit_id", "entry_count", "check_count"), 0
    )
    return Seal(number=0, audit_count=0, mac=b"", **counts)


def _write_json(value: Any) -> int | str:
    if isinstance(value, datetime):
        return value.isoformat()
    return value if isinstance(value, int | str) else bytes(value).hex()


def _read_json(name: str, value: Any) -> Any:
    if name == "at":
        return datetime.fromisoformat(value)
    if name.endswith(("digest", "mac")):
        return bytes.fromhex(value)
    if name != "key_id" and not isinstance(value, int):
        raise ValueError("is no seal of PPIMS")
    return value
