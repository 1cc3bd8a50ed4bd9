"""A COMMIT that PostgreSQL itself refuses, or dies of: each answer is a 503 or the truth, and one
Ref_Id has one effect. Connections that are cut there are in test_cut_connections.py.
"""

import os
import subprocess
import time
from contextlib import contextmanager

import pytest

from tests.concurrency.conftest import Postgresql, draw_ref, install
from tests.postgresql import cluster
from tests.processes import list_processes

pytestmark = pytest.mark.only_on("postgresql", "SQLite's are in tests/crash/test_disk_errors.py")
AMOUNT, OTHER_AMOUNT = 666, 100
OTHER_FILES_BYTES = 2_000_000  # no table is so long; the log is, in most of its length
# The disk is full, it fails, another one was first, an operator intervenes.
SQLSTATES = ["53100", "58030", "40001", "57014"]
REFUSE_AT_COMMIT = """
    CREATE OR REPLACE FUNCTION refuse_at_commit() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN RAISE EXCEPTION 'at COMMIT' USING ERRCODE = '{}'; END $$;
    CREATE CONSTRAINT TRIGGER refused AFTER INSERT ON limits_ledgerentry
    DEFERRABLE INITIALLY DEFERRED FOR EACH ROW WHEN (NEW.amount_paise = 666)
    EXECUTE FUNCTION refuse_at_commit()
"""
REFUSE_NO_MORE = "DROP TRIGGER refused ON limits_ledgerentry"
ENTRIES = "SELECT COUNT(*), SUM(amount_paise) FROM limits_ledgerentry WHERE customer_id = ?"
USAGE = "SELECT SUM(debit_paise) FROM limits_monthlyusage WHERE customer_id = ?"


@pytest.fixture(scope="module")
def made(tmp_path_factory, postgres_server):
    database = Postgresql(postgres_server)
    with install(tmp_path_factory.mktemp("refused"), database) as installation:
        yield installation
    database.remove()


@contextmanager
def refuse_at_commit(made, sqlstate):
    with made.database.connect() as connection:
        connection.execute(REFUSE_AT_COMMIT.format(sqlstate))
        try:
            yield
        finally:
            connection.execute(REFUSE_NO_MORE)


def do_once(made, step):
    ((answer, _, _),) = made.workers[0].ask(["once", "", 0, *step])
    return answer


@pytest.mark.parametrize("sqlstate", SQLSTATES)
def test_what_is_refused_at_commit_is_unavailable_and_counts_once_later(made, sqlstate):
    customer = made.add_customer()
    refused = ["post", "ENT", draw_ref(), customer, AMOUNT]
    with refuse_at_commit(made, sqlstate):
        assert do_once(made, refused) == "Unavailable"
        assert do_once(made, refused) == "Unavailable"
        done = do_once(made, ["post", "ENT", draw_ref(), customer, OTHER_AMOUNT])
        assert done[3] == OTHER_AMOUNT
        assert made.query(ENTRIES, customer) == [(1, OTHER_AMOUNT)]
    assert do_once(made, refused)[-1] is False  # it is no repeat
    assert do_once(made, refused)[-1] is True
    both = AMOUNT + OTHER_AMOUNT
    assert (made.query(ENTRIES, customer), made.query(USAGE, customer)) == ([(2, both)], [(both,)])


def fill_log(server):
    """Let no session that is open now write to PostgreSQL's log, as if its disk were full. All
    sessions end of it, and the server recovers by itself.
    """
    _keeper, _main, *others = list_processes(server.keeper.pid)
    is_root = os.geteuid() == 0
    user = cluster.SYSTEM_USER  # nobody else may limit its processes
    whose = {"user": user, "group": user, "extra_groups": []} if is_root else {}
    for pid in others:
        limit = ["prlimit", f"--fsize={OTHER_FILES_BYTES}:", f"--pid={pid}"]
        done = subprocess.run(limit, check=False, cwd="/", **whose)
        # One that vacuums or recovers may have ended since it was listed.
        assert done.returncode == 0 or pid not in list_processes(server.keeper.pid)


def test_a_log_that_can_not_be_written_ends_in_a_503_and_one_effect(tmp_path):
    with cluster.run_cluster(**cluster.DURABLE) as server:
        database = Postgresql(server)
        with install(tmp_path, database) as made:
            customer, seen = made.add_customer(), []
            for number in range(1, 3):
                step = ["post", "ENT", draw_ref(), customer, OTHER_AMOUNT]
                fill_log(server)
                seen.append(do_once(made, step))
                answer = seen[-1]
                while answer == "Unavailable":  # it recovers
                    time.sleep(0.2)
                    answer = do_once(made, step)
                assert do_once(made, step)[-1] is True
                assert made.query(ENTRIES, customer) == [(number, number * OTHER_AMOUNT)]
            assert "Unavailable" in seen
            made.manage("verify_ledger")
