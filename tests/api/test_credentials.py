"""Who may call, and who is kept out: docs/api.md, "Who may call"."""

import json
from ipaddress import ip_network

import pytest
from django.contrib.auth.hashers import make_password
from django.test import RequestFactory

from customers.models import Customer
from ppims.models import Processor
from ppims.services import credentials
from tests.api.answers import (
    NOBODY,
    OPERATIONS,
    add_person,
    assert_refused,
    book_posting,
    check_for_ref,
    make_blank,
    make_valid,
    read_done,
)
from tests.conftest import forget_log_ins
from tests.factories import PASSWORD, make_person

KYC = "check-customer-kyc"
A_FAILURE = 2  # hashings, whether there is a second password or not


@pytest.fixture
def hashings(monkeypatch):
    """What argon2 would be asked, at no cost: a list of passwords."""
    seen = []

    def count_check(password, encoded):
        seen.append(password)
        return password == PASSWORD

    monkeypatch.setattr(credentials, "check_password", count_check)
    return seen


@pytest.fixture
def clock(monkeypatch):
    """The throttle's clock, in seconds; to be set."""
    seconds = [1000.0]
    monkeypatch.setattr(credentials.throttle, "_tell_seconds", lambda: seconds[0])
    return seconds


def ask(caller, address="192.0.2.1", **fields):
    body = json.dumps(caller.make_body(KYC, **{"Unique_Id": NOBODY, **fields}))
    return caller.send(KYC, body, REMOTE_ADDR=address)


def fail(caller, times, **fields):
    for _ in range(times):
        assert_refused(ask(caller, _password="wrong", **fields), 401, "401")


# 401 and 403.


@pytest.mark.parametrize("operation", OPERATIONS)
def test_wrong_unknown_and_disabled_get_the_same_answer(ent, cbs, operation):
    cbs.processor.state = Processor.State.DISABLED
    cbs.processor.save()
    message = make_valid(operation)
    answers = [
        ent.call(operation, **message, _password="wrong"),
        ent.call(operation, **message, _username="nobody"),
        cbs.call(operation, **message),
    ]
    for answer in answers:
        assert_refused(answer, 401, "401")
    assert len({answer[2].content for answer in answers}) == 1


def test_each_costs_two_hashings(ent, cbs, hashings):
    cbs.processor.state = Processor.State.DISABLED
    cbs.processor.save()
    for ask_ in (
        lambda: ask(ent, _password="wrong"),
        lambda: ask(ent, _username="nobody"),
        lambda: ask(cbs),
    ):
        hashings.clear()
        assert_refused(ask_(), 401, "401")
        assert len(hashings) == A_FAILURE


@pytest.mark.parametrize("value", [None, "", 5, True, [], {}, "\u0000", "x" * 10_000, "NA"])
@pytest.mark.parametrize("name", ["Username", "Password"])
def test_a_credential_that_is_no_text_is_401(ent, name, value):
    body = ent.make_body(KYC, Unique_Id=NOBODY)
    body["Data"][name] = value
    assert_refused(ent.send(KYC, json.dumps(body)), 401, "401")
    del body["Data"][name]
    assert_refused(ent.send(KYC, json.dumps(body)), 401, "401")


def test_a_username_is_exact(ent):
    for username in ("ppim_ent", " PPIM_ENT", "PPIM_ENT "):
        assert_refused(ask(ent, _username=username), 401, "401")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("system_id", ["CBS", "ent", " ENT", "ENT ", "a b", 5, [], {}, " "])
def test_a_system_id_that_is_not_the_callers_is_403(ent, cbs, operation, system_id):
    answer = ent.call(operation, **make_valid(operation), System_Id=system_id)
    assert_refused(answer, 403, "403", "System_Id")


@pytest.mark.parametrize("operation", OPERATIONS)
@pytest.mark.parametrize("system_id", [None, "", "NA", "n/a"])
def test_a_system_id_that_is_absent_is_400(ent, operation, system_id):
    answer = ent.call(operation, **make_valid(operation), System_Id=system_id)
    assert_refused(answer, 400, "400", "System_Id")


@pytest.mark.parametrize("operation", OPERATIONS)
def test_one_that_is_winding_down_may_neither_add_nor_check(ent, operation):
    unique_id = add_person(ent)
    Processor.objects.update(state=Processor.State.WINDING_DOWN)
    answer = ent.call(operation, **make_valid(operation, unique_id))
    if operation in {"add-customer", "check-customer-limit"}:
        assert_refused(answer, 403, "403")
        assert_refused(ent.call(operation, Ref_Id="a b"), 403, "403")
    else:
        assert answer[0] == 200
        assert_refused(ent.call(operation, Ref_Id="a b"), 400, "400")


def test_winding_down_refuses_replays_too_and_settles_what_is_under_way(ent):
    details = make_person(Ref_Id="REF-1")
    unique_id = read_done(ent.call("add-customer", **details))[0]["Unique_Id"]
    ref = check_for_ref(ent, unique_id)
    Processor.objects.update(state=Processor.State.WINDING_DOWN)
    assert_refused(ent.call("add-customer", **details), 403, "403")
    again = {"Unique_Id": unique_id, "Amount": "100.00", "Tran_Type": "D", "Ref_Id": ref}
    assert_refused(ent.call("check-customer-limit", **again), 403, "403")
    assert book_posting(ent, unique_id, Enquiry_Ref_Id=ref)[1]["Flags"] == []


def test_a_changed_password_stops_at_once(ent, hashings):
    assert ask(ent)[0] == 200
    new = make_password("another")
    Processor.objects.update(password=new)
    hashings.clear()
    ask(ent)
    assert hashings == [PASSWORD]  # the old one is no longer taken for verified


def test_a_changed_password_is_refused_by_argon2_itself(ent):
    assert ask(ent)[0] == 200
    Processor.objects.update(password=make_password("another"))
    assert_refused(ask(ent), 401, "401")
    assert ask(ent, _password="another")[0] == 200


def test_a_disabled_processor_stops_at_once_and_comes_back(ent):
    assert ask(ent)[0] == 200
    Processor.objects.update(state=Processor.State.DISABLED)
    assert_refused(ask(ent), 401, "401")
    Processor.objects.update(state=Processor.State.ACTIVE)
    assert ask(ent)[0] == 200


def test_argon2_is_asked_once_a_process_and_credential(ent, cbs, hashings):
    for _ in range(3):
        assert ask(ent)[0] == ask(cbs)[0] == 200
    assert hashings == [PASSWORD, PASSWORD]
    forget_log_ins()
    ask(ent)
    assert len(hashings) == 3


def test_a_refused_request_records_nothing(ent):
    ent.call("add-customer", **make_person(), _password="wrong")
    ent.call("add-customer", **make_person(), System_Id="OTHER")
    assert not Customer.objects.exists()


# The throttle.


def test_the_sixty_first_failure_of_an_address_and_username_is_429(ent, hashings, clock):
    fail(ent, 60)
    answer = ask(ent, _password="wrong")
    assert (answer[0], answer[1]["Data"]) == (429, make_blank(KYC, "429"))
    assert len(hashings) == 60 * A_FAILURE
    assert ask(ent)[0] == 429  # the right one too: this worker has not verified it


def test_retry_after_tells_when_the_window_has_passed(ent, hashings, clock):
    fail(ent, 1)
    clock[0] += 100
    fail(ent, 59)
    assert 200 <= int(ask(ent)[2]["Retry-After"]) <= 201
    clock[0] += 199
    assert ask(ent)[0] == 429
    clock[0] += 1
    assert ask(ent)[0] == 200
    fail(ent, 60)
    assert ask(ent, _password="wrong")[0] == 429


def test_another_address_and_another_username_are_not_locked_out(ent, cbs, hashings, clock):
    fail(ent, 60)
    assert ask(ent)[0] == 429
    assert ask(ent, address="192.0.2.2")[0] == 200
    assert ask(cbs)[0] == 200


def test_a_verified_credential_passes_all_the_same(ent, hashings, clock):
    assert ask(ent)[0] == 200
    fail(ent, 60)
    assert ask(ent, _password="wrong")[0] == 429
    assert ask(ent)[0] == 200


def test_three_hundred_failures_close_an_address(ent, cbs, hashings, clock):
    for username in ("a", "b", "c", "d"):
        fail(ent, 60, _username=username)
    fail(ent, 59, _username="e")
    assert_refused(ask(cbs, _password="wrong"), 401, "401")  # the 300th
    assert ask(cbs)[0] == 429
    assert ask(ent, _username="never seen")[0] == 429
    assert ask(cbs, address="192.0.2.2")[0] == 200
    clock[0] += 300
    assert ask(ent)[0] == 200


def test_the_thresholds_are_settings(ent, hashings, clock, settings):
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 2
    settings.PPIMS_FAILED_LOGINS_WINDOW_SECONDS = 10
    fail(ent, 2)
    assert ask(ent)[0] == 429
    clock[0] += 10
    assert ask(ent)[0] == 200


# The source address.


@pytest.mark.parametrize(
    ("trusted", "peer", "forwarded", "address"),
    [
        ([], "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (["10.0.0.0/8"], "192.0.2.1", "198.51.100.7", "192.0.2.1"),
        (["10.0.0.0/8"], "10.0.0.1", None, "10.0.0.1"),
        (["10.0.0.0/8"], "10.0.0.1", "198.51.100.7", "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        (["10.0.0.0/8"], "10.0.0.1", "203.0.113.9,198.51.100.7 , 10.0.0.2", "198.51.100.7"),
        (["10.0.0.1/32"], "10.0.0.1", "198.51.100.7, 10.0.0.2", "10.0.0.2"),
        (["::1/128"], "::1", "2001:db8::1", "2001:db8::1"),
    ],
)
def test_forwarded_for_is_believed_of_trusted_proxies_alone(
    settings, trusted, peer, forwarded, address
):
    settings.PPIMS_TRUSTED_PROXIES = [ip_network(each) for each in trusted]
    headers = {"X-Forwarded-For": forwarded} if forwarded else {}
    request = RequestFactory().post("/", headers=headers, REMOTE_ADDR=peer)
    assert credentials.find_source_address(request) == address


def test_behind_a_trusted_proxy_the_callers_are_told_apart(ent, hashings, clock, settings):
    settings.PPIMS_TRUSTED_PROXIES = [ip_network("10.0.0.1/32")]
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 1
    body = json.dumps(ent.make_body(KYC, Unique_Id=NOBODY, _password="wrong"))
    through = {"REMOTE_ADDR": "10.0.0.1"}
    codes = [
        ent.send(KYC, body, **through, headers={"X-Forwarded-For": address})[0]
        for address in ("198.51.100.7", "198.51.100.7", "198.51.100.8", "1.1.1.1, 198.51.100.7")
    ]
    assert codes == [401, 429, 401, 429]
