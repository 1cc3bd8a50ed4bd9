"""The work of jobs about the ledger: make a seal, verify everything."""

from contextlib import closing
from itertools import islice

from limits.services import seals
from limits.verify import count_rows_to_read, verify
from ppims.models import Job
from ppims.services.jobs import Progress

MOST_NAMED, LONGEST_NAMED = 20, 200  # findings that a result names; the others it counts


def make_seal(job: Job, progress: Progress) -> dict[str, object]:
    """Make a seal in the name of who asked."""
    seal = seals.make_patiently(user=job.owner)
    return {"seal": seal.number}


def verify_ledger(job: Job, progress: Progress) -> dict[str, object]:
    """Verify all of the ledger and the audit, and name what is not as it should be."""
    total, done = count_rows_to_read(), 0
    progress(0, total)

    def count_rows(rows: int) -> None:
        nonlocal done
        done += rows
        progress(done, total)

    # Closed at once where this ends half-way, for it is inside a snapshot.
    with closing(verify(progress=count_rows)) as findings:
        named = [str(finding)[:LONGEST_NAMED] for finding in islice(findings, MOST_NAMED)]
        more = sum(1 for _ in findings)
    return {"rows": total, "findings": len(named) + more, "named": named}
