"""From where a processor may call, and how often: docs/api.md, "Who may call", by whoever tries to
get past it.
"""

import json
import logging
from datetime import timedelta
from ipaddress import ip_network

import pytest

from ppims.api import root
from ppims.core import clock
from ppims.models import Processor, ReplayKey
from ppims.services import credentials
from ppims.services.rates import SECOND_NS, Rates
from tests.api.answers import (
    NOBODY,
    OPERATIONS,
    add_person,
    assert_refused,
    book_posting,
    check_for_ref,
    make_valid,
)
from tests.conftest import forget_log_ins
from tests.factories import PASSWORD, make_password_once, make_person

KYC, UPDATE = "check-customer-kyc", "update-customer-limit"
A_FAILURE = 2  # hashings, whatever is wrong
INSIDE, OUTSIDE = "10.1.2.3", "192.0.2.1"
OWN_HEADERS = {"X-Request-Id"}  # of each answer another


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
def bound(ent):
    Processor.objects.update(networks="10.0.0.0/8 2001:db8::/32")
    ent.processor.refresh_from_db()
    return ent


@pytest.fixture
def now(monkeypatch, tmp_path):
    """The rates' clock, in nanoseconds; to be set."""
    instants = [10**12]
    rates = Rates(tmp_path / "rates", lambda: instants[0])
    monkeypatch.setattr(root, "find_rates", lambda: rates)
    return instants


def ask(caller, address=INSIDE, **more):
    fields = {name: more.pop(name) for name in [*more] if name.startswith("_")}
    body = json.dumps(caller.make_body(KYC, Unique_Id=NOBODY, Ref_Id="R1", **fields))
    return caller.send(KYC, body, REMOTE_ADDR=address, **more)


def read_lines(caplog):
    return [each.details for each in caplog.records if each.name == "ppims.api"]


# Networks.


@pytest.mark.parametrize(
    ("address", "status"),
    [
        ("10.0.0.0", 200),
        ("10.255.255.255", 200),
        ("11.0.0.0", 401),
        ("::ffff:10.0.0.1", 200),
        ("::ffff:11.0.0.1", 401),
        ("2001:db8::9", 200),
        ("2001:db9::9", 401),
        ("", 401),  # of a unix socket
    ],
)
def test_only_from_its_networks_it_is_let_in(bound, hashings, address, status):
    assert ask(bound, address)[0] == status


def test_without_networks_it_is_let_in_from_anywhere(ent, hashings, monkeypatch):
    monkeypatch.setattr(credentials, "is_inside", None)  # nobody even asks
    assert [ask(ent, address)[0] for address in (INSIDE, OUTSIDE, "", OUTSIDE)] == [200] * 4


@pytest.mark.parametrize("is_known", [False, True])
def test_from_elsewhere_the_right_password_is_not_told_from_a_wrong_one(
    bound, hashings, is_known, django_assert_num_queries
):
    """Neither by the answer nor by what it costs, whether or not this worker knows it."""
    if is_known:
        assert ask(bound)[0] == 200
    answers, costs = [], []
    for password in ("wrong", PASSWORD, "wrong", PASSWORD):
        hashings.clear()
        with django_assert_num_queries(4):  # looks at the row, one of them for the log
            answers.append(ask(bound, OUTSIDE, _password=password))
        costs.append(hashings.copy())
    assert [len(cost) for cost in costs] == [A_FAILURE] * 4
    assert_refused(answers[0], 401, "401")
    assert len({answer[2].content for answer in answers}) == 1
    headers = [{*answer[2].headers.items()} for answer in answers]
    headers = [{pair for pair in each if pair[0] not in OWN_HEADERS} for each in headers]
    assert all(each == headers[0] for each in headers)


@pytest.mark.parametrize("is_known", [False, True])
def test_from_elsewhere_a_proven_password_is_hashed_too(ent, is_known, hashings, monkeypatch):
    """One that any worker recognizes by a digest in the row."""
    long = "p" * credentials.PROVEN_FROM_CHARACTERS
    monkeypatch.setattr(credentials, "check_password", lambda told, _: not hashings.append(told))
    Processor.objects.update(networks="10.0.0.0/8", password=make_password_once(long))
    assert ask(ent, _password=long)[0] == 200
    if not is_known:
        forget_log_ins()
    hashings.clear()
    assert_refused(ask(ent, OUTSIDE, _password=long), 401, "401")
    assert hashings == [long] * A_FAILURE
    assert ask(ent, _password=long)[0] == 200
    assert len(hashings) == A_FAILURE  # it is known here, from where it may ask


def test_from_elsewhere_the_right_password_counts_as_a_failure_like_a_wrong_one(
    bound, hashings, settings
):
    settings.PPIMS_FAILED_LOGINS_PER_USERNAME = 2
    for password in ("wrong", PASSWORD):
        forget_log_ins()
        said = [ask(bound, OUTSIDE, _password=password)[0] for _ in range(3)]
        assert said == [401, 401, 429]
    assert ask(bound)[0] == 200


def test_the_password_before_is_bound_to_the_same_networks(bound):
    later = clock.now() + timedelta(days=1)
    new, former = make_password_once("another"), make_password_once(PASSWORD)
    Processor.objects.update(password=new, former_password=former, former_until=later)
    assert_refused(ask(bound, OUTSIDE), 401, "401")
    assert ask(bound)[0] == 200
    assert_refused(ask(bound, OUTSIDE), 401, "401")


def test_the_log_alone_says_that_it_was_the_network(bound, hashings, caplog):
    caplog.set_level(logging.INFO, "ppims.api")
    ask(bound, OUTSIDE)
    ask(bound, OUTSIDE, _password="wrong")
    ask(bound, OUTSIDE, _username="nobody")
    Processor.objects.update(state=Processor.State.DISABLED)
    ask(bound, OUTSIDE)
    lines = read_lines(caplog)
    assert [line.get("why") for line in lines] == ["network", None, None, None]
    assert {(line["resp_code"], line["processor"]) for line in lines} == {("401", "")}


def test_other_networks_count_from_the_next_request_on(bound, hashings):
    assert ask(bound)[0] == 200
    Processor.objects.update(networks="192.0.2.0/24")
    assert ask(bound)[0] == 401
    assert ask(bound, OUTSIDE)[0] == 200


def test_networks_that_change_while_it_waits_to_be_hashed_count(bound, monkeypatch):
    def change_meanwhile(password, encoded):
        Processor.objects.update(networks="192.0.2.0/24")
        return password == PASSWORD

    monkeypatch.setattr(credentials, "check_password", change_meanwhile)
    assert_refused(ask(bound), 401, "401")


@pytest.mark.parametrize(
    ("peer", "forwarded", "status"),
    [
        (OUTSIDE, INSIDE, 401),  # whoever is no proxy of ours may write there what they like
        ("172.16.0.1", INSIDE, 200),
        ("172.16.0.1", f"{INSIDE}, {OUTSIDE}", 401),  # the proxy saw the last one
        ("172.16.0.1", f"{OUTSIDE}, ::ffff:{INSIDE}", 200),
        ("172.16.0.1", "", 401),
        ("172.16.0.1", f"{INSIDE}:443", 401),
    ],
)
def test_behind_a_proxy_it_is_the_address_that_a_trusted_one_saw(
    bound, hashings, settings, peer, forwarded, status
):
    settings.PPIMS_TRUSTED_PROXIES = [ip_network("172.16.0.1/32")]
    assert ask(bound, peer, headers={"X-Forwarded-For": forwarded})[0] == status


# Rates.


def test_a_seconds_worth_passes_and_then_it_waits_a_second(ent, cbs, now, caplog):
    Processor.objects.filter(pk=ent.processor.pk).update(requests_per_second=2)
    caplog.set_level(logging.INFO, "ppims.api")
    assert [ask(ent)[0] for _ in range(4)] == [200, 200, 429, 429]
    answer = ask(ent)
    assert_refused(answer, 429, "429")
    assert answer[2]["Retry-After"] == "1"
    assert ask(cbs)[0] == 200
    now[0] += SECOND_NS // 2
    assert [ask(ent)[0] for _ in range(2)] == [200, 429]
    lines = [line for line in read_lines(caplog) if line["resp_code"] == "429"]
    assert {(line["why"], line["processor"]) for line in lines} == {("rate", "ENT")}


def test_without_a_rate_nothing_is_counted(ent, monkeypatch):
    monkeypatch.setattr(root, "find_rates", None)
    assert ask(ent)[0] == 200


def test_who_does_not_know_the_password_takes_nothing(ent, now, hashings):
    Processor.objects.update(requests_per_second=1, networks="10.0.0.0/8")
    for _ in range(5):
        assert ask(ent, _password="wrong")[0] == ask(ent, OUTSIDE)[0] == 401
    assert ask(ent)[0] == 200


@pytest.mark.parametrize("operation", OPERATIONS)
def test_what_is_refused_keeps_nothing_and_goes_through_later(ent, now, operation):
    unique_id = add_person(ent)
    Processor.objects.update(requests_per_second=1)
    assert ask(ent)[0] == 200
    message = {**make_valid(operation, unique_id), "Ref_Id": "LATER"}
    if operation == UPDATE:
        message |= {"Tran_Status": "F"}
    assert_refused(ent.call(operation, **message), 429, "429")
    assert not ReplayKey.objects.filter(ref_id="LATER").exists()
    now[0] += SECOND_NS
    status, _, response = ent.call(operation, **message)
    assert (status, "Replayed" in response.json()["Meta"]) != (429, True)


def test_a_report_of_what_has_happened_is_never_put_off_and_takes_nothing(ent, now):
    unique_id = add_person(ent)
    Processor.objects.update(requests_per_second=1)
    ref = check_for_ref(ent, unique_id)
    for amount in ("1.00", "2.00", "3.00"):
        book_posting(ent, unique_id, Amount=amount, Enquiry_Ref_Id=ref)
    assert ask(ent)[0] == 429
    now[0] += SECOND_NS
    book_posting(ent, unique_id)
    assert ask(ent)[0] == 200


@pytest.mark.parametrize("told", ["F", "R", "s", "", None, ["S"], 5])
def test_no_other_report_passes_for_one(ent, now, told):
    unique_id = add_person(ent)
    Processor.objects.update(requests_per_second=1)
    assert ask(ent)[0] == 200
    fields = {**make_valid(UPDATE, unique_id), "Tran_Status": told}
    assert_refused(ent.call(UPDATE, **fields), 429, "429")


def test_no_other_operation_passes_by_the_word_of_a_report(ent, now):
    Processor.objects.update(requests_per_second=1)
    assert ask(ent)[0] == 200
    assert_refused(ent.call("add-customer", **make_person(), Tran_Status="S"), 429, "429")


def test_the_rate_comes_before_the_system_id_and_what_winds_down(ent, now):
    Processor.objects.update(requests_per_second=1, state=Processor.State.WINDING_DOWN)
    assert_refused(ent.call("check-customer-limit", Ref_Id="a b"), 403, "403")
    assert_refused(ent.call(KYC, System_Id="CBS"), 429, "429")
