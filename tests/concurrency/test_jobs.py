"""Runners of jobs as processes: killed in the midst of one, ended politely, two at once."""

import json
import signal
import subprocess
import sys
import time
from contextlib import contextmanager

import pytest

from tests.concurrency.conftest import ROOT, make_variables

PATIENCE_SECONDS = 30
# A runner whose seals take as long as they are said to, and that soon holds another for gone.
PROGRAM = """
import sys, time
from datetime import timedelta
import django
django.setup()
from ppims.maintenance import job_runner, jobs as runner
from ppims.services import jobs

def work(job, progress):
    steps = jobs.read_arguments(job)["steps"]
    for step in range(steps):
        progress(step, steps)
        time.sleep(0.1)
    return {"steps": steps, "attempt": job.attempts}

runner.WORK_BY_KIND["SEAL"] = work
runner.WRITES_SECONDS, runner.BEATS_SECONDS = 0.1, 0.3
jobs.GONE_AFTER = timedelta(seconds=int(sys.argv[1]))
job_runner.LOOKS_SECONDS = 0.1
job_runner.run_forever()
"""


@pytest.fixture
def variables(installation):
    return make_variables(installation.folder, **installation.database.variables)


@pytest.fixture
def ask(installation):
    """Asks for jobs of so many steps each: their ids."""

    def ask_for(*steps):
        (worker,) = installation.start(1)
        return worker.ask(*(["ask_job", "SEAL", {"steps": each}] for each in steps))

    return ask_for


@pytest.fixture
def run(variables):
    """Starts a runner for the block; it is killed in the end."""

    @contextmanager
    def start(gone_after_seconds=2):
        command = [sys.executable, "-c", PROGRAM, str(gone_after_seconds)]
        process = subprocess.Popen(command, cwd=ROOT, env=variables)
        try:
            yield process
        finally:
            process.kill()
            process.wait(timeout=PATIENCE_SECONDS)

    return start


@pytest.fixture
def wait_for(installation):
    """Waits until a job is so: its row."""

    def wait(job_id, is_so):
        columns = "state, done, attempts, result, error, claim"
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            (row,) = installation.query(f"SELECT {columns} FROM ppims_job WHERE id = ?", job_id)
            found = dict(zip(columns.split(", "), row, strict=True))
            if is_so(found):
                return found
            assert time.monotonic() < deadline, found
            time.sleep(0.05)

    return wait


def is_under_way(job):
    return job["state"] == "RUNNING" and job["done"] > 0


def is_done(job):
    return job["state"] == "DONE"


def test_a_job_whose_runner_is_killed_is_done_by_the_next(ask, run, wait_for):
    (job_id,) = ask(12)
    with run() as first:
        wait_for(job_id, is_under_way)
        first.kill()
        first.wait()
        assert wait_for(job_id, lambda job: True)["state"] == "RUNNING"
    with run():
        job = wait_for(job_id, is_done)
    assert json.loads(job["result"]) == {"steps": 12, "attempt": 2}


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_a_runner_that_is_told_to_end_gives_its_job_back_at_once(ask, run, wait_for, how):
    (job_id,) = ask(15)
    with run() as first:
        wait_for(job_id, is_under_way)
        first.send_signal(how)
        assert first.wait(timeout=PATIENCE_SECONDS) == 0
    job = wait_for(job_id, lambda job: True)
    assert (job["state"], job["attempts"], job["claim"]) == ("WAITING", 0, "")
    with run():
        assert json.loads(wait_for(job_id, is_done)["result"])["attempt"] == 1


def test_a_runner_that_was_held_up_hears_that_its_job_is_anothers(ask, run, wait_for):
    (job_id,) = ask(25)
    with run(6) as first:
        wait_for(job_id, is_under_way)
        first.send_signal(signal.SIGSTOP)
        with run(6):
            wait_for(job_id, lambda job: job["attempts"] == 2)
            first.send_signal(signal.SIGCONT)
            job = wait_for(job_id, is_done)
        assert json.loads(job["result"])["attempt"] == 2
        assert first.poll() is None  # it goes on with other work


def test_two_runners_do_each_job_once(ask, run, wait_for):
    job_ids = ask(*range(1, 13))
    with run(20), run(20):
        found = [wait_for(job_id, is_done) for job_id in job_ids]
    assert [json.loads(job["result"]) for job in found] == [
        {"steps": steps, "attempt": 1} for steps in range(1, 13)
    ]
