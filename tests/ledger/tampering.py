"""What someone with the database in hand, and without the keys, may do to it: by raw SQL."""

import json
import random
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any

from django.db import connection, models

from customers.models import Customer, Document, DuplicateReview, Identifier, KycProposal, NameWord
from customers.models.imports import CustomerImport, ImportFile
from limits.models import (
    Hold,
    LedgerEntry,
    LedgerHead,
    LimitCheck,
    LimitRule,
    MonthlyUsage,
    NearLimit,
    Notice,
    OverviewSnapshot,
    RuleSet,
    Seal,
)
from limits.verify.records import OF_A_CUSTOMER
from ppims.core.chain import sign_link, sign_row
from ppims.core.keys import Key
from ppims.db.signed_rows import list_values
from ppims.models import (
    AuditEntry,
    AuditHead,
    FailedAccess,
    Job,
    KeptCall,
    KeyInUse,
    KeyRotation,
    Processor,
    ProcessorChange,
    RecoveryCode,
    ReplayKey,
    SecondFactor,
    StaffChange,
    StaffSession,
    User,
)

STRANGER = Key.from_base64("A" * 43 + "=")
NAMES = {
    LimitCheck: "check {number} of customer {customer_id}",
    LedgerEntry: "ledger entry {number} of customer {customer_id}",
    AuditEntry: "audit entry {number} of {subject}",
    LedgerHead: "ledger head of customer {customer_id}",
    AuditHead: "audit head of {subject}",
    MonthlyUsage: "usage of customer {customer_id} in {month}",
    Seal: "seal {number}",
    Customer: "customer {unique_id}",
    LimitRule: "limit rule {id}",
    RuleSet: "change of limits {id}",
    Identifier: "identifier {kind} of customer {customer_id}",
}
BY_TWO_PEOPLE = (StaffChange, ProcessorChange, KeyRotation, CustomerImport)
NAMES |= {model: f"{model._meta.verbose_name} {{id}}" for model in BY_TWO_PEOPLE}
NAMES |= {
    model: f"{model._meta.verbose_name} {{id}} of customer {{customer_id}}"
    for model in OF_A_CUSTOMER
    if model is not Customer
}
OF_NOBODY = (LimitRule, RuleSet, *BY_TWO_PEOPLE)
COVERED_MODELS = (*NAMES, Hold, ReplayKey)
OWNERS = {AuditEntry: "subject", AuditHead: "subject", Seal: "number", Customer: "unique_id"}
# Which columns say where a row belongs: changed, it is missed in one place and too much in another.
PLACES = {"customer_id", "subject", "number", "month", "id", "limit_check_id", "unique_id"}
# What no finding can rest on: nothing points at an audit entry's id, nor at the id of an entry by
# two people; what is encrypted shows when it is opened. docs/ledger.md says so.
FREE_COLUMNS = {
    *((AuditEntry, "id"), (Document, "sealed"), (KycProposal, "sealed")),
    *((DuplicateReview, "claim"), (Identifier, "key_id")),
}
# Tables that verification says nothing of: docs/ledger.md names each.
NOT_COVERED = {User, Processor, KeyInUse, NameWord, OverviewSnapshot, NearLimit, KeptCall, Job}
NOT_COVERED |= {Notice, SecondFactor, RecoveryCode, StaffSession, FailedAccess, ImportFile}


@dataclass(frozen=True)
class Anything:
    """A value that isn't of its column's type."""

    value: Any


@dataclass
class Tampering:
    """What was done, and a pattern of how the first bad row may be called."""

    what: str
    expected: str

    def is_named(self, row: str) -> bool:
        return bool(re.fullmatch(self.expected, row))


def run(sql: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(sql, values)


def name_row(row: models.Model) -> str:
    """Name a row as a finding does."""
    if isinstance(row, Hold):
        return name_row(row.limit_check)
    return NAMES[type(row)].format(**{f.attname: getattr(row, f.attname) for f in list_fields(row)})


def list_fields(row: models.Model) -> list[models.Field]:
    return list(type(row)._meta.concrete_fields)


def write_where(row: models.Model) -> tuple[str, list[Any]]:
    """Write which row it is, by its key."""
    keys = type(row)._meta.pk_fields
    values = [f.get_db_prep_value(getattr(row, f.attname), connection) for f in keys]
    return " AND ".join(f'"{f.column}" = %s' for f in keys), values


def draw_another(draw: random.Random, value: Any, column: models.Field) -> Any:
    """Draw another value for a column; SQLite takes anything anywhere."""
    if connection.vendor == "sqlite" and draw.random() < 0.1:
        return Anything(draw.choice(["", "abc", 7, 1.5, b"x"]))
    if value is None:
        return NEW_VALUES[column.get_internal_type()]
    if column.choices and draw.random() < 0.5:
        return draw.choice([code for code, _ in column.flatchoices if code != value])
    if isinstance(value, bytes | memoryview):
        raw = bytearray(value) or bytearray(1)
        raw[draw.randrange(len(raw))] ^= 1 << draw.randrange(8)
        return bytes(raw)
    return next(change for kind, change in CHANGES if isinstance(value, kind))(draw, value)


NEW_VALUES = defaultdict(
    lambda: 1,
    CharField="x",
    DateField=date(2026, 2, 3),
    DateTimeField=datetime(2026, 2, 3, tzinfo=UTC),
)
CHANGES: list[tuple[type, Callable[[random.Random, Any], Any]]] = [
    (bool, lambda _, value: not value),
    (int, lambda draw, value: value + draw.choice([-1, 1, 100, 10**9])),
    (str, lambda draw, value: draw.choice([value + "0", value[1:], "S", "D", "N"])),
    (
        datetime,
        lambda draw, at: at + timedelta(microseconds=draw.choice([1, -40 * 86_400 * 10**6])),
    ),
    (date, lambda _, day: day + timedelta(days=1)),
]


def choose(draw: random.Random, model: type[models.Model], **chosen: Any) -> models.Model:
    rows = list(model._default_manager.filter(**chosen).order_by("pk"))
    return draw.choice(rows)


def make_owner_pattern(row: models.Model, *owners: Any) -> str:
    """A pattern of whatever may be found about a row's owner, or about others it was given to."""
    if isinstance(row, LimitRule | RuleSet):
        return "(limit rule|change of limits) .*"
    if isinstance(row, OF_NOBODY):
        return f"{row._meta.verbose_name} .*"
    mine = getattr(row, OWNERS.get(type(row), "customer_id"))
    these = "|".join(re.escape(str(owner)) for owner in (mine, *owners))
    if isinstance(row, Seal):
        return "seal .*"
    if isinstance(row, AuditEntry | AuditHead):
        return f"(audit head|audit entry .*) of ({these})"
    whos = f"(.* of )?customer ({these})( in .*)?"
    return f"{whos}|Ref_Id .*|hold of check .*"


# The tamperings. Each is drawn anew until the database takes it.


def update_a_field(draw: random.Random) -> Tampering | None:
    model = draw.choice([*COVERED_MODELS, LedgerEntry, LedgerEntry, LimitCheck, LimitCheck])
    row = choose(draw, model)
    return update(draw, row, draw.choice(list_fields(row)))


def update(draw: random.Random, row: models.Model, column: models.Field) -> Tampering | None:
    """Give a column another value; None where that would be the same, or no finding can rest on
    it.
    """
    model = type(row)
    before = getattr(row, column.attname)
    after = draw_another(draw, before, column)
    is_staffs = column.attname == "id" and getattr(row, "kind", "") in {"A", "M", "O"}
    is_open = model is DuplicateReview and not row.outcome  # of those the audit says nothing
    is_open |= model is MonthlyUsage and not row.debit_paise + row.credit_paise  # any month's
    is_same = (after.value if isinstance(after, Anything) else after) == before
    if is_same or is_staffs or is_open or (model, column.attname) in FREE_COLUMNS:
        return None
    condition, key = write_where(row)
    value = (
        after.value if isinstance(after, Anything) else column.get_db_prep_value(after, connection)
    )
    run(f'UPDATE {model._meta.db_table} SET "{column.column}" = %s WHERE {condition}', value, *key)
    what = f"{row!r}: {column.attname} from {before!r} to {after!r}"
    return Tampering(what, _name_row_if(row, column.attname, value))


def _name_row_if(row: models.Model, column: str, value: Any) -> str:
    """How the row is called; one that was moved may be missed, or be too much, elsewhere."""
    if isinstance(row, ReplayKey):
        return "(Ref_Id|check|ledger entry|receipt) .*"
    if isinstance(row, Identifier):
        return "identifier .*"
    if isinstance(row, Hold) and column == "limit_check_id":
        return "(check|hold of check) .*"
    if column in PLACES:
        return make_owner_pattern(row, value)
    return re.escape(name_row(row))


def delete_a_row(draw: random.Random) -> Tampering | None:
    # A month that is lost is summed anew.
    model = draw.choice([m for m in COVERED_MODELS if m is not MonthlyUsage])
    row = choose(draw, model)
    if model is Seal and row.pk == Seal.objects.count():
        return None  # the newest: only its file can tell (test_seals)
    if model is DuplicateReview and not row.outcome:
        return None
    condition, key = write_where(row)
    run(f"DELETE FROM {model._meta.db_table} WHERE {condition}", *key)
    expected = (
        _name_row_if(row, "id", None)
        if model in {ReplayKey, Identifier}
        else make_owner_pattern(row)
    )
    if model in {LedgerEntry, AuditEntry}:
        following = _find_following(row)
        expected = re.escape(name_row(following)) if following else _name_head(row)
    return Tampering(f"{row!r} deleted", expected)


def _find_following(row: models.Model) -> models.Model | None:
    """Find the next row of the same chain."""
    owner = OWNERS.get(type(row), "customer_id")
    chain = type(row)._default_manager.filter(**{owner: getattr(row, owner)})
    return chain.filter(number__gt=row.number).order_by("number").first()


def _name_head(row: models.Model) -> str:
    if isinstance(row, AuditEntry):
        return f"audit head of {row.subject}"
    return f"ledger head of customer {row.customer_id}"


def insert_a_row(draw: random.Random) -> Tampering:
    """Copy a row to the end of its own chain, or of another's."""
    model = draw.choice([LedgerEntry, LimitCheck, AuditEntry])
    row = choose(draw, model)
    owner = OWNERS.get(model, "customer_id")
    taker = getattr(choose(draw, model), owner)
    last = model._default_manager.filter(**{owner: taker}).order_by("number").last()
    values = {f.attname: getattr(row, f.attname) for f in list_fields(row)}
    highest = model._default_manager.latest("pk").pk
    values |= {owner: taker, "number": last.number + 1, "id": highest + 1}
    if model is LedgerEntry:
        values |= {"tran_id": "X1", "limit_check_id": None}
        values |= {"adjustment_id": None, "kind": "S", "reverses_id": None}
        values["processor_id"] = values["processor_id"] or choose(draw, LimitCheck).processor_id
    model._default_manager.bulk_create([model(**values)])
    return Tampering(f"{row!r} copied to the end of {taker}", name_row(model(**values)))


def insert_a_record(draw: random.Random) -> Tampering | None:
    """Copy a row of a customer's, or of nobody's, once more, as another's or for the same one."""
    model = draw.choice([*(m for m in OF_A_CUSTOMER if m is not Customer), *OF_NOBODY])
    row = choose(draw, model)
    values = {f.attname: getattr(row, f.attname) for f in list_fields(row)}
    values["id"] = model._default_manager.latest("pk").pk + 1
    if model not in OF_NOBODY:
        values["customer_id"] = choose(draw, Customer).pk
    if model is DuplicateReview and not row.outcome:
        return None
    copied = model(**values)
    model._default_manager.bulk_create([copied])
    return Tampering(f"{row!r} copied to {copied!r}", re.escape(name_row(copied)))


def insert_a_person(draw: random.Random) -> Tampering:
    """Add somebody by hand, whom no audit knows."""
    row = choose(draw, Customer)
    row.unique_id = draw.randrange(10**14, 10**15)
    Customer.objects.bulk_create([row])
    return Tampering(f"{row!r} added", f"(.* of )?customer {row.unique_id}")


def swap_two_rows(draw: random.Random) -> Tampering | None:
    """Let two rows of one chain change their places."""
    model = draw.choice([LedgerEntry, LimitCheck, AuditEntry])
    one = choose(draw, model)
    other = _find_following(one)
    if other is None:
        return None
    table = model._meta.db_table
    for row, number in ((one, 9_999), (other, one.number), (one, other.number)):
        run(f"UPDATE {table} SET number = %s WHERE id = %s", number, row.pk)
    return Tampering(f"{one!r} and {other!r} swapped", name_row(one))


def truncate_the_tail(draw: random.Random) -> Tampering:
    """Delete the newest rows of one chain, and leave its head."""
    model = draw.choice([LedgerEntry, LimitCheck, AuditEntry])
    row = choose(draw, model)
    owner = OWNERS.get(model, "customer_id")
    run(
        f"DELETE FROM {model._meta.db_table} WHERE {owner} = %s AND number >= %s",
        *(getattr(row, owner), row.number),
    )
    # Before its head, a row may be found that rests on one which is gone.
    expected = make_owner_pattern(row) if model is LimitCheck else _name_head(row)
    return Tampering(f"the tail from {row!r} deleted", expected)


def rewrite_a_chain(draw: random.Random) -> Tampering:
    """Change an entry, and sign it, all that follows and the head with a key of one's own."""
    row = choose(draw, LedgerEntry)
    chain = list(LedgerEntry.objects.filter(customer=row.customer_id).order_by("number"))
    previous, key_id = b"", draw.choice([row.key_id, STRANGER.id])
    for entry in chain:
        if entry.number >= row.number:
            if entry == row:
                entry.amount_paise += 1
            values = list_values(entry)
            entry.digest = sign_link(STRANGER, "entry", values, previous, b"")
            run(
                "UPDATE limits_ledgerentry SET amount_paise = %s, digest = %s, key_id = %s"
                " WHERE id = %s",
                *(entry.amount_paise, entry.digest, key_id, entry.pk),
            )
        previous = bytes(entry.digest)
    head = LedgerHead.objects.get(pk=row.customer_id)
    head.last_digest = previous
    mac = sign_row(STRANGER, "head", list_values(head))
    run(
        "UPDATE limits_ledgerhead SET last_digest = %s, mac = %s WHERE customer_id = %s",
        *(previous, mac, head.pk),
    )
    return Tampering(f"the chain from {row!r} rewritten", name_row(row))


def rewrite_an_audit(draw: random.Random) -> Tampering:
    row = choose(draw, AuditEntry)
    row.detail = '{"changes": {}}'
    before = AuditEntry.objects.filter(subject=row.subject, number=row.number - 1).first()
    mac = sign_link(STRANGER, "audit", list_values(row), bytes(before.mac) if before else b"")
    run("UPDATE ppims_auditentry SET detail = %s, mac = %s WHERE id = %s", row.detail, mac, row.pk)
    return Tampering(f"{row!r} rewritten", name_row(row))


def unprove(draw: random.Random) -> Tampering | None:
    """Take what it proves out of an audit entry, and sign that with a key of one's own."""
    row = choose(draw, AuditEntry)
    detail = json.loads(row.detail)
    if not detail.pop("proofs", None):
        return None
    before = AuditEntry.objects.filter(subject=row.subject, number=row.number - 1).first()
    row.detail = json.dumps(detail)
    mac = sign_link(STRANGER, "audit", list_values(row), bytes(before.mac) if before else b"")
    run("UPDATE ppims_auditentry SET detail = %s, mac = %s WHERE id = %s", row.detail, mac, row.pk)
    return Tampering(f"{row!r} proves nothing now", re.escape(name_row(row)))


def move_a_month(draw: random.Random) -> Tampering:
    row = choose(draw, MonthlyUsage)
    run(
        "UPDATE limits_monthlyusage SET debit_paise = debit_paise + 1"
        " WHERE customer_id = %s AND month = %s",
        *(row.customer_id, row.month),
    )
    return Tampering(f"{row!r} with a paisa more", name_row(row))


WAYS: list[Callable[[random.Random], Tampering | None]] = [
    *[update_a_field] * 6,
    *[delete_a_row] * 2,
    insert_a_row,
    *[insert_a_record] * 2,
    insert_a_person,
    unprove,
    *[swap_two_rows] * 2,
    truncate_the_tail,
    rewrite_a_chain,
    rewrite_an_audit,
    move_a_month,
]
