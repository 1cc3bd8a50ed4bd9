"""Calls: what processors were refused, the last first, by processor."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from ppims.core import clock
from ppims.models import KeptCall
from ppims.reports import keyset
from ppims.reports.calls import list_calls
from tests.web.admin_pages import open_browser, read_words

pytestmark = pytest.mark.django_db
AT = datetime(2031, 6, 17, 6, 30, tzinfo=UTC)
HTMX = {"HX-Request": "true"}


@pytest.fixture(autouse=True)
def _then():
    with clock.freeze(AT):
        yield


@pytest.fixture(autouse=True)
def _in_production(settings):
    settings.PPIMS_KEEPS_BODIES = False


@pytest.fixture
def auditor():
    return open_browser("auditor")


def add_refused(processor, number, *, code="409", fields="", **ago):
    return KeptCall.objects.create(
        at=AT - timedelta(**ago),
        processor=processor,
        operation="update-customer-limit",
        ref_id=f"R-{number}",
        code=code,
        fields=fields,
    )


def list_refs(page):
    return re.findall(r"<code>(.*?)</code>", page.content.decode())


def read_more(page):
    """Give the query of the rows that follow."""
    found = re.search(r'hx-get="(\?.*?)"', page.content.decode())
    return unescape(found[1]) if found else ""


def test_a_row_says_when_who_what_and_why(ent, auditor):
    add_refused(ent, 1, fields="Amount,Tran_Id")
    said = read_words(auditor.get("/settings/processors/calls"))
    assert (
        "17 Jun 2031, 12:00 PM ENT Report transaction Conflict with the record (409)"
        " Amount, Tran_Id R-1" in said
    )
    assert "Kept for 30 days" in said


def test_the_last_comes_first_and_those_of_a_processor_are_asked_for(ent, cbs, auditor):
    for number in (1, 2, 3):
        add_refused(cbs if number == 2 else ent, number)
    assert list_refs(auditor.get("/settings/processors/calls")) == ["R-3", "R-2", "R-1"]
    assert list_refs(auditor.get("/settings/processors/calls?processor=ENT")) == ["R-3", "R-1"]
    assert list_refs(auditor.get("/settings/processors/calls?processor=CBS")) == ["R-2"]
    nobody = auditor.get("/settings/processors/calls?processor=NOBODY")
    assert (nobody.status_code, list_refs(nobody)) == (422, [])


@pytest.mark.parametrize(("seconds", "is_shown"), [(0, True), (1, False)])
def test_what_is_past_its_time_is_not_shown_though_it_is_there_still(
    ent, auditor, seconds, is_shown
):
    add_refused(ent, 1, days=30, seconds=seconds)
    assert list_refs(auditor.get("/settings/processors/calls")) == ["R-1"] * is_shown


@pytest.mark.parametrize("rows", [1, 2, 3, 5])
@pytest.mark.parametrize("asked", ["", "processor=ENT"])
def test_pages_of_any_size_give_each_call_once(ent, cbs, auditor, monkeypatch, rows, asked):
    monkeypatch.setitem(list_calls.__kwdefaults__, "rows", rows)
    made = [add_refused(ent, number).ref_id for number in range(5)]
    page = auditor.get(f"/settings/processors/calls?{asked}")
    found = list_refs(page)
    while read_more(page):
        page = auditor.get(f"/settings/processors/calls{read_more(page)}", headers=HTMX)
        found += list_refs(page)
    assert found == made[::-1]


def test_htmx_gets_the_list_or_its_next_rows(ent, auditor):
    for number in range(keyset.PAGE_ROWS + 1):
        add_refused(ent, number)
    page = auditor.get("/settings/processors/calls", headers=HTMX)
    assert page.content.decode().lstrip().startswith('<section id="found">')
    rows = auditor.get(
        f"/settings/processors/calls{read_more(page)}", headers=HTMX
    ).content.decode()
    assert (rows.count("<tr"), rows.count("<table")) == (1, 0)


@pytest.mark.parametrize("cursor", ["x", "1-1", "-1-0-1"])
def test_what_is_no_cursor_is_404(auditor, cursor):
    assert auditor.get(f"/settings/processors/calls?after={cursor}").status_code == 404


def test_it_takes_a_bounded_number_of_queries(ent, cbs, auditor, django_assert_max_num_queries):
    for number in range(60):
        add_refused(ent if number % 2 else cbs, number)
    with django_assert_max_num_queries(9):
        assert len(list_refs(auditor.get("/settings/processors/calls"))) == keyset.PAGE_ROWS


def test_processors_lead_to_them_whoever_may_see_them():
    link = 'href="/settings/processors/calls"'
    for role, is_there in (("maker", True), ("viewer", False)):
        page = open_browser(role).get("/settings/processors").content.decode()
        assert (link in page) == is_there
