"""Record with which keys this database was written, and find those that are missing."""

import json
from collections.abc import Mapping
from datetime import datetime

from django.conf import settings

from ppims.core import clock
from ppims.core.keys import Ring
from ppims.db.transaction import wrap_in_transaction
from ppims.models import KeyInUse

DIGEST_PURPOSE, SESSION_PURPOSE = "digest", "session"


def list_rings() -> dict[str, Ring]:
    """Return the rings by purpose."""
    return {
        "document": settings.PPIMS_DOCUMENT_KEYS,
        DIGEST_PURPOSE: settings.PPIMS_DIGEST_KEYS,
        "ledger": settings.PPIMS_LEDGER_KEYS,
        SESSION_PURPOSE: settings.PPIMS_SESSION_KEYS,
    }


def record_use() -> None:
    """Record the keys that are written with from now on.

    For every start, once nothing is missing: a key recorded by mistake would be missed for ever.
    """
    _record({purpose: ring[0].id for purpose, ring in list_rings().items()})


@wrap_in_transaction
def record_first(purpose: str, key_id: str) -> None:
    """Record a key that is about to be the first."""
    _record({purpose: key_id})


def _record(key_ids: Mapping[str, str]) -> None:
    at = clock.now()
    KeyInUse.objects.bulk_create(
        [
            KeyInUse(purpose=purpose, key_id=key_id, first_used_at=at)
            for purpose, key_id in key_ids.items()
        ],
        ignore_conflicts=True,
    )


def list_keys_in_use() -> list[str]:
    """Name the keys without which the database can't be read, those of one purpose in the order of
    their use: "ledger 1a2b3c4d". A lost session key only makes people log in again.
    """
    rows = KeyInUse.objects.exclude(purpose=SESSION_PURPOSE)
    rows = rows.order_by("purpose", "first_used_at", "key_id")
    return [f"{row.purpose} {row.key_id}" for row in rows]


def list_missing(names: list[str]) -> list[str]:
    """Name which of these keys aren't in the rings at hand, or not in their place."""
    rings = list_rings()
    at_hand = {f"{purpose} {key.id}" for purpose, ring in rings.items() for key in ring}
    missing = [name for name in names if name not in at_hand]
    # By the newest one, all that is unique has its digest: with another first, two could have one.
    *_, newest = ["", *(name for name in names if name.startswith(f"{DIGEST_PURPOSE} "))]
    if newest in at_hand and newest not in _list_current_digest_keys(rings[DIGEST_PURPOSE]):
        missing.append(f"{newest} as the first of its ring")
    return missing


def _list_current_digest_keys(ring: Ring) -> list[str]:
    return [f"{DIGEST_PURPOSE} {key.id}" for key in ring if key.is_next or key == ring[0]]


@wrap_in_transaction
def keep_needs(purpose: str, counted: Mapping[str, Mapping[str, int]], at: datetime) -> None:
    """Keep what needs each key of a purpose, as it was counted, for whoever looks without counting.
    A key that nothing needs counts too.
    """
    for row in KeyInUse.objects.filter(purpose=purpose):
        needs = json.dumps(dict(counted.get(row.key_id, {})), sort_keys=True)
        rows = KeyInUse.objects.filter(purpose=purpose, key_id=row.key_id)
        rows.update(needs=needs, counted_at=at)


def read_needs(row: KeyInUse) -> dict[str, int]:
    """Read how many rows of which table needed a key when that was counted."""
    needs: dict[str, int] = json.loads(row.needs or "{}")
    return needs


@wrap_in_transaction
def forget(purpose: str, key_id: str) -> None:
    """Take a key that nothing needs off the record, so that no start misses it."""
    KeyInUse.objects.filter(purpose=purpose, key_id=key_id).delete()
