"""A write that fails, a lock that stays, a process that is killed: all of it or nothing."""

import time

import pytest

from tests.concurrency.conftest import Installation, draw_ref

AMOUNT = 5_000
CHECK_WRITES, UPDATE_WRITES = 4, 5


@pytest.fixture
def one(installation):
    installation.start(1)
    return installation


def make_steps(installation, what):
    """A step to try, of a new customer: a first check, or a posting that settles one."""
    customer, ref = installation.add_customer(), draw_ref()
    if what == "check":
        return ["check", "ENT", ref, customer, AMOUNT]
    (answer,) = installation.workers[0].ask(["check", "ENT", ref, customer, AMOUNT])
    assert answer[0] == "T"
    kind = {"post": "S", "release": "F", "reverse": "R"}[what]
    if kind != "R":
        return ["post", "ENT", draw_ref(), customer, AMOUNT, kind, ref]
    installation.workers[0].ask(["post", "ENT", draw_ref(), customer, AMOUNT, "S", ref, "T1"])
    return ["post", "ENT", draw_ref(), customer, AMOUNT, "R", None, "T1"]


@pytest.mark.parametrize(("how", "heard"), [("fault", "RuntimeError"), ("busy", "Unavailable")])
@pytest.mark.parametrize(
    ("what", "least"), [("check", 4), ("post", 5), ("release", 4), ("reverse", 4)]
)
def test_whichever_write_fails_nothing_of_it_is_kept(one, what, least, how, heard):
    step = make_steps(one, what)
    before, number = one.read_everything(), 0
    while True:
        number += 1
        ((answer, writes, _),) = one.workers[0].ask(["once", how, number, *step])
        if answer != heard:
            break
        assert writes == number
        assert one.read_everything() == before
    assert isinstance(answer, list)  # it went through, and as the first of its Ref_Id
    assert answer[-1] is False
    assert number - 1 >= least
    after = one.read_everything()
    changed = {table for table in before if before[table] != after[table]}
    assert {"ppims_replaykey", "limits_ledgerhead"} < changed


@pytest.mark.parametrize("what", ["check", "post"])
def test_a_process_killed_before_its_commit_has_kept_nothing(one, what):
    step = make_steps(one, what)
    before = one.read_everything()
    last = {"check": CHECK_WRITES, "post": UPDATE_WRITES}[what]
    doomed = one.start_worker()
    doomed.send([["once", "killed", last, *step]])
    assert doomed.process.stdout.readline() == ""
    assert doomed.process.wait(timeout=20) == -9
    doomed.process.stdin.close()
    doomed.process.stdout.close()
    assert one.read_everything() == before
    (answer,) = one.workers[0].ask(step)
    assert answer[-1] is False
    assert one.workers[0].ask(step)[0][-1] in {True, False}
    assert len(one.read_everything()["ppims_replaykey"]) == len(before["ppims_replaykey"]) + 1


def test_a_database_that_stays_locked_is_unavailable_and_heals(one):
    steps = [make_steps(one, "check"), make_steps(one, "post")]
    hasty = Installation(one.folder, one.database)
    hasty.start(1, PPIMS_BUSY_SECONDS="1")
    try:
        before = one.read_everything()
        with one.hold_writers():
            said = hasty.workers[0].ask(*[["once", "", 0, *step] for step in steps])
        assert [answer for answer, _, _ in said] == ["Unavailable", "Unavailable"]
        assert all(0.8 < seconds < 3 for _, _, seconds in said)
        assert one.read_everything() == before
        healed = hasty.workers[0].ask(*steps)
        assert healed[0][0] == "T"
        assert healed[1][2] == []
        assert [answer[-1] for answer in healed] == [False, False]
    finally:
        hasty.workers[0].end()


def test_what_waits_for_a_short_lock_is_served(one):
    step = make_steps(one, "check")
    with one.hold_writers():
        one.workers[0].send([["once", "", 0, *step]])
        time.sleep(0.5)
    ((answer, _, seconds),) = one.workers[0].receive()
    assert answer[0] == "T"
    assert seconds > 0.3


STATE = """
    SELECT (SELECT COUNT(*) FROM ppims_replaykey), (SELECT COUNT(*) FROM limits_limitcheck),
           (SELECT COUNT(*) FROM limits_ledgerentry), (SELECT COUNT(*) FROM limits_hold),
           (SELECT SUM(debit_paise) FROM limits_monthlyusage),
           (SELECT SUM(entry_count) + SUM(check_count) FROM limits_ledgerhead)
"""


@pytest.mark.only_on("sqlite", "the pragma is SQLite's")
@pytest.mark.parametrize("what", ["check", "post"])
def test_a_database_that_fills_up_at_any_write_keeps_all_of_a_request_or_nothing(one, what):
    """Where it runs full SQLite undoes the statement, or of itself the whole transaction."""
    worker, customers = one.workers[0], [one.add_customer() for _ in range(20)]
    refused, full_at = [], set()
    (((pages,),),) = worker.ask(["query", "PRAGMA page_count"])
    try:
        for number in range(150):
            worker.ask(["query", f"PRAGMA max_page_count = {pages + len(refused)}"])
            before = one.query(STATE)
            step = [what, "ENT", draw_ref(), customers[number % 20], 100]
            ((answer, writes, _),) = worker.ask(["once", "fault", 1_000, *step])
            if answer == "Unavailable":
                assert one.query(STATE) == before
                full_at.add(writes)
                refused.append(step)
    finally:
        worker.ask(["query", "PRAGMA max_page_count = 1073741823"])
    answers = worker.ask(*refused)
    assert [answer[-1] for answer in answers] == [False] * len(refused)
    assert max(full_at) > 1  # in mid-transaction: what came before went too
