"""What our books have of some Tran_Ids, of whatever day; and what runs of other days know of it."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

from limits import queries
from limits.models import LedgerEntry, Reconciliation, ReconciliationDifference
from limits.posting import POST_KIND
from limits.reconcile.judging import ONLY_OURS_KIND, OTHER_DAY_KIND, Pair, Posting
from ppims.core import calendar


class Postings:
    """The processor's postings with the Tran_Ids of some pairs, of whatever day."""

    def __init__(self, run: Reconciliation, pairs: Sequence[Pair]) -> None:
        of_processor = LedgerEntry.objects.filter(processor_id=run.processor_id, kind=POST_KIND)
        named = of_processor.filter(tran_id__in={pair.tran_id for pair in pairs})
        entries = list(named.order_by("pk"))
        known = {entry.pk for entry in entries}
        unnamed = {pair.entry_id for pair in pairs if pair.entry_id} - known
        entries += of_processor.filter(pk__in=unnamed) if unnamed else ()
        self._given_back = queries.sum_given_back(entries) if entries else {}
        self._elsewhere = _find_told_elsewhere(run, entries)
        self._by_name: dict[tuple[str, str], list[LedgerEntry]] = defaultdict(list)
        self._by_key = {entry.pk: entry for entry in entries}
        for entry in entries:
            self._by_name[entry.tran_id, entry.direction].append(entry)

    def list_of(self, pair: Pair) -> list[Posting]:
        entries = self._by_name.get((pair.tran_id, pair.direction), [])
        own = self._by_key.get(pair.entry_id or 0)
        if own and own not in entries:
            entries = [*entries, own]
        return [
            Posting(
                entry.pk,
                entry.unique_id_sent,
                entry.amount_paise,
                self._given_back.get(entry.pk, 0),
                entry.pk in self._elsewhere,
            )
            for entry in entries
        ]


def _find_told_elsewhere(run: Reconciliation, entries: Iterable[LedgerEntry]) -> set[int]:
    """Find the postings that the file of other days has, by the runs that compared such files: one
    that found it there as booked on another day, or had its day and didn't miss it.
    """
    days = {entry.pk: calendar.find_ist_day(entry.at) for entry in entries}
    if not days:
        return set()
    done = Reconciliation.objects.filter(
        processor_id=run.processor_id, state=Reconciliation.State.DONE
    ).exclude(since__lte=run.until, until__gte=run.since)
    noted = ReconciliationDifference.objects.filter(
        kind__in=[ONLY_OURS_KIND, OTHER_DAY_KIND], entry_id__in=days, reconciliation__in=done
    )
    found = list(noted.values_list("entry_id", "reconciliation_id", "their_paise"))
    told = {entry_id for entry_id, _, theirs in found if entry_id and theirs is not None}
    missed = {(entry_id, pk) for entry_id, pk, theirs in found if theirs is None}
    had_its_day = done.filter(since__lte=max(days.values()), until__gte=min(days.values()))
    for pk, since, until in had_its_day.values_list("pk", "since", "until"):
        told |= {
            key for key, day in days.items() if since <= day <= until and (key, pk) not in missed
        }
    return told
