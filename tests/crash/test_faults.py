"""A disk that is full, a database that stays locked, one that may only be read: each write is a
503 and leaves nothing, reads go on, and all heals by itself.
"""

import resource
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager

import pytest
from django.db import connection
from django.test import Client as DjangoClient

from tests.api.answers import assert_refused, make_blank, read_done
from tests.conftest import Caller
from tests.crash.integrity import assert_whole, read
from tests.crash.server import Client, Server
from tests.factories import draw_ref, make_customer, make_person, make_processor

# In short as well for longer than four tries of a second, which two writers make by turns: a
# request that came during the first of them is in the third or the fourth.
LOCKED_SECONDS, LOCKED_SECONDS_IN_SHORT = 30, 6
ENTRIES = "SELECT ref_id, amount_paise FROM limits_ledgerentry ORDER BY id"
ROWS = """SELECT (SELECT COUNT(*) FROM ppims_replaykey), (SELECT COUNT(*) FROM limits_limitcheck),
                 (SELECT COUNT(*) FROM limits_ledgerentry), (SELECT COUNT(*) FROM limits_hold),
                 (SELECT COUNT(*) FROM customers_receipt), (SELECT COUNT(*) FROM ppims_auditentry)
"""
MOBILE = "919812345670"


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = Server(tmp_path_factory.mktemp("faults"), PPIMS_BUSY_SECONDS="1")
    made.set_up()
    made.start()
    made.wait_until_ready()
    yield made
    made.kill()


@pytest.fixture
def client(server):
    with closing(Client(server)) as made:
        yield made


@pytest.fixture
def customer(client):
    answer = client.ask("add-customer", Ref_Id=draw_ref(), **make_person())
    return answer.data["Unique_Id"]


def make_writes(customer):
    """One request of each operation that writes."""
    amount = {"Amount": "10.00", "Tran_Type": "D"}
    return [
        ("check-customer-limit", {"Unique_Id": customer, **amount}),
        ("update-customer-limit", {"Unique_Id": customer, **amount, "Tran_Status": "S"}),
        ("update-customer", {"Unique_Id": customer, "Email_Id": "m@example.in"}),
        ("add-customer", make_person()),
    ]


def add_refs(requests):
    return [(operation, {"Ref_Id": draw_ref(), **fields}) for operation, fields in requests]


def assert_unavailable(operation, answer):
    assert (answer.status, answer.data) == (503, make_blank(operation, "503"))
    assert answer.headers["Retry-After"] == "1"


def assert_reads(server, client, customer):
    assert server.get("/healthz")[0] == 200
    assert server.get("/readyz") == (200, {"status": "ok", "missing": []})
    kyc = client.ask("check-customer-kyc", Ref_Id=draw_ref(), Unique_Id=customer)
    assert (kyc.status, kyc.data["Resp_Code"], kyc.data["KYC_Flag"]) == (200, "000", "P")
    status = client.ask("customer-registration-status", Ref_Id=draw_ref(), Mobile_Number=MOBILE)
    assert (status.status, status.data["Resp_Code"]) == (200, "500")


@contextmanager
def fill_disk(server):
    """Let no file of the server's grow beyond a page, as if the disk were full.

    The log's too: nothing but the answers tells of it.
    """
    pids = server.list_processes()
    before = {pid: resource.prlimit(pid, resource.RLIMIT_FSIZE) for pid in pids}
    for pid, (_, hard) in before.items():
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    try:
        yield
    finally:
        for pid, limit in before.items():
            resource.prlimit(pid, resource.RLIMIT_FSIZE, limit)


@contextmanager
def lock_database(server):
    with closing(sqlite3.connect(server.folder / "ppims.sqlite3", isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


@pytest.mark.parametrize("fault", [fill_disk, lock_database])
def test_what_can_not_be_written_is_unavailable_and_heals_without_a_restart(
    server, client, customer, fault
):
    before, processes = read(server.folder, ROWS), server.list_processes()
    asked = add_refs(make_writes(customer))
    with fault(server):
        for operation, fields in [*asked, *asked]:
            assert_unavailable(operation, client.ask(operation, **fields))
        assert_reads(server, client, customer)
    assert read(server.folder, ROWS) == before
    for operation, fields in asked:
        answer = client.ask(operation, **fields)
        assert (answer.status, answer.data["Resp_Code"]) == (200, "000")
        assert not answer.is_replay
        assert client.ask(operation, **fields).is_replay
    assert set(processes) <= set(server.list_processes())
    assert_whole(server.folder)
    server.manage("verify_ledger")


def test_a_lock_held_long_answers_503_all_that_time_and_then_each_ref_id_counts_once(
    server, customer, request
):
    is_long = request.config.getoption("kills")
    seconds = LOCKED_SECONDS if is_long else LOCKED_SECONDS_IN_SHORT
    fields = {"Unique_Id": customer, "Tran_Type": "D", "Tran_Status": "S"}
    before = read(server.folder, ENTRIES)

    def insist(number):
        """Ask the same until it is booked: how many 503s came first."""
        mine = {**fields, "Ref_Id": draw_ref(), "Amount": f"{number}.00"}
        with closing(Client(server)) as client:
            refused = 0
            while (answer := client.ask("update-customer-limit", **mine)).status == 503:
                assert_unavailable("update-customer-limit", answer)
                refused += 1
        assert (answer.status, answer.data["Resp_Code"]) == (200, "000")
        return mine["Ref_Id"], number * 100, refused

    with ThreadPoolExecutor(6) as threads:
        with lock_database(server):
            insisting = [threads.submit(insist, number) for number in range(1, 7)]
            time.sleep(seconds)
            assert not any(each.done() for each in insisting)
            assert read(server.folder, ENTRIES) == before
        booked = [each.result(timeout=60) for each in insisting]
    assert min(refused for _, _, refused in booked) >= 1
    new = read(server.folder, ENTRIES)[len(before) :]
    assert sorted(new) == sorted(entry[:2] for entry in booked)


@pytest.mark.django_db(transaction=True)
@pytest.mark.only_on("sqlite", "the pragma is SQLite's")
def test_a_database_that_may_only_be_read_refuses_writes_and_answers_reads(caplog):
    processor = make_processor("ENT")
    caller = Caller(processor, DjangoClient())
    customer = str(make_customer(processor))
    asked = add_refs(make_writes(customer))
    with connection.cursor() as cursor:
        before = read_rows(cursor)
        cursor.execute("PRAGMA query_only = ON")
        try:
            for operation, fields in asked:
                assert_refused(caller.call(operation, **fields), 503, "503")
            read_done(caller.call("check-customer-kyc", Unique_Id=customer))
            assert caller.client.get("/readyz").status_code == 200
        finally:
            cursor.execute("PRAGMA query_only = OFF")
        assert read_rows(cursor) == before
    said = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said == ["database unavailable: SQLITE_READONLY"] * len(asked)
    for operation, fields in asked:
        _, meta = read_done(caller.call(operation, **fields))
        assert "Replayed" not in meta


def read_rows(cursor):
    cursor.execute(ROWS)
    return cursor.fetchone()
