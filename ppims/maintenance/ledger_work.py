"""The work of jobs about the ledger: make a seal, verify everything."""

from contextlib import closing

from limits.services import seals, verifications
from limits.verify import count_rows_to_read, verify
from ppims.models import Job
from ppims.services.jobs import Progress


def make_seal(job: Job, progress: Progress) -> dict[str, object]:
    """Make a seal in the name of who asked."""
    return {"seal": seals.make_patiently(user=job.owner).number}


def verify_ledger(job: Job, progress: Progress) -> dict[str, object]:
    """Verify all of the ledger and the audit, name what is not as it should be, and put on record
    how much that was. In this process alone: it is one that gives way.
    """
    found, done = verifications.Found(count_rows_to_read()), 0
    progress(0, found.rows)

    def count_rows(more: int) -> None:
        nonlocal done
        done += more
        progress(done, found.rows)

    # Closed at once where this ends half-way, for it is inside a snapshot.
    with closing(verify(progress=count_rows)) as findings:
        found.count_findings(findings)
    verifications.record_verification(found, user=job.owner)
    return found.as_result()
