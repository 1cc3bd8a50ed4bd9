"""The sessions that one sees and ends: one's own, as an admin those of others; the last log-in."""

from datetime import timedelta

import pytest
from django.contrib.sessions.backends.base import UpdateError
from django.test import Client
from django.utils import timezone

from ppims.models import AuditEntry, StaffSession, User
from ppims.services import accounts, audit, sessions
from ppims.services.sessions import SessionStore, find_rows
from tests.web.admin_pages import make_user, open_browser, read_words
from tests.web.users import OTHER_PASSWORD, RIGHT_PASSWORD, make_user_of, reset_password

pytestmark = pytest.mark.django_db
FIREFOX = "Mozilla/5.0 (Windows NT 10.0; rv:140.0) Gecko/20100101 Firefox/140.0"
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/settings/limits"}


def log_in(user, address="10.1.2.3", agent=FIREFOX):
    client = Client(REMOTE_ADDR=address, HTTP_USER_AGENT=agent)
    client.post("/log-in", {"username": user.username, "password": RIGHT_PASSWORD})
    return client


def find_row(client):
    return find_rows(client.cookies["sessionid"].value).get()


def is_open(client):
    return client.get("/settings/limits").status_code == 200


def list_deeds(action):
    return [audit.read_detail(row) for row in AuditEntry.objects.filter(action=action)]


# What is shown.


def test_the_page_has_each_session_its_browser_its_address_and_which_one_this_is():
    user = make_user_of()
    here, _ = log_in(user), log_in(user, "10.9.9.9", "curl/8.0 <script>")
    page = here.get("/sessions")
    words = read_words(page)
    assert "Firefox on Windows 10.1.2.3" in words
    assert "Unknown browser 10.9.9.9" in words
    assert "curl" not in words
    assert words.count("This one") == 1
    assert page.context["own"] == find_row(here)


def test_no_page_names_a_session_by_its_key_nor_by_the_digest_of_it():
    user = make_user_of()
    here, other = log_in(user), log_in(user)
    text = here.get("/sessions").content.decode()
    assert find_row(other).public_id in text
    for client in (here, other):
        assert find_row(client).pk not in text
        assert client.cookies["sessionid"].value not in text


def test_the_name_of_a_session_stays_while_it_is_used():
    client = log_in(make_user_of())
    before = find_row(client).public_id
    session = client.session
    session["seen"] = 0
    session.save()
    assert is_open(client)
    assert find_row(client).public_id == before
    assert find_row(client).seen_at > timezone.now() - timedelta(minutes=1)


def test_nobody_elses_session_and_none_that_has_ended_is_listed():
    user = make_user_of()
    here, idle, old = (log_in(user) for _ in range(3))
    log_in(make_user_of(), "10.7.7.7")
    now = timezone.now()
    find_rows(idle.cookies["sessionid"].value).update(expire_date=now)
    find_rows(old.cookies["sessionid"].value).update(began_at=now - timedelta(hours=12))
    page = here.get("/sessions")
    assert page.context["others"] == []
    assert "10.7.7.7" not in read_words(page)


def test_a_log_in_says_when_and_from_where_the_last_one_was():
    user = make_user_of()
    first = log_in(user, "10.1.1.1")
    assert "Last log-in" not in read_words(first.get("/settings/limits"))
    second = log_in(user, "10.2.2.2")
    assert "Last log-in: " in (said := read_words(second.get("/settings/limits")))
    assert " from 10.1.1.1 " in said
    assert "Last log-in" not in read_words(second.get("/settings/limits"))
    assert "from 10.1.1.1" in read_words(second.get("/sessions"))
    assert find_row(second).previous_source == "10.1.1.1"


def test_a_guess_is_no_log_in():
    user = make_user_of()
    log_in(user, "10.1.1.1")
    body = {"username": user.username, "password": "wrong"}
    Client(REMOTE_ADDR="10.6.6.6").post("/log-in", body)
    assert User.objects.get(pk=user.pk).last_login_source == "10.1.1.1"


# One's own are ended.


def test_one_is_ended_the_others_go_on_and_it_is_audited():
    user = make_user_of()
    here, lost, other = (log_in(user) for _ in range(3))
    page = here.post("/sessions/end", {"session": find_row(lost).public_id}, follow=True)
    assert "1 session is ended." in read_words(page)
    assert [is_open(each) for each in (here, lost, other)] == [True, False, True]
    assert list_deeds("session ended") == [{"username": user.username, "sessions": 1}]


def test_all_others_are_ended_at_once_and_this_one_goes_on():
    user = make_user_of()
    here, *others = (log_in(user) for _ in range(3))
    bystander = log_in(make_user_of())
    page = here.post("/sessions/end", {"others": "1"}, follow=True)
    assert "2 sessions are ended." in read_words(page)
    assert [is_open(each) for each in (here, *others)] == [True, False, False]
    assert is_open(bystander)


@pytest.mark.parametrize("name", ["public_id", "pk", "session_key", "cookie"])
def test_a_session_of_another_person_is_not_ended_by_any_name_of_it(name):
    here, victim = log_in(make_user_of("admin")), log_in(make_user_of())
    row = find_row(victim)
    named = victim.cookies["sessionid"].value if name == "cookie" else getattr(row, name)
    page = here.post("/sessions/end", {"session": named}, follow=True)
    assert "No such session is open any more." in read_words(page)
    assert is_open(victim)
    assert not list_deeds("session ended")


@pytest.mark.parametrize("body", [{}, {"session": ""}, {"session": "x' OR 1=1"}])
def test_what_names_no_session_ends_none(body):
    user = make_user_of()
    here, other = log_in(user), log_in(user)
    assert here.post("/sessions/end", body).status_code == 302
    assert [is_open(here), is_open(other)] == [True, True]


def test_this_one_is_not_ended_there_but_by_logging_out():
    here = log_in(make_user_of())
    here.post("/sessions/end", {"session": find_row(here).public_id})
    assert is_open(here)
    here.post("/log-out")
    assert not StaffSession.objects.exists()


# By others.


def test_an_admin_sees_a_persons_sessions_and_ends_them_all():
    person, admin = make_user_of(), open_browser("admin")
    clients = [log_in(person), log_in(person)]
    shown = read_words(admin.get(f"/settings/staff/{person.pk}"))
    assert "Open sessions 2, the latest last seen " in shown
    assert "from 10.1.2.3 End all 2 sessions" in shown
    page = admin.post(f"/settings/staff/{person.pk}/sessions/end", follow=True)
    assert "2 sessions are ended." in read_words(page)
    assert "Open sessions None" in read_words(page)
    assert [is_open(each) for each in clients] == [False, False]
    (deed,) = list_deeds("sessions ended by an admin")
    assert deed == {"username": person.username, "sessions": 2}


def test_an_ended_session_leads_to_the_log_in_with_its_sentence_and_htmx_takes_the_whole_browser():
    person, admin = make_user_of(), make_user("admin")
    plain, within = log_in(person), log_in(person)
    sessions.end_sessions_of(person=person, by=admin)
    response = plain.get("/settings/limits")
    assert response["Location"] == "/log-in?next=%2Fsettings%2Flimits&ended=1"
    assert "Your session has ended" in read_words(Client().get(response["Location"]))
    response = within.get("/settings/limits", headers=HTMX)
    assert (response.status_code, response.content) == (204, b"")
    assert response["HX-Redirect"].endswith("&ended=1")


def test_an_admins_own_are_not_ended_on_their_page_of_the_staff():
    admin = open_browser("admin")
    user = User.objects.get()
    other = Client()
    other.force_login(user)
    assert admin.post(f"/settings/staff/{user.pk}/sessions/end")["Location"] == "/sessions"
    assert is_open(other)


@pytest.mark.parametrize("role", ["viewer", "maker", "checker", "auditor"])
def test_nobody_but_an_admin_ends_anothers(role):
    person = make_user_of()
    victim = log_in(person)
    path = f"/settings/staff/{person.pk}/sessions/end"
    assert open_browser(role).post(path).status_code == 403
    assert is_open(victim)


# What else ends them.


def test_a_new_password_of_ones_own_ends_the_others_and_gives_this_one_another_key():
    user = make_user_of()
    here, other = log_in(user), log_in(user)
    before = here.cookies["sessionid"].value
    new = {"new_password1": OTHER_PASSWORD, "new_password2": OTHER_PASSWORD}
    here.post("/password", {"old_password": RIGHT_PASSWORD, **new})
    assert [is_open(here), is_open(other)] == [True, False]
    assert here.cookies["sessionid"].value != before
    assert [find_row(here)] == list(StaffSession.objects.all())
    assert find_row(here).source == "10.1.2.3"


def test_a_one_time_password_ends_them_all():
    user = make_user_of()
    log_in(user)
    reset_password(user)
    assert not StaffSession.objects.filter(user=user).exists()


def test_a_log_in_takes_another_key_than_the_cookie_that_was_there():
    user = make_user_of()
    planted = SessionStore()
    planted["x"] = 1
    planted.save()
    client = Client()
    client.cookies["sessionid"] = planted.session_key
    client.post("/log-in", {"username": user.username, "password": RIGHT_PASSWORD})
    assert client.cookies["sessionid"].value != planted.session_key
    assert not find_rows(planted.session_key).exists()


def test_a_request_under_way_does_not_make_a_session_anew_that_was_ended():
    user = make_user_of()
    store = SessionStore(log_in(user).cookies["sessionid"].value)
    store["seen"] = 1  # it is read before it is ended, and saved after
    assert sessions.end_sessions(user=user) == 1
    with pytest.raises(UpdateError):
        store.save()
    assert not StaffSession.objects.exists()


def test_a_page_that_was_under_way_while_its_session_was_ended_does_not_open_it_again(monkeypatch):
    user = make_user_of()
    client = log_in(user)
    cookie = client.cookies["sessionid"].value
    read = accounts.get_staff

    def end_meanwhile(request):
        sessions.end_sessions(user=user)
        request.session["x"] = 1
        return read(request)

    monkeypatch.setattr("ppims.backoffice.sessions.get_staff", end_meanwhile)
    assert client.get("/sessions").status_code == 400
    assert not StaffSession.objects.exists()
    client.cookies["sessionid"] = cookie
    assert not is_open(client)
