"""Background work: who may ask for how much, who has a job, how it ends, which ones are kept."""

import json
from datetime import timedelta

import pytest

from ppims.core import clock
from ppims.core.errors import Conflict, Unavailable
from ppims.maintenance import jobs as runner
from ppims.models import Job
from ppims.services import jobs
from tests.web.admin_pages import make_user

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
FIRST_CLAIM, SECOND_CLAIM = "1-one", "2-other"
SEAL, VERIFY = Job.Kind.SEAL, Job.Kind.VERIFY


@pytest.fixture
def owner():
    return make_user("auditor")


def let_work(monkeypatch, work):
    monkeypatch.setitem(runner.WORK_BY_KIND, SEAL, work)


def read_again(job):
    return Job.objects.get(pk=job.pk)


def make_ended(owner, kind, count):
    at = clock.now()
    return Job.objects.bulk_create(
        Job(kind=kind, owner=owner, state="DONE", asked_at=at, ended_at=at) for _ in range(count)
    )


# Asking.


def test_what_is_asked_for_waits_with_its_owner_and_its_arguments(owner):
    job = read_again(jobs.ask(SEAL, owner=owner, arguments={"month": 202611}))
    assert (job.state, job.owner, job.done, job.total) == ("WAITING", owner, 0, 0)
    assert jobs.read_arguments(job) == {"month": 202611}
    assert jobs.read_result(job) == {}


def test_the_same_asked_for_twice_is_one_job_until_it_has_ended(owner):
    first = jobs.ask(SEAL, owner=owner, arguments={"a": 1})
    assert jobs.ask(SEAL, owner=owner, arguments={"a": 1}) == first
    assert jobs.ask(SEAL, owner=owner, arguments={"a": 2}) != first
    assert jobs.ask(VERIFY, owner=owner, arguments={"a": 1}) != first
    assert jobs.ask(SEAL, owner=make_user("admin"), arguments={"a": 1}) != first
    assert jobs.claim_next(FIRST_CLAIM) == first
    assert jobs.ask(SEAL, owner=owner, arguments={"a": 1}) == first
    jobs.finish(read_again(first), {})
    assert jobs.ask(SEAL, owner=owner, arguments={"a": 1}) != first


def test_of_one_owner_so_many_wait_and_no_more(owner):
    for number in range(jobs.MOST_WAITING):
        jobs.ask(SEAL, owner=owner, arguments={"number": number})
    with pytest.raises(Conflict):
        jobs.ask(SEAL, owner=owner, arguments={"number": "one more"})
    jobs.ask(SEAL, owner=make_user("admin"))


# Who has a job.


def test_the_oldest_that_waits_is_taken_up_by_one_alone(owner):
    first, second = (jobs.ask(SEAL, owner=owner, arguments={"a": a}) for a in (1, 2))
    assert jobs.claim_next(FIRST_CLAIM) == first
    assert jobs.claim_next(SECOND_CLAIM) == second
    assert jobs.claim_next(SECOND_CLAIM) is None
    job = read_again(first)
    assert (job.state, job.claim, job.attempts) == ("RUNNING", FIRST_CLAIM, 1)
    assert job.started_at == job.beat_at


def test_of_two_who_read_the_same_job_one_takes_it(owner):
    job = jobs.ask(SEAL, owner=owner)
    ones, others = read_again(job), read_again(job)
    taken = {"state": "RUNNING", "beat_at": clock.now()}
    assert jobs._change(ones, claim=FIRST_CLAIM, **taken)
    assert not jobs._change(others, claim=SECOND_CLAIM, **taken)
    assert read_again(job).claim == FIRST_CLAIM


def test_a_job_is_taken_over_once_its_runner_was_silent_long_enough(owner):
    jobs.ask(SEAL, owner=owner)
    job = jobs.claim_next(FIRST_CLAIM)
    with clock.freeze(job.beat_at + jobs.GONE_AFTER):
        assert jobs.claim_next(SECOND_CLAIM) is None
    with clock.freeze(job.beat_at + jobs.GONE_AFTER + timedelta(microseconds=1)):
        taken = jobs.claim_next(SECOND_CLAIM)
    assert (taken, taken.claim, taken.attempts) == (job, SECOND_CLAIM, 2)
    assert taken.started_at == job.started_at


def test_a_beat_keeps_a_job_and_says_how_far_it_is(owner):
    jobs.ask(SEAL, owner=owner)
    job = jobs.claim_next(FIRST_CLAIM)
    with clock.freeze(job.beat_at + timedelta(seconds=15)):
        jobs.keep_progress(job, 30, 120)
    assert (read_again(job).done, read_again(job).total, read_again(job).permille) == (30, 120, 250)
    with clock.freeze(job.beat_at + timedelta(seconds=35)):
        assert jobs.claim_next(SECOND_CLAIM) is None


def test_who_has_lost_a_job_hears_so_and_changes_nothing(owner):
    jobs.ask(SEAL, owner=owner)
    mine = jobs.claim_next(FIRST_CLAIM)
    with clock.freeze(mine.beat_at + timedelta(minutes=1)):
        jobs.claim_next(SECOND_CLAIM)
    before = read_again(mine)
    for change in (
        lambda: jobs.keep_progress(mine, 1, 2),
        lambda: jobs.finish(mine, {"late": True}),
        lambda: jobs.fail(mine, "late"),
        lambda: jobs.give_back(mine),
    ):
        with pytest.raises(jobs.TakenAway):
            change()
    assert Job.objects.filter(pk=mine.pk).values().get() == {
        field.attname: getattr(before, field.attname) for field in Job._meta.concrete_fields
    }


def test_a_job_that_was_cut_off_three_times_has_failed(owner):
    job, at = jobs.ask(SEAL, owner=owner), clock.now()
    for attempt in range(1, jobs.MOST_ATTEMPTS + 1):
        with clock.freeze(at + attempt * timedelta(minutes=1)):
            assert jobs.claim_next(f"runner {attempt}") == job
    with clock.freeze(at + timedelta(minutes=10)):
        assert jobs.claim_next(FIRST_CLAIM) is None
    job = read_again(job)
    assert (job.state, job.error, job.claim) == ("FAILED", "was cut off 3 times", "")
    assert job.ended_at == at + timedelta(minutes=10)


def test_after_one_that_has_failed_for_good_the_next_is_taken_up(owner):
    job = jobs.ask(SEAL, owner=owner)
    Job.objects.filter(pk=job.pk).update(attempts=jobs.MOST_ATTEMPTS)
    other = jobs.ask(VERIFY, owner=owner)
    assert jobs.claim_next(FIRST_CLAIM) == other


def test_a_job_that_was_given_back_waits_as_if_it_had_not_been_begun(owner):
    job = jobs.ask(SEAL, owner=owner)
    jobs.give_back(jobs.claim_next(FIRST_CLAIM))
    assert (read_again(job).state, read_again(job).attempts) == ("WAITING", 0)
    jobs.give_back(jobs.claim_next(FIRST_CLAIM), counts=True)
    assert read_again(job).attempts == 1


@pytest.mark.parametrize(
    ("waited", "at_work", "said"),
    [
        (timedelta(minutes=1), False, False),
        (timedelta(minutes=1, microseconds=1), False, True),
        (timedelta(hours=1), True, False),
    ],
)
def test_nobody_takes_jobs_where_one_waits_for_a_minute_and_none_is_at_work(
    owner, waited, at_work, said
):
    if at_work:
        jobs.ask(VERIFY, owner=owner)
        jobs.claim_next(FIRST_CLAIM)
    job = jobs.ask(SEAL, owner=owner)
    Job.objects.filter(state="RUNNING").update(beat_at=job.asked_at + waited)
    assert jobs.is_unattended(job.asked_at + waited) == said


# Doing.


def test_what_the_work_gives_is_the_jobs_result(owner, monkeypatch):
    let_work(monkeypatch, lambda job, progress: {"said": jobs.read_arguments(job)["word"]})
    job = jobs.ask(SEAL, owner=owner, arguments={"word": "नमस्ते"})
    assert runner.run_next(FIRST_CLAIM) == job
    job = read_again(job)
    assert (job.state, jobs.read_result(job), job.error) == ("DONE", {"said": "नमस्ते"}, "")
    assert job.ended_at >= job.started_at >= job.asked_at
    assert runner.run_next(FIRST_CLAIM) is None


def test_a_refusal_is_told_in_its_words(owner, monkeypatch):
    def work(job, progress):
        raise Conflict([("seal", "has to wait")])

    let_work(monkeypatch, work)
    job = jobs.ask(SEAL, owner=owner)
    runner.run_next(FIRST_CLAIM)
    assert (read_again(job).state, read_again(job).error) == ("FAILED", "seal has to wait")


def test_of_a_fault_nothing_is_told_but_that_it_is_ours(owner, monkeypatch):
    def work(job, progress):
        raise ValueError("Meera Iyer, 9876543210")

    let_work(monkeypatch, work)
    job = jobs.ask(SEAL, owner=owner)
    runner.run_next(FIRST_CLAIM)
    assert read_again(job).state == "FAILED"
    assert read_again(job).error == runner.FAULT_TEXT


def test_a_job_in_whose_midst_the_database_was_away_is_tried_again(owner, monkeypatch):
    def work(job, progress):
        if job.attempts < 3:
            raise Unavailable
        return {}

    let_work(monkeypatch, work)
    job = jobs.ask(SEAL, owner=owner)
    states = []
    for _ in range(3):
        runner.run_next(FIRST_CLAIM)
        states.append(read_again(job).state)
    assert states == ["WAITING", "WAITING", "DONE"]


def test_what_came_of_a_job_is_kept_though_the_database_was_busy_just_then(owner, monkeypatch):
    tries, finish = [], jobs.finish

    def finish_at_the_third_try(job, result):
        tries.append(result)
        if len(tries) < 3:
            raise Unavailable
        finish(job, result)

    monkeypatch.setattr(jobs, "finish", finish_at_the_third_try)
    monkeypatch.setattr(runner, "TRIES_AGAIN_SECONDS", 0)
    let_work(monkeypatch, lambda job, progress: {"tries": 1})
    job = jobs.ask(SEAL, owner=owner)
    runner.run_next(FIRST_CLAIM)
    assert (read_again(job).state, read_again(job).attempts, len(tries)) == ("DONE", 1, 3)


def test_a_runner_that_is_ended_gives_its_job_back(owner, monkeypatch):
    def work(job, progress):
        raise SystemExit(0)

    let_work(monkeypatch, work)
    job = jobs.ask(SEAL, owner=owner)
    with pytest.raises(SystemExit):
        runner.run_next(FIRST_CLAIM)
    assert (read_again(job).state, read_again(job).attempts) == ("WAITING", 0)


def test_work_whose_job_was_taken_away_is_stopped_and_keeps_nothing(owner, monkeypatch):
    def work(job, progress):
        Job.objects.filter(pk=job.pk).update(claim=SECOND_CLAIM)
        progress._keep((1, 2))
        progress(1, 2)
        return {"went": "on"}

    let_work(monkeypatch, work)
    job = jobs.ask(SEAL, owner=owner)
    runner.run_next(FIRST_CLAIM)
    assert (read_again(job).state, read_again(job).claim) == ("RUNNING", SECOND_CLAIM)
    assert read_again(job).result == ""


def test_every_kind_has_its_work():
    assert set(runner.WORK_BY_KIND) == set(Job.Kind.values)


# Which ones are kept.


def test_of_each_kind_the_last_hundred_that_ended_are_kept(owner):
    old = make_ended(owner, SEAL, jobs.KEPT_OF_A_KIND)
    others = make_ended(owner, VERIFY, 3)
    waiting = jobs.ask(SEAL, owner=owner, arguments={"first": True})
    jobs.ask(SEAL, owner=owner, arguments={"second": True})
    jobs.finish(jobs.claim_next(FIRST_CLAIM), {})
    kept = set(Job.objects.filter(kind=SEAL).values_list("pk", flat=True))
    assert old[0].pk not in kept
    assert {job.pk for job in old[1:]} | {waiting.pk} <= kept
    assert len(kept) == jobs.KEPT_OF_A_KIND + 1
    assert Job.objects.filter(pk__in=[job.pk for job in others]).count() == 3


def test_the_last_one_is_found_and_the_last_that_was_done(owner):
    done, failed = make_ended(owner, VERIFY, 2)
    Job.objects.filter(pk=failed.pk).update(state="FAILED")
    assert jobs.find_last(VERIFY) == failed
    assert jobs.find_last(VERIFY, state=Job.State.DONE) == done
    assert jobs.find_open(VERIFY) is None
    assert jobs.find_last(SEAL) is None


def test_what_a_command_has_done_is_remembered():
    job = jobs.record_done(VERIFY, began_at=clock.now(), arguments={}, result={"rows": 3})
    assert (job.owner, read_again(job).state, json.loads(job.result)) == (None, "DONE", {"rows": 3})
