"""A PostgreSQL that is a standby, and may only be read; and one that is promoted, under load."""

import time
from collections import Counter

import pytest

from tests.concurrency.conftest import install
from tests.postgresql import cluster
from tests.postgresql.proxy import Proxied
from tests.postgresql.site import AMOUNT, PATIENCE_SECONDS, THREADS, run_clients, serve

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no standby")
LIST_POSTED = (
    "SELECT ref_id, amount_paise FROM limits_ledgerentry WHERE customer_id = ? ORDER BY ref_id"
)
UNAVAILABLE_ANSWER, DONE_ANSWER = (503, "503", "1"), (200, "000", None)
# What a commit said is on the standby too.
SYNCHRONOUS = {**cluster.DURABLE, "synchronous_standby_names": "*"}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """A site that reaches its primary through a proxy, as by a name that moves; and the standby."""
    with (
        cluster.run_cluster(**SYNCHRONOUS) as primary,
        cluster.run_standby(primary, **cluster.DURABLE) as standby,
    ):
        database = Proxied(primary)
        with (
            install(tmp_path_factory.mktemp("failover"), database) as made,
            serve(made) as site,
        ):
            yield site, standby
        database.proxy.end()


def say(site, unique_id, ref="STANDBY"):
    status, body, headers = site.post(ref, unique_id)
    return status, body["Data"]["Resp_Code"], headers["Retry-After"]


def test_a_standby_is_told_from_a_primary_and_left_and_a_failover_loses_nothing(pair):
    site, standby = pair
    primary, unique_id = site.made.database.server, site.made.add_customer()
    wait_for_standby(primary)
    let_a_standby_be_found(site, standby, unique_id)
    site.made.database.switch_to(primary)  # the standby goes on, and its sessions with it
    heard = Counter(say(site, unique_id) for _ in range(20 * THREADS))
    assert set(heard) <= {DONE_ANSWER, UNAVAILABLE_ANSWER}, heard
    assert (
        heard[UNAVAILABLE_ANSWER] <= THREADS
    )  # each finds out once that its session is on the standby
    # A session that has only read finds out when somebody asks whether it is ready.
    looks = [site.get("/readyz")[0] for _ in range(10 * THREADS)]
    assert looks.count(503) <= THREADS
    assert looks[-1] == 200
    promote_under_load(site, primary, standby)


def wait_for_standby(primary):
    """Wait until the standby has replayed all there is: its own commits wait for its disk only."""
    behind = "SELECT count(*) FROM pg_stat_replication WHERE replay_lsn < pg_current_wal_lsn()"
    deadline = time.monotonic() + PATIENCE_SECONDS
    with primary.connect() as connection:
        while connection.execute(behind).fetchone() != (0,):
            assert time.monotonic() < deadline
            time.sleep(0.02)


def let_a_standby_be_found(site, standby, unique_id):
    """Have every session be one of a standby: it is read, and whatever writes is a 503."""
    site.made.database.switch_to(standby)
    site.made.database.proxy.cut_all()
    for _ in range(10 * THREADS):
        status, body, _ = site.get("/readyz")
        assert (status, body["missing"]) == (503, ["database read-only"])
    for _ in range(4 * THREADS):
        assert say(site, unique_id) == UNAVAILABLE_ANSWER
    status, _, headers = site.fill_in("/log-in", username="asha", password="a-wrong-guess")
    assert (status, headers["Retry-After"]) == (503, "1")
    for _ in range(10 * THREADS):  # what only reads opens a session there, and keeps it
        assert site.know(unique_id)[0] == 200


def promote_under_load(site, primary, standby):
    with run_clients(site) as clients:
        time.sleep(0.7)
        primary.do("crash")
        site.made.database.switch_to(standby)
        time.sleep(0.7)
        with standby.connect() as connection:
            assert connection.execute("SELECT pg_promote()").fetchone() == (True,)
        site.wait_until_ready()
        before = [len(client.done) for client in clients]
        while any(
            len(client.done) < 20 + done for client, done in zip(clients, before, strict=True)
        ):
            time.sleep(0.02)
    heard = sum((client.heard for client in clients), Counter())
    assert set(heard) == {DONE_ANSWER, UNAVAILABLE_ANSWER}, heard
    done = sorted(ref for client in clients for ref in client.done)
    assert site.made.query(LIST_POSTED, clients[0].unique_id) == [(ref, AMOUNT) for ref in done]
    site.made.manage("verify_ledger")
