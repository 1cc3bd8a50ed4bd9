"""What waits for a customer's lock reads what its holder has committed, and the time after it."""

import time

import pytest

from tests.concurrency.conftest import Postgresql, draw_ref, install

pytestmark = pytest.mark.only_on("postgresql", "SQLite has one lock: nothing is read before it")
LIMIT, NEARLY_ALL = 1_000_000, 950_000

# Whoever uses something saves the head too.
ITS_HEAD = "UPDATE limits_ledgerhead SET entry_count = entry_count WHERE customer_id = %s"
ITS_FIRST_HEAD = """
    INSERT INTO limits_ledgerhead
        (customer_id, entry_count, check_count, last_digest, key_id, mac)
    VALUES (%s, 0, 0, '', '', '')
"""
USE_NEARLY_ALL = """
    INSERT INTO limits_monthlyusage (customer_id, month, debit_paise, credit_paise)
    VALUES (%s, to_char(now() AT TIME ZONE 'Asia/Kolkata', 'YYYYMM')::int, %s, 0)
    ON CONFLICT (customer_id, month) DO UPDATE SET debit_paise = excluded.debit_paise
"""
COUNT_WAITING = """
    SELECT count(*) FROM pg_stat_activity
    WHERE datname = current_database() AND wait_event_type = 'Lock'
"""


@pytest.fixture(scope="module")
def one(tmp_path_factory, postgres_server):
    """An installation of its own: what the holder uses here has no entries."""
    database = Postgresql(postgres_server)
    with install(tmp_path_factory.mktemp("waiting"), database) as made:
        yield made
    database.remove()


def wait_until_someone_waits(database, deadline_seconds=20):
    deadline = time.monotonic() + deadline_seconds
    while database.execute(COUNT_WAITING).fetchone() == (0,):
        assert time.monotonic() < deadline, "nobody waits"
        time.sleep(0.01)


def hold_and_end(one, customer, lock, end):
    """Hold the customer's lock, use nearly all of the limit meanwhile, and end so once a check of a
    tenth of it waits: its answer, its instant, and that of the end.
    """
    holder, watcher = one.database.connect(), one.database.connect()
    holder.execute("BEGIN")
    holder.execute(lock, [customer])
    holder.execute(USE_NEARLY_ALL, [customer, NEARLY_ALL])
    ref = draw_ref()
    one.workers[0].send([["check", "ENT", ref, customer, LIMIT // 10]])
    wait_until_someone_waits(watcher)
    ((ended_at,),) = holder.execute("SELECT clock_timestamp()").fetchall()
    holder.execute(end)
    (answer,) = one.workers[0].receive()
    holder.close()
    watcher.close()
    ((at,),) = one.query("SELECT at FROM limits_limitcheck WHERE ref_id = ?", ref)
    return answer, at, ended_at


@pytest.mark.parametrize("lock", [ITS_HEAD, ITS_FIRST_HEAD], ids=["later", "first"])
@pytest.mark.parametrize(
    ("end", "decided"),
    [
        ("COMMIT", ["F", "MONTH_LIMIT", NEARLY_ALL, LIMIT - NEARLY_ALL, False]),
        ("ROLLBACK", ["T", "WITHIN_LIMITS", LIMIT // 10, LIMIT - LIMIT // 10, False]),
    ],
)
def test_a_check_that_waited_decides_by_what_it_waited_for(one, lock, end, decided):
    customer = one.add_customer()
    if lock == ITS_HEAD:  # a declined check makes the head, and holds nothing
        one.workers[0].ask(["check", "ENT", draw_ref(), customer, LIMIT + 1])
    answer, at, ended_at = hold_and_end(one, customer, lock, end)
    assert answer == decided
    assert at > ended_at
