"""What one worker has verified the others know, and its successor; and whoever has the database
alone knows no more than before.
"""

import json
from functools import partial

import pytest
from django.contrib.auth.hashers import make_password
from django.db import DatabaseError

from ppims.core import clock, keys
from ppims.core.coroutines import run_to_end
from ppims.core.errors import NotAuthenticated, TooManyAttempts
from ppims.models import Processor
from ppims.services import credentials
from tests.api.answers import NOBODY, assert_refused
from tests.conftest import forget_log_ins
from tests.factories import make_password_once

KYC = "check-customer-kyc"
A_FAILURE = 2  # hashings, whether there is a second password or not
LONG_PASSWORD, OTHER_PASSWORD = (
    "p" * credentials.PROVEN_FROM_CHARACTERS,
    "q" * credentials.PROVEN_FROM_CHARACTERS,
)


@pytest.fixture
def hashings(monkeypatch):
    """Count what argon2 is asked."""
    seen, check = [], credentials.check_password
    monkeypatch.setattr(credentials, "check_password", lambda *a: (seen.append(a[0]), check(*a))[1])
    return seen


@pytest.fixture
def proven(ent):
    ent.processor.password = make_password_once(LONG_PASSWORD)
    ent.processor.save()
    assert ask(ent)[0] == 200
    return ent


def ask(caller, password=LONG_PASSWORD, **more):
    body = json.dumps(caller.make_body(KYC, Unique_Id=NOBODY, _password=password))
    return caller.send(KYC, body, **more)


def read_proof(caller):
    return Processor.objects.get(pk=caller.processor.pk).proof


def ask_another_worker(caller, *a, **more):
    forget_log_ins()
    return ask(caller, *a, **more)


def test_another_worker_knows_it_without_a_hash(proven, hashings):
    assert ask_another_worker(proven)[0] == 200
    assert hashings == []


def test_it_is_never_throttled_there(proven, hashings, settings):
    forget_log_ins()
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 1
    assert [ask(proven, OTHER_PASSWORD)[0] for _ in range(2)] == [401, 429]
    assert ask(proven)[0] == 200
    assert hashings == [OTHER_PASSWORD] * A_FAILURE


def test_another_password_is_none_the_better_for_it(proven, hashings):
    assert_refused(ask_another_worker(proven, OTHER_PASSWORD), 401, "401")
    assert hashings == [OTHER_PASSWORD] * A_FAILURE


def test_of_a_password_that_can_be_guessed_nothing_is_kept(ent, hashings):
    short = LONG_PASSWORD[1:]
    ent.processor.password = make_password(short)
    ent.processor.save()
    assert ask(ent, short)[0] == 200
    assert read_proof(ent) is None
    assert ask_another_worker(ent, short)[0] == 200
    assert hashings == [short, short]


def test_every_password_that_we_make_is_long_enough(ent):
    drawn = credentials.draw_password(ent.processor, at=clock.now())
    assert len(drawn) >= credentials.PROVEN_FROM_CHARACTERS


def test_without_the_session_key_it_says_nothing(proven, hashings, settings):
    kept = read_proof(proven)
    settings.PPIMS_SESSION_KEYS = (keys.Key("00000000", b"0" * 32),)
    assert ask_another_worker(proven)[0] == 200
    assert hashings == [LONG_PASSWORD]
    assert read_proof(proven) not in {kept, None}


def test_while_the_session_key_changes_both_kinds_of_workers_know_it(proven, hashings, settings):
    (old,) = settings.PPIMS_SESSION_KEYS
    new = keys.Key("ffff0001", b"n" * 32)
    settings.PPIMS_SESSION_KEYS = (new, old)
    forget_log_ins()
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 1
    assert [ask(proven, OTHER_PASSWORD)[0] for _ in range(2)] == [401, 429]
    assert ask(proven)[0] == 200
    assert hashings == [OTHER_PASSWORD] * A_FAILURE


def test_it_is_bound_to_the_hash_and_gone_when_another_password_is_given(proven, hashings):
    kept = bytes(read_proof(proven))
    Processor.objects.update(
        password=make_password(LONG_PASSWORD)
    )  # the same one, with another salt
    ask_another_worker(proven)
    assert hashings == [LONG_PASSWORD]
    assert read_proof(proven) != kept
    row = Processor.objects.get()
    new = credentials.draw_password(row, at=clock.now())
    row.save(update_fields=credentials.CREDENTIAL_FIELDS)
    assert read_proof(proven) is None
    assert_refused(ask_another_worker(proven), 401, "401")
    assert ask(proven, new)[0] == 200


def test_one_that_is_disabled_is_refused_all_the_same(proven):
    Processor.objects.update(state=Processor.State.DISABLED)
    assert_refused(ask_another_worker(proven), 401, "401")


def test_another_processors_row_is_not_opened_by_it(proven, cbs, hashings):
    Processor.objects.filter(pk=cbs.processor.pk).update(proof=read_proof(proven))
    assert_refused(ask_another_worker(cbs), 401, "401")
    assert hashings == [LONG_PASSWORD] * A_FAILURE


@pytest.mark.parametrize("error", [DatabaseError, TypeError])
def test_where_it_cant_be_written_the_request_is_answered_all_the_same(
    ent, monkeypatch, caplog, error
):
    def fail(*_, **__):
        raise error("whatever it is")

    monkeypatch.setattr(credentials, "run_in_transaction", fail)
    ent.processor.password = make_password_once(LONG_PASSWORD)
    ent.processor.save()
    assert ask(ent)[0] == 200
    assert read_proof(ent) is None
    assert f"not written: {error.__name__}" in caplog.text
    assert ask(ent)[0] == 200


def test_a_credential_that_changed_meanwhile_is_refused_and_no_proof_of_it_kept(ent, monkeypatch):
    ent.processor.password = make_password_once(LONG_PASSWORD)
    ent.processor.save()
    check, new = credentials.check_password, make_password(OTHER_PASSWORD)

    def change_meanwhile(*a):
        Processor.objects.update(password=new)
        return check(*a)

    monkeypatch.setattr(credentials, "check_password", change_meanwhile)
    assert_refused(ask(ent), 401, "401")
    assert read_proof(ent) is None


def test_who_is_calling_is_found_by_one_statement(proven, django_assert_num_queries):
    recognized = partial(
        credentials.recognize, proven.processor.username, LONG_PASSWORD, lambda: "192.0.2.1"
    )
    for forget in (lambda: None, forget_log_ins):
        forget()
        with django_assert_num_queries(1):
            assert run_to_end(recognized()) == proven.processor


@pytest.mark.parametrize(
    ("username", "password"),
    [("PPIM_ENT", "wrong"), ("nobody", "wrong"), ("PPIM_ENT", LONG_PASSWORD)],
)
def test_known_or_not_all_wait_for_the_turn_of_their_source(ent, monkeypatch, username, password):
    sources = []

    async def run(source, work):
        sources.append(source)
        return work()

    monkeypatch.setattr(credentials.turnstile, "run", run)
    with pytest.raises(NotAuthenticated):
        run_to_end(credentials.authenticate(username, password, "2001:db8::9"))
    assert sources == ["2001:db8::"]


def test_the_throttle_counts_a_64_of_ipv6_as_one(ent, settings):
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 2
    said = [ask(ent, OTHER_PASSWORD, REMOTE_ADDR=f"2001:db8::{n}")[0] for n in range(1, 4)]
    assert said == [401, 401, 429]
    assert ask(ent, OTHER_PASSWORD, REMOTE_ADDR="2001:db8:0:1::1")[0] == 401


def test_who_waited_is_told_429_once_others_of_its_source_have_failed(db, hashings, settings):
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 2
    in_its_turn = partial(credentials._verify, None, "nobody", OTHER_PASSWORD, "192.0.2.9")
    assert [in_its_turn(), in_its_turn()] == ["", ""]
    with pytest.raises(TooManyAttempts):
        in_its_turn()
    assert len(hashings) == 2 * A_FAILURE
