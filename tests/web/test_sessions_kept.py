"""What the database keeps of a session: nothing that can be read, and nothing once it has ended."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError
from django.utils import timezone

from ppims.services import sessions
from ppims.services.sessions import SessionStore
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import open_browser

pytestmark = pytest.mark.django_db
TYPED_TEXTS = ["9812345678", "4111111111111111", "234567890124", "Zutshi"]


def read_rows():
    return "".join(Session.objects.values_list("session_data", flat=True))


def test_what_was_searched_for_is_kept_and_can_not_be_read():
    client = open_browser("viewer")
    for text in TYPED_TEXTS:
        location = client.post("/search", {"q": f"{text} nobody"}).headers["Location"]
        assert client.get(location).status_code == 200
    store = SessionStore(client.cookies["sessionid"].value)
    assert [text in str(store["searches"]) for text in TYPED_TEXTS] == [True] * len(TYPED_TEXTS)
    (row,) = Session.objects.all()
    assert row.get_decoded() == {}  # as Django's own would read it
    for written in (row.session_data, str(sessions.b64decode(row.session_data.split()[1]))):
        assert not [text for text in TYPED_TEXTS if text in written]


def test_nothing_else_of_a_session_can_be_read_either():
    client = open_browser("maker")
    customer = make_customer(make_processor())
    client.post(f"/customers/{customer}/reveal", {"reason": "asked"})
    assert str(customer) not in read_rows()
    assert "searches" not in read_rows()


@pytest.mark.parametrize("kept", ["", "no key", "00000000 AAAA", ":1abc:signed", "{key} AAAA"])
def test_a_row_that_can_not_be_read_is_an_empty_session(settings, kept):
    session = SessionStore()
    session["who"] = "farhan"
    session.save()
    key = settings.PPIMS_SESSION_KEYS[0].id
    Session.objects.update(session_data=kept.format(key=key))
    assert dict(SessionStore(session.session_key).items()) == {}


def test_a_row_opens_in_its_own_place_alone_and_with_a_key_of_before(settings):
    one, other = SessionStore(), SessionStore()
    one["who"] = "farhan"
    for session in (one, other):
        session.save()
    content = Session.objects.get(pk=one.session_key).session_data
    Session.objects.filter(pk=other.session_key).update(session_data=content)
    assert "who" not in SessionStore(other.session_key)
    new = sessions.keys.Key("12345678", b"n" * 32)
    settings.PPIMS_SESSION_KEYS = (new, *settings.PPIMS_SESSION_KEYS)
    assert SessionStore(one.session_key)["who"] == "farhan"


def make_ended():
    SessionStore().save(must_create=True)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def test_ended_sessions_go_once_an_hour_with_whatever_page_is_asked_for(monkeypatch, client):
    now = [1_000.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    answer = sessions.Cleared(lambda request: "answered")
    make_ended()
    for seconds, is_left in ((3_599, True), (1, False)):
        now[0] += seconds
        assert answer(None) == "answered"
        assert Session.objects.exists() == is_left
    make_ended()
    live = SessionStore()
    live.save(must_create=True)
    for seconds, left in ((3_599, 2), (1, 1)):
        now[0] += seconds
        answer(None)
        assert Session.objects.count() == left


def test_a_page_is_answered_where_they_can_not_be_cleared(monkeypatch):
    def fail():
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(SessionStore, "clear_expired", fail)
    monkeypatch.setattr(sessions, "CLEARED_EVERY_SECONDS", 0)
    assert sessions.Cleared(lambda request: "answered")(None) == "answered"
