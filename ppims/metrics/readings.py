"""What the database says for /metrics, each by a bounded statement or two."""

from collections.abc import Callable, Iterator
from datetime import datetime

from django.db.migrations.recorder import MigrationRecorder
from django.db.models import Count, Min

from limits.models import Hold, LedgerEntry, LimitCheck, Seal
from ppims.core import clock
from ppims.db import clock_guard, sizes
from ppims.metrics.gauges import Sample
from ppims.models import AuditEntry, Job, KeyInUse, Processor
from ppims.reports.waiting import read_waiting
from ppims.services import audit, backups, jobs, key_usage

HOLDS_LOOKED_AT = 20_000
JOBS_KIND = "jobs"
Read = Callable[[datetime], Iterator[Sample]]


def read_samples() -> list[Sample]:
    """Read all of it, as of now. Raises DatabaseError, OSError."""
    at = clock.now()
    return [sample for read in READINGS for sample in read(at)]


def _read_sizes(at: datetime) -> Iterator[Sample]:
    yield Sample("ppims_database_size_bytes", sizes.read_size_bytes())
    log_bytes = sizes.read_log_bytes()
    if log_bytes is not None:
        yield Sample("ppims_database_log_bytes", log_bytes)


def _read_holds(at: datetime) -> Iterator[Sample]:
    # Those that have ended linger, and none of them is found by its end: so it looks at so many.
    newest = Hold.objects.order_by("-pk").values_list("expires_at", flat=True)
    ends = newest[:HOLDS_LOOKED_AT].iterator()
    yield Sample("ppims_holds_open", sum(end > at for end in ends))


def _read_work(at: datetime) -> Iterator[Sample]:
    waiting = {kind: (each.count, each.oldest_at) for kind, each in read_waiting().items()}
    open_jobs = Job.objects.filter(state__in=Job.OPEN_STATES)
    counted = open_jobs.aggregate(count=Count("pk"), oldest_at=Min("asked_at"))
    waiting[JOBS_KIND] = counted["count"], counted["oldest_at"]
    for kind, (count, oldest_at) in waiting.items():
        yield Sample("ppims_work_waiting", count, (kind,))
        if oldest_at:
            name = "ppims_work_oldest_timestamp_seconds"
            yield Sample(name, oldest_at.timestamp(), (kind,))
    yield Sample("ppims_jobs_unattended", jobs.is_unattended(at))


def _read_upkeep(at: datetime) -> Iterator[Sample]:
    seal = Seal.objects.order_by("-number").only("at").first()
    yield _make_last("seal", seal.at if seal else None)
    done = jobs.find_last(Job.Kind.VERIFY, state=Job.State.DONE)
    yield _make_last("verification", done.ended_at if done else None)
    if last := jobs.find_last(Job.Kind.VERIFY):
        is_clean = last.state == Job.State.DONE and not jobs.read_result(last).get("findings", 0)
        yield Sample("ppims_last_verification_clean", is_clean)
    made_at, has_failed = BACKUP_TRIES.look()
    yield _make_last("backup", made_at)
    yield Sample("ppims_last_backup_failed", has_failed)


def _make_last(what: str, at: datetime | None) -> Sample:
    """Say when there was one last; where there never was, when this installation began."""
    since = at or MigrationRecorder.Migration.objects.aggregate(first=Min("applied"))["first"]
    return Sample(f"ppims_last_{what}_timestamp_seconds", since.timestamp())


class BackupTries:
    """What the audit says of backups. Nothing finds its entries by what was done: so all of it is
    read once in a process, and then only what has come since.
    """

    def __init__(self) -> None:
        self._number, self._has_failed = 0, False
        self._made_at: datetime | None = None

    def look(self) -> tuple[datetime | None, bool]:
        """Return when the last one was made, and whether one has failed since."""
        newest = AuditEntry.objects.filter(subject=audit.NO_CUSTOMER).order_by("-number")
        number = newest.values_list("number", flat=True).first() or 0
        if number < self._number:  # another database, or a demo that was put back
            self._number, self._has_failed, self._made_at = 0, False, None
        for action, at in backups.list_tries(after=self._number, up_to=number):
            self._has_failed = action == backups.FAILED_ACTION
            self._made_at = self._made_at if self._has_failed else at
        self._number = number
        return self._made_at, self._has_failed


BACKUP_TRIES = BackupTries()


def _read_clock(at: datetime) -> Iterator[Sample]:
    yield Sample("ppims_clock_jump_seconds", clock_guard.get_guard().look() / 10**9)
    yield Sample("ppims_clock_offset_seconds", clock.read_offset().total_seconds())
    newest = [
        model._base_manager.order_by("-pk").values_list("at", flat=True).first()
        for model in (LedgerEntry, LimitCheck, AuditEntry)
    ]
    ahead = [(each - at).total_seconds() for each in newest if each]
    yield Sample("ppims_clock_behind_seconds", max(0.0, *ahead, 0.0))


def _read_secrets(at: datetime) -> Iterator[Sample]:
    callers = Processor.objects.exclude(state=Processor.State.DISABLED)
    made = callers.exclude(password_at=None).values_list("system_id", "password_at")
    for system_id, made_at in made:
        assert made_at
        yield Sample("ppims_password_timestamp_seconds", made_at.timestamp(), (system_id,))
    used = {(row.purpose, row.key_id): row.first_used_at for row in KeyInUse.objects.all()}
    for purpose, ring in key_usage.list_rings().items():
        if since := used.get((purpose, ring[0].id)):
            yield Sample("ppims_key_timestamp_seconds", since.timestamp(), (purpose,))
    missing = key_usage.list_missing(key_usage.list_keys_in_use())
    yield Sample("ppims_keys_missing", len(missing))


READINGS: tuple[Read, ...] = (
    *(_read_sizes, _read_holds, _read_work),
    *(_read_upkeep, _read_clock, _read_secrets),
)
