"""PostgreSQL stopped, crashed and started again beneath a PPIMS that serves."""

import time
from collections import Counter

import pytest

from tests.concurrency.conftest import Postgresql, draw_ref, install
from tests.postgresql import cluster
from tests.postgresql.site import AMOUNT, THREADS, run_clients, serve

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no server to restart")
LIST_POSTED = "SELECT ref_id, amount_paise FROM limits_ledgerentry ORDER BY ref_id"
ITS_POSTING = "SELECT COUNT(*) FROM limits_ledgerentry WHERE ref_id = ?"
SOMEBODYS_COOKIE = f"sessionid={32 * 's'}"
END_SESSIONS = """
    SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'ppims'
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with (
        cluster.run_cluster(**cluster.DURABLE) as server,
        install(tmp_path_factory.mktemp("restart"), Postgresql(server)) as made,
        serve(made) as serving,
    ):
        yield serving


def test_a_server_that_comes_back_is_found_and_nothing_was_lost_or_done_twice(site):
    server = site.made.database.server
    with run_clients(site) as clients:
        for how in ("stop", "crash") * 3:
            time.sleep(0.7)
            server.do(how)
            time.sleep(0.2)
            server.do("start")
        time.sleep(0.7)
    heard = sum((client.heard for client in clients), Counter())
    assert set(heard) == {(200, "000", None), (503, "503", "1")}, heard
    done = sorted(ref for client in clients for ref in client.done)
    assert site.made.query(LIST_POSTED) == [(ref, AMOUNT) for ref in done]
    site.wait_until_ready()
    site.made.manage("verify_ledger")


def test_while_it_is_away_everything_says_so_and_heals_by_itself(site):
    server, unique_id = site.made.database.server, site.made.add_customer()
    server.do("stop")
    assert site.get("/healthz")[0] == 200
    status, body, _ = site.get("/readyz")
    assert (status, body["missing"]) == (503, ["database"])
    for _ in range(2 * THREADS):
        status, body, headers = site.post("AWAY", unique_id)
        assert (status, body["Data"]["Resp_Code"], headers["Retry-After"]) == (503, "503", "1")
    status, _, headers = site.get("/admin/", cookie=SOMEBODYS_COOKIE)
    assert (status, headers["Retry-After"]) == (503, "1")
    server.do("start")
    site.wait_until_ready()
    assert {site.post("AWAY", unique_id)[0] for _ in range(10 * THREADS)} == {200}
    assert site.made.query(ITS_POSTING, "AWAY") == [(1,)]


def restart(site):
    site.made.database.server.do("stop")
    site.made.database.server.do("start")


def end_sessions(site):
    site.made.query(END_SESSIONS)


@pytest.mark.parametrize("drop", [restart, end_sessions])
def test_who_comes_after_idle_connections_were_dropped_notices_nothing(site, drop):
    unique_id, ref = site.made.add_customer(), draw_ref()
    ways = {
        "api": lambda: site.post(ref, unique_id)[0],
        "read": lambda: site.know(unique_id)[0],
        "page": lambda: site.get("/admin/", cookie=SOMEBODYS_COOKIE)[0],
        "readyz": lambda: site.get("/readyz")[0],
    }
    for way, ask in ways.items():
        for _ in range(5 * THREADS):  # each thread of each worker has its connection
            ask()
        drop(site)
        assert {way: {ask() for _ in range(5 * THREADS)}} == {way: {200}}
