"""Background work: a page asks for it, a runner does it (ppims/maintenance/jobs.py), and whoever
asked sees how far it is. Here are its rows alone; what the work of a kind is, the runner knows.

A job is its runner's while `claim` is the runner's name and `beat_at` is fresh. Each change names
the claim that it was read with, so of two runners one has a job, and who lost it hears so.
"""

import json
import os
import secrets
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from functools import partial
from typing import Any, Protocol

from django.db.models import Q, QuerySet

from ppims.core import clock
from ppims.core.errors import Conflict
from ppims.db.transaction import run_in_transaction, run_without_fsync, wrap_in_transaction
from ppims.models import Job, User
from ppims.models.jobs import LONGEST_ERROR

MOST_ATTEMPTS = 3
MOST_WAITING = 20  # of one owner
KEPT_OF_A_KIND = 100  # that have ended
GONE_AFTER = timedelta(seconds=20)  # without a beat
UNATTENDED_AFTER = timedelta(minutes=1)
CUT_OFF_TEXT = f"was cut off {MOST_ATTEMPTS} times"
NO_CLAIM = ""


class TakenAway(Exception):
    """The job is not this runner's any more: somebody else does it anew, or it has ended."""


class Progress(Protocol):
    """Told by the work of a job how far it is, at any time: it costs nothing. Raises TakenAway."""

    def __call__(self, done: int, total: int) -> None: ...


# Asking.


@wrap_in_transaction
def ask(kind: Job.Kind, *, owner: User, arguments: Mapping[str, object] | None = None) -> Job:
    """Ask for a piece of work, inside the caller's transaction if there is one. Asked for twice, it
    is done once: while the owner's same question is open, that job is the answer.

    Raises Conflict where too many of the owner's wait.
    """
    said = _write_json(arguments or {})
    of_owner = Job.objects.filter(owner=owner, state__in=Job.OPEN_STATES)
    if found := of_owner.filter(kind=kind, arguments=said).order_by("id").first():
        return found
    if of_owner.count() >= MOST_WAITING:
        raise Conflict([("job", f"has to wait: {MOST_WAITING} of yours are not done yet")])
    return Job.objects.create(kind=kind, owner=owner, arguments=said, asked_at=clock.now())


def ask_of_day(kind: Job.Kind, day: date) -> None:
    """Ask for the work of a day, which nobody owns: once, whichever of several runners is first.
    Raises Unavailable.
    """
    asked = Job(kind=kind, arguments=_write_json({"day": day.isoformat()}), asked_at=clock.now())
    if not Job.objects.filter(kind=kind, owner=None, arguments=asked.arguments).exists():
        # A constraint lets one of two win.
        ask = partial(Job.objects.bulk_create, [asked], ignore_conflicts=True)
        run_in_transaction(ask)


@wrap_in_transaction
def record_done(
    kind: Job.Kind,
    *,
    began_at: datetime,
    arguments: Mapping[str, object],
    result: Mapping[str, object],
) -> Job:
    """Remember work that a command has done by itself."""
    job = Job(kind=kind, arguments=_write_json(arguments), result=_write_json(result))
    job.asked_at = job.started_at = began_at
    job.state, job.ended_at, job.attempts = Job.State.DONE, clock.now(), 1
    job.save(force_insert=True)
    _purge(kind)
    return job


# Looking.


def find(job_id: int) -> Job | None:
    """Find a job with who asked for it. None: there is none, or none any more."""
    return Job.objects.select_related("owner").filter(pk=job_id).first()


def find_open(kind: Job.Kind) -> Job | None:
    """Find the oldest job of a kind that has not ended."""
    return map_open(kind).get(kind)


def map_open(*kinds: Job.Kind) -> dict[str, Job]:
    """Map each of these kinds that has one to its oldest job that has not ended."""
    jobs = Job.objects.select_related("owner").filter(kind__in=kinds, state__in=Job.OPEN_STATES)
    return {job.kind: job for job in jobs.order_by("-id")}


def find_newest(kind: Job.Kind, *arguments: Mapping[str, object]) -> Job | None:
    """Find the job of a kind that was asked for last with one of these arguments, ended or not."""
    said = [_write_json(each) for each in arguments]
    jobs = Job.objects.select_related("owner").filter(kind=kind, arguments__in=said)
    return jobs.order_by("-id").first()


def find_last(kind: Job.Kind, *, state: Job.State | None = None) -> Job | None:
    """Find the job of a kind that was asked for last, of those in a state or of all that ended."""
    states = [state] if state else [Job.State.DONE, Job.State.FAILED]
    jobs = Job.objects.select_related("owner").filter(kind=kind, state__in=states)
    return jobs.order_by("-id").first()


def read_arguments(job: Job) -> dict[str, Any]:
    arguments: dict[str, Any] = json.loads(job.arguments)
    return arguments


def read_result(job: Job) -> dict[str, Any]:
    """Read what came of a job; nothing while nothing has."""
    result: dict[str, Any] = json.loads(job.result or "{}")
    return result


def is_unattended(at: datetime) -> bool:
    """Whether jobs wait and nobody takes them up."""
    waiting = Job.objects.filter(state=Job.State.WAITING, asked_at__lt=at - UNATTENDED_AFTER)
    at_work = Job.objects.filter(state=Job.State.RUNNING, beat_at__gte=at - GONE_AFTER)
    return waiting.exists() and not at_work.exists()


# Doing: of a runner.


def name_runner() -> str:
    """Draw a name for a runner, unlike any other's."""
    return f"{os.getpid()}-{secrets.token_hex(8)}"


def claim_next(claim: str) -> Job | None:
    """Take up the oldest job that waits, or whose runner is gone; None: there is none. One that was
    cut off MOST_ATTEMPTS times is said failed. Raises Unavailable.
    """
    # Looked at first: a runner with nothing to do takes no lock on SQLite.
    if not _find_takable(clock.now()).exists():
        return None
    return run_in_transaction(partial(_claim_next, claim), takes_instant=False)


def _claim_next(claim: str) -> Job | None:
    at = clock.now()
    for job in _find_takable(at).order_by("id"):
        if job.attempts >= MOST_ATTEMPTS:
            if _change(job, state=Job.State.FAILED, ended_at=at, error=CUT_OFF_TEXT):
                _purge(job.kind)
        elif _change(
            job,
            state=Job.State.RUNNING,
            claim=claim,
            started_at=job.started_at or at,
            beat_at=at,
            attempts=job.attempts + 1,
            done=0,
            total=0,
        ):
            return job
    return None


def keep_progress(job: Job, done: int, total: int) -> None:
    """Keep how far a job is; that also says that its runner lives. From a thread of its own, for it
    takes no fsync. Raises TakenAway, Unavailable.
    """
    run_without_fsync(partial(_change_own, job, beat_at=clock.now(), done=done, total=total))


@wrap_in_transaction
def finish(job: Job, result: Mapping[str, object]) -> None:
    """Keep what came of a job, and end it. Raises TakenAway, Unavailable."""
    _change_own(job, state=Job.State.DONE, ended_at=clock.now(), result=_write_json(result))
    _purge(job.kind)


@wrap_in_transaction
def fail(job: Job, words: str) -> None:
    """End a job that can't be done. `words` say why in a few words of ours, for people: no trace
    and nothing personal. Raises TakenAway, Unavailable.
    """
    error = words[:LONGEST_ERROR]
    _change_own(job, state=Job.State.FAILED, ended_at=clock.now(), error=error)
    _purge(job.kind)


def give_back(job: Job, *, counts: bool = False) -> None:
    """Let a job wait again, for any runner; `counts`: as one more time that it was cut off. Raises
    TakenAway, Unavailable.
    """
    attempts = job.attempts if counts else job.attempts - 1
    change = partial(_change_own, job, state=Job.State.WAITING, beat_at=None, attempts=attempts)
    run_in_transaction(change, takes_instant=False)


def _find_takable(at: datetime) -> "QuerySet[Job]":
    is_left = Q(state=Job.State.RUNNING, beat_at__lt=at - GONE_AFTER)
    return Job.objects.filter(Q(state=Job.State.WAITING) | is_left)


def _change(job: Job, **values: Any) -> bool:
    """Change a job that is nobody's, unless somebody has changed it since it was read."""
    rows = Job.objects.filter(pk=job.pk, state=job.state, claim=job.claim, beat_at=job.beat_at)
    values = {"claim": NO_CLAIM, **values}
    if rows.update(**values) == 0:
        return False
    for name, value in values.items():
        setattr(job, name, value)
    return True


def _change_own(job: Job, **values: Any) -> None:
    state = values.get("state", Job.State.RUNNING)
    claim = job.claim if state == Job.State.RUNNING else NO_CLAIM
    rows = Job.objects.filter(pk=job.pk, state=Job.State.RUNNING, claim=job.claim)
    if rows.update(claim=claim, **values) == 0:
        raise TakenAway


def _purge(kind: str) -> None:
    """Delete the jobs of a kind that ended before the last KEPT_OF_A_KIND."""
    ended = Job.objects.filter(kind=kind).exclude(state__in=Job.OPEN_STATES)
    past = ended.order_by("-id").values_list("id", flat=True)[KEPT_OF_A_KIND : KEPT_OF_A_KIND + 1]
    if newest := past.first():
        ended.filter(pk__lte=newest).delete()


def _write_json(what: Mapping[str, object]) -> str:
    return json.dumps(what, ensure_ascii=False, sort_keys=True)
