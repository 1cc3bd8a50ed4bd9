"""What the database keeps of a session: nothing that can be read, and nothing once it has ended."""

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone

from ppims.models import StaffSession
from ppims.services import sessions
from ppims.services.sessions import SessionStore
from tests.factories import make_customer, make_processor
from tests.web.admin_pages import open_browser

pytestmark = pytest.mark.django_db
TYPED_TEXTS = ["9812345678", "4111111111111111", "234567890124", "Zutshi"]


def read_rows():
    return "".join(StaffSession.objects.values_list("session_data", flat=True))


def test_what_was_searched_for_is_kept_and_can_not_be_read():
    client = open_browser("viewer")
    for text in TYPED_TEXTS:
        location = client.post("/search", {"q": f"{text} nobody"}).headers["Location"]
        assert client.get(location).status_code == 200
    store = SessionStore(client.cookies["sessionid"].value)
    assert [text in str(store["searches"]) for text in TYPED_TEXTS] == [True] * len(TYPED_TEXTS)
    (row,) = StaffSession.objects.all()
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
    StaffSession.objects.update(session_data=kept.format(key=key))
    assert dict(SessionStore(session.session_key).items()) == {}


def test_a_row_opens_in_its_own_place_alone_and_with_a_key_of_before(settings):
    one, other = SessionStore(), SessionStore()
    one["who"] = "farhan"
    for session in (one, other):
        session.save()
    content = sessions.find_rows(one.session_key).get().session_data
    sessions.find_rows(other.session_key).update(session_data=content)
    assert "who" not in SessionStore(other.session_key)
    new = sessions.keys.Key("12345678", b"n" * 32)
    settings.PPIMS_SESSION_KEYS = (new, *settings.PPIMS_SESSION_KEYS)
    assert SessionStore(one.session_key)["who"] == "farhan"


def test_no_column_has_the_cookies_value_nor_what_would_open_it():
    client = open_browser("viewer")
    cookie = client.cookies["sessionid"].value
    rows = str(list(StaffSession.objects.values()))
    assert cookie not in rows
    row = sessions.find_rows(cookie).get()
    for stolen in (row.pk, row.public_id, row.session_data):
        thief = Client()
        thief.cookies["sessionid"] = stolen
        assert thief.get("/settings/limits").status_code == 302
    assert client.get("/settings/limits").status_code == 200


def test_workers_that_know_a_next_key_find_each_others_sessions(settings):
    (first,) = settings.PPIMS_SESSION_KEYS
    new = sessions.keys.Key("12345678", b"n" * 32)
    rings = {"before": (first, new), "after": (new, first)}
    for begun_in, used_in in (("before", "after"), ("after", "before")):
        settings.PPIMS_SESSION_KEYS = rings[begun_in]
        session = SessionStore()
        session["who"] = "farhan"
        session.save()
        settings.PPIMS_SESSION_KEYS = rings[used_in]
        other = SessionStore(session.session_key)
        other["seen"] = int(timezone.now().timestamp())
        other.save()  # under the key that it began with, in the row that there is
        row = sessions.find_rows(session.session_key).get()
        assert row.session_data.startswith(f"{rings[begun_in][0].id} ")
        settings.PPIMS_SESSION_KEYS = rings[begun_in][:1]
        assert SessionStore(session.session_key)["who"] == "farhan"


def test_a_session_whose_key_is_gone_is_none(settings):
    session = SessionStore()
    session.save()
    settings.PPIMS_SESSION_KEYS = (sessions.keys.Key("12345678", b"n" * 32),)
    assert not SessionStore().exists(session.session_key)
    assert dict(SessionStore(session.session_key).items()) == {}


@async_to_sync
async def go_round():
    """Make, read, move, find and delete a session by the asynchronous half of the engine."""
    session = SessionStore()
    await session.aset("who", "farhan")
    await session.asave()
    first = session.session_key
    assert await SessionStore(first).aget("who") == "farhan"
    await session.acycle_key()
    await session.asave()
    assert not await session.aexists(first)
    assert await session.aexists(session.session_key)
    assert await SessionStore(session.session_key).aget("who") == "farhan"
    await session.adelete()


def test_it_is_all_the_same_from_a_coroutine():
    go_round()
    assert not StaffSession.objects.exists()


def make_ended():
    SessionStore().save(must_create=True)
    StaffSession.objects.update(expire_date=timezone.now() - timedelta(seconds=1))


def test_ended_sessions_go_once_an_hour_with_whatever_page_is_asked_for(monkeypatch, client):
    now = [1_000.0]
    monkeypatch.setattr(sessions.time, "monotonic", lambda: now[0])
    answer = sessions.Cleared(lambda request: "answered")
    make_ended()
    for seconds, is_left in ((3_599, True), (1, False)):
        now[0] += seconds
        assert answer(None) == "answered"
        assert StaffSession.objects.exists() == is_left
    make_ended()
    live = SessionStore()
    live.save(must_create=True)
    for seconds, left in ((3_599, 2), (1, 1)):
        now[0] += seconds
        answer(None)
        assert StaffSession.objects.count() == left


def test_a_page_is_answered_where_they_can_not_be_cleared(monkeypatch):
    def fail():
        raise DatabaseError("the disk is full")

    monkeypatch.setattr(SessionStore, "clear_expired", fail)
    monkeypatch.setattr(sessions, "CLEARED_EVERY_SECONDS", 0)
    assert sessions.Cleared(lambda request: "answered")(None) == "answered"
