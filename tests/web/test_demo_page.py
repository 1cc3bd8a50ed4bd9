"""The page Demo: what its forms do, what they refuse, and what they say."""

import pytest

from ppims.core import clock
from ppims.demo import next_answers
from ppims.models import AuditEntry
from tests.api.test_demo_controls import CHECK
from tests.factories import make_processor
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
LOST_FIELDS = {"control": "next_answer", "operation": CHECK, "answer": "lost", "effect": "done"}
ALL_FIELDS = {**LOST_FIELDS, "processor": "ENT", "seconds": "3", "times": "2"}


@pytest.fixture(autouse=True)
def _stand_in(settings, tmp_path):
    settings.PPIMS_STAND_IN, settings.PPIMS_DATA_DIR = True, tmp_path
    settings.PPIMS_CLOCK_OFFSET_FILE = str(tmp_path / "clock-offset")
    clock._read_offset.cache_clear()
    yield
    clock._read_offset.cache_clear()


@pytest.fixture
def no_wait(monkeypatch):
    """Let the offset be read at once: nobody else's clock is waited for."""
    monkeypatch.setattr(clock, "wait_for_offset", clock._read_offset.cache_clear)


@pytest.fixture
def ent():
    return make_processor("ENT")


def post(role="viewer", **fields):
    return open_browser(role).post("/demo", fields)


@pytest.mark.usefixtures("no_wait")
@pytest.mark.parametrize("address", ["/demo", "/overview", "/log-in", "/admin/", "/nowhere"])
def test_while_the_clock_is_turned_every_page_says_so(ent, address):
    browser = open_browser("admin")
    assert "clock is turned ahead" not in read_words(browser.get(address, follow=True))
    assert post(control="clock_end", to="year-end").status_code == 302
    said = read_words(browser.get(address, follow=True))
    assert "clock is turned ahead: 31 Mar" in said


@pytest.mark.usefixtures("no_wait")
def test_the_clock_is_turned_to_a_time_and_who_did_it_is_on_record():
    response = post("checker", control="clock_time", to_0="05-04-2035", to_1="10:30")
    assert response.status_code == 302
    assert f"{clock.now():%Y-%m-%d %H:%M}" == "2035-04-05 05:00"
    entry = AuditEntry.objects.get(action="demo's clock turned")
    assert entry.user.groups.get().name == "checker"
    again = post(control="clock_time", to_0="05-04-2035", to_1="10:29")
    assert again.status_code == 422
    assert "Must be ahead of the clock" in read_words(again)


@pytest.mark.usefixtures("no_wait")
def test_whoever_is_logged_in_stays_so_whatever_the_clock_shows():
    browser = open_browser("maker")
    assert browser.post("/demo", {"control": "clock_end", "to": "year-end"}).status_code == 302
    to = {"control": "clock_time", "to_0": "01-01-2036", "to_1": "00:00"}
    assert browser.post("/demo", to).status_code == 302
    assert clock.now().year == 2035
    assert browser.get("/overview").status_code == 200


def test_without_a_hold_there_is_no_end_of_one(ent):
    response = post(control="clock_end", to="hold-end")
    assert response.status_code == 422
    assert "No hold is open" in read_words(response)


def test_a_next_answer_is_set_shown_and_cleared(ent):
    assert post(**ALL_FIELDS).status_code == 302
    said = read_words(open_browser("viewer").get("/demo"))
    assert "ENT, Check limit: no answer: the connection is closed after 3 seconds" in said
    assert "done, and booked; 2 times" in said
    fields = {"control": "clear_answer", "processor": "ENT", "operation": CHECK}
    assert post(**fields).status_code == 302
    assert next_answers.list_next(ent) == []
    assert AuditEntry.objects.filter(action__startswith="demo's next answers").count() == 2


def test_left_empty_it_goes_on_until_it_is_cleared(ent):
    post(**{**ALL_FIELDS, "times": ""})
    (found,) = next_answers.list_next(ent)
    assert found.times is None
    assert "until it is cleared" in read_words(open_browser("viewer").get("/demo"))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("seconds", "61"),
        ("seconds", ""),
        ("times", "0"),
        ("processor", "NONE"),
        ("answer", "504"),
    ],
)
def test_what_is_filled_in_wrongly_is_named_and_nothing_is_set(ent, field, value):
    response = post(**{**ALL_FIELDS, field: value})
    assert response.status_code == 422
    assert list(response.context["forms"]["next_answer"].errors) == [field]
    assert next_answers.list_next(ent) == []


def test_no_page_turns_a_control_without_its_token(ent):
    browser = open_browser("admin")
    browser.handler.enforce_csrf_checks = True
    assert browser.post("/demo", ALL_FIELDS).status_code == 403
    assert next_answers.list_next(ent) == []


def test_a_control_that_is_none_is_not_found():
    assert post(control="x").status_code == 404
