"""Give what is kept of customers to a new key, while everybody goes on: documents are encrypted
anew, mobile numbers and documents digested anew (docs/operations.md, "Keys that rotate").

Each step is a short transaction of its own, and what is left is seen by the rows themselves: so a
run that was killed is begun again, and two at once do no harm.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple

from django.conf import settings
from django.db.models import Count, Model, Q, QuerySet

from customers.choices import MOBILE_KIND
from customers.models import Customer, Document, DuplicateReview, Identifier, KycProposal
from customers.records import INSERT_IDENTIFIER
from customers.review_evidence import bind_evidence
from ppims.core import clock, keys
from ppims.db.owned_rows import save_columns
from ppims.db.statements import run
from ppims.db.transaction import run_in_transaction
from ppims.models import KeptCall, SecondFactor
from ppims.services import audit

Progress = Callable[[int, int], None]  # how many are done, of how many
ROWS_AT_ONCE = 200  # in one transaction: the server's writes wait for no longer


class Sealed(NamedTuple):
    """A column that is encrypted with a document key, and the one that names the key. `of` is the
    column of the customer whose row it is, and whose audit proves it; "": of nobody.
    """

    model: type[Model]
    key_column: str
    column: str
    of: str = "customer_id"
    bound_to: Callable[[Any], str] = lambda row: str(row.bound_to)


# All that a document key encrypts.
SEALED_COLUMNS = (
    Sealed(Document, "key_id", "sealed"),
    Sealed(KycProposal, "key_id", "sealed"),
    Sealed(DuplicateReview, "key_id", "claim"),
    Sealed(
        *(DuplicateReview, "evidence_key_id", "evidence"),
        bound_to=bind_evidence,
    ),
    Sealed(KeptCall, "key_id", "sealed", of=""),
    Sealed(SecondFactor, "key_id", "sealed", of=""),
)


def list_needs(purpose: str) -> dict[str, dict[str, int]]:
    """Count by key how many rows of which table need it: {"1a2b3c4d": {"customers_document": 5}}.
    What needs none isn't there. Identifiers of before keys were named count as the oldest one's.
    """
    needs: dict[str, dict[str, int]] = {}
    if purpose == "digest":
        oldest = settings.PPIMS_DIGEST_KEYS[-1].id
        _count_into(needs, Identifier, "key_id", nobodys=oldest)
    if purpose == "document":
        for each in SEALED_COLUMNS:
            _count_into(needs, each.model, each.key_column)
    return needs


def reencrypt_documents(progress: Progress) -> None:
    """Encrypt anew, by the first key, all that another document key has encrypted; the audit of
    each customer proves the rows as they are then.
    """
    key_id = settings.PPIMS_DOCUMENT_KEYS[0].id
    total, done = sum(_find_stale(each, key_id).count() for each in SEALED_COLUMNS), 0
    for each in SEALED_COLUMNS:
        after: Any = 0
        while found := _list_next(_find_stale(each, key_id).filter(pk__gt=after), "pk"):
            run_in_transaction(partial(_reencrypt, each, [pk for (pk,) in found], key_id))
            (after,), done = found[-1], done + len(found)
            progress(min(done, total), total)


def redigest_identifiers(progress: Progress) -> None:
    """Let each mobile number and document be found by the next key too; where there is none, by the
    first.
    """
    ring = settings.PPIMS_DIGEST_KEYS
    _digest_anew(next((key for key in ring if key.is_next), ring[0]), progress, drops=False)


def drop_old_identifiers(progress: Progress) -> None:
    """Let each be found by the first key alone: what another one has digested is digested by that,
    and then deleted.
    """
    _digest_anew(settings.PPIMS_DIGEST_KEYS[0], progress, drops=True)


# Documents.


def _find_stale(each: Sealed, key_id: str) -> QuerySet[Any]:
    """Find the rows that another key has encrypted."""
    return each.model._base_manager.exclude(**{f"{each.key_column}__in": ["", key_id]})


def _reencrypt(each: Sealed, found: list[int], key_id: str) -> None:
    """Encrypt some rows anew, under their customers' locks: none changes meanwhile."""
    rows = _find_stale(each, key_id).filter(pk__in=found)
    if each.of:
        owners = sorted(set(rows.values_list(each.of, flat=True)))
        list(Customer.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk"))
    at, changed = clock.now(), dict[int, list[Model]]()
    for row in rows.select_for_update(no_key=True).order_by("pk"):
        _seal_anew(each, row)
        save_columns(row, [each.key_column, each.column])
        if each.of and _is_proven(row):
            changed.setdefault(getattr(row, each.of), []).append(row)
    for customer_id, theirs in sorted(changed.items()):
        detail: dict[str, object] = {"rows": len(theirs), "key": key_id}
        audit.record(
            "documents encrypted anew", at=at, subject=customer_id, detail=detail, rows=theirs
        )


def _seal_anew(each: Sealed, row: Any) -> None:
    ring, bound_to = settings.PPIMS_DOCUMENT_KEYS, each.bound_to(row)
    sealed = bytes(getattr(row, each.column))
    text = keys.decrypt(ring, getattr(row, each.key_column), sealed, bound_to=bound_to)
    key_id, sealed = keys.encrypt(ring, text, bound_to=bound_to)
    setattr(row, each.key_column, key_id)
    setattr(row, each.column, sealed)


def _is_proven(row: Model) -> bool:
    """Whether the audit has a proof of a row: of a review, once it is decided."""
    return not isinstance(row, DuplicateReview) or bool(row.outcome)


# Identifiers.


def _digest_anew(key: keys.Key, progress: Progress, *, drops: bool) -> None:
    others = Identifier.objects.filter(~Q(key_id=key.id) | Q(key_id=None))
    total, done, after = others.count(), 0, ("", b"")
    while found := _list_next(_skip_to(others, *after), "kind", "digest", "customer_id"):
        run_in_transaction(partial(_digest_batch, key, found, drops=drops))
        after, done = (found[-1][0], bytes(found[-1][1])), done + len(found)
        progress(min(done, total), total)


def _skip_to(rows: QuerySet[Identifier], kind: str, digest: bytes) -> QuerySet[Identifier]:
    return rows.filter(Q(kind=kind, digest__gt=digest) | Q(kind__gt=kind))


def _digest_batch(key: keys.Key, found: list[tuple[str, bytes, int]], *, drops: bool) -> None:
    owners = {customer_id for _, _, customer_id in found}
    # Who changes a number or a document locks the customer too.
    locked = Customer.objects.select_for_update(no_key=True).filter(pk__in=owners).order_by("pk")
    people = {customer.pk: customer for customer in locked}
    for kind, digest, customer_id in found:
        # Only what the old row says: one that somebody has deleted is not repaired in silence.
        old = Identifier.objects.filter(kind=kind, digest=bytes(digest), customer_id=customer_id)
        value = _find_value(people[customer_id], kind, bytes(digest))
        if value is None or not old.exists():
            continue
        new = keys.digest((key,), kind, value)
        run(INSERT_IDENTIFIER, [kind, new, customer_id, key.id])
        twin = Identifier.objects.filter(kind=kind, digest=new, customer_id=customer_id)
        if drops and twin.exists():
            old.delete()


def _find_value(customer: Customer, kind: str, digest: bytes) -> str | None:
    """Find what a digest is of; None: of nothing that is on record, as verify_ledger tells."""
    if kind == MOBILE_KIND:
        values = [customer.mobile]
    else:
        on_record = Document.objects.filter(customer=customer, kind=kind, replaced_at=None)
        values = [document.reveal() for document in on_record]
    return next((v for v in values if digest in Identifier.list_digests(kind, v)), None)


# Both.


def _list_next(rows: QuerySet[Any], *columns: str) -> list[Any]:
    """List the next rows in the order of their keys, as many as one transaction takes."""
    return list(rows.order_by(*columns[:2]).values_list(*columns)[:ROWS_AT_ONCE])


def _count_into(
    needs: dict[str, dict[str, int]], model: type[Model], column: str, nobodys: str = ""
) -> None:
    counted = model._base_manager.order_by().values_list(column).annotate(rows=Count("*"))
    for key_id, rows in counted:
        if key_id or nobodys:
            of_key = needs.setdefault(key_id or nobodys, {})
            of_key[model._meta.db_table] = of_key.get(model._meta.db_table, 0) + rows
