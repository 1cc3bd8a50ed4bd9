"""Who was merged into another at which time: a month's figures, and their lists, stay as they are
when somebody is merged or parted later.
"""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from customers.models import Merge
from ppims.models import FourEyes

Times = Sequence[tuple[datetime, bool]]


def read_merge_times(*, until: datetime, ids: Collection[int] | None = None) -> Mapping[int, Times]:
    """Read of each who was ever merged until an instant, or of these ids, when that was, and when
    it was parted again: (the instant, is merged from then on), in their order. One statement.
    """
    decided = Merge.objects.filter(state=FourEyes.State.APPROVED, decided_at__lte=until)
    if ids is not None:
        decided = decided.filter(merged_id__in=ids)
    times: dict[int, list[tuple[datetime, bool]]] = defaultdict(list)
    rows = decided.values_list("decided_at", "pk", "merged_id", "kind")
    for at, _, merged_id, kind in sorted(rows):
        assert at is not None  # of what was decided
        times[merged_id].append((at, kind == Merge.Kind.MERGE))
    return dict(times)


def was_merged(times: Times, at: datetime) -> bool:
    """Return whether one with these times was merged into another at an instant."""
    return next((is_merged for since, is_merged in reversed(times) if since <= at), False)
