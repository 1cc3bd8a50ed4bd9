"""kill -9 of the whole server, at any moment, under eight clients: what was answered is there, what
was not is there once or not at all, and the next start heals it.
"""

import random
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from statistics import median

from tests.crash.clients import ADD, CHANGE, CHECK, REPORT, WritingClient
from tests.crash.integrity import assert_whole, read, sum_entries
from tests.crash.server import Server

TILLS, SEED, KILLS_IN_SHORT = 8, 20261125, 8
AT_A_WRITE = 0.7  # of the kills: then some answers are cut off after their commit
READY_SECONDS = 5  # held where it is asked for, on a machine that does nothing else
OPERATIONS = {ADD: "AC", CHANGE: "UC", CHECK: "CL", REPORT: "UL"}
KEYS = "SELECT operation, ref_id FROM ppims_replaykey"


class Trial:
    """A server that is killed and started again, and its clients."""

    def __init__(self, server, threads):
        self.server, self.threads = server, threads
        self.tills = [WritingClient(server, number) for number in range(TILLS)]
        self.draw = random.Random(SEED)
        self.seen = Counter()
        self.ready_after_seconds = []

    def kill_at_a_start(self):
        self.server.start()
        time.sleep(self.draw.uniform(0, 4))
        self.server.kill()
        self.seen["kills of a start"] += 1

    @property
    def kills(self):
        return self.seen["kills at work"] + self.seen["kills of a start"]

    def start(self):
        self.server.start()
        self.ready_after_seconds.append(self.server.wait_until_ready())

    def kill_at_work(self):
        working = [self.threads.submit(till.work) for till in self.tills]
        time.sleep(self.draw.uniform(0.05, 1))
        self.server.kill(at_a_write=self.draw.random() < AT_A_WRITE)
        waiting = sum(each.result() for each in working)
        self.seen["kills at work"] += 1
        self.seen["kills with requests under way"] += waiting > 0
        self.seen["requests without an answer"] += waiting

    def heal(self):
        recorded = self.threads.map(WritingClient.heal, self.tills)
        self.seen["recorded, though without an answer"] += sum(recorded)
        self.seen["answers"] = sum(len(till.asked) for till in self.tills)

    def compare(self):
        """The record is whole, and says what the clients know: no less, and nothing twice."""
        folder = self.server.folder
        assert_whole(folder)
        asked = [one for till in self.tills for one in till.asked]
        refs = [(OPERATIONS[one.operation], one.fields["Ref_Id"]) for one in asked]
        assert sorted(read(folder, KEYS)) == sorted(refs)
        assert sum_entries(partial(read, folder)) == +sum(
            (till.used for till in self.tills), Counter()
        )


def test_a_server_killed_at_any_moment_keeps_its_word(tmp_path, request, capsys):
    kills = request.config.getoption("kills")
    server = Server(tmp_path, PPIMS_HOLD_MINUTES="1440")
    server.set_up()
    with ThreadPoolExecutor(TILLS) as threads:
        trial = Trial(server, threads)
        try:
            trial.start()
            while trial.kills < (kills or KILLS_IN_SHORT):
                trial.kill_at_work()
                if trial.seen["kills at work"] % 4 == 0:
                    trial.kill_at_a_start()
                trial.start()
                trial.heal()
                trial.compare()
                if kills:
                    server.manage("verify_ledger")
            list(threads.map(partial(WritingClient.repeat_some, most=500), trial.tills))
        finally:
            server.kill()
    trial.compare()
    server.manage("verify_ledger")
    assert (tmp_path / "ppims.sqlite3-turn").exists()  # the writes went in groups
    with capsys.disabled():
        *_, longest = seconds = sorted(trial.ready_after_seconds)
        ready = f"ready after {median(seconds):.1f} s, {longest:.1f} s at most"
        print(f"\n{dict(trial.seen)}, {ready}")
    assert trial.seen["kills with requests under way"] > trial.seen["kills at work"] * 0.8
    if kills:
        assert trial.seen["recorded, though without an answer"] > kills / 10
        assert longest < READY_SECONDS
