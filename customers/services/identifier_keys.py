"""Digest mobile numbers and documents by another key, while everybody goes on (docs/operations.md,
"Keys that rotate").

Each step is a short transaction of its own, and the rows themselves show what is left: so a run
that was killed is begun again, and two at once do no harm.
"""

import logging
import time
from collections.abc import Callable
from functools import partial
from typing import Any

from cryptography.exceptions import InvalidTag
from django.conf import settings
from django.db.models import Q, QuerySet

from customers.choices import MOBILE_KIND
from customers.models import Customer, Document, Identifier
from customers.records import INSERT_IDENTIFIER
from ppims.core import keys
from ppims.db.statements import run
from ppims.db.transaction import run_in_transaction

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]  # how many are done, of how many
ROWS_AT_ONCE = 100  # in one transaction, which the server's writes wait for


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


def _digest_anew(key: keys.Key, progress: Progress, *, drops: bool) -> None:
    others = Identifier.objects.filter(~Q(key_id=key.id) | Q(key_id=None))
    total, done, after = others.count(), 0, ("", b"")
    while found := _list_next(_skip_to(others, *after), "kind", "digest", "customer_id"):
        began = time.monotonic()
        run_in_transaction(partial(_digest_batch, key, found, drops=drops))
        time.sleep(time.monotonic() - began)  # whoever waited to write has as long
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
        if new == bytes(digest):  # of before keys were named
            old.update(key_id=key.id)
            continue
        run(INSERT_IDENTIFIER, [kind, new, customer_id, key.id])
        twin = Identifier.objects.filter(kind=kind, digest=new, customer_id=customer_id)
        if drops and twin.exists():
            old.delete()


def _find_value(customer: Customer, kind: str, digest: bytes) -> str | None:
    """Find what a digest is of; None: of nothing that is on record, as verify_ledger tells, or of a
    document that can't be read. Its old digest stays, and goes on finding the customer.
    """
    if kind == MOBILE_KIND:
        values = [customer.mobile]
    else:
        on_record = Document.objects.filter(customer=customer, kind=kind, replaced_at=None)
        try:
            values = [document.reveal() for document in on_record]
        except (InvalidTag, keys.KeyMissing):
            logger.warning("not digested anew: %s of customer %s can't be read", kind, customer.pk)
            return None
    return next((v for v in values if digest in Identifier.list_digests(kind, v)), None)


def _list_next(rows: QuerySet[Any], *columns: str) -> list[Any]:
    """List the next rows in the order of their keys, as many as one transaction takes."""
    return list(rows.order_by(*columns[:2]).values_list(*columns)[:ROWS_AT_ONCE])
