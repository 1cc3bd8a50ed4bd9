"""Sessions and whole machines are killed under load: what was answered is there, what was not is
there once or not at all, nobody hears of a fault, and all goes on by itself.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.crash.clients import WritingClient
from tests.crash.server import Server
from tests.crash.test_kills import KEYS, OPERATIONS
from tests.distributed.installation import CRASH, END_SESSION, install_spread

TILLS, KILLS, SEED = 8, 30, 20261127
SUM_ENTRIES = """
    SELECT customer_id, direction, SUM(CASE kind WHEN 'R' THEN -amount_paise ELSE amount_paise END)
    FROM limits_ledgerentry WHERE kind IN ('S', 'R') GROUP BY customer_id, direction
"""


@pytest.fixture
def mortal(tmp_path_factory, citus):
    """An installation of its own: its worker loses its session with the machines."""
    with install_spread(tmp_path_factory.mktemp("mortal"), citus) as made:
        yield made


class Till(WritingClient):
    """A client whose server stays: it goes on until it is told to end."""

    def work_until(self, ended):
        while not ended.is_set():
            self.ask_until_answered(self.draw_ref())
        self.client.close()


def kill_some(database, seen):
    """Kill sessions and machines by turns, a moment after another."""
    draw = random.Random(SEED)
    while seen.total() < KILLS:
        time.sleep(draw.uniform(0.2, 1.2))
        node, sql = draw.randrange(len(database.server.nodes)), draw.choice([CRASH, END_SESSION])
        if database.kill(node, sql, draw):
            seen["coordinator" if node == 0 else "worker", sql is CRASH] += 1


def test_killed_machines_lose_nothing_and_nobody_hears_of_a_fault(mortal, capsys):
    database, seen, ended = mortal.database, Counter(), threading.Event()
    server = Server(mortal.folder, PPIMS_HOLD_MINUTES="1440", **database.variables)
    server.start()
    try:
        server.wait_until_ready()
        tills = [Till(server, number) for number in range(TILLS)]
        with ThreadPoolExecutor(TILLS) as threads:
            working = [threads.submit(till.work_until, ended) for till in tills]
            try:
                kill_some(database, seen)
                time.sleep(1)
            finally:
                ended.set()
            for each in working:
                each.result()
        server.wait_until_ready()
        for till in tills:
            till.repeat_some(200)
    finally:
        server.kill()
    asked = [one for till in tills for one in till.asked]
    refs = [(OPERATIONS[one.operation], one.fields["Ref_Id"]) for one in asked]
    kept = [key for key in mortal.query(KEYS) if key[1].startswith("K")]
    assert sorted(kept) == sorted(refs)
    summed = {(customer, way): paise for customer, way, paise in mortal.query(SUM_ENTRIES) if paise}
    assert summed == +sum((till.used for till in tills), Counter())
    mortal.manage("verify_ledger")
    with capsys.disabled():
        print(f"\n{dict(seen)}, {len(asked)} answers")
