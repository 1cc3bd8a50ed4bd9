"""What has to be done again and again: seals, verifications, backups; and who does it."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings

from limits.models import Notice, Seal
from ppims.core.formats import ist, name_count, write_count
from ppims.maintenance import upkeep
from ppims.maintenance.doctor.findings import Finding, approve, refuse, warn
from ppims.models import Job
from ppims.services import backups, jobs

Kind = Notice.Kind
NAME_BY_KIND = {
    Kind.SEAL: "upkeep.seal",
    Kind.VERIFICATION: "upkeep.verification",
    Kind.BACKUP: "upkeep.backup",
}
MEND_BY_KIND = {
    Kind.SEAL: "python3 -m ppims manage seal, each day",
    Kind.VERIFICATION: "python3 -m ppims manage verify_ledger --seal FILE, each week",
    Kind.BACKUP: "python3 -m ppims manage backup FILE, each day",
}
FINDINGS_MEND = 'docs/runbook.md, "Verification fails"'
WATCHED_WITHIN = timedelta(days=2)
RUNNER_MEND = "start the server by python3 -m ppims, or the unit of manage run_jobs"


def check_upkeep(at: datetime) -> Iterator[Finding]:
    """Check that seals, verifications and backups are made as often as they should, and went well,
    as the daily watch does; without verifying anything.
    """
    matters = {each.kind: each for each in upkeep.list_matters(at)}  # of a kind the gravest last
    last = _find_last_instants()
    for kind, name in NAME_BY_KIND.items():
        if kind == Kind.BACKUP and not settings.PRODUCTION:
            continue  # made-up data can be made again
        matter, made_at = matters.get(kind), last[kind]
        when = f"the last one: {ist(made_at)}" if made_at else "none yet"
        if matter is None:
            yield approve(name, when)
        elif matter.has_failed and matter.count:
            said = f"the last one found {write_count(matter.count)}; {when}"
            yield refuse(name, said, FINDINGS_MEND)
        elif matter.has_failed:
            yield refuse(name, f"the last one failed; {when}", MEND_BY_KIND[kind])
        else:
            yield warn(name, f"overdue; {when}", MEND_BY_KIND[kind])


def check_runner(at: datetime) -> Iterator[Finding]:
    """Check that somebody does the background work."""
    watched = jobs.find_last(Job.Kind.WATCH, state=Job.State.DONE)
    if jobs.is_unattended(at):
        yield refuse("upkeep.runner", "jobs wait, and nobody takes them up", RUNNER_MEND)
    elif watched is None or watched.ended_at is None:
        yield warn("upkeep.runner", "no daily watch was ever done", RUNNER_MEND)
    elif at - watched.ended_at > WATCHED_WITHIN:
        said = f"the last daily watch was done {ist(watched.ended_at)}"
        yield warn("upkeep.runner", said, RUNNER_MEND)
    else:
        yield approve("upkeep.runner", f"the daily watch was done {ist(watched.ended_at)}")
    waiting = Notice.objects.filter(state=Notice.State.OPEN).count()
    if waiting:
        said = f"open: {name_count(waiting, 'notice')}"
        yield warn("upkeep.notices", said, "look at Work, Notices")
    else:
        yield approve("upkeep.notices", "no notice is open")


def _find_last_instants() -> dict[Notice.Kind, datetime | None]:
    seal = Seal.objects.order_by("-number").only("at").first()
    verified = jobs.find_last(Job.Kind.VERIFY, state=Job.State.DONE)
    made = backups.find_last(backups.DONE_ACTION)
    return {
        Kind.SEAL: seal.at if seal else None,
        Kind.VERIFICATION: verified.ended_at if verified else None,
        Kind.BACKUP: made.at if made else None,
    }
