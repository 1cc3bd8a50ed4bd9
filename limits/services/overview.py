"""The overview's figures as they are kept: one row, counted by one process at a time."""

from collections.abc import Callable
from datetime import datetime, timedelta

from django.db.models import F, Q

from limits.models import OverviewSnapshot
from ppims.db.transaction import wrap_in_transaction

CLAIM_LASTS = timedelta(seconds=10)


@wrap_in_transaction
def claim_figures(*, at: datetime) -> OverviewSnapshot | None:
    """Claim the figures, made at first use, for ten seconds; None: somebody else is at it."""
    empty = OverviewSnapshot(number=1, at=at, claimed_until=at, state="{}")
    OverviewSnapshot.objects.bulk_create([empty], ignore_conflicts=True)
    # No claim lasts longer: one that does was made before the clock was set back.
    free = Q(claimed_until__lte=at) | Q(claimed_until__gt=at + CLAIM_LASTS)
    if not OverviewSnapshot.objects.filter(free, pk=1).update(claimed_until=at + CLAIM_LASTS):
        return None
    return OverviewSnapshot.objects.get(pk=1)


@wrap_in_transaction
def keep_figures(*, claimed: OverviewSnapshot, at: datetime, write: Callable[[], str]) -> None:
    """Keep what was counted, unless somebody else has kept theirs since the claim.

    `write` writes the rows that belong to it, and returns the state.
    """
    mine = OverviewSnapshot.objects.filter(pk=1, version=claimed.version)
    if mine.update(version=claimed.version + 1, at=at, claimed_until=at):
        OverviewSnapshot.objects.filter(pk=1).update(state=write())


@wrap_in_transaction
def forget_figures() -> None:
    """Let everything be counted anew. Raises Unavailable."""
    OverviewSnapshot.objects.update(state="{}", version=F("version") + 1)
