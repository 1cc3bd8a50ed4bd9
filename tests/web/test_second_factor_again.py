"""The second factor asked for again; recovery codes made anew; a reset by two admins."""

import io

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from ppims.core.errors import Conflict
from ppims.models import AuditEntry, FailedAccess, RecoveryCode, SecondFactor
from ppims.services import second_factor, staff_changes
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import make_user, read_words
from tests.web.second_factors import (
    ask_for_codes,
    give_code,
    give_password,
    log_in,
    make_code,
    read_shown_codes,
    read_shown_secret,
    set_up_factor,
)
from tests.web.users import make_user_of

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
WRONG_CODE = "not right, or was used already"
MINUTE = 60


@pytest.fixture(autouse=True)
def moment(settings, monkeypatch):
    return ask_for_codes(settings, monkeypatch)


@pytest.fixture
def person():
    return make_user_of("maker")


# Asked for again.


def reveal(client, customer, **more):
    return client.post(f"/customers/{customer}/reveal", {"reason": "Asked by phone", **more})


def test_to_reveal_a_code_is_asked_for_once_the_last_is_over_a_quarter_of_an_hour_old(
    person, moment
):
    secret, _ = set_up_factor(person)
    customer = make_customer(make_processor("ENT"))
    client = log_in(person, secret, moment.now)
    moment.now += 15 * MINUTE
    assert reveal(client, customer).status_code == 302
    moment.now += 1
    asked = reveal(client, customer)
    assert asked.status_code == 200
    assert 'name="reason" value="Asked by phone"' in asked.content.decode()
    assert AuditEntry.objects.filter(action="personal data revealed").count() == 1
    wrong = reveal(client, customer, second_factor_code="000000")
    assert (wrong.status_code, WRONG_CODE in read_words(wrong)) == (422, True)
    assert AuditEntry.objects.filter(action="personal data revealed").count() == 1
    code = make_code(secret, moment.now)
    assert reveal(client, customer, second_factor_code=code).status_code == 302
    assert AuditEntry.objects.filter(action="personal data revealed").count() == 2
    assert reveal(client, customer).status_code == 302  # it is fresh again


def test_what_is_carried_on_can_break_out_of_no_field(person, moment):
    secret, _ = set_up_factor(person)
    customer = make_customer(make_processor("ENT"))
    client = log_in(person, secret, moment.now)
    moment.now += 16 * MINUTE
    asked = client.post(f"/customers/{customer}/reveal", {"reason": '"><script>', "<b>": "x"})
    page = asked.content.decode()
    assert "<script>" not in page.partition("<main")[2]
    assert "<b>" not in page


ASKED_AGAIN = [
    *("/work/approvals/kyc/1", "/settings/staff/add", "/settings/staff/1/reset"),
    *("/settings/staff/passwords/1", "/settings/processors/new", "/settings/processors/1/rekey"),
    *("/settings/processors/sheets/1", "/second-factor/codes", "/settings/keys/document"),
]


@pytest.mark.parametrize("address", ASKED_AGAIN)
def test_before_what_gives_power_a_code_is_asked_for_again(address, moment):
    admin = make_user_of("admin")
    secret, _ = set_up_factor(admin)
    client = log_in(admin, secret, moment.now)
    moment.now += 16 * MINUTE
    asked = client.post(address, {"reason": "x"})
    assert "Confirm that it is you" in read_words(asked)
    assert client.get("/settings/limits").status_code == 200


def test_wrong_codes_lock_whoever_is_asked_again_and_end_the_session(person, moment):
    secret, _ = set_up_factor(person)
    customer = make_customer(make_processor("ENT"))
    client = log_in(person, secret, moment.now)
    moment.now += 16 * MINUTE
    told = [reveal(client, customer, second_factor_code="000000").status_code for _ in range(5)]
    assert told == [422] * 4 + [429]
    assert client.get("/settings/limits")["Location"].startswith("/log-in")
    (ended,) = AuditEntry.objects.filter(user=person, action="logged out")
    assert '"outcome":"codes"' in ended.detail.replace(" ", "")


# Recovery codes made anew, and the factor reset.


def test_new_recovery_codes_take_the_place_of_all_before(person, moment):
    secret, old = set_up_factor(person)
    client = log_in(person, secret, moment.now)
    new = read_shown_codes(client.post("/second-factor/codes"))
    assert len(new) == 10
    assert give_code(give_password(person), old[0]).status_code == 422
    assert give_code(give_password(person), new[0]).status_code == 302


def propose_reset(admins, person):
    change = staff_changes.propose(
        kind="FACTOR", person_id=person.pk, reason="Phone lost", user=admins[0]
    )
    return staff_changes.STAFF_PROPOSALS, change


def test_two_admins_reset_it_and_its_owner_sets_up_another(person, moment):
    secret, codes = set_up_factor(person)
    admins = make_user("admin"), make_user("admin")
    proposals, change = propose_reset(admins, person)
    assert second_factor.find_factor(person)
    proposals.decide(proposal_id=change.pk, state="APPROVED", user=admins[1])
    assert second_factor.find_factor(person) is None
    assert not RecoveryCode.objects.filter(user=person).exists()
    client = give_password(person)
    assert read_shown_secret(client.get("/second-factor")) != secret
    assert give_code(client, codes[0]).status_code == 422


def test_nobody_resets_their_own_and_of_who_has_none_there_is_nothing_to_reset(person):
    admins = make_user("admin"), make_user("admin")
    set_up_factor(admins[0])
    for who in (admins[0], person):
        with pytest.raises(Conflict):
            propose_reset(admins, who)


def test_an_admin_proposes_it_on_the_persons_page(person, moment):
    admin = make_user_of("admin")
    make_user("admin")
    secret, _ = set_up_factor(admin)
    client = log_in(admin, secret, moment.now)
    address = f"/settings/staff/{person.pk}"
    assert f"{address}/factor" not in client.get(address).content.decode()
    set_up_factor(person)
    assert f"{address}/factor" in client.get(address).content.decode()
    response = client.post(f"{address}/factor", {"reason": "Phone lost"})
    assert response["Location"] == address
    assert person.changes.get().kind == "FACTOR"


# What must be readable nowhere.


def test_neither_secret_nor_code_is_in_a_session_an_address_a_log_or_the_database(
    person, moment, caplog
):
    client = give_password(person)
    secret = read_shown_secret(client.get("/second-factor"))
    code = make_code(secret, moment.now)
    codes = read_shown_codes(give_code(client, code))
    kept = " ".join([str(dict(client.session.items())), caplog.text])
    rows = [*SecondFactor.objects.values_list(), *RecoveryCode.objects.values_list()]
    kept += repr([bytes(v) if isinstance(v, memoryview) else v for row in rows for v in row])
    for each in (secret, codes[0], codes[0].replace("-", "")):
        assert each not in kept


def test_a_new_client_is_asked_for_the_password_first():
    assert Client().get("/second-factor")["Location"].startswith("/log-in")
    assert Client().post("/second-factor", {"second_factor_code": "1"}).status_code == 302


@pytest.mark.parametrize("address", ASKED_AGAIN)
def test_saying_that_one_only_looks_skips_no_code(address, moment):
    admin = make_user_of("admin")
    secret, _ = set_up_factor(admin)
    client = log_in(admin, secret, moment.now)
    moment.now += 16 * MINUTE
    body, headers = {"reason": "x", "looking": "1"}, {"HX-Request": "true"}
    asked = client.post(address, body, headers=headers)
    assert "Confirm that it is you" in read_words(asked)


@pytest.mark.parametrize("way", ["two admins", "at the machine"])
def test_a_reset_ends_every_session(person, moment, way):
    secret, _ = set_up_factor(person)
    client = log_in(person, secret, moment.now)
    if way == "two admins":
        admins = make_user("admin"), make_user("admin")
        proposals, change = propose_reset(admins, person)
        proposals.decide(proposal_id=change.pk, state="APPROVED", user=admins[1])
    else:
        call_command("reset_second_factor", person.username, stdout=io.StringIO())
        assert AuditEntry.objects.filter(action="second factor reset at the machine").exists()
    assert client.get("/settings/limits")["Location"].startswith("/log-in")
    assert second_factor.find_factor(person) is None


@pytest.mark.parametrize("username", ["nobody.here", ""])
def test_at_the_machine_it_says_of_whom_there_is_nothing_to_reset(person, username):
    with pytest.raises(CommandError):
        call_command("reset_second_factor", username or person.username)


# On record.


def test_it_is_a_log_in_once_the_code_is_given(person, moment):
    secret, _ = set_up_factor(person)
    client = give_password(person)
    person.refresh_from_db()
    assert (person.last_login, person.last_login_source) == (None, "")
    assert not AuditEntry.objects.filter(action="logged in").exists()
    assert AuditEntry.objects.get(action="password accepted").user == person
    give_code(client, make_code(secret, moment.now))
    person.refresh_from_db()
    assert person.last_login is not None
    assert person.last_login_source == "127.0.0.1"
    assert AuditEntry.objects.get(action="logged in").user == person


def test_wrong_codes_are_counted_by_person_and_address(person, moment):
    secret, _ = set_up_factor(person)
    client = give_password(person)
    for code in ("000000", "000001", make_code(secret, moment.now)):
        give_code(client, code)
    row = FailedAccess.objects.get()
    assert (row.user, row.kind, row.source, row.count) == (person, "CODE", "127.0.0.1", 2)


def test_who_was_asked_for_a_code_hears_of_the_log_in_before(person, moment):
    secret, _ = set_up_factor(person)
    log_in(person, secret, moment.now)
    moment.now += 30
    client = log_in(person, secret, moment.now)
    assert "Last log-in: " in read_words(client.get("/settings/limits"))
