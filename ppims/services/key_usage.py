"""Record with which keys this database was written, and find those that are missing."""

from django.conf import settings

from ppims.core import clock
from ppims.core.keys import Ring
from ppims.models import KeyInUse


def list_rings() -> dict[str, Ring]:
    """Return the rings without which a database can't be read, by purpose."""
    return {
        "ledger": settings.PPIMS_LEDGER_KEYS,
        "digest": settings.PPIMS_DIGEST_KEYS,
        "document": settings.PPIMS_DOCUMENT_KEYS,
    }


def record_use() -> None:
    """Record the keys that are written with from now on.

    For every start, once nothing is missing: a key recorded by mistake would be missed for ever.
    """
    at = clock.now()
    KeyInUse.objects.bulk_create(
        [
            KeyInUse(purpose=purpose, key_id=ring[0].id, first_used_at=at)
            for purpose, ring in list_rings().items()
        ],
        ignore_conflicts=True,
    )


def list_keys_in_use() -> list[str]:
    """Name the keys that the database was written with: "ledger 1a2b3c4d"."""
    rows = KeyInUse.objects.order_by("purpose", "first_used_at", "key_id")
    return [f"{row.purpose} {row.key_id}" for row in rows]


def list_missing(names: list[str]) -> list[str]:
    # A digest is looked up, never read again: only the first key of that ring can find it.
    at_hand = {
        f"{purpose} {key.id}"
        for purpose, ring in list_rings().items()
        for key in (ring[:1] if purpose == "digest" else ring)
    }
    return [name for name in names if name not in at_hand]
