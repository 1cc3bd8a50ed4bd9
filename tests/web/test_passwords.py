"""What a password may be and how long it is good; who guesses at one; and how long a session is."""

import json
from datetime import timedelta
from itertools import count
from time import time

import pytest
from django.conf import settings as configured
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.core.management import CommandError, call_command
from django.test import Client

from ppims.backoffice.login import turnstile
from ppims.core import clock
from ppims.core.passwords import NotOnePattern
from ppims.models import AuditEntry, User
from tests.conftest import Caller
from tests.web.admin_pages import open_browser, read_words
from tests.web.users import RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = pytest.mark.django_db
OF_BEFORE = ["first-passphrase", "second-passphrase", "third-passphrase", "fourth-passphrase"]
_addresses = count(1)


def log_in(user):
    """Give a browser with a session as by a log-in, from an address of its own."""
    client = Client(REMOTE_ADDR=f"10.9.0.{next(_addresses)}")
    client.force_login(user)
    return client


def try_in(user, password=RIGHT_PASSWORD, **more):
    name = getattr(user, "username", user)
    return Client().post("/log-in", {"username": name, "password": password}, **more)


def change_password(client, old, new):
    return client.post(
        "/password", {"old_password": old, "new_password1": new, "new_password2": new}
    )


# What it may be.


@pytest.mark.parametrize(
    "password",
    [
        *("aaaaaaaaaaaa", "AAAAaaaaAAAA", "abababababab", "abcabcabcabc", "aabbccddeeff"),
        *("abcdefghijkl", "lkjihgfedcba", "qwertyqwerty", "Pass#wPass#w", "abcdefgh12345678"),
    ],
)
def test_one_pattern_will_not_do_however_long(password):
    with pytest.raises(ValidationError, match="one pattern"):
        NotOnePattern().validate(password)


@pytest.mark.parametrize(
    "password", [RIGHT_PASSWORD, *OF_BEFORE, "correct horse battery", "hv7-Kq2;tR0s"]
)
def test_what_is_no_pattern_will_do(password):
    validate_password(password, User(username="asha"))


@pytest.mark.parametrize(
    ("password", "why"),
    [
        ("aaaaaaaaaaaa", "one pattern"),
        ("qwertyuiop12", "too common"),
        ("940173628501", "entirely numeric"),
        ("short-pass1", "too short"),
    ],
)
def test_the_page_refuses_what_will_not_do_with_why(password, why):
    client = log_in(make_user_of())
    page = change_password(client, RIGHT_PASSWORD, password)
    assert page.status_code == 422
    assert why in read_words(page)


def test_none_of_the_last_four_is_taken_again_and_the_fifth_is():
    user = make_user_of()
    client, now = log_in(user), RIGHT_PASSWORD
    for new in OF_BEFORE[:3]:
        assert change_password(client, now, new).status_code == 302
        now = new
    for old in [RIGHT_PASSWORD, *OF_BEFORE[:3]]:
        page = change_password(client, now, old)
        assert page.status_code == 422
        assert "one of your last four" in read_words(page)
    assert change_password(client, now, OF_BEFORE[3]).status_code == 302
    assert change_password(client, OF_BEFORE[3], RIGHT_PASSWORD).status_code == 302


def test_a_one_time_password_between_makes_no_room_for_an_old_one():
    user = make_user_of()
    for _ in range(5):
        password = reset_password(user)
    client = log_in(User.objects.get(pk=user.pk))
    assert change_password(client, password, password).status_code == 422
    assert change_password(client, password, RIGHT_PASSWORD).status_code == 422
    assert change_password(client, password, OF_BEFORE[0]).status_code == 302
    assert change_password(client, OF_BEFORE[0], RIGHT_PASSWORD).status_code == 422
    assert len(User.objects.get(pk=user.pk).former_passwords.split()) == 1


def test_no_more_than_four_hashes_are_kept_and_no_page_audit_or_export_has_one():
    user, admin = make_user_of("maker"), open_browser("admin")
    for number in range(6):
        user.take_password(f"{number} another passphrase")
        user.save()
    hashes = [user.password, *user.former_passwords.split()]
    assert len(hashes) == 5
    client = log_in(user)
    change_password(client, "5 another passphrase", "yet another passphrase")
    pages = [
        admin.get("/settings/staff"),
        admin.get(f"/settings/staff/{user.pk}"),
        client.get("/password"),
        open_browser("auditor").get("/settings/audit"),
    ]
    said = "".join(page.content.decode() for page in pages)
    said += json.dumps([*AuditEntry.objects.values_list("detail")])
    for each in hashes:
        assert each not in said
        assert each.split("$")[-1] not in said


def test_with_a_wrong_old_one_nothing_is_told_of_the_new_one():
    user = make_user_of()
    client = log_in(user)
    pages = [
        change_password(client, "wrong", new)
        for new in (RIGHT_PASSWORD, OF_BEFORE[0], "aaaaaaaaaaaa")
    ]
    assert {tuple(page.context["form"].errors) for page in pages} == {("old_password",)}


def test_createsuperuser_refuses_what_will_not_do(monkeypatch):
    for password in ("aaaaaaaaaaaa", "short", "qwertyuiop12"):
        monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", password)
        with pytest.raises(CommandError):
            call_command("createsuperuser", "--noinput", username="first", email="f@example.in")
    assert not User.objects.filter(username="first").exists()


# Guessing at it.


def test_five_wrong_old_passwords_end_the_session():
    user = make_user_of()
    client, elsewhere = log_in(user), log_in(user)
    said = [change_password(client, "wrong", OF_BEFORE[0]).status_code for _ in range(4)]
    assert said == [422] * 4
    assert client.get("/settings/limits").status_code == 200
    fifth = change_password(client, "wrong", OF_BEFORE[0])
    assert (fifth.status_code, fifth["Location"]) == (
        302,
        "/log-in?next=%2F&ended=guesses",
    )
    assert client.get("/settings/limits").status_code == 302
    assert "wrong five times" in read_words(client.get(fifth["Location"]))
    assert elsewhere.get("/settings/limits").status_code == 200
    entry = AuditEntry.objects.exclude(action="logged out").latest("pk")
    assert (entry.action, entry.user) == ("session ended: wrong passwords", user)
    assert change_password(log_in(user), "wrong", OF_BEFORE[0]).status_code == 422  # it begins anew


def test_the_right_one_forgives_four_wrong_ones():
    user = make_user_of()
    client = log_in(user)
    for old, new in ((RIGHT_PASSWORD, OF_BEFORE[0]), (OF_BEFORE[0], OF_BEFORE[1])):
        for _ in range(4):
            assert change_password(client, "wrong", new).status_code == 422
        assert change_password(client, old, new).status_code == 302
    assert client.get("/settings/limits").status_code == 200


def test_it_is_counted_over_all_of_a_users_sessions_and_addresses():
    user = make_user_of()
    statuses = [change_password(log_in(user), "wrong", OF_BEFORE[0]).status_code for _ in range(5)]
    assert statuses == [422, 422, 422, 422, 302]


def test_a_form_that_is_wrong_in_another_way_is_no_guess():
    client = log_in(make_user_of())
    for _ in range(6):
        assert change_password(client, RIGHT_PASSWORD, "short").status_code == 422
    assert client.get("/settings/limits").status_code == 200


@pytest.mark.parametrize("per", ["PER_USERNAME", "PER_ADDRESS"])
def test_the_throttle_closes_both_pages_with_the_right_password_too(settings, per):
    setattr(settings, f"PPIMS_FAILED_LOGINS_{per}", 3)
    user, there = make_user_of(), {"REMOTE_ADDR": "192.0.2.7"}
    assert [try_in(user, "wrong", **there).status_code for _ in range(3)] == [200] * 3
    page = try_in(user, **there)
    assert page.status_code == 429
    assert 0 < int(page["Retry-After"]) <= 300
    assert "Too many wrong passwords from your address. Try again in 5 minutes" in read_words(page)
    client = log_in(user)
    body = {
        "old_password": RIGHT_PASSWORD,
        "new_password1": OF_BEFORE[0],
        "new_password2": OF_BEFORE[0],
    }
    assert client.post("/password", body, **there).status_code == 429
    assert try_in(user, REMOTE_ADDR="192.0.2.8").status_code == 302


def test_three_hundred_names_from_one_address_are_not_all_hashed(settings, monkeypatch):
    settings.PPIMS_FAILED_LOGINS_PER_ADDRESS = 10
    hashed = []
    monkeypatch.setattr(User, "set_password", lambda user, password: hashed.append(password))
    said = [try_in(f"made up {n}", "wrong").status_code for n in range(30)]
    assert said == [200] * 10 + [429] * 20
    assert len(hashed) == 10  # Django hashes once for a name that it doesn't know


def test_processors_that_fail_do_not_shut_out_staff(ent, settings):
    settings.PPIMS_FAILED_LOGINS_PER_ADDRESS = 1
    caller = Caller(ent, Client())
    body = json.dumps(caller.make_body("check-customer-kyc", Unique_Id="1" * 15, _password="wrong"))
    assert [caller.send("check-customer-kyc", body)[0] for _ in range(2)] == [401, 429]
    assert try_in(make_user_of()).status_code == 302


def test_a_64_of_ipv6_is_one_address_for_five_guesses():
    user = make_user_of()
    guesses = [try_in(user, "wrong", REMOTE_ADDR=f"2001:db8::{n}") for n in range(1, 6)]
    assert guesses[-1].status_code == 429
    assert try_in(user, REMOTE_ADDR="2001:db8::ffff").status_code == 429
    assert try_in(user, REMOTE_ADDR="2001:db8:0:1::1").status_code == 302


def test_where_too_many_wait_a_log_in_is_503_at_once_and_no_fault(caplog):
    held = configured.PPIMS_THREADS - 1
    for number in range(held):
        turnstile.ask(f"10.8.0.{number}", held_at_most=held)
    try:
        page = try_in(make_user_of())
    finally:
        for _ in range(held):
            turnstile.leave()
    assert (page.status_code, page["Retry-After"]) == (503, "1")
    assert "Many people are logging in" in read_words(page)
    assert "Traceback" not in caplog.text


def test_reading_the_forms_needs_no_turn():
    turnstile.ask("10.8.0.1", held_at_most=2)
    try:
        assert Client().get("/log-in").status_code == 200
        assert log_in(make_user_of()).get("/password").status_code == 200
    finally:
        turnstile.leave()


# For how long.


def move_hours(hours):
    return clock.freeze(clock.now() + timedelta(hours=hours))


def test_a_one_time_password_ends_after_24_hours():
    user = make_user_of()
    password = reset_password(user)
    with move_hours(23.99):
        assert try_in(user, password).status_code == 302
    with move_hours(24):
        page = try_in(user, password)
        assert page.status_code == 200
        assert "good for 24 hours. Ask an admin for another one" in read_words(page)
        assert "24 hours" not in read_words(try_in(user, "wrong"))
        again = reset_password(user)
        assert try_in(user, again).status_code == 302


def test_nor_does_a_session_that_it_began_change_it_later():
    user = make_user_of()
    password = reset_password(user)
    client = log_in(User.objects.get(pk=user.pk))
    with move_hours(24):
        for response in (client.get("/password"), change_password(client, password, OF_BEFORE[0])):
            assert response.status_code == 302
        assert "good for 24 hours" in read_words(client.get("/log-in?ended=one-time"))
    assert User.objects.get(pk=user.pk).has_one_time_password
    assert client.get("/settings/limits")["Location"].startswith("/log-in")


def test_a_password_of_ones_own_has_no_end():
    with move_hours(24 * 400):
        assert try_in(make_user_of()).status_code == 302


def set_beginning(client, seconds_ago):
    session = client.session
    session["began"], session["seen"] = int(time()) - seconds_ago, int(time())
    session.save()


@pytest.mark.parametrize("address", ["/settings/limits", "/admin/ppims/processor/", "/password"])
def test_a_session_ends_after_twelve_hours_whatever_one_does(address):
    client = log_in(make_user_of("admin"))
    assert client.get(address).status_code == 200
    set_beginning(client, configured.PPIMS_SESSION_SECONDS - 60)
    assert client.get(address).status_code == 200
    set_beginning(client, configured.PPIMS_SESSION_SECONDS)
    asked = client.get(address, follow=True)
    assert asked.redirect_chain[-1][0].startswith("/log-in")
    assert client.get(address).status_code == 302


def test_the_twelve_hours_begin_with_the_log_in_and_no_request_moves_them():
    client, user = Client(), make_user_of()
    client.post("/log-in", {"username": user.username, "password": RIGHT_PASSWORD})
    client.get("/settings/limits")
    first = client.session["began"]
    assert abs(first - time()) < 60
    set_beginning(client, 3600)
    for address in ("/settings/limits", "/password", "/overview"):
        client.get(address)
    client.post("/stay")
    assert time() - client.session["began"] >= 3600


def test_another_log_in_has_twelve_hours_of_its_own():
    client, user = Client(), make_user_of()
    body = {"username": user.username, "password": RIGHT_PASSWORD}
    client.post("/log-in", body)
    set_beginning(client, configured.PPIMS_SESSION_SECONDS)
    assert client.post("/log-in", body).status_code == 302
    client.get("/settings/limits")
    assert time() - client.session["began"] < 60


def test_whoever_needs_nobody_reads_no_session(django_assert_num_queries):
    client = log_in(make_user_of())
    with django_assert_num_queries(0):
        assert client.get("/healthz").status_code == 200
