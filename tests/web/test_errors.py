"""What is said where a page can't be, whole and as the fragment that htmx asked for."""

import pytest
from django.db import OperationalError, connection
from django.test import Client

from ppims.backoffice import limits
from ppims.core.errors import Unavailable
from tests.web.admin_pages import open_browser, read_words

HTMX = {"HX-Request": "true"}
ADMINS_ONLY = "/settings/staff"


def assert_fragment(response, status, words):
    """It is the words alone, marked as a failure, so that they stand where it failed."""
    text = response.content.decode().strip()
    assert response.status_code == status
    assert words in text
    assert text.startswith('<p class="failed" role="alert">')
    assert text.endswith("</p>")


def assert_page(response, status, words):
    assert response.status_code == status
    assert words in read_words(response)
    assert response.content.count(b"<h1>") == 1


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        (ADMINS_ONLY, 403, "Your role doesn’t open this"),
        ("/nothing", 404, "nothing at this address"),
    ],
)
def test_a_refusal_has_a_page_and_a_fragment(address, status, words):
    client = open_browser("viewer")
    assert_page(client.get(address), status, words)
    assert_fragment(client.get(address, headers=HTMX), status, words)


@pytest.mark.django_db
def test_what_is_not_found_is_not_found_by_nobody_too():
    assert_page(Client().get("/nothing"), 404, "nothing at this address")


@pytest.mark.django_db
def test_a_form_without_its_token_is_told_what_to_do():
    client = Client(enforce_csrf_checks=True)
    words = "Load the page again"
    assert_page(client.post("/log-in"), 403, words)
    assert_fragment(client.post("/log-in", headers=HTMX), 403, words)


def make_failing(monkeypatch, error):
    def fail(*_):
        raise error

    monkeypatch.setattr(limits, "list_spans", fail)
    client = open_browser("viewer")
    client.raise_request_exception = False
    return client


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("error", "status", "words"),
    [
        (ZeroDivisionError("₹secret"), 500, "a fault of ours"),
        (OperationalError("₹secret"), 503, "Try again in a moment"),
        (Unavailable(), 503, "Try again in a moment"),
    ],
)
def test_a_fault_says_nothing_of_itself_and_whether_to_try_again(
    monkeypatch, caplog, error, status, words
):
    client = make_failing(monkeypatch, error)
    whole = client.get("/settings/limits")
    assert_page(whole, status, words)
    assert_fragment(client.get("/settings/limits", headers=HTMX), status, words)
    assert "secret" not in whole.content.decode()
    assert whole.get("Retry-After") == ("1" if status == 503 else None)


def test_the_page_of_a_fault_needs_no_database(monkeypatch):
    """Without the mark, the database is refused to this test."""
    client = Client(raise_request_exception=False)
    client.cookies["sessionid"] = "one-of-before"
    monkeypatch.setattr(connection, "cursor", _fail_as_away)
    assert_page(client.get("/settings/limits"), 503, "Try again in a moment")


def _fail_as_away(*_):
    raise OperationalError("away")
