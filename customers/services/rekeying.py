"""Encrypt anew, by the document ring's first key, what its other keys have encrypted: while the
server goes on, a few customers at a time. Whatever is left shows what is still to be done, so it
may be stopped at any moment, and run twice at once.
"""

import logging
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db.models import Count, Model, Q

from customers import people
from customers.models import Document, DuplicateReview, ImportFile, KycProposal
from customers.proven_rows import Proofs, ProofsByRow, is_as_proven, name_row
from customers.review_evidence import bind_evidence
from customers.services import imports
from ppims.core import clock, keys
from ppims.db.owned_rows import save_columns
from ppims.db.transaction import run_in_transaction
from ppims.models import KeptCall, SecondFactor
from ppims.services import audit

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # how many are done, of how many
# A batch is one short transaction: on SQLite all who write wait for it.
CUSTOMERS_AT_ONCE, ROWS_AT_ONCE = 20, 100


@dataclass(frozen=True)
class SealedText:
    """A column that the document ring encrypts, the one that names the key, and what the text is
    bound to.
    """

    model: type[Model]
    key: str
    text: str
    bind: Callable[[Any], str]


def bind_row(row: Any) -> str:
    """Write what the one encrypted text of a row is bound to."""
    return str(row.bound_to)


# What the document ring encrypts: a table that is added gets its line here.
OF_CUSTOMERS = (
    SealedText(Document, "key_id", "sealed", bind_row),
    SealedText(KycProposal, "key_id", "sealed", bind_row),
    SealedText(DuplicateReview, "key_id", "claim", bind_row),
    SealedText(DuplicateReview, "evidence_key_id", "evidence", bind_evidence),
)
OF_NO_CUSTOMER = (
    SealedText(SecondFactor, "key_id", "sealed", bind_row),
    SealedText(KeptCall, "key_id", "sealed", bind_row),
)
# Files, which no key encrypts anew: within a week they are gone, and until then need theirs.
SHORT_LIVED = ImportFile._meta.db_table
LOCKED_FIRST = (KycProposal, DuplicateReview)  # docs/architecture.md, "The order of locks"


@dataclass
class Batch:
    """What became of some rows: how many texts are encrypted anew, and which rows stay as they are,
    with the reason.
    """

    done: int = 0
    left: list[str] = field(default_factory=list)


def reencrypt_documents(progress: Progress) -> None:
    """Encrypt anew, by the first key, all that another document key has encrypted.

    The audit proves the rows from then on; one that isn't as it proved it, or that its key doesn't
    open, stays as it is, and the log names it: so nothing that was changed by hand is made true.
    """
    proofs, total = Proofs(), _count_left()
    done = 0
    for work in _list_works(proofs):
        began = time.monotonic()
        batch = run_in_transaction(work)
        for line in batch.left:
            logger.warning("not encrypted anew: %s", line)
        done += batch.done
        progress(done, total)
        time.sleep(time.monotonic() - began)  # whoever waited to write has as long


def list_needs(purpose: str) -> dict[str, dict[str, int]]:
    """Count by key how many texts of which table need it: {"1a2b3c4d": {"customers_document": 5}}.
    What needs none isn't there. It reads whole tables.
    """
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    if purpose == "document":
        for each in (*OF_CUSTOMERS, *OF_NO_CUSTOMER):
            rows = each.model._base_manager.exclude(**{each.key: ""}).order_by()
            for key_id, count in rows.values_list(each.key).annotate(Count("pk")):
                found[key_id][each.model._meta.db_table] += count
        for key_id, count in imports.count_kept_by_key().items():
            found[key_id][ImportFile._meta.db_table] += count
    return {key_id: dict(tables) for key_id, tables in found.items()}


def _count_left() -> int:
    needs = list_needs("document")
    needs.pop(_get_first(), None)
    return sum(
        count for tables in needs.values() for name, count in tables.items() if name != SHORT_LIVED
    )


def _list_works(proofs: Proofs) -> Iterator[Callable[[], Batch]]:
    """List what is to be done in one transaction each. The next is looked for once one is done."""
    for model in dict.fromkeys(each.model for each in OF_CUSTOMERS):
        last = 0
        while ids := _list_owners(model, last):
            yield partial(_encrypt_of_customers, ids, proofs)
            last = ids[-1]
    for each in OF_NO_CUSTOMER:
        last = 0
        while rows := list(_find_left(each.model, pk__gt=last).order_by("pk")[:ROWS_AT_ONCE]):
            yield partial(_encrypt_rows, each, rows)
            last = rows[-1].pk


def _list_owners(model: type[Model], after: int) -> list[int]:
    owners = _find_left(model, customer_id__gt=after).order_by("customer_id")
    return list(owners.values_list("customer_id", flat=True).distinct()[:CUSTOMERS_AT_ONCE])


def _find_left(model: type[Model], **wanted: Any) -> Any:
    """Find rows of which any text is by another key than the first."""
    left = Q()
    for each in (*OF_CUSTOMERS, *OF_NO_CUSTOMER):
        if each.model is model:
            left |= ~Q(**{f"{each.key}__in": ["", _get_first()]})
    return model._base_manager.filter(left, **wanted)


def _get_first() -> str:
    return str(settings.PPIMS_DOCUMENT_KEYS[0].id)


def _encrypt_of_customers(ids: Sequence[int], proofs: Proofs) -> Batch:
    rows = _lock_rows(ids)
    known, batch, at = proofs.read(ids), Batch(), clock.now()
    for owner in ids:
        before = batch.done
        changed = [row for row in rows[owner] if _encrypt_proven(row, known[owner], batch)]
        if changed:
            audit.record(
                "documents encrypted anew",
                at=at,
                subject=owner,
                detail={"texts": batch.done - before, "key": _get_first()},
                rows=[row for row in changed if name_row(row) in known[owner]],
            )
    return batch


def _lock_rows(ids: Sequence[int]) -> dict[int, list[Model]]:
    """Lock the customers, and before them what is locked before them; by one customer each time,
    since tables may be spread over machines.
    """
    rows: dict[int, list[Model]] = {owner: [] for owner in ids}
    for model in LOCKED_FIRST:
        having = _find_left(model, customer_id__in=ids).values_list("customer_id", flat=True)
        for owner in sorted(set(having)):
            theirs = _find_left(model, customer_id=owner).order_by("pk")
            rows[owner] += theirs.select_for_update(no_key=True)
    for owner in ids:
        people.lock_customer(owner)
    for document in _find_left(Document, customer_id__in=ids).order_by("pk"):
        rows[document.customer_id].append(document)
    return rows


def _encrypt_proven(row: Model, known: ProofsByRow, batch: Batch) -> bool:
    """Encrypt a row anew, and return whether it was: not where it isn't as the audit proved it."""
    proof = known.get(name_row(row))
    is_untold = isinstance(row, DuplicateReview) and not row.outcome  # nobody has audited it yet
    if proof is None and not is_untold:
        batch.left.append(f"{name_row(row)}: the audit knows nothing of it")
        return False
    if proof and not is_as_proven(row, proof):
        batch.left.append(f"{name_row(row)}: it is not as the audit says")
        return False
    texts = [each for each in OF_CUSTOMERS if isinstance(row, each.model)]
    columns = [name for each in texts for name in _encrypt_text(row, each, batch)]
    if columns:
        save_columns(row, columns)
    return bool(columns)


def _encrypt_rows(each: SealedText, rows: Sequence[Model]) -> Batch:
    """Encrypt rows anew that the audit doesn't prove, where they are still as they were read."""
    batch = Batch()
    for row in rows:
        before = {name: row.__dict__[name] for name in (each.key, each.text)}
        columns = _encrypt_text(row, each, batch)
        if columns:
            same = each.model._base_manager.filter(pk=row.pk, **before)
            same.update(**{name: row.__dict__[name] for name in columns})
    return batch


def _encrypt_text(row: Model, each: SealedText, batch: Batch) -> list[str]:
    """Encrypt one text of a row by the first key, unsaved, and return the columns that changed."""
    ring, values = settings.PPIMS_DOCUMENT_KEYS, row.__dict__
    if values[each.key] in {"", ring[0].id}:
        return []
    bound_to = each.bind(row)
    try:
        text = keys.decrypt(ring, values[each.key], bytes(values[each.text]), bound_to=bound_to)
    except (InvalidTag, keys.KeyMissing):
        batch.left.append(f"{name_row(row)}: its key {values[each.key]} doesn't open it")
        return []
    values[each.key], values[each.text] = keys.encrypt(ring, text, bound_to=bound_to)
    batch.done += 1
    return [each.key, each.text]
