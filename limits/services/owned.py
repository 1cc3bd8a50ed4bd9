"""What is whose in the ledgers of customers whom merges ever connected: each row is for ever the
Unique_Id's that named it, and what gives back of a posting is whose the posting is. docs/ledger.md,
"Merges". Read under the locks of whom the ids mean.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from django.db.models import Q, Sum

from limits.models import LedgerEntry
from limits.posting import find_effect_paise

Kind = LedgerEntry.Kind
BOOKED_KINDS = (Kind.POST, Kind.ADJUST, Kind.OPENING)
IDS_AT_ONCE = 500
Place = tuple[int, str]  # month and direction


class Owned(NamedTuple):
    """What rows of some Unique_Ids come to, in paise by month and direction; and what processors
    may still reverse of it.
    """

    used: Counter[Place]
    reversible: Counter[Place]


class GivenBack(NamedTuple):
    """A reversal, or a correction that names its posting."""

    posting_id: int
    place: Place
    paise: int
    is_of_a_tran_id: bool


def sum_owned(unique_ids: Collection[int], kin: Iterable[int]) -> Owned:
    """Sum up what is owned by some Unique_Ids, over the ledgers of all that were ever connected
    with them.
    """
    owned = Owned(Counter(), Counter())
    given_back: list[GivenBack] = []
    ledgers = sorted(kin)
    for customer_id in ledgers:
        _add_booked(owned, customer_id, unique_ids)
        given_back += _list_given_back(customer_id)
    theirs = _find_postings(ledgers, [each.posting_id for each in given_back], unique_ids)
    for each in given_back:
        if each.posting_id in theirs:
            owned.used[each.place] += each.paise
            owned.reversible[each.place] += each.paise if each.is_of_a_tran_id else 0
    return owned


def sum_owned_before(
    unique_ids: Collection[int],
    kin: Iterable[int],
    place: Place,
    at: datetime,
    numbers: Mapping[int, int],
) -> int:
    """Sum up what was owned by some Unique_Ids in a month and direction at an instant: in these
    ledgers before the entries of these numbers.
    """
    booked, given_back = 0, Counter[int]()
    ledgers = sorted(kin)
    for customer_id in ledgers:
        rows = LedgerEntry.objects.filter(
            customer_id=customer_id, month=place[0], direction=place[1], at__lte=at
        ).exclude(kind__in=(Kind.MOVE, Kind.RELEASE))
        if customer_id in numbers:
            rows = rows.filter(number__lt=numbers[customer_id])
        own = rows.filter(unique_id_sent__in=unique_ids, reverses=None)
        booked += own.aggregate(paise=Sum("amount_paise", default=0))["paise"]
        giving_back = rows.filter(reverses__isnull=False)
        for posting_id, kind, paise in giving_back.values_list(
            "reverses_id", "kind", "amount_paise"
        ):
            given_back[posting_id] += find_effect_paise(kind, paise)
    theirs = _find_postings(ledgers, [*given_back], unique_ids)
    return booked + sum(given_back[posting_id] for posting_id in theirs)


def _add_booked(owned: Owned, customer_id: int, unique_ids: Collection[int]) -> None:
    rows = LedgerEntry.objects.filter(
        customer_id=customer_id,
        unique_id_sent__in=unique_ids,
        kind__in=BOOKED_KINDS,
        reverses=None,
    )
    named = Sum("amount_paise", filter=Q(kind=Kind.POST) & ~Q(tran_id=""), default=0)
    sums = rows.order_by().values("month", "direction")
    for month, direction, paise, of_tran_ids in sums.annotate(
        paise=Sum("amount_paise"), of_tran_ids=named
    ).values_list("month", "direction", "paise", "of_tran_ids"):
        owned.used[month, direction] += paise
        owned.reversible[month, direction] += of_tran_ids


def _list_given_back(customer_id: int) -> Iterator[GivenBack]:
    rows = LedgerEntry.objects.filter(customer_id=customer_id, reverses__isnull=False)
    columns = ("reverses_id", "month", "direction", "kind", "amount_paise", "tran_id")
    for posting_id, month, direction, kind, paise, tran_id in rows.values_list(*columns):
        effect = find_effect_paise(kind, paise)
        yield GivenBack(posting_id, (month, direction), effect, bool(tran_id))


def _find_postings(
    ledgers: Sequence[int], ids: Sequence[int], unique_ids: Collection[int]
) -> set[int]:
    """Find which of these postings are owned by some Unique_Ids."""
    found: set[int] = set()
    for customer_id in ledgers:
        for start in range(0, len(ids), IDS_AT_ONCE):
            postings = LedgerEntry.objects.filter(
                customer_id=customer_id,
                pk__in=ids[start : start + IDS_AT_ONCE],
                unique_id_sent__in=unique_ids,
            )
            found.update(postings.values_list("pk", flat=True))
    return found
