"""Groups of two workers at one PostgreSQL: exact under races, whole when they are cut, and nobody
waits for whose customer somebody else has locked.
"""

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.concurrency.conftest import Postgresql, draw_ref, install
from tests.postgresql.site import serve

pytestmark = pytest.mark.only_on("postgresql", "SQLite's groups are one process's turn")
CLIENTS, HOLDS, HUNDRED_RUPEES, LIMIT = 32, 200, "100.00", 100
LOCKED_SECONDS, ANSWERED_WITHIN_SECONDS = 5, 1
KILLS_SECONDS = 8
LOCK_HEAD = "SELECT 1 FROM limits_ledgerhead WHERE customer_id = %s FOR UPDATE"
KILL_BACKENDS = """
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'ppims'
"""
COUNT_POSTED = """
    SELECT ref_id, count(*) FROM limits_ledgerentry WHERE customer_id = ? GROUP BY ref_id
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory, postgres_server):
    database = Postgresql(postgres_server)
    with install(tmp_path_factory.mktemp("groups"), database) as made, serve(made, "asgi") as site:
        yield site
    database.remove()


@pytest.fixture(scope="module")
def clients():
    with ThreadPoolExecutor(CLIENTS) as threads:
        yield threads


def check(site, unique_id, ref):
    asked = {"Amount": HUNDRED_RUPEES, "Tran_Type": "D"}
    status, body, _ = site.call("check-customer-limit", "Check_Limit", ref, unique_id, **asked)
    return status, body["Data"]["Resp_Code"], body["Data"]["Allow_Customer"]


def post(site, unique_id, ref):
    status, body, _ = site.post(ref, unique_id)
    return status, body["Data"]["Resp_Code"]


def test_of_two_hundred_holds_at_once_exactly_a_hundred_fit(site, clients):
    customer = site.made.add_customer()
    heard = Counter(clients.map(lambda _: check(site, customer, draw_ref()), range(HOLDS)))
    assert heard == {(200, "000", "T"): LIMIT, (200, "000", "F"): HOLDS - LIMIT}
    held = "SELECT SUM(amount_paise), COUNT(*) FROM limits_hold WHERE customer_id = ?"
    assert site.made.query(held, customer) == [(LIMIT * 10_000, LIMIT)]


def test_one_ref_id_for_two_customers_at_once_has_one_effect(site, clients):
    both = [site.made.add_customer() for _ in range(2)]
    for _ in range(40):
        ref = draw_ref()
        asked = [clients.submit(post, site, customer, ref) for customer in both * 2]
        heard = Counter(each.result() for each in asked)
        assert heard == {(200, "000"): 2, (409, "409"): 2}
        rows = "SELECT COUNT(*) FROM limits_ledgerentry WHERE ref_id = ?"
        assert site.made.query(rows, ref) == [(1,)]


def test_whose_customer_is_locked_waits_and_nobody_else(site, clients):
    hot, *others = [site.made.add_customer() for _ in range(9)]
    assert {post(site, customer, draw_ref()) for customer in (hot, *others)} == {(200, "000")}
    ended, took = threading.Event(), []

    def keep_posting(customer):
        heard = Counter()
        while not ended.is_set():
            began = time.monotonic()
            heard[post(site, customer, draw_ref())] += 1
            took.append(time.monotonic() - began) if customer != hot else None
        return heard

    holder = site.made.database.connect()
    holder.execute("BEGIN")
    holder.execute(LOCK_HEAD, [hot])
    waiting = [clients.submit(keep_posting, customer) for customer in (hot, hot, *others)]
    time.sleep(LOCKED_SECONDS)
    holder.execute("ROLLBACK")
    holder.close()
    ended.set()
    of_hot, *of_others = [each.result() for each in waiting[1:]]
    assert set(of_hot) <= {(200, "000"), (503, "503")}
    assert {answer for heard in of_others for answer in heard} == {(200, "000")}
    assert len(took) > 8
    assert max(took) < ANSWERED_WITHIN_SECONDS
    assert post(site, hot, draw_ref()) == (200, "000")


def test_killed_backends_lose_nothing_double_nothing_and_heal(site, clients):
    customers = [site.made.add_customer() for _ in range(4)]
    ended = threading.Event()

    def keep_posting(number):
        done, heard, customer = [], Counter(), customers[number % len(customers)]
        while not ended.is_set():
            ref, answer = draw_ref(), None
            while answer != (200, "000"):
                answer = post(site, customer, ref)
                heard[answer] += 1
            done.append(ref)
        return customer, done, heard

    posting = [clients.submit(keep_posting, number) for number in range(8)]
    draw, kills, ends_at = random.Random(20261127), 0, time.monotonic() + KILLS_SECONDS
    with site.made.database.server.connect(site.made.database.name) as killer:
        while time.monotonic() < ends_at:
            time.sleep(draw.uniform(0.03, 0.12))
            kills += killer.execute(KILL_BACKENDS).fetchone()[0]
    ended.set()
    told = [each.result() for each in posting]
    assert kills > 20
    assert set().union(*(heard for _, _, heard in told)) <= {(200, "000"), (503, "503")}
    for customer in customers:
        done = {ref for own, refs, _ in told if own == customer for ref in refs}
        kept = dict(site.made.query(COUNT_POSTED, customer))
        assert set(kept) >= done
        assert set(kept.values()) == {1}
    site.made.workers.append(verifier := site.made.start_worker())  # the others' backends are gone
    assert verifier.ask(["verify"]) == [[]]
