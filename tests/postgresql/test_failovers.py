"""The primary is killed under load, again and again, and a standby promoted: all that was answered
is there, nothing twice and nothing by halves, and PPIMS goes on by itself.
"""

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import cycle, islice
from statistics import median
from threading import Event

import pytest

from tests.concurrency.conftest import install
from tests.crash.clients import ADD, CHANGE, CHECK, REPORT, WritingClient
from tests.crash.integrity import assert_rows_fit, sum_entries
from tests.crash.server import NoAnswer
from tests.postgresql.proxy import Proxied
from tests.postgresql.standby_group import run_group
from tests.server.running_server import RunningServer

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no standby")
WORKERS, TILLS_A_SERVER, KILLS_IN_SHORT, PATIENCE_SECONDS = 2, 2, 2, 60
MORE_ANSWERS, RELEASED_COMMITS = 10, 10
OPERATIONS = {ADD: "AC", CHANGE: "UC", CHECK: "CL", REPORT: "UL"}
KEYS = "SELECT operation, ref_id FROM ppims_replaykey"
# Which standbys have fallen behind when the primary is killed. Where both have, commits wait for
# them, and are released without them.
BEHIND = [(0, 1), (0,), (), (1,)]


class Till(WritingClient):
    """Asks until it is told to end, and knows when it was answered."""

    def __init__(self, server, number):
        super().__init__(server, number)
        self.answered_at, self.repeats, self.failure = [], 0, None

    def work_until(self, ended):
        while not ended.is_set():
            asked = self.unanswered or self.draw_ref()
            try:
                self.ask_until_answered(asked)
            except NoAnswer:
                continue
            except AssertionError as error:
                self.failure = error
                raise
            self.answered_at.append(time.monotonic())
            self.repeats += asked.answer.is_replay
        self.client.close()  # or the server does, after a while

    def wait_for_answers(self, number, instant):
        """Wait until so many came after the instant: when the first of them did."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            later = [at for at in [*self.answered_at] if at > instant]
            if len(later) >= number:
                return later[0]
            assert not self.failure
            assert time.monotonic() < deadline
            time.sleep(0.02)


class Trial:
    """Servers of PPIMS that go on, on a group whose primary doesn't."""

    def __init__(self, made, group, servers, threads):
        self.made, self.group, self.servers, self.threads = made, group, servers, threads
        self.tills_by_way = {
            way: [Till(server, TILLS_A_SERVER * place + number) for number in range(TILLS_A_SERVER)]
            for place, (way, server) in enumerate(servers.items())
        }
        self.tills = [till for tills in self.tills_by_way.values() for till in tills]
        self.seen, self.seconds = Counter(), {way: [] for way in servers}

    def kill_under_load(self, behind):
        with self.run_tills():
            self.wait_for_answers_after(time.monotonic())
            for place in behind:
                self.group.let_fall_behind(self.group.standbys[place])
            if len(behind) == len(self.group.standbys):
                self.group.cancel_waiting_commits(RELEASED_COMMITS)
            else:
                self.wait_for_answers_after(time.monotonic())
            killed, killed_at, promoted_at = self.group.fail_over()
            self.made.database.switch_to(self.group.primary)
            for way, tills in self.tills_by_way.items():
                healed_at = [till.wait_for_answers(MORE_ANSWERS, promoted_at) for till in tills]
                self.seconds[way] += [at - killed_at for at in healed_at]
        self.seen["kills"] += 1
        self.group.take_back(killed)

    def wait_for_answers_after(self, instant):
        for till in self.tills:
            till.wait_for_answers(MORE_ANSWERS, instant)

    @contextmanager
    def run_tills(self):
        ended = Event()
        working = [self.threads.submit(till.work_until, ended) for till in self.tills]
        try:
            yield
        finally:
            ended.set()
            for each in working:
                each.result(timeout=PATIENCE_SECONDS)

    def list_processes(self):
        return [server.list_processes() for server in self.servers.values()]

    def compare(self):
        """Ask all again: each answer is the same, and what is recorded is what was answered."""
        list(self.threads.map(WritingClient.heal, self.tills))
        query = self.made.query
        assert_rows_fit(query)
        asked = [one for till in self.tills for one in till.asked]
        refs = [(OPERATIONS[one.operation], one.fields["Ref_Id"]) for one in asked]
        assert sorted(query(KEYS)) == sorted(refs)
        assert sum_entries(query) == +sum((till.used for till in self.tills), Counter())
        self.seen["answers"] = len(asked)
        self.seen["recorded, though not said at first"] = sum(till.repeats for till in self.tills)


@pytest.fixture(scope="module")
def trial(tmp_path_factory):
    """Two ways to the primary, each with a server of PPIMS, of either kind: by a name that moves,
    and by a URL that names all servers.
    """
    with (
        run_group() as group,
        ThreadPoolExecutor(2 * TILLS_A_SERVER) as threads,
        serve_on(tmp_path_factory.mktemp("failovers"), group) as (made, servers),
    ):
        yield Trial(made, group, servers, threads)


@contextmanager
def serve_on(folder, group):
    database = Proxied(group.primary)
    with install(folder, database) as made:
        variables = {"PPIMS_HOLD_MINUTES": "1440", **database.variables}
        by_hosts = {**variables, "DATABASE_URL": group.write_url(database.name)}
        servers = {
            "by a name that moves": RunningServer(folder, "asgi", **variables),
            "by a URL with all hosts": RunningServer(folder, "gthread", **by_hosts),
        }
        try:
            for server in servers.values():
                server.start(workers=WORKERS)
            for server in servers.values():
                server.wait_until_ready()
            yield made, servers
        finally:
            for server in servers.values():
                server.kill()
    database.proxy.end()


def test_a_primary_killed_under_load_loses_nothing_and_all_goes_on_by_itself(
    trial, request, capsys
):
    kills = request.config.getoption("kills") or KILLS_IN_SHORT
    processes = trial.list_processes()
    for behind in islice(cycle(BEHIND), kills):
        trial.kill_under_load(behind)
        trial.compare()
    trial.made.manage("verify_ledger")
    assert trial.list_processes() == processes  # nobody was started anew
    with capsys.disabled():
        print(f"\n{dict(trial.seen)}")
        for way, seconds in trial.seconds.items():
            typical, longest = median(seconds), max(seconds)
            print(f"answered again, {way}: after {typical:.1f} s, {longest:.1f} s at most")
