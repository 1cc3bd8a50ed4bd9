"""A COMMIT that no standby has confirmed: it is on the primary's disk and can be seen, but a
failover would lose it. Nobody hears that it is done.
"""

import time
from contextlib import contextmanager

import pytest

from tests.concurrency.conftest import Postgresql, draw_ref, install
from tests.postgresql import cluster

pytestmark = pytest.mark.only_on("postgresql", "SQLite has no standby")
AMOUNT, PATIENCE_SECONDS = 100, 10
SET_STANDBYS = "ALTER SYSTEM SET synchronous_standby_names = '{}'"
LIST_WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
HIDE_WARNINGS = "ALTER DATABASE {} SET client_min_messages = 'error'"
COUNT_POSTED = "SELECT COUNT(*) FROM limits_ledgerentry WHERE ref_id = ?"
COUNT_CHECKED = "SELECT COUNT(*) FROM limits_limitcheck WHERE ref_id = ?"
COUNT_ADDED = "SELECT COUNT(*) FROM customers_receipt WHERE ref_id = ?"
# A commit that waits is released so: by whoever cancels statements, or ends sessions.
WAYS_TO_RELEASE = ["pg_cancel_backend", "pg_terminate_backend"]


@pytest.fixture(scope="module")
def primary(tmp_path_factory):
    """An installation whose primary waits for a standby that never comes."""
    with (
        cluster.run_cluster(**cluster.DURABLE) as server,
        install(tmp_path_factory.mktemp("unreplicated"), Postgresql(server)) as made,
    ):
        with server.connect() as connection:  # a warning that isn't sent is not heard
            connection.execute(HIDE_WARNINGS.format(made.database.name))
        yield made


@contextmanager
def wait_for_standbys(made, names="away"):
    """Let each commit wait for such a standby."""
    set_standbys(made, names)
    try:
        yield
    finally:
        set_standbys(made, "")


def set_standbys(made, names):
    with made.database.server.connect() as connection:
        connection.execute(SET_STANDBYS.format(names))
        connection.execute("SELECT pg_reload_conf()")
        wait_until(
            lambda: connection.execute("SHOW synchronous_standby_names").fetchone() == (names,)
        )
    time.sleep(0.1)  # the other sessions hear of it too


def wait_until(is_so):
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def release(made, how):
    """Release the commit that waits."""
    with made.database.server.connect() as connection:
        wait_until(lambda: connection.execute(LIST_WAITING).fetchone())
        ((pid,),) = connection.execute(LIST_WAITING).fetchall()
        connection.execute(f"SELECT {how}({pid})")


def do_released(made, step, how):
    """Do a step whose commit is released so: what it heard."""
    worker = made.workers[0]
    worker.send([["once", "", 0, *step]])
    release(made, how)
    ((answer, _, _),) = worker.receive()
    return answer


def do(made, step):
    (answer,) = made.workers[0].ask(step)
    return answer


def make_step(made, what):
    """Make a step, and the SELECT that counts what came of it."""
    ref = draw_ref()
    if what == "add":
        return ["add", "ENT", ref, f"9197{ref[1:]}"], COUNT_ADDED
    step = [what, "ENT", ref, made.add_customer(), AMOUNT]
    return step, COUNT_CHECKED if what == "check" else COUNT_POSTED


@pytest.mark.parametrize("how", WAYS_TO_RELEASE)
@pytest.mark.parametrize("what", ["post", "check", "add"])
def test_what_no_standby_has_is_not_said_to_be_done_at_first_nor_again(primary, what, how):
    step, count = make_step(primary, what)
    with wait_for_standbys(primary):
        assert do_released(primary, step, how) == "Unavailable"
        assert primary.query(count, step[2]) == [(1,)]  # it can be seen, all the same
        assert do_released(primary, step, how) == "Unavailable"
    answer = do(primary, step)
    if what != "add":
        assert answer[-1] is True  # a replay
    assert primary.query(count, step[2]) == [(1,)]


def test_after_a_crash_of_the_primary_it_is_not_either(primary):
    server, (step, count) = primary.database.server, make_step(primary, "post")
    with wait_for_standbys(primary):
        primary.workers[0].send([["once", "", 0, *step]])
        with server.connect() as connection:
            wait_until(lambda: connection.execute(LIST_WAITING).fetchone())
        server.do("crash")
        ((answer, _, _),) = primary.workers[0].receive()
        assert answer == "Unavailable"
        server.do("start")
        assert primary.query(count, step[2]) == [(1,)]  # recovery has made it visible
        assert do_released(primary, step, "pg_cancel_backend") == "Unavailable"
    assert do(primary, step)[-1] is True


def test_a_time_limit_of_statements_does_not_release_it(primary):
    step, count = make_step(primary, "post")
    worker = primary.start_worker(PPIMS_STATEMENT_SECONDS="1")
    primary.workers.append(worker)
    assert worker.ask(["query", "SHOW statement_timeout"]) == [[["1s"]]]
    with wait_for_standbys(primary):
        worker.send([step])
        time.sleep(1.5)
    assert worker.receive()[0][-1] is False  # it was confirmed in the end
    assert primary.query(count, step[2]) == [(1,)]
