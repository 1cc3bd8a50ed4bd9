"""Power cuts under eight clients: whatever part of the writes that no fsync has covered reaches the
disk, each answer that was heard is there, and nothing is there by half.
"""

import os
import random
import shutil
import signal
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.concurrency.conftest import ROOT, Sqlite, install
from tests.crash.clients import WritingClient
from tests.crash.disk.power_cut import Disk, read_tape
from tests.crash.disk.recorder import Recorder, build_recorder
from tests.crash.integrity import assert_whole, read
from tests.crash.server import PATIENCE_SECONDS, PROGRAM, Server
from tests.crash.test_kills import KEYS, OPERATIONS, Trial
from tests.processes import split_stat

CUTS_IN_SHORT, CUTS_A_ROUND, SEED = 6, 5, 20261128
ANSWERS_A_ROUND = (80, 200)
ALONE = {"PPIMS_WORKERS": "1", "PPIMS_RUN_JOBS": "0"}  # less to start
HASTY_FOLDER = Path(__file__).parent / "disk" / "hasty"


class RecordedServer(Server):
    """A server whose disk is recorded."""

    def __init__(self, folder, library, beside, **more):
        self.recorder = Recorder(library, folder, beside)
        super().__init__(folder, **self.recorder.variables, **more)

    def set_up(self):
        database = Sqlite(self.folder)
        database.variables = self.recorder.variables
        with install(self.folder, database):
            pass

    def stop_dead(self):
        """Stop all its processes at once, and then kill them: no record is cut off half-way."""
        stopped = set()
        while pids := {*self.list_processes()} - stopped:
            for pid in pids:
                send_signal(pid, signal.SIGSTOP)
            stopped |= pids
        while not all(has_stopped(pid) for pid in stopped):
            time.sleep(0.001)
        self.kill()


class HastyServer(RecordedServer):
    """A server with a fault planted: its commits don't wait for the disk (disk/hasty)."""

    program = f"import os\n{PROGRAM}".replace(
        "sys.exit(", "start.make_environment = os.environ.copy\nsys.exit("
    )


def send_signal(pid, number):
    with suppress(ProcessLookupError):  # it was about to end
        os.kill(pid, number)


def has_stopped(pid):
    try:
        return split_stat(Path(f"/proc/{pid}/stat").read_text())[0] in "TZX"
    except OSError:
        return True


class MarkingClient(WritingClient):
    """Marks on the tape what it has heard an answer to."""

    def ask_until_answered(self, asked):
        super().ask_until_answered(asked)
        self.server.recorder.note(f"{OPERATIONS[asked.operation]} {asked.fields['Ref_Id']}")


class PowerTrial(Trial):
    """A trial whose kills are power cuts: files go back to what the disk may have."""

    def __init__(self, server, threads, folder, *, seed=SEED):
        super().__init__(server, threads)
        self.tills = [MarkingClient(server, number) for number in range(len(self.tills))]
        for till in self.tills:
            till.server = server
        self.draw, self.made = random.Random(seed), folder
        self.disk = Disk(server.folder)

    def work(self, answers=None):
        """Let the clients work until so many answers were heard, and stop the server dead."""
        working = [self.threads.submit(till.work) for till in self.tills]
        self.wait_for_answers(answers or self.draw.randrange(*ANSWERS_A_ROUND))
        time.sleep(self.draw.uniform(0, 0.02))
        self.server.stop_dead()
        self.seen["requests without an answer"] += sum(each.result() for each in working)

    def wait_for_answers(self, many):
        before, deadline = self.count_answers(), time.monotonic() + PATIENCE_SECONDS
        while self.count_answers() < before + many and self.server.process.poll() is None:
            assert time.monotonic() < deadline
            time.sleep(0.002)

    def count_answers(self):
        return sum(len(till.asked) for till in self.tills)

    def cut_often(self, cuts, *, since=0, believes_syncs=True):
        """Cut the power at moments of what was recorded since, and at its end; yield a folder of
        each.
        """
        records = list(read_tape(self.server.recorder.tape))
        heard = [number for number, (kind, *_) in enumerate(records) if kind == "A"]
        moments = sorted(self.draw.choices(range(max(since, heard[0]), len(records)), k=cuts))
        self.disk.believes_syncs = believes_syncs
        at = 0
        for moment in [*moments, len(records)]:
            for record in records[at:moment]:
                self.disk.follow(record)
            at = moment
            yield self.cut()

    def cut(self):
        folder = self.made / "cut"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        self.disk.cut(self.draw, folder)
        self.seen["cuts"] += 1
        return folder

    def find_lost(self, folder):
        """Find the answers that were heard, and aren't there."""
        kept = {" ".join(key) for key in read(folder, KEYS)}
        return {*self.disk.marks} - kept

    def go_on_from(self, folder):
        """Put what the last cut left in the place of the server's files, and serve again."""
        for name in list(self.server.folder.iterdir()):
            if name.name != "server.log":
                shutil.rmtree(name) if name.is_dir() else name.unlink()
        shutil.copytree(folder, self.server.folder, dirs_exist_ok=True)
        self.server.recorder.begin_anew()
        marks, self.disk = self.disk.marks, Disk(self.server.folder)
        self.disk.marks = marks


@pytest.fixture(scope="module")
def library(tmp_path_factory):
    found = build_recorder(tmp_path_factory.mktemp("library"))
    if found is None:
        pytest.skip("no C compiler here: power cuts are NOT tested (apt-get install gcc)")
    return found


@contextmanager
def open_trial(tmp_path, library, kind=RecordedServer, **more):
    """Make a trial whose server serves; the database is made by it, too."""
    folder, beside = tmp_path / "data", tmp_path / "beside"
    folder.mkdir(mode=0o700)
    beside.mkdir()
    server = kind(folder, library, beside, PPIMS_HOLD_MINUTES="1440", **more)
    with ThreadPoolExecutor(8) as threads:
        trial = PowerTrial(server, threads, tmp_path)
        server.set_up()
        try:
            trial.start()
            yield trial
        finally:
            server.kill()


def assert_kept(trial, folder):
    assert trial.find_lost(folder) == set()
    assert_whole(folder)


def test_whatever_a_power_cut_leaves_each_answer_that_was_heard_is_there(
    tmp_path, library, request, capsys
):
    asked = request.config.getoption("cuts") or CUTS_IN_SHORT
    with open_trial(tmp_path, library) as trial:
        while True:
            trial.work()
            for folder in trial.cut_often(CUTS_A_ROUND):
                assert_kept(trial, folder)
            trial.go_on_from(folder)
            trial.start()
            trial.heal()
            trial.compare()
            trial.server.manage("verify_ledger")
            if trial.seen["cuts"] >= asked:
                break
    with capsys.disabled():
        print(f"\n{dict(trial.seen)}")


def test_a_server_that_does_not_wait_for_its_disk_is_found_out(tmp_path, library, request):
    # OFF loses more, and is found in the long form.
    for synchronous in ("NORMAL", "OFF") if request.config.getoption("cuts") else ("NORMAL",):
        planted = {"HASTY_SYNCHRONOUS": synchronous, "PYTHONPATH": f"{HASTY_FOLDER}:{ROOT}"}
        folder = tmp_path / synchronous
        folder.mkdir()
        with open_trial(folder, library, HastyServer, **ALONE, **planted) as trial:
            trial.work()
            lost = [len(trial.find_lost(each)) for each in trial.cut_often(CUTS_A_ROUND)]
            assert max(lost) > 0
