"""A processor that changes its password has two for a while: docs/api.md, "Who may call"."""

import json
from datetime import timedelta

import pytest
from django.contrib.auth.hashers import make_password

from ppims.core import clock
from ppims.models import Processor
from ppims.services import credentials
from tests.api.answers import NOBODY, assert_refused
from tests.conftest import forget_log_ins
from tests.factories import make_password_once

KYC = "check-customer-kyc"
FORMER_PASSWORD = "f" * credentials.PROVEN_FROM_CHARACTERS
WRONG_PASSWORD = "w" * credentials.PROVEN_FROM_CHARACTERS
INSTANT = timedelta(microseconds=1)
END = clock.now().replace(microsecond=0) + timedelta(days=7)


@pytest.fixture
def hashings(monkeypatch):
    """Count what argon2 is asked."""
    seen, check = [], credentials.check_password
    monkeypatch.setattr(credentials, "check_password", lambda *a: (seen.append(a[0]), check(*a))[1])
    return seen


@pytest.fixture
def given(ent):
    """Give ENT, which has called with its password, a new one, and leave it the other."""
    ent.processor.password = make_password_once(FORMER_PASSWORD)
    ent.processor.save()
    assert ask(ent, FORMER_PASSWORD)[0] == 200
    return draw_another()


def draw_another(until=END):
    row = Processor.objects.get(system_id="ENT")
    password = credentials.draw_password(row, at=clock.now(), former_until=until)
    row.save(update_fields=credentials.CREDENTIAL_FIELDS)
    return password


def ask(caller, password, **more):
    body = json.dumps(caller.make_body(KYC, Unique_Id=NOBODY, _password=password))
    return caller.send(KYC, body, **more)


def is_right(caller, password, *, at=None, is_new_worker=False):
    if is_new_worker:
        forget_log_ins()
    with clock.freeze(at or END - INSTANT):
        return ask(caller, password)[0] == 200


def test_both_are_right_in_every_worker_and_a_third_is_not(ent, given, hashings):
    for is_new_worker in (False, True):
        assert is_right(ent, FORMER_PASSWORD, is_new_worker=is_new_worker)
        assert is_right(ent, given, is_new_worker=is_new_worker)
        assert not is_right(ent, WRONG_PASSWORD)
    # The former one's proof went along; the new one is hashed once, in one worker.
    assert [each for each in hashings if each != WRONG_PASSWORD] == [given]


@pytest.mark.parametrize("is_new_worker", [False, True], ids=["verified here", "a new worker"])
@pytest.mark.parametrize("has_proof", [False, True])
def test_the_former_one_is_wrong_from_its_end_on(ent, given, is_new_worker, has_proof):
    if not has_proof:
        Processor.objects.update(former_proof=None)
    before, after = {"at": END - INSTANT}, {"at": END}
    assert is_right(ent, FORMER_PASSWORD, **before, is_new_worker=is_new_worker)
    assert not is_right(ent, FORMER_PASSWORD, **after, is_new_worker=is_new_worker)
    assert is_right(ent, given, **after, is_new_worker=is_new_worker)
    assert is_right(ent, FORMER_PASSWORD, **before)  # the clock alone says so


def test_an_end_that_passes_while_one_waits_to_be_hashed_counts(ent, given, monkeypatch):
    Processor.objects.update(former_proof=None)
    forget_log_ins()
    check = credentials.check_password

    def end_meanwhile(*a):
        Processor.objects.update(former_until=clock.now())
        return check(*a)

    monkeypatch.setattr(credentials, "check_password", end_meanwhile)
    assert_refused(ask(ent, FORMER_PASSWORD), 401, "401")


def test_ended_early_it_is_wrong_at_once(ent, given):
    assert is_right(ent, FORMER_PASSWORD)
    row = Processor.objects.get()
    credentials.drop_former_password(row)
    row.save(update_fields=credentials.FORMER_FIELDS)
    for is_new_worker in (False, True):
        assert not is_right(ent, FORMER_PASSWORD, is_new_worker=is_new_worker)
        assert is_right(ent, given, is_new_worker=is_new_worker)


def test_of_three_the_oldest_is_wrong(ent, given):
    third = draw_another()
    rights = [is_right(ent, each) for each in (FORMER_PASSWORD, given, third)]
    assert rights == [False, True, True]


def test_without_an_end_the_one_before_is_wrong_at_once(ent, given):
    third = draw_another(until=None)
    rights = [is_right(ent, each) for each in (FORMER_PASSWORD, given, third)]
    assert rights == [False, False, True]


def test_a_disabled_processor_has_none(ent, given):
    Processor.objects.update(state=Processor.State.DISABLED)
    for is_new_worker in (False, True):
        assert not is_right(ent, FORMER_PASSWORD, is_new_worker=is_new_worker)
        assert not is_right(ent, given, is_new_worker=is_new_worker)


def test_whoever_is_refused_can_not_tell_why(ent, given, hashings):
    """Not whether there is a second password, nor that one has ended or is a disabled one's."""
    answers, costs = [], []

    def refuse(**more):
        forget_log_ins()
        hashings.clear()
        with clock.freeze(END):
            body = json.dumps(ent.make_body(KYC, Unique_Id=NOBODY, **more))
            answer = ent.send(KYC, body)
        assert_refused(answer, 401, "401")
        answers.append(answer[2].content)
        costs.append(len(hashings))

    refuse(_password=FORMER_PASSWORD)
    refuse(_password=WRONG_PASSWORD)
    refuse(_username="nobody", _password=WRONG_PASSWORD)
    Processor.objects.update(former_until=END + INSTANT)
    refuse(_password=WRONG_PASSWORD)
    Processor.objects.update(state=Processor.State.DISABLED)
    refuse(_password=given)
    refuse(_password=FORMER_PASSWORD)
    assert len(set(answers)) == 1
    assert set(costs) == {2}


@pytest.mark.parametrize("has_second", [False, True])
def test_a_wrong_one_is_throttled_as_before(ent, given, settings, has_second):
    if not has_second:
        draw_another(until=None)
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 2
    forget_log_ins()
    assert [ask(ent, WRONG_PASSWORD)[0] for _ in range(3)] == [401, 401, 429]


def test_the_formers_proof_opens_no_other_row(ent, cbs, given):
    proof = Processor.objects.get(pk=ent.processor.pk).former_proof
    Processor.objects.filter(pk=cbs.processor.pk).update(
        former_proof=proof, former_password=make_password("another"), former_until=END
    )
    assert not is_right(cbs, FORMER_PASSWORD, is_new_worker=True)
