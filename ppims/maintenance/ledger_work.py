"""The work of jobs about the ledger: make a seal, verify everything, replay a change of limits."""

from contextlib import closing

from limits.services import seals, verifications, what_if
from limits.verify import count_rows_to_read, verify
from ppims.models import Job
from ppims.services.jobs import Progress, read_arguments


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


def replay_change(job: Job, progress: Progress) -> dict[str, object]:
    """Work out what a proposed change of limits would have done, and keep it with the proposal."""
    asked = read_arguments(job)
    assert job.owner
    is_kept = what_if.work_out_change(
        rule_set_id=asked["rule_set"], months=asked["months"], user=job.owner, progress=progress
    )
    return {"rule_set": asked["rule_set"], "is_kept": is_kept}
