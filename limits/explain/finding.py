"""Finds the checks and entries that a Ref_Id, a Tran_Id or a row's own name means."""

from collections.abc import Sequence
from typing import NamedTuple

from customers import survivors
from customers.models import Merge
from limits.known import CHECK_OPERATION, UPDATE_OPERATION
from limits.models import LedgerEntry, LimitCheck
from limits.posting import MOVE_KIND, POST_KIND
from ppims.db.transaction import read_snapshot
from ppims.models import Processor, ReplayKey

CHECK_NAME, ENTRY_NAME = "check", "entry"
MOST_POSTINGS = 10  # by one Tran_Id: each processor, customer and direction may have one


class FoundRow(NamedTuple):
    """Where a check or an entry is."""

    is_check: bool
    customer_id: int
    row_id: int


def find_rows(name: str, system_id: str = "") -> list[FoundRow]:
    """Find what a name means, of one processor or of any: a Ref_Id; else a Tran_Id, whose posting
    is followed by what gave back of it, of MOST_POSTINGS and one more at most; else a merge's name,
    or "check/12", "entry/12".
    """
    with read_snapshot():
        processors = Processor.objects.filter(system_id=system_id) if system_id else None
        keys = [*(processors or Processor.objects.all()).values_list("pk", flat=True)]
        found = _find_by_ref_id(name, keys) or _find_by_tran_id(name, keys)
        return found or ([] if system_id else _find_by_own_name(name))


def _find_by_ref_id(ref_id: str, processors: Sequence[int]) -> list[FoundRow]:
    rows = ReplayKey.objects.filter(
        processor_id__in=processors,
        operation__in=(CHECK_OPERATION, UPDATE_OPERATION),
        ref_id=ref_id,
    ).order_by("processor_id", "operation")
    columns = ("operation", "customer_id", "row_id")
    return [
        FoundRow(operation == CHECK_OPERATION, owner, row_id)
        for operation, owner, row_id in rows.values_list(*columns)
    ]


def _find_by_tran_id(tran_id: str, processors: Sequence[int]) -> list[FoundRow]:
    if not tran_id:
        return []
    postings = [
        *LedgerEntry.objects.filter(
            tran_id=tran_id, kind=POST_KIND, processor_id__in=processors
        ).order_by("at", "pk")[: MOST_POSTINGS + 1]
    ]
    found = []
    for posting in postings:
        found.append(FoundRow(False, posting.customer_id, posting.pk))
        giving_back = LedgerEntry.objects.filter(
            customer_id__in=survivors.list_kin(posting.customer_id),
            month=posting.month,
            reverses_id=posting.pk,
        )
        found += [FoundRow(False, row.customer_id, row.pk) for row in giving_back.order_by("at")]
    return found


def _find_by_own_name(name: str) -> list[FoundRow]:
    """Find what two people made, and what a page's address names."""
    kind, _, number = name.replace("-", "/").rpartition("/")
    key = int(number) if number.isascii() and number.isdecimal() else 0
    if not 0 < key < 2**63:
        return []
    if kind == CHECK_NAME:
        rows = LimitCheck.objects.filter(pk=key)
        return [FoundRow(True, row.customer_id, row.pk) for row in rows]
    if kind == ENTRY_NAME:
        entries = LedgerEntry.objects.filter(pk=key)
    else:
        merge = Merge.objects.filter(pk=key, kind=kind).first()
        parties = [merge.customer_id, merge.merged_id] if merge else []
        entries = LedgerEntry.objects.filter(
            customer_id__in=parties, kind=MOVE_KIND, ref_id=name
        ).order_by("pk")
    return [FoundRow(False, row.customer_id, row.pk) for row in entries]
