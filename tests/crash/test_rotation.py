"""Keys rotate while eight clients work: the command is killed, the server too, and each answer is
what it has to be; verify_ledger finds nothing before, in the middle and after.
"""

import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

from tests.concurrency.conftest import ROOT, make_variables
from tests.crash.clients import WritingClient
from tests.crash.integrity import read
from tests.crash.server import Server
from tests.crash.test_kills import TILLS, Trial

PURPOSE_BY_WORD = {"digests": "digest", "documents": "document"}
TILLS_IN_SHORT = 2
CUSTOMERS_A_KILL, MOST_KILLS = 5_000, 20  # of the long form, at its longest a lakh of customers
KEY_IDS = "SELECT DISTINCT key_id FROM customers_identifier"
OPEN_PURPOSES = "SELECT purpose FROM ppims_keyrotation WHERE"
SEALED_BY = "SELECT DISTINCT key_id FROM customers_document"


class Rotation(Trial):
    """A trial whose keys rotate meanwhile."""

    def __init__(self, server, threads, *, is_seeded):
        super().__init__(server, threads)
        self.is_seeded = is_seeded
        if not is_seeded:
            del self.tills[TILLS_IN_SHORT:]

    @contextmanager
    def work_meanwhile(self):
        """Let the clients work during the block, and end the server and heal after it."""
        working = [self.threads.submit(till.work) for till in self.tills]
        yield
        self.server.kill()
        for each in working:
            each.result()
        self.start()
        self.heal()
        if not self.is_seeded:
            self.compare()

    def rotate(self, words, *options):
        """Take a step of these rotations, each in a process of its own."""
        for word in words:
            self.server.manage("rotate", word, *options, patience_seconds=3_600)

    def kill_steps(self, words, kills, *, end):
        """Kill steps, so often: those that have not come to their end. It is their rotation's that
        says so: a command may be killed on its way out.
        """
        left = list(words)
        for number in range(kills):
            for word in tuple(left):
                self.rotate_and_kill(word, 1 + number % 5 + self.draw.random())
                found = read(self.server.folder, f"{OPEN_PURPOSES} {end} IS NULL")
                if (PURPOSE_BY_WORD[word],) in found:
                    self.seen["killed at work"] += 1
                else:
                    left.remove(word)
        return left

    def rotate_and_kill(self, word, after_seconds):
        process = subprocess.Popen(
            [sys.executable, "manage.py", "rotate", word, "--restarted"],
            cwd=ROOT,
            env=make_variables(self.server.folder),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        time.sleep(after_seconds)
        process.kill()
        process.wait()


def approve(server):
    command = [sys.executable, "-m", "tests.crash.approve_rotations", *PURPOSE_BY_WORD.values()]
    subprocess.run(command, cwd=ROOT, env=make_variables(server.folder), check=True, timeout=60)


def test_keys_rotate_under_load_and_kills_and_no_answer_is_wrong(tmp_path, request, capsys):
    kills = min(request.config.getoption("kills") or 0, MOST_KILLS)
    server = Server(tmp_path, PPIMS_HOLD_MINUTES="1440", PPIMS_RUN_JOBS="0")
    server.set_up()
    if kills:
        server.manage("seed", "--customers", str(CUSTOMERS_A_KILL * kills), patience_seconds=3_600)
    with ThreadPoolExecutor(TILLS) as threads:
        trial = Rotation(server, threads, is_seeded=bool(kills))
        try:
            trial.start()
            with trial.work_meanwhile():
                time.sleep(1)
                approve(server)
                trial.rotate(PURPOSE_BY_WORD)  # the next key; the server ends and begins with it
            with trial.work_meanwhile():
                # They are added beside the old ones.
                left = trial.kill_steps(["digests"], kills, end="first_at")
                trial.rotate([*left, "documents"], "--restarted")  # it is the first
                server.manage("verify_ledger", patience_seconds=3_600)
            with trial.work_meanwhile():
                left = trial.kill_steps(PURPOSE_BY_WORD, max(1, kills), end="done_at")
                server.manage("verify_ledger", patience_seconds=3_600)
                began = time.monotonic()
                trial.rotate(left, "--restarted")
                seconds = time.monotonic() - began
            list(threads.map(partial(WritingClient.repeat_some, most=500), trial.tills))
        finally:
            server.kill()
    server.manage("verify_ledger", patience_seconds=3_600)
    for query in (KEY_IDS, SEALED_BY):
        assert len(list(read(tmp_path, query))) == 1
    with capsys.disabled():
        print(f"\n{dict(trial.seen)}, the last steps {seconds:.0f} s")
