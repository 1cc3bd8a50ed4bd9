"""Checks and updates that wait together are carried out together, and each has what is its own."""

import pytest
from django.db import connection

from limits.known import Ask, Report
from limits.models import Hold, LedgerEntry, LimitCheck
from limits.services import checks, updates
from limits.stores import group
from limits.stores.carry_out import carry_out
from limits.verify import verify
from ppims.core.errors import Conflict, Unavailable, UnknownCustomer
from ppims.db.group_commit import PendingWrite, PutOff, run_alone
from ppims.models import Operation
from ppims.services.idempotency import Call
from tests.factories import draw_ref, make_customer, make_processor

pytestmark = pytest.mark.django_db
TOO_MUCH_PAISE = 2**63  # no column takes it
NOBODY = 999_999_999_999_999
PATIENCE_SECONDS = 20


def make_check_request(processor, unique_id, paise=100, *, ref_id="", **more):
    call = Call(processor, Operation.CHECK_LIMIT, ref_id or draw_ref(), {"amount": str(paise)})
    return checks.make_request(call, Ask(unique_id, "D", paise, **more))


def make_update_request(processor, unique_id, paise=100, *, ref_id="", **more):
    call = Call(processor, Operation.UPDATE_LIMIT, ref_id or draw_ref(), {"amount": str(paise)})
    return updates.make_request(call, Report(unique_id, "S", "D", paise, **more))


@pytest.fixture
def ent():
    return make_processor("ENT")


def list_ends(outcomes):
    return [type(error) if error else answer[0].amount_paise for answer, error in outcomes]


def test_each_of_a_group_has_what_is_its_own_and_sees_what_came_before(ent):
    one, other = make_customer(ent), make_customer(ent)
    same = draw_ref()
    outcomes = carry_out(
        [
            make_check_request(ent, one, 600_000, ref_id=same),
            make_check_request(ent, one, 600_000),
            make_check_request(ent, other, 600_000),
            make_update_request(ent, one, 600_000, enquiry_ref_id=same),
            make_check_request(ent, one, 600_000, ref_id=same),
            make_check_request(ent, one, 1, ref_id=same),
            make_check_request(ent, NOBODY),
        ]
    )
    assert list_ends(outcomes) == [600_000] * 5 + [Conflict, UnknownCustomer]
    rows = [answer[0] for answer, _ in outcomes[:5]]
    assert [row.is_allowed for row in rows[:3]] == [True, False, True]
    assert (rows[3].flags, rows[3].limit_check_id) == ("", rows[0].id)
    assert (rows[4].is_allowed, rows[4].reason) == (False, "HOLD_CLOSED")
    assert LimitCheck.objects.count() == 3
    assert Hold.objects.get().customer_id == other
    assert list(verify()) == []


def test_who_the_database_refuses_is_refused_alone(ent):
    """On PostgreSQL and SQLite alike: the group is undone, and each is carried out by itself."""
    customers = [make_customer(ent, kyc_flag="F") for _ in range(3)]
    requests = [make_update_request(ent, customer) for customer in customers]
    requests.insert(1, make_update_request(ent, customers[0], TOO_MUCH_PAISE))
    outcomes = carry_out(requests)
    ends = list_ends(outcomes)
    assert [ends[0], *ends[2:]] == [100] * 3
    assert isinstance(outcomes[1][1], Exception)
    assert not isinstance(outcomes[1][1], Unavailable)
    assert sorted(LedgerEntry.objects.values_list("customer_id", flat=True)) == sorted(customers)
    assert list(verify()) == []


def test_a_bug_that_one_request_meets_is_that_ones_alone(ent, monkeypatch):
    customers = [make_customer(ent) for _ in range(3)]
    real_plan = group.plan

    def plan_unless_it_is_the_second(requests, known):
        if any(request.said.unique_id == customers[1] for request in requests):
            raise ZeroDivisionError
        return real_plan(requests, known)

    monkeypatch.setattr(group, "plan", plan_unless_it_is_the_second)
    requests = [make_update_request(ent, customer) for customer in customers]
    assert list_ends(carry_out(requests)) == [100, ZeroDivisionError, 100]
    assert LedgerEntry.objects.count() == 2


def test_a_plan_that_never_has_enough_is_a_fault_and_no_endless_loop(ent, monkeypatch):
    monkeypatch.setattr(group, "plan", lambda *_: (_ for _ in ()).throw(group.Missing()))
    with pytest.raises(RuntimeError, match="asks for more"):
        run_alone(make_update_request(ent, make_customer(ent)), carry_out)


@pytest.mark.only_on("sqlite", "PostgreSQL has no such trace; its round trips are counted")
def test_a_group_is_one_commit_and_has_no_savepoint_for_each(grouped):
    requests = [make_check_request(grouped.ent, grouped.customer) for _ in range(10)]
    before = len(grouped.statements)
    with grouped.hold_turn():
        writes = [grouped.put(request) for request in requests]
    assert [write.result(PATIENCE_SECONDS)[0].number for write in writes] == list(range(1, 11))
    heard = grouped.statements[before:]
    assert heard.count("COMMIT") == heard.count("BEGIN IMMEDIATE") == 1
    assert sum(text.startswith("SAVEPOINT") for text in heard) <= 2
    assert sum("limits_ledgerhead" in text for text in heard) == 2  # read once, written once


@pytest.mark.only_on("sqlite", "PostgreSQL carries out works elsewhere")
def test_works_come_after_the_requests_in_the_same_commit(grouped):
    before = grouped.count("COMMIT")
    with grouped.hold_turn():
        work = grouped.ask(grouped.make_posting(300))
        write = grouped.put(make_check_request(grouped.ent, grouped.customer))
    assert write.result(PATIENCE_SECONDS)[0].amount_paise == 100
    assert work.result(PATIENCE_SECONDS)[0].amount_paise == 300
    assert grouped.count("COMMIT") - before == 1


@pytest.mark.only_on("sqlite", "the disk is SQLite's")
def test_a_transaction_that_sqlite_ended_leaves_nothing_of_a_group(grouped, monkeypatch):
    """As on a full disk: those that are left must not be committed one by one."""
    real_write = group_write = type(grouped.store).write

    def write_and_lose(store, rows, known):
        real_write(store, rows, known)
        connection.connection.execute("ROLLBACK")
        raise OSError("the disk is full")

    monkeypatch.setattr(type(grouped.store), "write", write_and_lose)
    with grouped.hold_turn():
        writes = [grouped.put(make_update_request(grouped.ent, grouped.customer)) for _ in range(3)]
    ends = {type(write.exception(PATIENCE_SECONDS)) for write in writes}
    monkeypatch.setattr(type(grouped.store), "write", group_write)
    assert ends == {Unavailable}
    assert LedgerEntry.objects.count() == 0


class Reluctant:
    """Puts a request off so many times."""

    def __init__(self, times):
        self.times = times

    def __call__(self, requests):
        self.times -= 1
        return [(None, PutOff()) if self.times >= 0 else ("done", None) for _ in requests]


@pytest.mark.only_on("sqlite", "a thread of this process")
def test_a_request_that_is_put_off_is_asked_again_while_its_patience_lasts(grouped, settings):
    assert grouped.put("a request", Reluctant(3)).result(PATIENCE_SECONDS) == "done"
    settings.PPIMS_BUSY_SECONDS = 0.05
    late = grouped.put("a request", Reluctant(10**9))
    assert isinstance(late.exception(PATIENCE_SECONDS), Unavailable)
    with pytest.raises(Unavailable):
        run_alone("a request", Reluctant(10**9))
    assert run_alone("a request", Reluctant(3)) == "done"


def test_a_pending_write_that_was_taken_can_not_be_withdrawn_though_it_is_put_off():
    write = PendingWrite("a request", Reluctant(1))
    assert write.take()
    assert not write.cancel()
    assert write.take()  # by the next group
