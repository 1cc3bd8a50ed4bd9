"""The one helper that begins transactions: what it tries again, what it gives up, what is kept."""

import psycopg
import pytest
from django.db import IntegrityError, InterfaceError, OperationalError, connection

from ppims.core.errors import Conflict, Unavailable
from ppims.db.transaction import MOST_TRIES, RunAgain, run_in_transaction
from ppims.models import Processor
from tests.factories import make_processor

pytestmark = pytest.mark.django_db(transaction=True)

CERTAINLY_ROLLED_BACK = [
    psycopg.errors.SerializationFailure(),
    psycopg.errors.DeadlockDetected(),
]
LOST_ERRORS = [
    psycopg.OperationalError("server closed the connection unexpectedly"),
    psycopg.errors.AdminShutdown(),
    psycopg.errors.CrashShutdown(),
    psycopg.errors.CannotConnectNow(),
]
GIVEN_UP = [
    psycopg.errors.LockNotAvailable(),
    psycopg.errors.QueryCanceled(),
    psycopg.errors.DiskFull(),
    psycopg.errors.ReadOnlySqlTransaction(),
    None,
]


def list_names(errors):
    return [type(error).__name__ for error in errors]


def make_failure(cause):
    error = OperationalError("a forced fault")
    error.__cause__ = cause
    return error


class Work:
    """Makes a processor, and then fails as often as it is told to."""

    def __init__(self, error, times):
        self.error, self.times, self.runs = error, times, 0

    def __call__(self):
        self.runs += 1
        make_processor(f"RUN{self.runs}")
        if self.runs <= self.times:
            raise self.error
        return self.runs


def read_kept():
    return list(Processor.objects.values_list("system_id", flat=True))


@pytest.mark.parametrize(
    "cause", CERTAINLY_ROLLED_BACK + LOST_ERRORS, ids=lambda e: type(e).__name__
)
def test_what_was_certainly_not_kept_is_tried_again_and_done_once(cause):
    work = Work(make_failure(cause), times=2)
    assert run_in_transaction(work) == 3
    assert read_kept() == ["RUN3"]


def test_a_closed_connection_is_tried_again_too():
    error = InterfaceError("the connection is closed")
    error.__cause__ = psycopg.InterfaceError("the connection is closed")
    assert run_in_transaction(Work(error, times=1)) == 2


def test_another_who_was_first_is_read_again():
    assert run_in_transaction(Work(RunAgain(), times=MOST_TRIES - 1)) == MOST_TRIES
    assert read_kept() == [f"RUN{MOST_TRIES}"]


@pytest.mark.parametrize("error", [RunAgain(), make_failure(CERTAINLY_ROLLED_BACK[0])], ids=repr)
def test_it_does_not_try_for_ever(error):
    work = Work(error, times=MOST_TRIES)
    with pytest.raises(Unavailable):
        run_in_transaction(work)
    assert (work.runs, read_kept()) == (MOST_TRIES, [])


def test_it_begins_no_try_after_the_time_that_a_write_may_wait(settings):
    settings.PPIMS_BUSY_SECONDS = -1
    work = Work(RunAgain(), times=1)
    with pytest.raises(Unavailable):
        run_in_transaction(work)
    assert (work.runs, read_kept()) == (1, [])


@pytest.mark.parametrize("cause", GIVEN_UP, ids=lambda e: type(e).__name__)
def test_what_has_waited_or_will_not_heal_at_once_is_unavailable(cause):
    work = Work(make_failure(cause), times=1)
    with pytest.raises(Unavailable):
        run_in_transaction(work)
    assert (work.runs, read_kept()) == (1, [])


@pytest.mark.parametrize("error", [Conflict(), IntegrityError(), ValueError()], ids=repr)
def test_any_other_failure_is_the_callers_and_nothing_is_kept(error):
    work = Work(error, times=1)
    with pytest.raises(type(error)):
        run_in_transaction(work)
    assert (work.runs, read_kept()) == (1, [])


@pytest.mark.parametrize("cause", LOST_ERRORS + GIVEN_UP, ids=lambda e: type(e).__name__)
def test_a_commit_that_heard_no_answer_is_never_tried_again(monkeypatch, cause):
    def commit():
        raise make_failure(cause)

    work = Work(None, times=0)
    with monkeypatch.context() as patch:
        patch.setattr(connection, "commit", commit)
        with pytest.raises(Unavailable):
            run_in_transaction(work)
    assert (work.runs, read_kept()) == (1, [])


@pytest.mark.parametrize("cause", CERTAINLY_ROLLED_BACK, ids=lambda e: type(e).__name__)
def test_a_commit_that_was_refused_as_rolled_back_is_tried_again(monkeypatch, cause):
    commit = connection.commit
    answers = iter([make_failure(cause)])

    def refuse_once():
        error = next(answers, None)
        if error:
            raise error
        commit()

    monkeypatch.setattr(connection, "commit", refuse_once)
    assert run_in_transaction(Work(None, times=0)) == 2
    assert read_kept() == ["RUN2"]


def test_a_transaction_that_was_lost_unheard_is_not_said_to_be_kept():
    def work():
        make_processor("LOST")
        connection.set_rollback(True)

    with pytest.raises(Unavailable):
        run_in_transaction(work)
    assert read_kept() == []


def test_a_group_of_uses_is_one_transaction():
    def run_both():
        run_in_transaction(lambda: make_processor("ONE"))
        run_in_transaction(lambda: make_processor("TWO"))
        raise Conflict

    with pytest.raises(Conflict):
        run_in_transaction(run_both)
    assert read_kept() == []
