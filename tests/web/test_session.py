"""Fifteen minutes without a request end a session, in whatever way the next one comes."""

from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone

from ppims.models import StaffSession
from ppims.services.sessions import find_rows
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true", "HX-Current-URL": "http://testserver/settings/limits?tier=N"}


def read_left(client):
    expires = find_rows(client.cookies["sessionid"].value).get().expire_date
    return (expires - timezone.now()).total_seconds()


def set_idle(client, seconds):
    """Let the session stand as if its last noted request had been so long ago."""
    session = client.session
    session["seen"] = int(timezone.now().timestamp()) - seconds
    session.save()
    expires = timezone.now() + timedelta(seconds=settings.SESSION_COOKIE_AGE - seconds)
    find_rows(session.session_key).update(expire_date=expires)


def test_a_request_begins_the_fifteen_minutes_anew():
    client = open_browser("viewer")
    set_idle(client, 14 * 60)
    assert read_left(client) < 61
    client.get("/settings/limits")
    assert 890 < read_left(client) <= 900


def test_it_is_written_down_once_a_minute_at_most(django_assert_max_num_queries):
    client = open_browser("viewer")
    client.get("/settings/limits")
    before = read_left(client)
    with django_assert_max_num_queries(20) as seen:
        client.get("/settings/limits")
    assert [q["sql"] for q in seen.captured_queries if q["sql"].startswith("UPDATE")] == []
    assert read_left(client) <= before
    set_idle(client, 60)
    client.get("/settings/limits")
    assert read_left(client) > 890


def test_whoever_asks_for_nothing_of_the_session_does_not_write_one():
    client = Client()
    assert client.get("/healthz").status_code == 200
    assert client.get("/log-in").status_code == 200
    assert not StaffSession.objects.exists()


def make_ended():
    client = open_browser("viewer")
    client.get("/settings/limits")
    set_idle(client, 15 * 60)
    return client


def test_after_fifteen_minutes_it_leads_to_the_log_in_and_back():
    response = make_ended().get("/settings/limits?tier=N")
    assert response.status_code == 302
    assert response["Location"] == "/log-in?next=%2Fsettings%2Flimits%3Ftier%3DN&ended=1"
    assert "Your session has ended" in read_words(Client().get(response["Location"]))


def test_inside_a_page_the_whole_browser_is_led_there_and_back_to_that_page():
    response = make_ended().get("/settings/limits", headers=HTMX)
    assert (response.status_code, response.content) == (204, b"")
    address = urlsplit(response["HX-Redirect"])
    assert address.path == "/log-in"
    assert parse_qs(address.query) == {"next": ["/settings/limits?tier=N"], "ended": ["1"]}


@pytest.mark.parametrize("shown", ["https://elsewhere.example/settings/limits", "nonsense", ""])
def test_a_page_of_another_host_is_not_led_back_to(shown):
    response = make_ended().get("/settings/limits", headers={**HTMX, "HX-Current-URL": shown})
    assert parse_qs(urlsplit(response["HX-Redirect"]).query)["next"] == ["/"]


def test_a_form_that_was_sent_too_late_leads_back_to_its_page_and_not_to_what_it_would_have_done():
    response = make_ended().post(
        "/stay", headers={"Referer": "http://testserver/settings/limits?tier=P"}
    )
    assert parse_qs(urlsplit(response["Location"]).query)["next"] == ["/settings/limits?tier=P"]


def test_staying_begins_the_time_anew():
    client = open_browser("viewer")
    set_idle(client, 13 * 60)
    assert client.post("/stay").status_code == 204
    assert read_left(client) > 890


def test_history_is_restored_with_the_whole_page():
    headers = {"HX-Request": "true", "HX-History-Restore-Request": "true"}
    page = open_browser("viewer").get("/settings/limits", headers=headers)
    assert b"<!doctype html>" in page.content
    assert make_ended().get("/settings/limits", headers=headers).status_code == 302
