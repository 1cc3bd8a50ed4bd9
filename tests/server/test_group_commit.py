"""What is written together is durable together; what fails alone is undone alone."""

import threading
from datetime import date

import pytest
from django.db import IntegrityError, OperationalError, connection

from customers.claims import Doubt
from customers.models import DuplicateReview
from customers.services import customers
from limits.models import LedgerEntry, LimitCheck, RefusedReport
from ppims.core.errors import Conflict, Unavailable, UnknownCustomer
from ppims.db import group_commit
from ppims.db.statements import run
from ppims.db.transaction import run_in_transaction
from ppims.models import Operation, ReplayKey
from ppims.services.idempotency import Call
from tests.api.answers import NOBODY, assert_refused, make_blank
from tests.factories import ToldFactory, draw_ref, make_check
from tests.server.conftest import wait_until
from tests.server.running_server import PATIENCE_SECONDS

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.only_on("sqlite", "only its writes are grouped"),
]
INSERT_DANGLING = """
    INSERT INTO limits_hold (limit_check_id, customer_id, processor_id, month, direction,
                             amount_paise, expires_at)
    VALUES (987654, 987654, 987654, 202611, 'D', 1, '2026-11-25 00:00:00')
"""


def list_ends(writes):
    """Tell what became of each: what it gave, or what sort of error."""
    errors = [write.exception(PATIENCE_SECONDS) for write in writes]
    both = zip(writes, errors, strict=True)
    return [type(error) if error else write.result() for write, error in both]


def read_kept():
    return [LimitCheck.objects.count(), LedgerEntry.objects.count(), ReplayKey.objects.count()]


def test_what_waits_together_is_committed_once(grouped):
    begun, before = grouped.count("BEGIN IMMEDIATE"), grouped.count("COMMIT")
    writes = grouped.ask_together(*[grouped.make_posting(100) for _ in range(10)])
    entries = [entry for entry, is_replay in list_ends(writes) if not is_replay]
    assert [entry.number for entry in entries] == list(range(1, 11))
    # The first may have begun its wait alone: it takes along who came meanwhile.
    assert grouped.count("COMMIT") - before == grouped.count("BEGIN IMMEDIATE") - begun == 1
    assert LedgerEntry.objects.count() == 10


def test_a_group_is_of_a_certain_size_at_most_and_the_rest_is_the_next(grouped, monkeypatch):
    monkeypatch.setattr(group_commit, "GROUP_AT_MOST", 4)
    before = grouped.count("COMMIT")
    writes = grouped.ask_together(*[grouped.make_check(100) for _ in range(10)])
    assert len(list_ends(writes)) == LimitCheck.objects.count() == 10
    assert grouped.count("COMMIT") - before == 3


def test_a_refusal_undoes_that_one_alone(grouped):
    same = draw_ref()
    works = [
        grouped.make_check(100, ref_id=same),
        lambda: make_check(grouped.ent, int(NOBODY), 100),
        grouped.make_check(200, ref_id=same),
        grouped.make_posting(300),
    ]
    keys = ReplayKey.objects.count()
    first, unknown, conflict, posted = list_ends(grouped.ask_together(*works))
    assert (unknown, conflict) == (UnknownCustomer, Conflict)
    assert (first[0].amount_paise, posted[0].amount_paise) == (100, 300)
    assert read_kept() == [1, 1, keys + 2]


def test_a_doubt_opens_its_review_though_it_is_a_refusal(grouped):
    mobile = "919898989898"
    add = lambda **details: customers.add_customer(  # noqa: E731
        call=Call(grouped.ent, Operation.ADD_CUSTOMER, draw_ref(), {}),
        details=ToldFactory.build(mobile_number=mobile, **details),
    )
    before = grouped.count("COMMIT")
    stranger = {"date_of_birth": date(2001, 5, 17)}
    writes = grouped.ask_together(add, lambda: add(**stranger), grouped.make_posting())
    added, doubt, posted = list_ends(writes)
    assert doubt is Doubt
    assert DuplicateReview.objects.get().customer_id == added[0].unique_id
    assert LedgerEntry.objects.get().pk == posted[0].pk
    assert grouped.count("COMMIT") - before == 1


OTHER_AMOUNT = {"Amount": "5.00", "Tran_Type": "D", "Tran_Status": "S", "Tran_Id": "T1"}


def test_a_refused_report_is_kept_by_a_write_of_its_own(grouped):
    list_ends([grouped.ask(grouped.make_posting(100, tran_id="T1"))])
    before = grouped.count("COMMIT")
    answer = grouped.caller.call(
        "update-customer-limit", Unique_Id=str(grouped.customer), **OTHER_AMOUNT
    )
    assert_refused(answer, 409, "409", "Tran_Id")
    assert RefusedReport.objects.get().amount_paise == 500
    assert grouped.count("COMMIT") - before == 2


def test_a_refused_report_that_can_not_be_kept_is_refused_all_the_same(grouped):
    list_ends([grouped.ask(grouped.make_posting(100, tran_id="T1"))])
    list_ends([grouped.ask(lambda: run("DROP TABLE limits_refusedreport", ()))])
    answer = grouped.caller.call(
        "update-customer-limit", Unique_Id=str(grouped.customer), **OTHER_AMOUNT
    )
    assert_refused(answer, 409, "409", "Tran_Id")
    assert list_ends([grouped.ask(grouped.make_posting(200))])[0][0].amount_paise == 200


def test_a_bug_undoes_that_one_alone(grouped):
    def do_half():
        run_in_transaction(grouped.make_check(100))
        raise ZeroDivisionError

    writes = grouped.ask_together(
        grouped.make_posting(100), lambda: run_in_transaction(do_half), grouped.make_posting(200)
    )
    assert list_ends(writes)[1] is ZeroDivisionError
    assert read_kept()[:2] == [0, 2]


def test_a_bug_is_a_fault_to_its_caller(grouped, monkeypatch):
    monkeypatch.setattr("limits.api.checks.make_request", lambda *_: 1 // 0)
    fields = {"Unique_Id": str(grouped.customer), "Amount": "1.00", "Tran_Type": "D"}
    answer = grouped.caller.call("check-customer-limit", **fields)
    assert_refused(answer, 500, "999")
    monkeypatch.undo()


def test_a_failed_commit_fails_all_and_the_next_group_works(grouped):
    def insert_dangling():
        with connection.cursor() as cursor:
            cursor.execute(INSERT_DANGLING)

    before = read_kept()
    writes = grouped.ask_together(
        grouped.make_posting(100), insert_dangling, grouped.make_check(100)
    )
    assert list_ends(writes) == [Unavailable] * 3
    assert isinstance(writes[0].exception().__cause__, IntegrityError)
    assert read_kept() == before
    assert list_ends(grouped.ask_together(grouped.make_posting(100)))[0][0].number == 1


def test_a_transaction_that_sqlite_ends_by_itself_is_nobodys(grouped):
    """As on a full disk: what comes after must not be committed one by one."""

    def fill_disk():
        run_in_transaction(grouped.make_posting(100))
        connection.connection.execute("ROLLBACK")
        raise OperationalError("database or disk is full")

    before = read_kept()
    works = [
        grouped.make_posting(100),
        lambda: run_in_transaction(fill_disk),
        grouped.make_posting(200),
        fill_disk,
    ]
    writes = grouped.ask_together(*works)
    assert list_ends(writes) == [Unavailable] * 4
    assert str(writes[0].exception().__cause__) == "database or disk is full"
    assert read_kept() == before
    assert list_ends(grouped.ask_together(grouped.make_posting(100)))[0][0].number == 1


def test_a_loss_that_the_work_did_not_notice_is_noticed(grouped):
    before = read_kept()
    lose = lambda: connection.connection.execute("ROLLBACK") and None  # noqa: E731
    writes = grouped.ask_together(grouped.make_posting(100), lose, grouped.make_posting(200))
    assert list_ends(writes) == [Unavailable] * 3
    assert read_kept() == before


def test_a_database_that_may_not_grow_refuses_what_does_not_fit(grouped):
    with connection.cursor() as cursor:
        pages = cursor.execute("PRAGMA page_count").fetchone()[0]
    list_ends([grouped.ask(lambda: limit_pages(pages))])
    writes = grouped.ask_together(*[grouped.make_posting(100) for _ in range(60)])
    outcomes = list_ends(writes)
    full = [write.exception() for write in writes if write.exception()]
    assert full
    assert {str(error.__cause__) for error in full} == {"database or disk is full"}
    done = [outcome[0].pk for outcome in outcomes if isinstance(outcome, tuple)]
    assert sorted(done) == sorted(LedgerEntry.objects.values_list("pk", flat=True))
    list_ends([grouped.ask(lambda: limit_pages(2**30))])
    assert isinstance(list_ends([grouped.ask(grouped.make_posting(100))])[0], tuple)


def limit_pages(most):
    connection.connection.execute(f"PRAGMA max_page_count = {most}")


def test_one_ref_id_twice_in_a_group_has_one_effect(grouped):
    same = draw_ref()
    works = [grouped.make_posting(100, ref_id=same), grouped.make_posting(100, ref_id=same)]
    (first, is_replay), (second, is_second_replay) = list_ends(grouped.ask_together(*works))
    assert (is_replay, is_second_replay) == (False, True)
    assert first.pk == second.pk == LedgerEntry.objects.get().pk


def test_what_was_committed_but_not_answered_is_found_by_its_ref_id(grouped, monkeypatch):
    same = draw_ref()
    with monkeypatch.context() as cut:
        cut.setattr(
            group_commit.PendingWrite, "end", lambda *_: None
        )  # killed right after the COMMIT
        lost = grouped.ask(grouped.make_posting(100, ref_id=same))
        wait_until(LedgerEntry.objects.exists)
        wait_until(lambda: grouped.count("COMMIT") == 2)
    assert not lost.done()
    entry, is_replay = list_ends([grouped.ask(grouped.make_posting(100, ref_id=same))])[0]
    assert (is_replay, entry.pk) == (True, LedgerEntry.objects.get().pk)


def test_a_page_writes_beside_the_groups(grouped):
    """A page's write is a transaction of its own, in its own thread."""
    end = threading.Event()
    answers = []

    def keep_writing():
        while not end.is_set():
            answers.extend(list_ends([grouped.ask(grouped.make_posting(1)) for _ in range(8)]))

    busy = threading.Thread(target=keep_writing)
    busy.start()
    try:
        for _ in range(10):
            make_check(grouped.cbs, grouped.customer, 1)
    finally:
        end.set()
        busy.join()
    assert LimitCheck.objects.count() == 10
    assert LedgerEntry.objects.count() == len(answers) > 0
    assert all(isinstance(answer, tuple) for answer in answers)


def test_the_client_hears_each_refusal_as_if_it_had_been_alone(grouped):
    fields = {"Unique_Id": NOBODY, "Amount": "1.00", "Tran_Type": "D", "Tran_Status": "S"}
    status, body, _ = grouped.caller.call("update-customer-limit", **fields)
    assert (status, body["Data"]) == (200, make_blank("update-customer-limit", "500"))
