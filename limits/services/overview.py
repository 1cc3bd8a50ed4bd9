"""The overview's figures as they are kept, one row and one by processor, and who is near a limit:
counted by one process at a time.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Q

from limits.models import BY_PROCESSOR, OF_ALL, NearLimit, OverviewSnapshot
from ppims.db import statements
from ppims.db.transaction import wrap_in_transaction

CLAIM_LASTS = timedelta(seconds=10)
IDS_AT_ONCE, STALE_AT_ONCE = 200, 5_000
DELETE_STALE = """
    DELETE FROM limits_watched WHERE customer_id IN (
        SELECT customer_id FROM limits_watched WHERE month < %s LIMIT %s)
"""


@dataclass(frozen=True)
class Looked:
    """Who of the customers that were looked at is near a limit in a month: those of `ids`, and
    those past one id and up to another, `walked`.
    """

    month: int
    near: Sequence[NearLimit]
    ids: Sequence[int]
    walked: tuple[int, int] | None


@wrap_in_transaction
def claim_figures(*, at: datetime) -> OverviewSnapshot | None:
    """Claim the figures, made at first use, for ten seconds; None: somebody else is at it."""
    empty = [
        OverviewSnapshot(number=number, at=at, claimed_until=at, state="{}")
        for number in (OF_ALL, BY_PROCESSOR)
    ]
    OverviewSnapshot.objects.bulk_create(empty, ignore_conflicts=True)
    # No claim lasts longer: one that does was made before the clock was set back.
    free = Q(claimed_until__lte=at) | Q(claimed_until__gt=at + CLAIM_LASTS)
    if not OverviewSnapshot.objects.filter(free, pk=OF_ALL).update(claimed_until=at + CLAIM_LASTS):
        return None
    return OverviewSnapshot.objects.get(pk=OF_ALL)


@wrap_in_transaction
def keep_figures(
    *,
    claimed: OverviewSnapshot,
    at: datetime,
    state: Mapping[str, Any],
    by_processor: Mapping[str, Any],
    looked: Looked,
) -> None:
    """Keep what was counted and who is near a limit, unless somebody else has kept theirs since the
    claim. How many are near goes into the state.
    """
    mine = OverviewSnapshot.objects.filter(pk=OF_ALL, version=claimed.version)
    if mine.update(version=claimed.version + 1, at=at, claimed_until=at):
        _keep_near(looked)
        near = NearLimit.objects.filter(month=looked.month).count()
        for number, figures in ((OF_ALL, {**state, "near": near}), (BY_PROCESSOR, by_processor)):
            written = json.dumps(figures, separators=(",", ":"))
            OverviewSnapshot.objects.filter(pk=number).update(state=written)


@wrap_in_transaction
def let_age(*, by: timedelta) -> None:
    """Let the figures be older by so much than they are, so that the next look counts on. Raises
    Unavailable.
    """
    row = OverviewSnapshot.objects.filter(pk=OF_ALL).first()
    if row:
        as_read = OverviewSnapshot.objects.filter(pk=OF_ALL, version=row.version)
        as_read.update(at=row.at - by)


@wrap_in_transaction
def forget_figures() -> None:
    """Let everything be counted anew. Raises Unavailable."""
    OverviewSnapshot.objects.update(state="{}", version=F("version") + 1)


@wrap_in_transaction
def restart_figures(*, at: datetime, after_version: int) -> None:
    """Let everything be counted anew, and nothing be kept that is being counted for a version so
    far: of a database whose content is another one from now on.
    """
    empty = [
        OverviewSnapshot(
            number=number, at=at, claimed_until=at, state="{}", version=after_version + 1
        )
        for number in (OF_ALL, BY_PROCESSOR)
    ]
    OverviewSnapshot.objects.all().delete()
    NearLimit.objects.all().delete()
    OverviewSnapshot.objects.bulk_create(empty)


def _keep_near(looked: Looked) -> None:
    """Keep who is near, in the place of what was known of everyone who was looked at."""
    if looked.walked:
        after, last = looked.walked
        NearLimit.objects.filter(customer_id__gt=after, customer_id__lte=last).delete()
    for start in range(0, len(looked.ids), IDS_AT_ONCE):
        NearLimit.objects.filter(customer_id__in=looked.ids[start : start + IDS_AT_ONCE]).delete()
    NearLimit.objects.bulk_create(looked.near)
    statements.run(DELETE_STALE, [looked.month, STALE_AT_ONCE])
