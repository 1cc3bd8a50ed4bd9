"""Compare a processor's file with our books: for a job, and for the command."""

from io import BufferedIOBase

from limits.models import Reconciliation, ReconciliationDifference
from limits.reconcile import storing
from limits.reconcile.judging import MATCHED_KIND, REFUSED_KIND
from limits.reconcile.matching import Compared, Progress, compare
from limits.reconcile.reading import BookedFile
from limits.services import reconciliations
from ppims.core.errors import Malformed
from ppims.models import Job
from ppims.services.brought_files import Unreadable
from ppims.services.jobs import Progress as JobProgress
from ppims.services.jobs import read_arguments

GONE_TEXT = "the file is not on this machine any more, or is not as it was: bring it again"
NOT_SETTLED_KINDS = {MATCHED_KIND, *ReconciliationDifference.NOT_SETTLED}


def do_job(job: Job, progress: JobProgress) -> dict[str, object]:
    """Compare the file that a job names, and delete it. Done before, it tells what came of it."""
    asked = read_arguments(job)
    run = Reconciliation.objects.select_related("processor").get(pk=asked["reconciliation"])
    stored_as = run.stored_as
    if run.state == Reconciliation.State.WAITING:
        try:
            content, total = storing.open_file(run.stored_as, run.key_id), run.size_bytes
            run = compare_with_books(run, content, lambda _: progress(content.taken_bytes, total))
        except Unreadable:
            reconciliations.refuse(run.pk, GONE_TEXT)
            run.refresh_from_db()
    if stored_as:  # else an earlier try has ended the run; what it left, the daily watch deletes
        storing.delete(stored_as)
    return {
        "reconciliation": run.pk,
        "rows": run.row_count,
        "differences": run.difference_count,
        "refused": run.refused_count,
        "fault": run.fault,
    }


def compare_with_books(
    run: Reconciliation, content: BufferedIOBase, progress: Progress = lambda rows: None
) -> Reconciliation:
    """Compare a file with our books, and keep what came of it, or why the file was refused."""
    try:
        compared = compare(run, BookedFile(content, run.since, run.until), progress)
    except Malformed as fault:
        reconciliations.refuse(run.pk, fault.describe())
        run.refresh_from_db()
        return run
    return reconciliations.keep_result(
        run.pk,
        row_count=compared.row_count,
        refused_count=compared.count(REFUSED_KIND),
        sums=_list_sums(compared),
        difference_count=compared.count(*(compared.sums.keys() - NOT_SETTLED_KINDS)),
        differences=compared.list_kept(),
    )


def _list_sums(compared: Compared) -> dict[str, dict[str, list[int]]]:
    return {
        kind: {way: [it.count, it.their_paise, it.our_paise] for way, it in by_way.items()}
        for kind, by_way in compared.sums.items()
    }
