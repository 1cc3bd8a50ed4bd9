"""Logging in and out; guessing; one's own password, and one that an admin gave."""

import json
from urllib.parse import quote

import pytest
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.hashers import make_password
from django.test import Client

from ppims.backoffice import login
from ppims.models import AuditEntry, User
from tests.web.admin_pages import open_browser, read_words
from tests.web.users import OTHER_PASSWORD, RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = pytest.mark.django_db
GUESSES = 5


def try_in(user, password=RIGHT_PASSWORD, *, client=None, to="", **more):
    address = f"/log-in?next={quote(to)}" if to else "/log-in"
    body = {"username": getattr(user, "username", user), "password": password, "next": to}
    return (client or Client()).post(address, body, **more)


def guess(user, times=GUESSES, **more):
    return [try_in(user, "wrong", **more).status_code for _ in range(times)]


# In and out.


def test_the_right_password_leads_on_to_the_page_that_was_asked_for():
    client = Client()
    asked = client.get("/settings/limits")
    assert (asked.status_code, asked["Location"]) == (302, "/log-in?next=%2Fsettings%2Flimits")
    response = try_in(make_user_of(), client=client, to="/settings/limits")
    assert (response.status_code, response["Location"]) == (302, "/settings/limits")
    assert client.get("/settings/limits").status_code == 200


def test_without_one_it_leads_home_and_from_there_to_the_first_place_that_the_role_may_open():
    client = Client()
    assert try_in(make_user_of(), client=client)["Location"] == "/"
    assert client.get("/").status_code == 302
    assert client.get("/", follow=True).status_code == 200


def test_nobody_is_led_to_another_host():
    assert try_in(make_user_of(), to="https://elsewhere.example/")["Location"] == "/"


def test_a_wrong_password_a_wrong_name_and_an_inactive_person_read_the_same():
    gone = make_user_of(is_active=False)
    pages = [try_in(make_user_of(), "wrong"), try_in("nobody", "wrong"), try_in(gone)]
    said = {read_words(page).partition("There is a problem")[2] for page in pages}
    assert len(said) == 1
    assert "correct username and password" in said.pop()


def test_the_password_that_was_typed_is_never_sent_back():
    assert b"guessed-this" not in try_in(make_user_of(), "guessed-this").content


def test_logging_out_is_a_post_and_ends_the_session():
    client = open_browser("viewer")
    assert client.get("/log-out").status_code == 200  # a button, and nothing more
    assert client.get("/settings/limits").status_code == 200
    assert client.post("/log-out")["Location"] == "/log-in"
    assert client.get("/settings/limits").status_code == 302


def test_the_admin_has_the_same_log_in_and_leads_back():
    client = Client()
    asked = client.get("/admin/ppims/processor/", follow=True)
    assert asked.redirect_chain[-1][0] == "/log-in?next=%2Fadmin%2Fppims%2Fprocessor%2F"
    back = try_in(make_user_of("admin"), client=client, to="/admin/ppims/processor/")
    assert client.get(back["Location"]).status_code == 200
    assert client.post("/admin/logout/")["Location"] == "/log-in"


def test_who_is_logged_in_but_not_of_the_staff_is_told_so_and_not_sent_round():
    user = make_user_of("admin")
    User.objects.filter(pk=user.pk).update(is_staff=False)
    client = Client()
    try_in(user, client=client)
    assert client.get("/admin/", follow=True).status_code == 403


def test_the_demos_log_in_says_where_its_passwords_are_and_not_what_they_are(settings, tmp_path):
    settings.PPIMS_DATA_DIR = tmp_path
    assert "demo.json" not in read_words(Client().get("/log-in"))
    (tmp_path / "demo.json").write_text('{"password": "ENT123"}')
    page = Client().get("/log-in")
    assert f"{tmp_path.name}/demo.json on the machine" in read_words(page)
    assert "ENT123" not in read_words(page)


# Guessing.


def test_after_five_wrong_passwords_even_the_right_one_waits():
    user = make_user_of()
    assert guess(user) == [200, 200, 200, 200, 429]
    page = try_in(user)
    assert page.status_code == 429
    assert page["Retry-After"] == "900"
    assert "Try again in 15 minutes" in read_words(page)


def test_four_wrong_passwords_are_forgiven_by_the_right_one():
    user = make_user_of()
    guess(user, GUESSES - 1)
    assert try_in(user).status_code == 302
    guess(user, GUESSES - 1)
    assert try_in(user).status_code == 302


def test_who_is_locked_out_is_so_from_that_address_and_by_that_name_alone():
    user, other = make_user_of(), make_user_of()
    guess(user, REMOTE_ADDR="10.1.1.1")
    assert try_in(user, REMOTE_ADDR="10.1.1.1").status_code == 429
    assert try_in(user, REMOTE_ADDR="10.1.1.2").status_code == 302
    assert try_in(other, REMOTE_ADDR="10.1.1.1").status_code == 302


def test_another_browser_at_the_same_address_is_no_way_round():
    user = make_user_of()
    for number in range(GUESSES):
        try_in(user, "wrong", headers={"User-Agent": f"browser {number}"})
    assert try_in(user, headers={"User-Agent": "another"}).status_code == 429


def test_the_admins_log_in_is_no_way_round():
    user = make_user_of("admin")
    guess(user)
    body = {"username": user.username, "password": RIGHT_PASSWORD}
    assert Client().post("/admin/login/", body).status_code == 302
    assert Client().post("/admin/login/", body, follow=True).wsgi_request.user.is_anonymous


def test_the_wait_is_over_a_quarter_of_an_hour_after_the_last_guess_that_counted():
    user = make_user_of()
    guess(user, GUESSES + 3)
    [attempt] = AccessAttempt.objects.all()
    assert attempt.failures_since_start == GUESSES
    attempt.attempt_time -= settings.AXES_COOLOFF_TIME
    attempt.save()
    assert try_in(user).status_code == 302
    assert not AccessAttempt.objects.exists()


def test_behind_a_trusted_proxy_the_clients_address_counts(settings):
    settings.PPIMS_TRUSTED_PROXIES = [login.ipaddress.ip_network("10.0.0.0/8")]
    user = make_user_of()
    guess(user, REMOTE_ADDR="10.0.0.1", HTTP_X_FORWARDED_FOR="203.0.113.7")
    there = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": "1.1.1.1, 203.0.113.7"}
    assert try_in(user, **there).status_code == 429
    there["HTTP_X_FORWARDED_FOR"] = "203.0.113.7, 203.0.113.8"
    assert try_in(user, **there).status_code == 302


@pytest.mark.parametrize("sent", ["unknown", "<script>", "1.2.3", "", "::1%eth0"])
def test_what_is_no_address_is_counted_all_the_same(settings, sent):
    settings.PPIMS_TRUSTED_PROXIES = [login.ipaddress.ip_network("10.0.0.0/8")]
    user = make_user_of()
    there = {"REMOTE_ADDR": "10.0.0.1", "HTTP_X_FORWARDED_FOR": sent}
    assert guess(user, **there)[-1] == 429


def test_nothing_readable_is_kept_of_a_guess(caplog):
    try_in("my-password-by-mistake", "my-secret")
    try_in("my-password-by-mistake", "my-secret")
    [attempt] = AccessAttempt.objects.values()
    kept = json.dumps(attempt, default=str) + caplog.text
    assert attempt["failures_since_start"] == 2
    assert "my-" not in kept


# One's own password.


def change_password(client, old, new, again=None):
    body = {"old_password": old, "new_password1": new, "new_password2": again or new}
    return client.post("/password", body)


def test_one_changes_ones_password_and_stays_logged_in_here_alone():
    user, here, elsewhere = make_user_of(), Client(), Client()
    for client in (here, elsewhere):
        try_in(user, client=client)
    assert change_password(here, RIGHT_PASSWORD, OTHER_PASSWORD)["Location"] == "/"
    assert here.get("/settings/limits").status_code == 200
    assert elsewhere.get("/settings/limits").status_code == 302
    assert try_in(user, OTHER_PASSWORD).status_code == 302
    entry = AuditEntry.objects.exclude(action="logged in").latest("pk")
    assert (entry.action, entry.user) == ("own password changed", user)
    assert OTHER_PASSWORD not in entry.detail


@pytest.mark.parametrize(
    ("old", "new", "again", "field"),
    [
        ("wrong", OTHER_PASSWORD, OTHER_PASSWORD, "old_password"),
        (RIGHT_PASSWORD, "short-pass1", "short-pass1", "new_password1"),
        (RIGHT_PASSWORD, OTHER_PASSWORD, "not-the-same-one", "new_password2"),
        (RIGHT_PASSWORD, RIGHT_PASSWORD, RIGHT_PASSWORD, "new_password1"),
    ],
)
def test_a_password_that_will_not_do_is_refused_with_why(old, new, again, field):
    user, client = make_user_of(), Client()
    try_in(user, client=client)
    page = change_password(client, old, new, again)
    assert page.status_code == 422
    assert list(page.context["form"].errors) == [field]
    assert new.encode() not in page.content
    assert try_in(user).status_code == 302


# A password that two admins gave.


def test_a_one_time_password_opens_nothing_but_the_page_that_changes_it():
    user, client = make_user_of("maker"), Client()
    password = reset_password(user)
    assert try_in(user, RIGHT_PASSWORD).status_code == 200  # the form again
    assert try_in(user, password, client=client).status_code == 302
    for address in ("/", "/settings/limits", "/admin/", "/admin/ppims/user/"):
        assert client.get(address, follow=True).redirect_chain[-1] == ("/password", 302), address
    assert client.post("/stay")["Location"] == "/password"
    fragment = client.get("/settings/limits", headers={"HX-Request": "true"})
    assert (fragment.status_code, fragment["HX-Redirect"]) == (204, "/password")
    assert change_password(client, password, password).status_code == 422
    assert change_password(client, password, OTHER_PASSWORD).status_code == 302
    assert client.get("/settings/limits").status_code == 200
    assert client.get("/admin/").status_code == 200
    assert try_in(user, password).status_code == 200


def test_that_it_was_given_and_changed_is_audited_and_it_is_shown_once():
    user, client = make_user_of("checker"), Client()
    password = reset_password(user)
    try_in(user, password, client=client)
    change_password(client, password, OTHER_PASSWORD)
    entries = AuditEntry.objects.exclude(action="logged in")
    said = list(entries.order_by("-pk").values_list("action", "user__username")[:2])
    assert said[0] == ("own password changed", user.username)
    assert said[1][0] == "user given a one-time password"
    assert password not in "".join(AuditEntry.objects.values_list("detail", flat=True))
    page = open_browser("admin").get(f"/settings/staff/{user.pk}")
    assert password not in page.content.decode()


def test_it_ends_the_sessions_of_before_and_the_wait_after_wrong_guesses():
    user, client = make_user_of(), Client()
    try_in(user, client=client)
    guess(user)
    password = reset_password(user)
    assert client.get("/settings/limits").status_code == 302
    assert try_in(user, password).status_code == 302


def test_a_demo_user_has_a_password_of_their_own():
    user = User.objects.create(username="asha", password=make_password(RIGHT_PASSWORD))
    assert not user.has_one_time_password
