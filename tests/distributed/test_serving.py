"""PPIMS serves from many machines: every operation, races, seals under load, and the application's
role.
"""

import os
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.concurrency.conftest import draw_ref
from tests.crash.clients import ADD, CHANGE, CHECK, REPORT
from tests.crash.server import Client, Server
from tests.distributed.test_spreading import look, run_manage
from tests.factories import make_person

STATUS, KNOW = "customer-registration-status", "check-customer-kyc"
THREADS, HUNDRED_RUPEES = 16, "100.00"
ROLE = f"ppims_its_application_{os.getpid()}"


@pytest.fixture(scope="module")
def server(spread):
    """Two processes that serve from the machines."""
    started = Server(
        spread.folder, PPIMS_WORKERS="2", PPIMS_HOLD_MINUTES="1440", **spread.database.variables
    )
    started.start()
    try:
        started.wait_until_ready()
        yield started
    finally:
        started.kill()


def ask_until_heard(server, operation, system_id="ENT", **fields):
    """Ask, and again where it is 503, as a client would."""
    client = Client(server, system_id)
    try:
        while True:
            answer = client.ask(operation, **fields)
            if answer.status != 503:
                return answer
    finally:
        client.close()


def ask_at_once(server, calls):
    """Ask all at once, each on a connection of its own: their answers, in order."""
    barrier = threading.Barrier(min(THREADS, len(calls)))

    def ask(call):
        operation, fields = call
        if len(calls) <= THREADS:
            barrier.wait()
        return ask_until_heard(server, operation, **fields)

    with ThreadPoolExecutor(THREADS) as threads:
        return list(threads.map(ask, calls))


def test_every_operation_answers_and_a_repeat_says_the_same(server, spread):
    person = make_person(KYC_Flag="P")
    refs = {name: draw_ref() for name in (ADD, CHANGE, CHECK, REPORT)}
    added = ask_until_heard(server, ADD, Ref_Id=refs[ADD], **person)
    who = {"Unique_Id": added.data["Unique_Id"]}
    money = {**who, "Amount": "250.00", "Tran_Type": "D"}
    calls = [
        (ADD, {"Ref_Id": refs[ADD], **person}),
        (CHANGE, {"Ref_Id": refs[CHANGE], **who, "Email_Id": "asha@example.in"}),
        (CHECK, {"Ref_Id": refs[CHECK], **money}),
        (
            REPORT,
            {"Ref_Id": refs[REPORT], **money, "Tran_Status": "S", "Tran_Id": draw_ref()}
            | {"Enquiry_Ref_Id": refs[CHECK]},
        ),
    ]
    first = [ask_until_heard(server, operation, **fields) for operation, fields in calls]
    again = [ask_until_heard(server, operation, **fields) for operation, fields in calls]
    assert [answer.data["Resp_Code"] for answer in first] == ["000"] * 4
    assert [answer.is_replay for answer in first] == [True, False, False, False]
    for at, (one, other) in enumerate(zip(first, again, strict=True)):
        if calls[at][0] == CHECK:  # settled by now
            assert other.meta["Decision"]["Reason"] == "HOLD_CLOSED"
        else:
            assert (other.is_replay, other.said) == (True, one.said)
    status = ask_until_heard(
        server, STATUS, Ref_Id=draw_ref(), Mobile_Number=person["Mobile_Number"]
    )
    assert (status.data["Unique_Id"], status.data["Utilized_Bal"]) == (who["Unique_Id"], "250.00")
    known = ask_until_heard(server, KNOW, Ref_Id=draw_ref(), **who)
    assert known.data["Resp_Code"] == "000"
    changed = {**calls[3][1], "Amount": "251.00"}
    assert ask_until_heard(server, REPORT, **changed).status == 409
    undone = {**calls[3][1], "Ref_Id": draw_ref(), "Tran_Status": "R"}
    del undone["Enquiry_Ref_Id"]
    assert ask_until_heard(server, REPORT, **undone).data["Cumulative_Bal"] == "0.00"
    stranger = ask_until_heard(server, KNOW, Ref_Id=draw_ref(), Unique_Id="100000000000001")
    assert stranger.data["Resp_Code"] == "500"


def test_of_two_hundred_holds_at_once_exactly_those_within_the_limit_are_allowed(server, spread):
    customer = str(spread.add_customer())
    asked = {"Unique_Id": customer, "Amount": HUNDRED_RUPEES, "Tran_Type": "D"}
    answers = ask_at_once(server, [(CHECK, {"Ref_Id": draw_ref(), **asked}) for _ in range(200)])
    assert Counter(answer.data["Allow_Customer"] for answer in answers) == {"T": 100, "F": 100}
    assert {answer.status for answer in answers} == {200}


def test_one_ref_id_has_one_effect_however_often_it_comes_at_once(server, spread):
    customer = str(spread.add_customer())
    for _ in range(5):
        fields = {"Ref_Id": draw_ref(), "Unique_Id": customer, "Amount": "1.00", "Tran_Type": "D"}
        answers = ask_at_once(server, [(REPORT, {**fields, "Tran_Status": "S"})] * 8)
        assert {answer.status for answer in answers} == {200}
        assert sum(not answer.is_replay for answer in answers) == 1
    assert spread.query(
        "SELECT count(*), SUM(amount_paise) FROM limits_ledgerentry WHERE customer_id = ?",
        int(customer),
    ) == [(5, 500)]


def test_one_person_who_is_added_many_times_at_once_is_one_customer(server, spread):
    for _ in range(5):
        person = make_person()
        calls = [(ADD, {"Ref_Id": draw_ref(), **person}) for _ in range(8)]
        answers = ask_at_once(server, calls)
        assert {answer.status for answer in answers} == {200}
        assert len({answer.data["Unique_Id"] for answer in answers}) == 1


def test_one_ref_id_for_two_customers_at_once_has_one_effect(server, spread):
    customers = [str(spread.add_customer()) for _ in range(2)]
    for _ in range(10):
        ref = draw_ref()
        calls = [
            (CHECK, {"Ref_Id": ref, "Unique_Id": who, "Amount": "1.00", "Tran_Type": "D"})
            for who in customers
        ]
        answers = ask_at_once(server, calls)
        assert sorted(answer.status for answer in answers) == [200, 409]
        kept = spread.query("SELECT customer_id FROM limits_limitcheck WHERE ref_id = ?", ref)
        assert len(kept) == 1


FIND_GROUP = """
    SELECT groupid FROM pg_dist_placement
    WHERE shardid = get_shard_id_for_distribution_column('{}', {})
"""
# What a commit in two phases leaves, until Citus tidies up some seconds later.
LIST_COMMITTED = "SELECT gid FROM pg_dist_transaction WHERE groupid = ?"


def draw_ref_elsewhere(spread, customer):
    """Draw a Ref_Id that stands on another machine than the customer: both machines' groups."""
    ((home,),) = spread.query(FIND_GROUP.format("customers_customer", f"{customer}::bigint"))
    while True:
        ref = draw_ref()
        ((other,),) = spread.query(FIND_GROUP.format("ppims_replaykey", f"'{ref}'::text"))
        if other != home:
            return ref, (home, other)


def test_what_is_written_on_two_machines_is_committed_in_two_phases(spread):
    customer = spread.add_customer()
    worker = spread.workers[0]
    for step in (
        lambda ref: ["check", "ENT", ref, customer, 100],
        lambda ref: ["post", "ENT", ref, customer, 100, "S", None, f"T{ref}"],
    ):
        ref, groups = draw_ref_elsewhere(spread, customer)
        before = [set(spread.query(LIST_COMMITTED, group)) for group in groups]
        worker.ask(step(ref))
        after = [set(spread.query(LIST_COMMITTED, group)) for group in groups]
        assert all(now - then for now, then in zip(after, before, strict=True)), ref
    # An add is told to: what it writes first may be where it has read something else.
    before = set(spread.query("SELECT gid FROM pg_dist_transaction"))
    spread.add_customer()
    assert set(spread.query("SELECT gid FROM pg_dist_transaction")) - before


def test_seals_that_are_made_under_load_are_true(server, spread):
    ended, customers = threading.Event(), [str(spread.add_customer()) for _ in range(4)]

    def post(customer):
        fields = {"Unique_Id": customer, "Amount": "1.00", "Tran_Type": "D", "Tran_Status": "S"}
        count = 0
        while not ended.is_set():
            answer = ask_until_heard(server, REPORT, Ref_Id=draw_ref(), **fields)
            assert answer.status == 200, answer
            count += 1
        return count

    with ThreadPoolExecutor(4) as threads:
        posting = [threads.submit(post, customer) for customer in customers]
        try:
            for _ in range(5):
                spread.manage("seal", "--to", str(spread.folder / "seal.json"))
            verified = run_manage(spread, "verify_ledger", "--all")  # while they go on
        finally:
            ended.set()
        assert all(each.result() > 10 for each in posting)
    assert verified.returncode == 0, verified
    spread.manage("verify_ledger", "--seal", str(spread.folder / "seal.json"))


def test_no_seal_is_made_while_a_machine_has_a_transaction_prepared(spread):
    citus = spread.database.server
    with citus.connect_node(1, spread.database.name) as connection:
        for statement in ("BEGIN", "CREATE TABLE stray (id int)", "PREPARE TRANSACTION 'stray'"):
            connection.execute(statement)
        try:
            refused = run_manage(spread, "seal", "--to", str(spread.folder / "none.json"))
        finally:
            connection.execute("ROLLBACK PREPARED 'stray'")
    host, port = citus.nodes[1]
    assert refused.returncode == 1
    assert f"has to wait: {host}:{port} has not settled yet" in refused.stderr
    spread.manage("seal", "--to", str(spread.folder / "made.json"))


def test_the_applications_role_does_all_of_it_and_needs_to_log_in_everywhere(spread):
    citus, password = spread.database.server, spread.database.server.parts.password or ""
    with spread.database.connect() as owner:
        owner.execute(f"CREATE ROLE {ROLE} LOGIN PASSWORD '{password or 'none'}'")
    try:
        with citus.connect_node(1) as connection:
            connection.execute(f"ALTER ROLE {ROLE} NOLOGIN")
            refused = run_manage(spread, "grant_application", ROLE)
            connection.execute(f"ALTER ROLE {ROLE} LOGIN")
        host, port = citus.nodes[1]
        assert f"needs LOGIN on every machine: {host}:{port}" in refused.stderr
        spread.manage("grant_application", ROLE)
        owners = dict(spread.database.variables)
        url = citus.write_url(spread.database.name, user=ROLE)
        worker = spread.start_worker(DATABASE_URL=url)
        try:
            added = worker.ask(["add", "ENT", draw_ref(), f"9197{os.getpid():08d}"])
            customer, ref = added[0][1], draw_ref()
            said = worker.ask(
                ["check", "ENT", ref, customer, 5_000],
                ["post", "ENT", draw_ref(), customer, 5_000, "S", ref, "T1"],
            )
        finally:
            worker.end()
        assert said[0][0] == "T"
        spread.database.variables = {"DATABASE_URL": url}
        try:
            assert look(spread) == ("ok", [])
            spread.manage("seal", "--to", str(spread.folder / "roles.json"))
            spread.manage("verify_ledger")
        finally:
            spread.database.variables = owners
        with citus.connect_node(0, spread.database.name) as connection:
            connection.execute(f"SET ROLE {ROLE}")
            with pytest.raises(Exception, match="permission denied"):
                connection.execute("UPDATE limits_ledgerentry SET at = at")
    finally:
        with spread.database.connect() as owner:
            owner.execute(f"DROP OWNED BY {ROLE}")
            owner.execute(f"DROP ROLE {ROLE}")
