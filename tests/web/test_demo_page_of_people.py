"""The page Demo: its people, its traffic and the way back to its start."""

import pytest

from ppims.core.errors import Conflict
from ppims.demo import people, reset, traffic_place
from ppims.models import AuditEntry
from tests.factories import make_processor
from tests.web.admin_pages import make_user, open_browser, read_words

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _stand_in(settings, tmp_path):
    settings.PPIMS_STAND_IN, settings.PPIMS_DATA_DIR = True, tmp_path


@pytest.fixture
def viewer():
    make_processor("ENT")
    make_user("maker")
    return open_browser("viewer")


def read_errors(response, control):
    assert response.status_code == 422
    return response.context["forms"][control].errors


def test_people_are_made_and_listed_with_the_values_to_send(viewer):
    assert "Open one for the values to send" not in read_words(viewer.get("/demo"))
    response = viewer.post("/demo", {"control": "people", "processor": "ENT"}, follow=True)
    said = read_words(response)
    assert "They are made: see below." in said
    assert "Known to ENT. Open one for the values to send." in said
    known_to, made = people.list_newest()
    assert known_to == "ENT"
    for person in made:
        assert f"{person.name} {person.about}" in said
        assert all(f"{name} {value}" in said for name, value in person.values.items())
    entry = AuditEntry.objects.get(action="demo's people made")
    assert entry.user.groups.get().name == "viewer"


def test_people_are_of_a_processor_that_there_is(viewer):
    response = viewer.post("/demo", {"control": "people", "processor": "NONE"})
    assert list(read_errors(response, "people")) == ["processor"]


@pytest.mark.parametrize(("field", "value"), [("rate", 0), ("rate", 21), ("minutes", 11)])
def test_traffic_is_bounded(viewer, monkeypatch, field, value):
    monkeypatch.setattr(traffic_place.subprocess, "Popen", None)  # nothing is started
    fields = {"control": "traffic", "rate": 20, "minutes": 10, field: value}
    assert list(read_errors(viewer.post("/demo", fields), "traffic")) == [field]


def test_what_runs_is_shown_with_a_button_that_stops_it(viewer):
    place = traffic_place.take_place()
    place.write_what_runs(rate=7, seconds=60, pid=0)
    said = read_words(viewer.get("/demo"))
    assert "7 calls a second, until" in said
    assert "Stop the traffic" in said
    assert not place.is_to_end()
    place.leave()
    response = viewer.post("/demo", {"control": "stop_traffic"}, follow=True)
    said = read_words(response)
    assert "No traffic runs." in said
    assert "Stop the traffic" not in said


def test_who_puts_the_demo_back_is_told_so(viewer, monkeypatch):
    asked = []
    monkeypatch.setattr(reset, "put_back_to_start", lambda *, user: asked.append(user.username))
    response = viewer.post("/demo", {"control": "reset"}, follow=True)
    assert "The demo is as it was at its start." in read_words(response)
    assert len(asked) == 1


def test_without_a_start_the_page_says_what_to_do(viewer, monkeypatch):
    def refuse(**_):
        raise Conflict([("", reset.NO_START_MESSAGE)])

    monkeypatch.setattr(reset, "put_back_to_start", refuse)
    response = viewer.post("/demo", {"control": "reset"})
    read_errors(response, "reset")
    assert "stop the server, and start it again" in read_words(response)
