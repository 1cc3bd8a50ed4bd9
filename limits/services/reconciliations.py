"""Reconciliations: a processor's file is brought, what comparing it found is kept, and differences
are settled by people. What is compared, and how, is limits/reconcile.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from django.db.models import F

from limits.models import Reconciliation, ReconciliationDifference
from limits.models.reconciliations import LONGEST_FAULT, LONGEST_FILE_NAME
from ppims.core import calendar, clock
from ppims.core.errors import Conflict, Malformed
from ppims.core.free_text import has_controls, require_text
from ppims.db.transaction import run_in_transaction, wrap_in_transaction
from ppims.models import LONGEST_NOTE, Job, Processor, User
from ppims.services import audit, jobs

MOST_DAYS = 366
KEPT_FOR = timedelta(days=400)
PURGED_AT_ONCE = 1_000
RESULT_COLUMNS = ("row_count", "refused_count", "difference_count", "open_count", "sums")
ENDING_COLUMNS = ("state", "ended_at", "stored_as")
State = Reconciliation.State
Sums = Mapping[str, Mapping[str, Sequence[int]]]


@dataclass(frozen=True)
class FileBrought:
    """What is known of a file that somebody has brought; `stored_as` and `key_id` find it
    (limits/reconcile/storing.py), where a job is to compare it.
    """

    name: str
    digest: str
    size_bytes: int
    stored_as: str = ""
    key_id: str = ""


@wrap_in_transaction
def begin(
    *,
    processor: Processor,
    since: date,
    until: date,
    file: FileBrought,
    user: User,
    operator: str = "",
) -> Reconciliation:
    """Begin a run, which waits to be compared: by a job, if the file is stored. Raises Malformed
    for days that can't be compared, Conflict where too many jobs of the user wait.
    """
    at = clock.now()
    require_days(since, until, at)
    run = Reconciliation(
        processor=processor,
        since=since,
        until=until,
        file_name=_clean_name(file.name),
        digest=file.digest,
        size_bytes=file.size_bytes,
        stored_as=file.stored_as,
        key_id=file.key_id,
        brought_by=user,
        brought_at=at,
    )
    run.save(force_insert=True)
    typed = {"operator": operator} if operator else {}
    _record("reconciliation begun", run, at, user, digest=file.digest, **typed)
    if file.stored_as:
        jobs.ask(Job.Kind.RECONCILE, owner=user, arguments=name_job(run))
    return run


def name_job(run: Reconciliation) -> dict[str, object]:
    """Give the arguments of the job that compares a run's file."""
    return {"reconciliation": run.pk}


def require_days(since: date, until: date, at: datetime) -> None:
    """Raises Malformed where these are no days that can be compared at an instant."""
    if since > until:
        raise Malformed([("until", "is before the first day")])
    if until > calendar.find_ist_day(at):
        raise Malformed([("until", "is not over yet, nor today")])
    if (until - since).days >= MOST_DAYS:
        raise Malformed([("until", f"is more than {MOST_DAYS} days after the first")])


@wrap_in_transaction
def keep_result(
    run_id: int,
    *,
    row_count: int,
    refused_count: int,
    sums: Sums,
    difference_count: int,
    differences: Sequence[ReconciliationDifference],
) -> Reconciliation:
    """Keep what comparing has found, once. `sums` has of each class and direction how many, and
    paise of theirs and of ours. Raises Conflict where the run has ended.
    """
    run = _lock_waiting(run_id)
    run.state, run.ended_at = State.DONE, clock.now()
    run.row_count, run.refused_count = row_count, refused_count
    run.difference_count = difference_count
    run.sums, run.stored_as = json.dumps(sums, sort_keys=True), ""
    run.open_count = sum(each.is_open for each in differences)
    run.save(update_fields=[*ENDING_COLUMNS, *RESULT_COLUMNS])
    for each in differences:
        each.pk, each.reconciliation_id = None, run.pk
    ReconciliationDifference.objects.bulk_create(differences, batch_size=1_000)
    told = {"digest": run.digest, "rows": row_count, "differences": difference_count, "sums": sums}
    _record("reconciliation made", run, run.ended_at, run.brought_by, **told)
    return run


@wrap_in_transaction
def refuse(run_id: int, fault: str) -> None:
    """Put down that a run's file can't be read as a whole. Raises Conflict where the run has
    ended.
    """
    run = _lock_waiting(run_id)
    run.state, run.ended_at, run.fault = State.REFUSED, clock.now(), fault[:LONGEST_FAULT]
    run.stored_as = ""
    run.save(update_fields=[*ENDING_COLUMNS, "fault"])
    _record("reconciliation refused", run, run.ended_at, run.brought_by, digest=run.digest)


@wrap_in_transaction
def settle(difference_id: int, *, note: str, user: User) -> ReconciliationDifference:
    """Settle a difference, with what was done about it. Raises Malformed without a note that may be
    kept, Conflict where there is nothing to settle, or nothing any more.
    """
    said = require_text(note, "note", most=LONGEST_NOTE)
    found = ReconciliationDifference.objects.select_for_update(no_key=True, of=("self",))
    difference = found.select_related("reconciliation__processor").get(pk=difference_id)
    if not difference.is_open:
        raise Conflict([("difference", "was settled before")])
    difference.settled_by, difference.settled_at, difference.note = user, clock.now(), said
    difference.save(update_fields=["settled_by", "settled_at", "note"])
    run = Reconciliation.objects.filter(pk=difference.reconciliation_id)
    run.update(open_count=F("open_count") - 1)
    _record(
        "difference settled",
        difference.reconciliation,
        difference.settled_at,
        user,
        difference=difference.pk,
        kind=difference.kind,
        tran_id=difference.tran_id or difference.ref_id or f"row {difference.row_number}",
        entry=difference.entry_id,
        reason=said,
    )
    return difference


@wrap_in_transaction
def record_export(run: Reconciliation, *, user: User, source: str) -> None:
    """Put on record that somebody takes a run's differences away."""
    _record("differences exported", run, clock.now(), user, source=source)


def read_sums(run: Reconciliation) -> dict[str, dict[str, list[int]]]:
    """Read of each class and direction how many there are, and paise of theirs and of ours; classes
    in the order of the list, what is matched first.
    """
    sums: dict[str, dict[str, list[int]]] = json.loads(run.sums)
    order = ["MATCHED", *ReconciliationDifference.Kind.values]
    return {kind: sums[kind] for kind in order if sums.get(kind)}


def purge(at: datetime) -> int:
    """Delete the runs that were brought longer than KEPT_FOR ago. Return how many. Raises
    Unavailable.
    """
    count = 0
    old = Reconciliation.objects.filter(brought_at__lt=at - KEPT_FOR).order_by("brought_at")
    while run := old.first():
        while ids := list(run.differences.values_list("pk", flat=True)[:PURGED_AT_ONCE]):
            run_in_transaction(ReconciliationDifference.objects.filter(pk__in=ids).delete)
        run_in_transaction(run.delete)
        count += 1
    return count


def count_waiting_by_key() -> dict[str, int]:
    """Count the files that wait to be compared, by the key that reads them."""
    waiting = Reconciliation.objects.exclude(stored_as="").values_list("key_id", flat=True)
    return dict(Counter(waiting))


def _lock_waiting(run_id: int) -> Reconciliation:
    rows = Reconciliation.objects.select_for_update(no_key=True, of=("self",))
    run = rows.select_related("processor", "brought_by").get(pk=run_id)
    if run.state != State.WAITING:
        raise Conflict([("reconciliation", "has ended before")])
    return run


def _clean_name(name: str) -> str:
    """Keep of a file's name what may be shown."""
    shown = "".join(c for c in name if not has_controls(c))[:LONGEST_FILE_NAME]
    return shown or "file"


def _record(action: str, run: Reconciliation, at: datetime, user: User, **detail: object) -> None:
    told = {
        "reconciliation": run.pk,
        "system_id": run.processor.system_id,
        "since": f"{calendar.find_midnight(run.since)}",
        "until": f"{calendar.find_midnight(run.until + timedelta(days=1))}",
    }
    audit.record(action, at=at, user=user, processor=None, detail={**told, **detail})
