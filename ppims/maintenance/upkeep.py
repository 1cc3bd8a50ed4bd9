"""Whether seals, verifications and backups are made as often as they should be, and went well."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from django.conf import settings
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Q

from limits.models import Notice, Seal
from limits.services.notices import Matter, Tally, keep_matters
from ppims.core import calendar
from ppims.models import Job
from ppims.services import backups, jobs
from ppims.services.backups import DONE_ACTION, FAILED_ACTION

# With this one the watch came: what was due before that is no fault.
FIRST_MIGRATION = ("limits", "0017_notices")
DAYS_A_WEEK = 7
Kind = Notice.Kind


def watch_upkeep(at: datetime) -> Tally:
    """Keep a notice of each seal, verification or backup that was missed, or that went wrong.
    Raises Unavailable.
    """
    return keep_matters(list_matters(at), Q(kind__in=Notice.OF_UPKEEP), at)


def list_matters(at: datetime) -> list[Matter]:
    """List what of that was missed, or went wrong; of one kind, what went wrong comes last."""
    return [*_watch_seals(at), *_watch_verifications(at), *_watch_backups(at)]


def _watch_seals(at: datetime) -> Iterator[Matter]:
    seal = Seal.objects.order_by("-number").only("number", "at").first()
    yield from _find_missed(Kind.SEAL, settings.PPIMS_SEAL_DAYS, seal.at if seal else None, at)
    job = jobs.find_last(Job.Kind.SEAL)
    if job and _has_failed(job) and not (seal and seal.at > _get_end(job)):
        yield _make_failure(Kind.SEAL, job.pk, _get_end(job))


def _watch_verifications(at: datetime) -> Iterator[Matter]:
    done = jobs.find_last(Job.Kind.VERIFY, state=Job.State.DONE)
    done_at = _get_end(done) if done else None
    yield from _find_missed(Kind.VERIFICATION, settings.PPIMS_VERIFICATION_DAYS, done_at, at)
    if job := jobs.find_last(Job.Kind.VERIFY):
        found = jobs.read_result(job).get("findings", 0)
        if found or _has_failed(job):
            yield _make_failure(Kind.VERIFICATION, job.pk, _get_end(job), found)


def _watch_backups(at: datetime) -> Iterator[Matter]:
    if not settings.PRODUCTION:  # made-up data can be made again
        return
    made, failed = backups.find_last(DONE_ACTION), backups.find_last(FAILED_ACTION)
    made_at = made.at if made else None
    yield from _find_missed(Kind.BACKUP, settings.PPIMS_BACKUP_DAYS, made_at, at)
    if failed and not (made and made.number > failed.number):
        yield _make_failure(Kind.BACKUP, failed.number, failed.at)


def _find_missed(
    kind: Notice.Kind, within_days: int, last: datetime | None, at: datetime
) -> Iterator[Matter]:
    """Find whether the last one of a kind was too long ago: nothing is ever due where it is within
    0 days, nor before the watch has been here for so long.
    """
    since = last or _find_first_day()
    over = at - since - timedelta(days=within_days)
    if within_days and over > timedelta():
        yield Matter(
            kind,
            f"{kind.value} missed",
            calendar.find_ist_day(since),
            step=over.days // DAYS_A_WEEK,
        )


def _find_first_day() -> datetime:
    """Find when the watch came to this installation."""
    app, name = FIRST_MIGRATION
    applied = MigrationRecorder.Migration.objects.filter(app=app, name=name).first()
    assert applied  # else there were no notices
    came_at: datetime = applied.applied
    return came_at


def _make_failure(kind: Notice.Kind, number: int, at: datetime, count: int = 0) -> Matter:
    day = calendar.find_ist_day(at)
    return Matter(kind, f"{kind.value} failed {number}", day, count=count, has_failed=True)


def _has_failed(job: Job) -> bool:
    return job.state == Job.State.FAILED


def _get_end(job: Job) -> datetime:
    assert job.ended_at  # as every one that has ended
    return job.ended_at
