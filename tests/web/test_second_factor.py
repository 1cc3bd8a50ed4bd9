"""The second factor, by an attacker's hand and by its owner's: set up, given, asked for again."""

import re

import pytest
from django.urls import get_resolver

from ppims.backoffice import login
from ppims.backoffice.urls import MOVED_ADDRESSES
from ppims.core import keys
from ppims.models import AuditEntry, SecondFactor
from ppims.services import second_factor
from tests.web.admin_pages import make_user, read_words
from tests.web.second_factors import (
    ask_for_codes,
    find_secret,
    give_code,
    give_password,
    make_code,
    read_shown_codes,
    read_shown_secret,
    set_up_factor,
)
from tests.web.users import OTHER_PASSWORD, RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = [pytest.mark.django_db, pytest.mark.as_the_application]
WRONG_CODE = "not right, or was used already"
MINUTE = 60


@pytest.fixture(autouse=True)
def moment(settings, monkeypatch):
    return ask_for_codes(settings, monkeypatch)


@pytest.fixture
def person():
    return make_user_of("maker")


def list_actions(user):
    found = AuditEntry.objects.filter(user=user, action__contains="co")
    return [
        e.action for e in found.order_by("pk") if "factor" in e.action or "recovery" in e.action
    ]


# Set up.


def test_after_the_first_password_it_is_set_up_and_ten_codes_are_shown_once(person, moment):
    client = give_password(person)
    asked = client.get("/settings/limits")
    assert asked["Location"] == "/second-factor?next=%2Fsettings%2Flimits"
    page = client.get(asked["Location"])
    secret = read_shown_secret(page)
    assert "<svg" in page.content.decode()
    assert "style=" not in page.content.decode()
    done = give_code(client, make_code(secret, moment.now), to="/settings/limits")
    codes = read_shown_codes(done)
    assert len(set(codes)) == 10
    assert 'href="/settings/limits"' in done.content.decode()
    assert client.get("/settings/limits").status_code == 200
    assert list_actions(person) == ["second factor set up"]
    for page in (client.get("/second-factor/codes"), client.get("/second-factor", follow=True)):
        assert not set(codes) & set(re.findall(r"[a-z2-7-]{19}", page.content.decode()))


def test_a_one_time_password_is_changed_first_and_the_session_goes_on_to_the_set_up(person):
    one_time = reset_password(person)
    client = give_password(person, one_time)
    assert client.get("/")["Location"].startswith("/password")
    assert client.get("/second-factor")["Location"].startswith("/password")
    body = {"old_password": one_time, "new_password1": OTHER_PASSWORD}
    changed = client.post("/password", {**body, "new_password2": OTHER_PASSWORD})
    assert changed.status_code == 302
    assert client.get("/")["Location"].startswith("/second-factor")
    assert read_shown_secret(client.get("/second-factor"))


def test_a_secret_that_another_session_was_shown_is_never_confirmed(person, moment):
    thief, owner = give_password(person), give_password(person)
    known = read_shown_secret(thief.get("/second-factor"))
    shown = read_shown_secret(owner.get("/second-factor"))
    assert shown != known
    assert WRONG_CODE in read_words(give_code(owner, make_code(known, moment.now)))
    # By then the thief's own one is gone: nobody is asked to confirm what somebody else may know.
    assert WRONG_CODE in read_words(give_code(thief, make_code(known, moment.now)))
    shown = read_shown_secret(owner.get("/second-factor"))
    assert give_code(owner, make_code(shown, moment.now)).status_code == 200
    assert find_secret(person) == shown


def test_a_reload_and_a_wrong_code_show_the_same_secret(person):
    client = give_password(person)
    first = read_shown_secret(client.get("/second-factor"))
    wrong = give_code(client, "000000")
    assert wrong.status_code == 422
    assert read_shown_secret(wrong) == read_shown_secret(client.get("/second-factor")) == first


def test_a_secret_is_confirmed_also_by_a_worker_with_the_next_session_key(person, moment, settings):
    (old,) = settings.PPIMS_SESSION_KEYS
    secret = second_factor.draw_secret(user=person, session_key="one")
    settings.PPIMS_SESSION_KEYS = (keys.Key("ffff0001", b"n" * 32), old)
    assert second_factor.draw_secret(user=person, session_key="one") == secret
    code = make_code(secret, moment.now)
    assert second_factor.confirm(user=person, session_key="one", code=code, source="::1")


def test_who_has_one_sets_up_no_other(person, moment):
    secret, _ = set_up_factor(person)
    client = give_password(person)
    assert "<svg" not in client.get("/second-factor").content.decode().partition("<main")[2]
    assert second_factor.confirm(user=person, session_key="x", code="0", source="") is None
    assert find_secret(person) == secret


# Given.


def test_a_factor_taken_away_while_a_code_of_it_is_given_lets_nobody_in(
    person, moment, monkeypatch
):
    secret, _ = set_up_factor(person)
    client, check = give_password(person), second_factor.check_code

    def check_and_remove(**said):
        verdict = check(**said)
        second_factor.remove(user=person)
        return verdict

    monkeypatch.setattr(second_factor, "check_code", check_and_remove)
    give_code(client, make_code(secret, moment.now))
    assert client.get("/settings/limits")["Location"].startswith("/log-in")
    assert AuditEntry.objects.filter(user=person, action="logged out").count() == 1


def test_the_right_code_leads_on_and_the_session_gets_another_key(person, moment):
    secret, _ = set_up_factor(person)
    client = give_password(person)
    before = client.session.session_key
    response = give_code(client, make_code(secret, moment.now), to="/settings/limits")
    assert (response.status_code, response["Location"]) == (302, "/settings/limits")
    assert client.session.session_key != before


def test_nobody_is_led_to_another_host(person, moment):
    secret, _ = set_up_factor(person)
    to = "https://elsewhere.example/"
    response = give_code(give_password(person), make_code(secret, moment.now), to=to)
    assert response["Location"] == "/"


@pytest.mark.parametrize(("steps", "is_right"), [(-2, 0), (-1, 1), (0, 1), (1, 1), (2, 0)])
def test_an_apps_clock_may_be_one_step_off_either_way(person, moment, steps, is_right):
    secret = set_up_factor(person)[0]
    SecondFactor.objects.update(last_step=0)
    response = give_code(give_password(person), make_code(secret, moment.now, steps=steps))
    assert response.status_code == (302 if is_right else 422)


@pytest.mark.parametrize(
    "code", ["", "12345", "1234567", "abcdef", "١٢٣٤٥٦", "-12345", "1e5", "٣" * 6]
)
def test_what_is_no_code_is_refused_with_a_sentence(person, code):
    set_up_factor(person)
    response = give_code(give_password(person), code)
    assert response.status_code == 422
    said = read_words(response)
    assert WRONG_CODE in said or "Enter the six digits" in said


def test_a_code_counts_once_in_whichever_session(person, moment):
    secret, _ = set_up_factor(person)
    one, other = give_password(person), give_password(person)
    code = make_code(secret, moment.now)
    assert give_code(one, code).status_code == 302
    assert give_code(other, code).status_code == 422
    # Nor does one of a step before it, which nobody has used.
    assert give_code(other, make_code(secret, moment.now, steps=-1)).status_code == 422
    moment.now += 30
    assert give_code(other, make_code(secret, moment.now)).status_code == 302


def test_a_recovery_code_counts_once_as_it_is_typed(person):
    _, codes = set_up_factor(person)
    typed = codes[3].replace("-", " ").upper()
    assert give_code(give_password(person), typed).status_code == 302
    assert give_code(give_password(person), codes[3]).status_code == 422
    assert second_factor.count_recovery_codes(person) == 9
    entry = AuditEntry.objects.get(action="recovery code used")
    assert '"left": 9' in entry.detail
    assert codes[3] not in entry.detail


def test_a_recovery_code_of_another_person_is_wrong(person):
    set_up_factor(person)
    _, codes = set_up_factor(make_user("maker"))
    assert give_code(give_password(person), codes[0]).status_code == 422


def test_a_recovery_code_counts_after_the_digest_key_is_another(person, settings):
    _, codes = set_up_factor(person)
    new = second_factor.keys.Key("12345678", b"n" * 32)
    settings.PPIMS_DIGEST_KEYS = (new, *settings.PPIMS_DIGEST_KEYS)
    assert give_code(give_password(person), codes[0]).status_code == 302


def test_the_fifth_wrong_code_locks_right_ones_out_for_a_quarter_of_an_hour(person, moment):
    secret, _ = set_up_factor(person)
    client = give_password(person)
    told = [give_code(client, "000000").status_code for _ in range(4)]
    locked = give_code(client, "000000")
    assert (told, locked.status_code, locked["Retry-After"]) == ([422] * 4, 429, "900")
    assert client.get("/second-factor")["Location"].startswith("/log-in")
    assert list_actions(person) == ["second factor set up", "second factor locked"]
    moment.now += 15 * MINUTE - 1
    login.throttle.__init__()
    refused = give_code(give_password(person), make_code(secret, moment.now))
    assert (refused.status_code, refused["Retry-After"]) == (429, "1")
    moment.now += 1
    assert give_code(give_password(person), make_code(secret, moment.now)).status_code == 302


def test_four_wrong_codes_and_a_right_one_begin_the_count_anew(person, moment):
    secret, _ = set_up_factor(person)
    for _ in range(2):
        client = give_password(person)
        assert [give_code(client, "000000").status_code for _ in range(4)] == [422] * 4
        moment.now += 30
        assert give_code(client, make_code(secret, moment.now)).status_code == 302


def test_wrong_codes_count_with_wrong_passwords_of_an_address(person, settings):
    settings.PPIMS_FAILED_LOGINS_PER_ADDRESS = 2
    set_up_factor(person)
    client = give_password(person)
    assert [give_code(client, "000000").status_code for _ in range(3)] == [422, 422, 429]


# What a session without it opens.


def write_address(route):
    """Write an address of a route, whatever it takes."""
    plain = re.sub(r"<int:\w+>", "1", route)
    plain = re.sub(r"<(?:\w+:)?\w+>|[(][^)]*[)]", "x", plain)
    return "/" + re.sub(r"[\^$]|\\Z", "", plain)


def list_addresses():
    """List an address of each route there is."""

    def walk(patterns, before=""):
        for each in patterns:
            route = before + str(each.pattern)
            yield from walk(each.url_patterns, route) if hasattr(each, "url_patterns") else [route]

    return sorted({write_address(route) for route in walk(get_resolver().url_patterns)})


OPEN_WITHOUT = {
    *("/healthz", "/readyz", "/favicon.ico", "/log-in", "/second-factor"),
    *("/log-out", "/admin/logout/", "/admin/password_change/"),
}
THE_WAY_TO_IT = ("/second-factor", "/admin/login/?next=")
NOT_THERE = {404, 405}


def test_a_session_without_it_opens_nothing_but_the_way_to_it(person):
    set_up_factor(person)
    moved = {write_address(old) for old in MOVED_ADDRESSES}
    addresses = [each for each in list_addresses() if each not in OPEN_WITHOUT | moved]
    assert len(addresses) > 60
    client = give_password(person)
    for method in ("get", "post"):
        answers = {each: getattr(client, method)(each) for each in addresses}
        opened = {
            address: response.status_code
            for address, response in answers.items()
            if response.status_code not in NOT_THERE
            and not response.get("Location", "").startswith(THE_WAY_TO_IT)
            and "/docs" not in address  # whose examples anybody may read
            and "openapi" not in address
        }
        assert opened == {}
    assert client.get("/admin/login/")["Location"] == "/second-factor"


def test_such_a_session_may_change_no_lasting_password(person):
    set_up_factor(person)
    client = give_password(person)
    body = {"old_password": RIGHT_PASSWORD, "new_password1": OTHER_PASSWORD}
    response = client.post("/password", {**body, "new_password2": OTHER_PASSWORD})
    assert response["Location"].startswith("/second-factor")
    person.refresh_from_db()
    assert person.check_password(RIGHT_PASSWORD)


def test_a_fragment_is_sent_on_whole(person):
    set_up_factor(person)
    response = give_password(person).get("/customers", headers={"HX-Request": "true"})
    assert response.status_code == 204
    assert response["HX-Redirect"].startswith("/second-factor")


def test_a_session_from_before_it_was_asked_for_gives_one_first(person, settings):
    settings.PPIMS_SECOND_FACTOR = False
    client = give_password(person)
    assert client.get("/settings/limits").status_code == 200
    settings.PPIMS_SECOND_FACTOR = True
    assert client.get("/settings/limits")["Location"].startswith("/second-factor")


def test_where_none_is_asked_for_the_password_is_enough_and_there_are_no_pages(person, settings):
    settings.PPIMS_SECOND_FACTOR = False
    set_up_factor(person)
    client = give_password(person)
    assert client.get("/settings/limits").status_code == 200
    for address in ("/second-factor", "/second-factor/codes"):
        assert client.get(address).status_code == 404


def test_one_can_log_out_with_half_a_session(person):
    set_up_factor(person)
    client = give_password(person)
    assert client.get("/log-out").status_code == 200
    assert client.post("/log-out").status_code == 302
    assert client.get("/second-factor")["Location"].startswith("/log-in")
