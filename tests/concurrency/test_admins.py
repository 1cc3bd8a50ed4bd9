"""Admins who act at once: one is always left, nobody who was shut out decides, and nobody else has
to wait for them.
"""

import pytest

from tests.concurrency.conftest import draw_ref
from tests.concurrency.test_waiting import COUNT_WAITING, wait_until_someone_waits

NAMES = ("asha", "bina", "chetan")
ROUNDS = 4
READ_APPROVED = """
    SELECT c.username, p.username FROM ppims_staffchange s
    JOIN ppims_user c ON c.id = s.checker_id JOIN ppims_user p ON p.id = s.person_id
    WHERE s.id IN (?, ?, ?) AND s.state = 'APPROVED' ORDER BY s.decided_at
"""
HOLD_AUDIT_OF_NO_CUSTOMER = "SELECT 1 FROM ppims_audithead WHERE subject = 0 FOR UPDATE"


@pytest.fixture
def three(installation):
    installation.start(3)
    return installation


def ask(three, *steps):
    return three.workers[0].ask(*steps)


def propose(maker, who, kind="DEACTIVATE"):
    return ["propose_of_staff", maker, kind, who]


def test_of_three_who_shut_each_other_out_at_once_one_is_left_and_none_decides_once_out(three):
    before, after = (*NAMES[2:], *NAMES[:2]), (*NAMES[1:], *NAMES[:1])
    for number in range(ROUNDS):
        about, checkers = (before, after) if number % 2 else (after, before)
        ask(three, ["make_admins", *NAMES])
        proposed = ask(three, *map(propose, NAMES, about))
        changes = [pk for pk, state in proposed if state == "PROPOSED"]
        decided = [[["decide_of_staff", *each]] for each in zip(checkers, changes, strict=True)]
        three.run_at_once(*decided)
        (_, gone), (second, _) = three.query(READ_APPROVED, *changes)
        assert second != gone
        assert ask(three, ["list_admins"]) == [[second]]


def test_of_two_who_change_one_person_at_once_one_is_refused(three):
    for _ in range(ROUNDS):
        ask(three, ["make_admins", *NAMES])
        said = three.run_at_once(*([propose(maker, "chetan", "RESET")] for maker in NAMES[:2]))
        assert sorted(str(answer[1]) for (answer,) in said) == ["PROPOSED", "['']"]


def test_of_two_who_add_one_processor_at_once_one_is_refused(three):
    for _ in range(ROUNDS):
        ask(three, ["make_admins", *NAMES])
        code = draw_ref()
        said = three.run_at_once(*([["propose_processor", who, code]] for who in NAMES[:2]))
        assert sorted(str(answer[1]) for (answer,) in said) == ["PROPOSED", "['']"]


def test_the_one_admin_who_does_it_twice_at_once_does_it_once(three):
    ask(three, ["make_admins", *NAMES], ["make_admins", "asha"], ["let_in", "bina"])
    said = three.run_at_once(*([propose("asha", "bina")] for _ in range(2)))
    assert sorted(str(answer[1]) for (answer,) in said) == ["ALONE", "['']"]


@pytest.mark.only_on("postgresql", "SQLite has one lock for all")
@pytest.mark.parametrize("what", ["disabled", "people"])
def test_a_change_that_waits_keeps_nobody_else_from_committing(three, what):
    """What refers to the row that is changed, a check or an audit entry, is written meanwhile."""
    ask(three, ["make_admins", *NAMES])
    customer = three.add_customer()
    holder = three.database.connect()
    watcher = three.database.connect()
    holder.execute("BEGIN")
    holder.execute(HOLD_AUDIT_OF_NO_CUSTOMER)
    changing, beside = {
        "disabled": (["narrow", "asha", "CBS"], ["check", "CBS", draw_ref(), customer, 100]),
        "people": (propose("asha", "bina", "RESET"), ["block", "bina", customer]),
    }[what]
    three.workers[1].send([changing])
    try:
        wait_until_someone_waits(watcher)
        three.workers[2].send([beside])
        assert three.workers[2].receive()
        assert watcher.execute(COUNT_WAITING).fetchone() == (1,)  # still
    finally:
        holder.execute("ROLLBACK")
        three.workers[1].receive()
        holder.close()
        watcher.close()
